# examples.py: the examples in JavaScript, run as a user would run them
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: examples.py SOURCE_ROOT GJS"""

import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE_ROOT, GJS = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(SOURCE_ROOT / 'tests' / 'examples'))

import guide
import trial

# The definition of text in wc depends on the locale.
UTF8 = {**os.environ, 'LC_ALL': 'C.UTF-8'}


class Guide(guide.Guide):
    """The same programs in other languages must print the same."""

    def run_program(self, program, *arguments, **options):
        script = SOURCE_ROOT / 'examples' / 'gjs' / f'{os.path.basename(program)}.js'
        return super().run_program(GJS, '-m', script, *arguments, **options)


class WordCount(trial.Trial):
    def count(self, *paths):
        script = SOURCE_ROOT / 'examples' / 'gjs' / 'word-count.js'
        return self.run_program(GJS, '-m', script, *paths, env=UTF8)

    def assert_counts(self, *paths, files=None):
        """It counts the same as wc in these files."""
        expected = subprocess.run(['wc', '-w', *(files or paths)], env=UTF8, check=True,
                                  capture_output=True, text=True).stdout
        done = self.count(*paths)
        self.assertEqual(done.stderr.decode(), '')
        self.assertEqual([line.split(' ', 1) for line in done.stdout.decode().splitlines()],
                         [line.split(None, 1) for line in expected.splitlines()])
        self.assertEqual(done.returncode, 0)

    def test_real_files(self):
        self.assert_counts(SOURCE_ROOT / 'LICENSES' / 'LGPL-2.1-or-later.txt')
        self.assert_counts(*sorted((SOURCE_ROOT / 'gmproc' / 'base').iterdir()))

    def test_folder(self):
        folder = SOURCE_ROOT / 'gmproc' / 'worker'
        self.assert_counts(folder, files=sorted(folder.iterdir()))

    def test_odd_files(self):
        with tempfile.TemporaryDirectory() as folder:
            # Without their words: versions of wc disagree about what a word is here.
            texts = [(b'', 0), (b' \n\t', 0), (b'one', 1), (b' one\ntwo\r\nthree ', 3),
                     (b'\xff a\xffb \xc3', 1), (b'a\0b \0 c', 2),
                     ('é\u00a0ü\u2003x\u3000y \u200b \x01 \x1b[1mbold'.encode(), 6),
                     (b'word ' * 100000, 100000)]
            paths = []
            for i, (text, _) in enumerate(texts):
                paths.append(os.path.join(folder, f'file {i}'))
                pathlib.Path(paths[-1]).write_bytes(text)
            done = self.count(*paths)
        self.assertEqual(done.stderr.decode(), '')
        self.assertEqual([int(line.split(' ', 1)[0]) for line in done.stdout.decode().splitlines()],
                         [n for _, n in texts] + [sum(n for _, n in texts)])

    def test_failures(self):
        with tempfile.TemporaryDirectory() as folder:
            good, missing = os.path.join(folder, 'good'), os.path.join(folder, 'missing')
            pathlib.Path(good).write_text('two words', encoding='utf-8')
            done = self.count(good, missing)
        self.assertEqual(done.stdout.decode(), f'2 {good}\n')
        self.assertIn(missing, done.stderr.decode())
        self.assertEqual(done.returncode, 1)

    def test_usage(self):
        done = self.count()
        self.assertIn('Usage: word-count.js', done.stderr.decode())
        self.assertEqual(done.returncode, 2)


PLAIN = """
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import System from 'system';

export function twice(n) {
    return 2 * n;
}

if (import.meta.url === GLib.filename_to_uri(System.programPath, null)) {
    const workers = new Gmp.Workers();

    workers.add_target(1, `gjs:${import.meta.url}#twice`, GLib.Variant.new_int32(21));
    print(workers.run([1], null).print(true), Gmp.unpack === undefined);
}
"""


class WithoutOverride(trial.Trial):
    def test_variants(self):
        """GJS has the methods of C, without the override; the worker finds what it needs by itself.
        """
        environment = {name: value for name, value in os.environ.items() if name != 'GJS_PATH'}
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, 'plain.js')
            script.write_text(PLAIN, encoding='utf-8')
            done = self.run_program(GJS, '-m', script, env=environment)
        self.assertEqual(done.stderr.decode(), '')
        self.assertEqual(done.stdout.decode(), '{1: <42>} true\n')


if __name__ == '__main__':
    sys.argv[1:] = ['', '']
    trial.main()
