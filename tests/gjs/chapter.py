# chapter.py: the programs in JavaScript of all chapters run, and print the output in the chapters
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: chapter.py SOURCE_ROOT GJS"""

import pathlib
import re
import sys
import tempfile

SOURCE_ROOT, GJS = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(SOURCE_ROOT / 'tests' / 'examples'))

import trial

PROGRAM = re.compile(r'^```js\n(.*?)^```\n+^```text\n(.*?)^```$', re.M | re.DOTALL)


class Chapter(trial.Trial):
    def test_programs(self):
        chapter = ''.join(path.read_text(encoding='utf-8')
                          for path in sorted((SOURCE_ROOT / 'docs').glob('*.md')))
        programs = PROGRAM.findall(chapter)
        self.assertEqual(len(programs), chapter.count('```js\n'),
                         'what one of them prints is missing')
        self.assertGreater(len(programs), 4)
        with tempfile.TemporaryDirectory() as folder:
            for i, (program, output) in enumerate(programs):
                path = pathlib.Path(folder, f'program{i}.js')
                path.write_text(program, encoding='utf-8')
                with self.subTest(program=program):
                    self.assert_prints(output.splitlines(), GJS, '-m', path)


if __name__ == '__main__':
    sys.argv[1:] = ['', '']
    trial.main()
