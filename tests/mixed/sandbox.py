# sandbox.py: programs of each language in a sandbox like Flatpak's
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: sandbox.py BUILT_EXAMPLES EXAMPLES

bubblewrap gives them their own namespaces, without a network, and a filter that refuses the same
system calls as Flatpak's: https://github.com/flatpak/flatpak/blob/main/common/flatpak-run.c
"""

import os
import struct
import subprocess
import sys
import tempfile
import unittest

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97

# The values for x86-64.
REFUSED = {
    'acct': 163, 'add_key': 248, 'chroot': 161, 'get_mempolicy': 239, 'keyctl': 250, 'mbind': 237,
    'migrate_pages': 256, 'mount': 165, 'move_pages': 279, 'perf_event_open': 298,
    'personality': 135, 'pivot_root': 155, 'ptrace': 101, 'quotactl': 179, 'request_key': 249,
    'set_mempolicy': 238, 'setns': 308, 'syslog': 103, 'umount2': 166, 'unshare': 272,
    'uselib': 134,
}
UNKNOWN = {
    'clone3': 435, 'fsconfig': 431, 'fsmount': 432, 'fsopen': 430, 'fspick': 433,
    'mount_setattr': 442, 'move_mount': 429, 'open_tree': 428,
}
CLONE, SOCKET = 56, 41
NEW_USER = 0x10000000
FAMILIES = 0, 1, 2, 10, 16  # unspecified, UNIX, IPv4, IPv6, netlink

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000
NUMBER, FIRST_ARGUMENT = 0, 16  # in struct seccomp_data

COUNTED = ''.join(f'{number}\n' for number in range(1, 11))


def make_filter():
    """The filter in the format that the kernel expects."""
    def instruction(code, value, if_true=0, if_false=0):
        return struct.pack('HBBI', code, if_true, if_false, value)

    program = instruction(LOAD, NUMBER)
    for numbers, error in ((REFUSED, EPERM), (UNKNOWN, ENOSYS)):
        for number in numbers.values():
            program += instruction(EQUAL, number, 0, 1) + instruction(RETURN, ERRNO | error)
    program += (instruction(EQUAL, CLONE, 0, 4) + instruction(LOAD, FIRST_ARGUMENT) +
                instruction(ANY_BIT, NEW_USER, 0, 1) + instruction(RETURN, ERRNO | EPERM) +
                instruction(RETURN, ALLOW))
    program += instruction(EQUAL, SOCKET, 0, len(FAMILIES) + 2) + instruction(LOAD, FIRST_ARGUMENT)
    for place, family in enumerate(FAMILIES):
        program += instruction(EQUAL, family, len(FAMILIES) - place)
    return program + instruction(RETURN, ERRNO | EAFNOSUPPORT) + instruction(RETURN, ALLOW)


def run(*command):
    with tempfile.TemporaryFile() as program:
        program.write(make_filter())
        program.seek(0)
        number = program.fileno()
        return subprocess.run(
            ['bwrap', '--unshare-all', '--die-with-parent', '--ro-bind', '/', '/',
             '--proc', '/proc', '--dev', '/dev', '--seccomp', str(number), *command],
            pass_fds=[number], capture_output=True, text=True, timeout=60)


class Sandbox(unittest.TestCase):
    def assert_prints(self, output, *command):
        done = run(*command)
        self.assertEqual((done.returncode, done.stdout), (0, output), done.stderr)

    def assert_talks(self, *command):
        done = run(*command)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count('Msg from client'), 22, done.stdout)

    def test_filter(self):
        """Checks that the filter is active; otherwise the test would test nothing."""
        done = run(sys.executable, '-c', 'import os; os.chroot("/")')
        self.assertIn('PermissionError', done.stderr)
        done = run(sys.executable, '-c', 'import socket; socket.socket(40)')
        self.assertIn(f'[Errno {EAFNOSUPPORT}]', done.stderr)

    def test_c(self):
        self.assert_prints(COUNTED, f'{BUILT}/workers')
        self.assert_talks(f'{BUILT}/client-server')

    def test_python(self):
        self.assert_prints(COUNTED, sys.executable, f'{EXAMPLES}/python/workers.py')
        self.assert_talks(sys.executable, f'{EXAMPLES}/python/client_server.py')

    def test_warm_starts(self):
        program = ('import gmproc; workers = gmproc.Workers(); workers.add(1, abs, -1)\n'
                   'for _ in range(4): workers.run()\n'
                   'print(gmproc.get_cold_start_reason())')
        self.assert_prints('None\n', sys.executable, '-c', program)

    def test_gjs(self):
        self.assert_prints(COUNTED, 'gjs', '-m', f'{EXAMPLES}/gjs/workers.js')
        self.assert_talks('gjs', '-m', f'{EXAMPLES}/gjs/client-server.js')


# The exit status of a skipped test in meson.
SKIPPED = 77


if __name__ == '__main__':
    BUILT, EXAMPLES = map(os.path.abspath, sys.argv[1:])
    # Tests first without our programs: a container may not be allowed to create namespaces.
    tried = run('true')
    if tried.returncode != 0:
        print('No sandbox can be made here:', tried.stderr, file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
