# floor_memcpy.py: two copies of an array in one process, the minimum for moving it
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: floor_memcpy.py echo SECONDS SIZE..."""

import sys

import numpy as np
import work


def main(arguments: list[str]) -> None:
    if len(arguments) < 3 or arguments[0] != 'echo':
        work.fail(__doc__)
    seconds, sizes = work.parse_echo(arguments[1:])
    echo = work.Echo(seconds, sizes)
    there, back = np.empty(max(sizes) // 8), np.empty(max(sizes) // 8)
    while (array := echo.next()) is not None:
        there[:array.size] = array
        back[:array.size] = there[:array.size]
        echo.take(back[:array.size])
    work.show(echo.results)


if __name__ == '__main__':
    main(sys.argv[1:])
