# snippets.py: the programs in a document, in all languages, and how each is run
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Optional

LANGUAGES = {'c': 'c', 'python': 'py', 'js': 'js', 'vala': 'vala'}
BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.DOTALL)


class Snippet(NamedTuple):
    """A program, its place, and the output in the next `text` block."""

    where: str
    language: str
    program: str
    output: Optional[str]


def find(path):
    """The programs of a Markdown document. A `text` block belongs to the program before it."""
    text = Path(path).read_text(encoding='utf-8')
    found = []
    for match in BLOCK.finditer(text):
        language, block = match.groups()
        if language in LANGUAGES:
            line = text.count('\n', 0, match.start()) + 1
            found.append(Snippet(f'{Path(path).name}:{line}', language, block, None))
        elif language == 'text' and found and found[-1].output is None:
            found[-1] = found[-1]._replace(output=block)
    return found


def _flags(build, packages):
    environment = {**os.environ, 'PKG_CONFIG_PATH': f'{build}/meson-uninstalled'}
    done = subprocess.run(['pkg-config', '--cflags', '--libs', *packages], env=environment,
                          capture_output=True, text=True, check=True)
    return [*shlex.split(done.stdout), f'-Wl,-rpath,{build}/gmproc']


def prepare(snippet, folder, build):
    """Writes the program to a file in the folder, compiles it if necessary, and returns its
    command.
    """
    source = Path(folder, f'program.{LANGUAGES[snippet.language]}')
    source.write_text(snippet.program, encoding='utf-8')
    if snippet.language == 'python':
        return [sys.executable, source]
    if snippet.language == 'js':
        return ['gjs', '-m', source]
    packages = ['gmproc-1'] + (['gtk4'] if '<gtk/gtk.h>' in snippet.program else [])
    subprocess.run(['cc', '-Wall', '-Werror', source, '-o', source.with_suffix(''),
                    *_flags(build, packages)], check=True)
    return [source.with_suffix('')]
