# pendulum.py: pendulums in C are swung up by Python and JavaScript, and the other way round
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pendulum.py EXAMPLE LIBRARY, an example in Python or JavaScript"""

import re
import subprocess
import sys

OUTPUT = re.compile(r'(?:pendulums in C, torques at random +(-[\d.]+)\n)?'
                    r'pendulums in C, policy in (Python|JavaScript) +(-[\d.]+)\n'
                    r'pendulums in \2, policy in C +(-[\d.]+)\n')


def main(example: str, library: str) -> int:
    command = ['gjs', '-m'] if example.endswith('.js') else [sys.executable]
    done = subprocess.run([*command, example, library], capture_output=True, text=True)
    found = OUTPUT.fullmatch(done.stdout)
    if found and (done.stderr, done.returncode) == ('', 0):
        there, in_c = float(found[3]), float(found[4])
        # A pendulum that never leaves its lowest point has about -1900.
        if float(found[1] or -1500) < -1000 < -500 < there and abs(there - in_c) < 1:
            return 0
    print(f'exit status {done.returncode}\n{done.stdout}\n{done.stderr}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
