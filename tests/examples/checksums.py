# checksums.py: the example prints the same as the real sha256sum
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import os
import socket
import subprocess
import tempfile

import trial

NAMES = [
    'plain', 'sp ace', 'a\nb', 'c\\d', 'cr\rx', 'tab\tx', "it's", 'dq"x', 'mix\'"', "mix'$",
    ':colon', 'esc\x1bx', 'ünïcode', '~x', 'a~', '#h', 'a#', '*', '{', '}', 'a{b', 'a=b', "nl'\nx",
    '-dash', '--help', '"', "'", "it's # a", "it's#", '?', '$(x)', '`', 'é\x7fa',
]


class Checksums(trial.Trial):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        with open(os.path.join(os.fsencode(self.folder), os.fsencode(name)), 'wb') as file:
            file.write(content)

    def compare(self, *arguments, locale='C.UTF-8', **options):
        """Both programs get the same input. Returns the output of each."""
        results = []
        for program in ('sha256sum', f'{self.examples}/checksums'):
            if 'make_stdin' in options:
                options['stdin'] = options['make_stdin']()
            given = {key: options[key] for key in options if key != 'make_stdin'}
            done = self.run_program(program, *arguments, cwd=self.folder,
                                    env=dict(os.environ, LC_ALL=locale), **given)
            if 'make_stdin' in options:
                options['stdin'].close()
            lines = [line[len(program):] if line.startswith(os.fsencode(program)) else line
                     for line in done.stderr.replace(b"Try '" + os.fsencode(program),
                                                     b"Try '").split(b'\n')]
            results.append((done.returncode, done.stdout, lines))
        self.assertEqual(results[1], results[0])
        return results[0]

    def test_contents(self):
        sizes = [0, 1, 55, 56, 64, 65535, 65536, 65537, 200000]
        for size in sizes:
            self.write(f'of-{size}', bytes(i % 251 for i in range(size)))
        status, output, _ = self.compare(*[f'of-{size}' for size in sizes])
        self.assertEqual(status, 0)
        self.assertEqual(len(output.splitlines()), len(sizes))

    def test_big(self):
        self.write('big', b'gmproc\n' * (5 << 20))
        self.assertEqual(self.compare('big')[0], 0)

    def test_names(self):
        for name in [*NAMES, b'not\xff-utf8']:
            self.write(name, os.fsencode(name))
        status, output, _ = self.compare('--', *NAMES, b'not\xff-utf8')
        self.assertEqual(status, 0)
        self.assertEqual(output.count(b'\n'), len(NAMES) + 1)

    def test_names_of_missing_files(self):
        for locale in ('C', 'C.UTF-8'):
            status, output, errors = self.compare('--', *NAMES, '', b'not\xff-utf8', 'a\nmissing',
                                                  locale=locale)
            self.assertEqual((status, output), (1, b''))
            self.assertEqual(len(errors), len(NAMES) + 4)

    def test_unreadable(self):
        os.mkdir(f'{self.folder}/folder')
        os.symlink('nowhere', f'{self.folder}/dangling')
        os.symlink('loop', f'{self.folder}/loop')
        self.write('fine', b'fine')
        os.symlink('fine', f'{self.folder}/link')
        self.write('secret', b'secret')
        os.chmod(f'{self.folder}/secret', 0)
        status, output, errors = self.compare('folder', 'dangling', 'fine', 'loop', 'fine/x',
                                              'link', 'secret', 'x' * 300)
        self.assertEqual(status, 1)
        self.assertIn(b'  fine\n', output)
        self.assertIn(b': folder: Is a directory', errors)

    def test_order(self):
        """The first argument takes longest, and is still printed first."""
        self.write('large', bytes(30 << 20))
        for i in range(20):
            self.write(str(i), b'%d' % i)
        names = ['large', *map(str, range(20)), 'large', '3', '3']
        _, output, _ = self.compare(*names)
        self.assertEqual([line.split()[1].decode() for line in output.splitlines()], names)

    def test_more_files_than_processors(self):
        names = [f'{i:03}' for i in range(200)]
        for name in names:
            self.write(name, name.encode())
        self.assertEqual(self.compare(*names)[0], 0)

    def test_standard_input(self):
        self.write('file', b'file')
        for arguments in ([], ['-'], ['--'], ['-', '-'], ['file', '-', 'file'], ['-', 'file', '-'],
                          ['missing', '-']):
            for content in (b'', b'hello\n', b'x' * 300000):
                self.compare(*arguments, input=content)
        self.compare()

    def test_standard_input_of_other_kinds(self):
        """A file that is read on from its position, a folder, and a socket."""
        self.write('file', b'0123456789')

        def open_and_seek():
            file = open(f'{self.folder}/file', 'rb', buffering=0)
            file.seek(4)
            return file

        def connect():
            ours, theirs = socket.socketpair()
            with ours:
                ours.sendall(b'through a socket')
            return theirs

        self.assertEqual(self.compare(make_stdin=open_and_seek)[0], 0)
        self.assertEqual(self.compare(make_stdin=connect)[0], 0)
        self.assertEqual(self.compare(make_stdin=lambda: Folder(self.folder))[0], 1)

    def test_options(self):
        self.assertEqual(self.compare('-x')[0], 1)
        self.write('--', b'dashes')
        self.write('-x', b'x')
        self.compare('--', '--', '-x')
        self.compare('-x', '--')
        self.compare('./-x')

    def test_output_that_cannot_be_written(self):
        self.write('file', b'file')
        for program in ('sha256sum', f'{self.examples}/checksums'):
            with open('/dev/full', 'wb') as full:
                done = subprocess.run([program, 'file'], stdout=full, stderr=subprocess.PIPE,
                                      cwd=self.folder, timeout=trial.WATCHDOG, check=False)
            # Newer versions of coreutils (9.10) add the reason.
            self.assertRegex(done.stderr.decode(), f'^{program}: write error(: .*)?\n$')
            self.assertEqual(done.returncode, 1)


class Folder:
    """A folder, opened as a file."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)

    def fileno(self):
        return self.fd

    def close(self):
        os.close(self.fd)


if __name__ == '__main__':
    trial.main()
