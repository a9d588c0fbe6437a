# examples.py: the examples print on two nodes what they print on one machine
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: examples.py SOURCE_ROOT BUILD_ROOT

The nodes are agents on this machine. The programs are unchanged: in C, Python and JavaScript, an
Executor, an application that is the server, and a server with clients of three languages.
"""

import os
import subprocess
import sys
import unittest
from pathlib import Path

SOURCE, BUILD = Path(sys.argv[1]) / 'examples', Path(sys.argv[2]) / 'examples'
NODES = {'GMPROC_LAUNCHER': 'command:env SLURM_CPUS_ON_NODE=2 {agent}', 'GMPROC_NODES': 'n1 n2'}
LIMIT = 100  # seconds


def run(command: list[str], environment: dict[str, str]) -> list[str]:
    """The lines, in any order."""
    done = subprocess.run(command, env=os.environ | environment, text=True, timeout=LIMIT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, ''), f'{done.returncode}: {done.stderr}'
    return sorted(done.stdout.splitlines())


class Examples(unittest.TestCase):
    def check(self, *command: object) -> None:
        words = [str(word) for word in command]
        here = run(words, {})
        self.assertNotEqual(here, [])
        self.assertEqual(run(words, NODES), here)

    def test_native(self) -> None:
        for name in 'workers', 'client-server', 'application-server':
            with self.subTest(name):
                self.check(BUILD / name)

    def test_python(self) -> None:
        for name in 'workers', 'client_server', 'executor':
            with self.subTest(name):
                self.check(sys.executable, SOURCE / 'python' / f'{name}.py')

    def test_javascript(self) -> None:
        for name in 'workers', 'client-server':
            with self.subTest(name):
                self.check('gjs', '-m', SOURCE / 'gjs' / f'{name}.js')

    def test_mixed(self) -> None:
        self.check(BUILD / 'mixed' / 'mixed', SOURCE / 'mixed')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
