# readme.py: the README's programs run, its figures are measured ones, and its links work
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: readme.py BUILD_ROOT"""

import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'examples'))

import snippets
import trial

BUILD = Path(sys.argv[1])
TEN = [str(n) for n in range(1, 11)]


def mask(line):
    """Removes the parts that differ between runs, and the name of the thread, which is new in 3.14.
    """
    line = re.sub(r'(Current thread \S+) \[.*?\]', r'\1', line)
    return re.sub(r'0x[0-9a-f]+|\d+(\.\d+)?|".*"', 'N', line)


class Readme(trial.Trial):
    def setUp(self):
        self.readme = (ROOT / 'README.md').read_text(encoding='utf-8')
        self.snippets = snippets.find(ROOT / 'README.md')

    def assert_snippet_prints(self, snippet, lines):
        with self.subTest(where=snippet.where), tempfile.TemporaryDirectory() as folder:
            self.assert_prints(lines, *snippets.prepare(snippet, folder, BUILD))

    def test_map(self):
        self.assert_snippet_prints(self.snippets[0], self.snippets[0].output.splitlines())

    def test_the_same_in_each_language(self):
        whole = [snippet for snippet in self.snippets[1:] if 'MyServer' not in snippet.program]
        self.assertEqual([snippet.language for snippet in whole], ['python', 'c', 'js'])
        for snippet in whole:
            self.assert_snippet_prints(snippet, TEN)

    def test_server_and_clients(self):
        """The README shows parts of the programs: each of its lines is in the whole program."""
        excerpt = self.snippets[2 + ['MyServer' in each.program for each in self.snippets[2:]]
                                .index(True)]
        program = (ROOT / 'examples/python/client_server.py').read_text(encoding='utf-8')
        lines = program.expandtabs(4).splitlines()
        for line in excerpt.program.splitlines():
            self.assertIn(line, lines)

    def test_crash(self):
        shown = re.search(r"```text\n(Worker .*?)\n\.\.\.\n```", self.readme, re.DOTALL)[1]
        done = self.run_program(sys.executable, ROOT / 'tests' / 'examples' / 'crash.py')
        printed = done.stdout.decode().splitlines()
        for line, real in zip(shown.splitlines(), printed):
            self.assertEqual(mask(line), mask(real))

    def test_figures(self):
        """They are the figures of the chapter."""
        chapter = (ROOT / 'docs' / 'performance.md').read_text(encoding='utf-8')
        rows = re.findall(r'^\| (.+?) \| \*\*(.+?)\*\* \| (.+) \|$', self.readme, re.M)
        self.assertEqual(len(rows), 6)
        for title, ours, others in rows:
            table = chapter.partition(f'### {title}\n')[2].partition('\n### ')[0]
            for figure in [ours, *others.split('<br>')]:
                name, _, value = figure.removesuffix('/s').rpartition(' ')
                if value in ('µs', 'ms'):
                    name, _, number = name.rpartition(' ')
                    value = f'{number} {value}'
                self.assertRegex(table, rf'(?m)^\| {re.escape(name)}.*\| {re.escape(value)} \|'
                                 if name else re.escape(f'| {value} |'))

    def test_links(self):
        for link in re.findall(r'\]\(([^)]+)\)', self.readme):
            self.assertTrue((ROOT / link).exists(), link)


if __name__ == '__main__':
    sys.argv[1:] = ['', '']
    trial.main()
