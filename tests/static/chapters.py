# chapters.py: the programs in the documentation work
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: chapters.py SOURCE_ROOT BUILD_ROOT COMPILER... -- CHAPTER...

Compiles each C program of the chapters, runs it, and compares what it prints with the `text` block
that comes next. A chapter has whole programs only.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import verdict

BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.DOTALL)
TIME_LIMIT = 120  # seconds


def programs(chapter: Path) -> list[tuple[str, str, str | None]]:
    """The place, text and output of each program of a chapter."""
    text = chapter.read_text(encoding='utf-8')
    found: list[tuple[str, str, str | None]] = []
    for match in BLOCK.finditer(text):
        line = text.count('\n', 0, match.start()) + 1
        if match[1] == 'c':
            found.append((f'docs/{chapter.name}:{line}', match[2], None))
        elif match[1] == 'text' and found and found[-1][2] is None:
            found[-1] = (*found[-1][:2], match[2])
    return found


def flags(build: Path) -> list[str]:
    environment = {**os.environ, 'PKG_CONFIG_PATH': str(build / 'meson-uninstalled')}
    return subprocess.run(['pkg-config', '--cflags', '--libs', 'gmproc-1'], env=environment,
                          check=True, capture_output=True, text=True).stdout.split()


def check(where: str, program: str, output: str | None, compiler: list[str], options: list[str]
          ) -> list[str]:
    if output is None:
        return [f'{where}: no text block says what this program prints']
    with tempfile.TemporaryDirectory() as folder:
        source, executable = Path(folder, 'program.c'), Path(folder, 'program')
        source.write_text(program, encoding='utf-8')
        result = subprocess.run([*compiler, str(source), '-o', str(executable), *options],
                                capture_output=True, text=True)
        if result.returncode != 0:
            return [f'{where}: does not compile:\n{result.stderr}']
        try:
            result = subprocess.run([str(executable)], capture_output=True, text=True,
                                    timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            return [f'{where}: has not ended after {TIME_LIMIT} seconds']
    if result.returncode != 0:
        return [f'{where}: exits with {result.returncode}:\n{result.stderr}']
    if result.stdout != output:
        return [f'{where}: should print\n{output}but prints\n{result.stdout}{result.stderr}']
    return []


def main() -> None:
    root, build = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    separator = sys.argv.index('--')
    compiler, chapters = sys.argv[3:separator], sys.argv[separator + 1:]
    options = ['-Wall', '-Werror', *flags(build), f'-Wl,-rpath,{build / "gmproc"}']
    problems = []
    n_programs = 0
    for chapter in chapters:
        for where, program, output in programs(root / 'docs' / chapter):
            problems += check(where, program, output, compiler, options)
            n_programs += 1
    if n_programs < 4:
        problems.append(f'only {n_programs} programs found in {", ".join(chapters)}')
    verdict.close(problems, f'{n_programs} programs')


if __name__ == '__main__':
    main()
