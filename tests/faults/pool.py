# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pool.py [--kills NUMBER] [LANGUAGE...]

Kills processes of a pool in C and of an Executor in Python, a thousand each, while calls are
pending. The programs check that each kill fails at most one call and nothing else. This script
checks that they end, and that they leave nothing behind.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import case

COMMANDS = {
    'C': [str(case.PROGRAMS / 'pool')],
    'Python': [sys.executable, str(case.FOLDER / 'programs' / 'pool.py')],
}

LIMIT_A_KILL = 1  # seconds, on top of the watchdog


def run(language: str, n_kills: int) -> bool:
    """Returns TRUE if nothing was wrong."""
    process = subprocess.Popen([*COMMANDS[language], str(n_kills)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=case.WATCHDOG + LIMIT_A_KILL * n_kills)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        output += 'the watchdog ended it'
    left: list[str] = []
    case.reap_all(left)
    print(f'{language:10} {output.strip()}', flush=True)
    for each in left:
        print(f'    LEFT: {each}')
    return process.returncode == 0 and not left


def main() -> int:
    parser = argparse.ArgumentParser(description='Kills processes of a pool')
    parser.add_argument('--kills', type=int, default=1000)
    parser.add_argument('languages', nargs='*', help='C, Python')
    arguments = parser.parse_args()
    case.become_subreaper()
    results = [run(language, arguments.kills) for language in arguments.languages or COMMANDS]
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
