# chapter.py: the programs in Vala of all chapters compile, run, and print what is shown
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: chapter.py SOURCE_ROOT BUILD_ROOT VALAC"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE_ROOT, BUILD_ROOT, VALAC = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
sys.path.insert(0, str(SOURCE_ROOT / 'tests' / 'examples'))

import trial

PROGRAM = re.compile(r'^```vala\n(.*?)^```\n+^```text\n(.*?)^```$', re.M | re.DOTALL)
BUILD = {**os.environ, 'PKG_CONFIG_PATH': str(BUILD_ROOT / 'meson-uninstalled')}


class Chapter(trial.Trial):
    def compile(self, path):
        program = path.with_suffix('')
        vapidir = subprocess.run(['pkg-config', '--variable=vapidir', 'gmproc-1'], env=BUILD,
                                 check=True, capture_output=True, text=True).stdout.strip()
        done = self.run_program(VALAC, '--vapidir', vapidir, '--pkg', 'gio-2.0', '--pkg',
                                'gmproc-1', '--cc', 'cc', '-X', '-w',
                                '-X', f'-Wl,-rpath,{BUILD_ROOT / "gmproc"}', '-o', program, path,
                                env=BUILD)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertNotIn('warning', done.stderr.decode())
        return program

    def test_programs(self):
        chapter = ''.join(path.read_text(encoding='utf-8')
                          for path in sorted((SOURCE_ROOT / 'docs').glob('*.md')))
        programs = PROGRAM.findall(chapter)
        self.assertEqual(len(programs), chapter.count('```vala\n'),
                         'what one of them prints is missing')
        self.assertGreater(len(programs), 2)
        with tempfile.TemporaryDirectory() as folder:
            for i, (text, output) in enumerate(programs):
                path = pathlib.Path(folder, f'program{i}.vala')
                path.write_text(text, encoding='utf-8')
                with self.subTest(program=text):
                    self.assert_prints(output.splitlines(), self.compile(path))


if __name__ == '__main__':
    sys.argv[1:] = ['', '']
    trial.main()
