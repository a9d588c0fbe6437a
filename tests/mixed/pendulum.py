# pendulum.py: pendulums in C learn from Python how to swing up, and the other way round
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pendulum.py EXAMPLE LIBRARY"""

import re
import subprocess
import sys

OUTPUT = re.compile(r'pendulums in C, torques at random +(-[\d.]+)\n'
                    r'pendulums in C, policy in Python +(-[\d.]+)\n'
                    r'pendulums in Python, policy in C +(-[\d.]+)\n')


def main(example: str, library: str) -> int:
    done = subprocess.run([sys.executable, example, library], capture_output=True, text=True)
    found = OUTPUT.fullmatch(done.stdout)
    if found and (done.stderr, done.returncode) == ('', 0):
        chance, in_python, in_c = map(float, found.groups())
        # One that hangs all the time has about -1900.
        if chance < -1000 < -500 < in_python and abs(in_python - in_c) < 1:
            return 0
    print(f'exit status {done.returncode}\n{done.stdout}\n{done.stderr}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
