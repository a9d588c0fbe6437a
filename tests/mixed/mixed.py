# mixed.py: a server in C responds to clients in C, Python and JavaScript
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: mixed.py PROGRAM FOLDER"""

import subprocess
import sys

# Each client sends ten numbers, starting here.
SUM = sum(sum(range(first, first + 10)) for first in (100, 200, 300))

EXPECTED = f"""\
the server added up {SUM}
the client in C has reached 110
the client in Python has reached 210
the client in JavaScript has reached 310
"""


def main(program: str, folder: str) -> int:
    result = subprocess.run([program, folder], capture_output=True, text=True)
    if (result.stdout, result.stderr, result.returncode) == (EXPECTED, '', 0):
        return 0
    print(f'exit status {result.returncode}\n{result.stdout}\n{result.stderr}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
