# chapters.py: the programs in the documentation work
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: chapters.py SOURCE_ROOT BUILD_ROOT COMPILER... -- CHAPTER...
       chapters.py --write-navigation SOURCE_ROOT

Compiles each C program of the chapters, runs it, and compares what it prints with the `text` block
that comes next. These chapters have whole programs only. Each line of a chapter that shows parts of
examples has to be a line of the example.

Checks, or writes, the links at the end of each chapter, which follow the order of docs/welcome.md.
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

# Chapters that show parts of examples, by the language of the block.
EXCERPTS = {
    'how-to-gtk.md': {'c': 'gtk/window.c', 'py': 'gtk/window.py', 'javascript': 'gtk/window.js'},
}
LEFT_OUT = '...'

NAVIGATION = '\n---\n\n'


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


def check_excerpts(root: Path) -> list[str]:
    problems = []
    for name, examples in EXCERPTS.items():
        blocks = BLOCK.findall((root / 'docs' / name).read_text(encoding='utf-8'))
        for language, example in examples.items():
            text = (root / 'examples' / example).read_text(encoding='utf-8')
            known = {LEFT_OUT, *(line.strip() for line in text.splitlines())}
            shown = [line for block in blocks if block[0] == language
                     for line in block[1].splitlines()]
            problems += [f'docs/{name}: not a line of examples/{example}: {line}'
                         for line in shown if line.strip() not in known]
            if not shown:
                problems.append(f'docs/{name}: shows nothing of examples/{example}')
    return problems


def add_navigation(docs: Path) -> dict[Path, str]:
    """The chapters as they should be, with links to the previous and the next one at the end."""
    names = re.findall(r'\]\(([\w-]+\.md)\)', (docs / 'welcome.md').read_text(encoding='utf-8'))
    paths = [docs / name for name in names if (docs / name).is_file()]
    paths += sorted(set(docs.glob('*.md')) - {docs / 'welcome.md', *paths})
    texts = [path.read_text(encoding='utf-8').partition(NAVIGATION)[0] for path in paths]
    links = [f'[{{}}: {text.partition(chr(10))[0].removeprefix("# ")}]({path.name})'
             for path, text in zip(paths, texts)]
    result = {}
    for i, (path, text) in enumerate(zip(paths, texts)):
        parts = [link.format('Previous') for link in links[max(i - 1, 0):i]]
        parts.append('[All chapters](welcome.md#read-on)')
        parts += [link.format('Next') for link in links[i + 1:i + 2]]
        result[path] = text + NAVIGATION + ' |\n'.join(parts) + '\n'
    return result


def main() -> None:
    if sys.argv[1] == '--write-navigation':
        for path, text in add_navigation(Path(sys.argv[2], 'docs')).items():
            path.write_text(text, encoding='utf-8')
        return
    root, build = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    separator = sys.argv.index('--')
    compiler, chapters = sys.argv[3:separator], sys.argv[separator + 1:]
    options = ['-Wall', '-Werror', *flags(build), f'-Wl,-rpath,{build / "gmproc"}']
    problems = [f'docs/{path.name}: the links at the end do not follow the order of welcome.md: '
                'run tests/static/chapters.py --write-navigation .'
                for path, text in add_navigation(root / 'docs').items()
                if text != path.read_text(encoding='utf-8')]
    problems += check_excerpts(root)
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
