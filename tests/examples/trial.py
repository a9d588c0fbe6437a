# trial.py: runs a program as a user would, and checks that it leaves no process behind
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import ctypes
import os
import signal
import subprocess
import sys
import unittest

# Much longer than any test takes. It ends a test that would hang.
WATCHDOG = 60

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Processes that a program leaves behind become children of this process, which then finds
    them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')


def list_children():
    """The pids and names of this process's children, zombies included."""
    children = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat') as file:
                name, _, fields = file.read().partition(') ')
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields.split()[1]) == os.getpid():
            children.append(f'{name})')
    return children


class Trial(unittest.TestCase):
    """Each test may start programs. None of them may leave a process behind."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        become_subreaper()
        signal.alarm(2 * WATCHDOG)

    def tearDown(self):
        self.assertEqual(list_children(), [], 'processes are left')

    def run_program(self, program, *arguments, **options):
        options.setdefault('stdin', subprocess.DEVNULL)
        if 'input' in options:
            del options['stdin']
        return subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=WATCHDOG, check=False, **options)

    def assert_prints(self, lines, program, *arguments):
        """The program prints these lines, nothing on standard error, and exits with 0."""
        done = self.run_program(program, *arguments)
        self.assertEqual(done.stderr.decode(), '')
        self.assertEqual(done.stdout.decode().splitlines(), lines)
        self.assertEqual(done.returncode, 0)


def main():
    """The first argument is the folder of the built examples, the second that of the tests."""
    Trial.examples = sys.argv[1]
    Trial.helpers = sys.argv[2]
    unittest.main(argv=sys.argv[:1], verbosity=2)
