# unityremote.py: players of a game learn together, with a server in Python and with one in C
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: unityremote.py PROGRAM FOLDER"""

import re
import socket
import subprocess
import sys

OUTPUT = re.compile(r'(\d+) gradients of 4 players\nsteps to the end of the corridor: ([\d.]+) in '
                    r'the first five games, ([\d.]+) in the last five\n')


def find_port() -> int:
    """The first of eight free UDP ports."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
            first.bind(('127.0.0.1', 0))
            port = first.getsockname()[1]
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
        try:
            for i, each in enumerate(sockets):
                each.bind(('127.0.0.1', port + i))
            return port
        except (OSError, OverflowError):
            pass
        finally:
            for each in sockets:
                each.close()


def check(*command: str) -> bool:
    port = find_port()
    done = subprocess.run([*command, str(port), str(port + 4)], capture_output=True, text=True)
    found = OUTPUT.fullmatch(done.stdout)
    if found and (done.stderr, done.returncode) == ('', 0):
        n_gradients, first, last = found.groups()
        # Four steps are the minimum. Without learning it takes about twelve.
        if int(n_gradients) >= 240 and float(last) < min(7, float(first)):
            return True
    print(f'{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}',
          file=sys.stderr)
    return False


def main(program: str, folder: str) -> int:
    in_python = check(sys.executable, f'{folder}/actor_critic.py')
    in_c = check(program, folder)
    return 0 if in_python and in_c else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
