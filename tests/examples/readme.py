# readme.py: the first program of the README is what it says
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import os
import re
import subprocess
import tempfile
from pathlib import Path

import trial

ROOT = Path(__file__).parents[2]


class Readme(trial.Trial):
    def setUp(self):
        self.readme = (ROOT / 'README.md').read_text(encoding='utf-8')
        self.pairs = re.findall(r'```c\n(.*?)```\n\n```text\n(.*?)```', self.readme, re.DOTALL)
        self.assertEqual(len(self.pairs), 2)

    def test_workers(self):
        program, output = self.pairs[0]
        environment = dict(os.environ, PKG_CONFIG_PATH=f'{self.examples}/../meson-uninstalled')
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'gmproc-1'], env=environment,
                               capture_output=True, text=True, check=True).stdout.split()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, 'program.c').write_text(program, encoding='utf-8')
            subprocess.run(['cc', f'{folder}/program.c', '-o', f'{folder}/program', *flags],
                           check=True)
            self.assert_prints(output.splitlines(), f'{folder}/program')

    def test_client_server(self):
        """It is cut short: what is there is in the whole program, and in what that prints."""
        excerpt, output = self.pairs[1]
        program = (ROOT / 'examples/client-server.c').read_text(encoding='utf-8')
        words = re.sub(r'\s|G_GNUC_UNUSED', '', program)
        for statement in re.findall(r'^ +(?!/\*)(.*?);$', excerpt, re.M):
            if 'gmp_client_server_new_worker' not in statement:
                self.assertIn(re.sub(r'\s', '', statement), words)
        done = self.run_program(f'{self.examples}/client-server')
        self.assertLessEqual({line for line in output.splitlines() if line != '...'},
                             set(done.stdout.decode().splitlines()))

    def test_links(self):
        for link in re.findall(r'\]\(([^)]+)\)', self.readme):
            self.assertTrue((ROOT / link).exists(), link)


if __name__ == '__main__':
    trial.main()
