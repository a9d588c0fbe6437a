# frozen.py: the program that is frozen, with workers in Python and in C
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import gmproc


def square(n):
    return n * n


if __name__ == '__main__':
    gmproc.freeze_support()
    workers = gmproc.Workers()
    print(workers.map(square, range(5)))
    workers.add(1, 'native:libc.so.6:no_such_function')
    try:
        workers.run()
    except gmproc.WorkerError as error:
        print(error.error.code == gmproc.ErrorCode.NOT_FOUND)
