# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The programs of the chapter on Python run, and print what it says."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

CHAPTER = pathlib.Path(__file__).parents[2] / 'docs' / 'python.md'
PROGRAM = re.compile(r'^```python\n(.*?)^```\n+^```text\n(.*?)^```$', re.M | re.DOTALL)
PROGRAMS = PROGRAM.findall(CHAPTER.read_text(encoding='utf-8'))


def test_every_program_says_what_it_prints():
    assert len(PROGRAMS) == CHAPTER.read_text(encoding='utf-8').count('```python') > 0


@pytest.mark.parametrize('program, output', PROGRAMS)
def test_program(tmp_path, program, output):
    if 'import gi' in program:
        pytest.importorskip('gi')
    script = tmp_path / 'program.py'
    script.write_text(program, encoding='utf-8')
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (result.stdout, result.stderr, result.returncode) == (output, '', 0)
