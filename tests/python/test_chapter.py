# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The Python programs of all chapters run, and print the output in the chapters."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

# Their programs need a game or Gymnasium: test_unityremote.py and tests/peers/run have both.
ELSEWHERE = 'how-to-unityremote.md', 'how-to-reinforcement-learning.md'
CHAPTERS = sorted((pathlib.Path(__file__).parents[2] / 'docs').glob('*.md'))
PROGRAM = re.compile(r'^```python\n(.*?)^```\n+^```text\n(.*?)^```$', re.M | re.DOTALL)
TEXTS = {chapter.stem: chapter.read_text(encoding='utf-8') for chapter in CHAPTERS
         if chapter.name not in ELSEWHERE}
PROGRAMS = [pytest.param(*found, id=f'{name}-{i}')
            for name, text in TEXTS.items() for i, found in enumerate(PROGRAM.findall(text))]


@pytest.mark.parametrize('name', TEXTS)
def test_every_program_says_what_it_prints(name):
    assert len(PROGRAM.findall(TEXTS[name])) == TEXTS[name].count('```python')


@pytest.mark.parametrize('program, output', PROGRAMS)
def test_program(tmp_path, program, output):
    if 'import gi' in program:
        pytest.importorskip('gi')
    script = tmp_path / 'program.py'
    script.write_text(program, encoding='utf-8')
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    # A death is logged only if others still run, which depends on their speed.
    errors = re.sub(r'^(.*gmproc-Message: .*; the run continues)?\n', '', result.stderr, flags=re.M)
    assert (result.stdout, errors, result.returncode) == (output, '', 0)
