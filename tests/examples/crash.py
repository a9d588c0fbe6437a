# crash.py: the crash that the README shows
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import ctypes

from gmproc import WorkerError, Workers


def decode(name):
    return ctypes.string_at(0) if name == 'broken.png' else len(name)


if __name__ == '__main__':
    workers = Workers()
    for image in ('a.png', 'broken.png', 'c.png'):
        workers.add(image, decode, image)
    try:
        workers.run()
    except WorkerError as error:
        print(error)
