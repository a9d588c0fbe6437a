# shipping.py: the programs of docs/how-to-ship.md, against an installed gmproc
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The check `installed` calls this with its prefix. Compilers that are not there are left out."""

import re
import shutil

COUNTING = ''.join(f'{number}\n' for number in range(1, 11))

CMAKE_HEAD = 'cmake_minimum_required(VERSION 3.13)\nproject(program C)\n'


def find_block(prefix, language: str) -> str:
    chapter = (prefix.source / 'docs' / 'how-to-ship.md').read_text(encoding='utf-8')
    return re.search(rf'^```{language}\n(.*?)^```$', chapter, re.S | re.M)[1]


def expect(prefix, what: str, program, output: str) -> None:
    # Python does not search the prefix.
    site = next(prefix.root.glob('lib/python*/*-packages'), '')
    environment = {**prefix.at_run, 'PYTHONPATH': str(site)}
    printed = prefix.must(what, program, environment=environment)
    if printed is not None and printed != output:
        prefix.problem(f'{what} should print\n{output}but prints\n{printed}')


def check_cmake(prefix) -> None:
    folder = prefix.folder / 'cmake'
    folder.mkdir()
    shutil.copy(prefix.source / 'examples' / 'workers.c', folder / 'program.c')
    (folder / 'CMakeLists.txt').write_text(CMAKE_HEAD + find_block(prefix, 'cmake'))
    if (prefix.must('CMake: configure', 'cmake', '-S', folder, '-B', folder / 'build') is not None
            and prefix.must('CMake: build', 'cmake', '--build', folder / 'build') is not None):
        expect(prefix, 'a program built by CMake', folder / 'build' / 'program', COUNTING)


def check_rust(prefix) -> None:
    source, program = prefix.folder / 'program.rs', prefix.folder / 'program-in-rust'
    source.write_text(find_block(prefix, 'rust'))
    flags = prefix.must('pkg-config', 'pkg-config', '--libs-only-L', 'gmproc-1') or ''
    if prefix.must('Rust', 'rustc', source, *flags.split(), '-o', program) is not None:
        expect(prefix, 'a program in Rust', program, '{1: <49>}\n')


def check_go(prefix) -> None:
    folder = prefix.folder / 'go'
    folder.mkdir()
    (folder / 'go.mod').write_text('module example.org/program\n\ngo 1.20\n')
    (folder / 'program.go').write_text(find_block(prefix, 'go'))
    if prefix.must('Go', 'go', 'build', '-o', 'program', '.', cwd=folder) is not None:
        expect(prefix, 'a program in Go', folder / 'program', '{1: <120>}\n')


def check(prefix) -> list[str]:
    """Returns the names of the tests."""
    tried = []
    for command, function in {'cmake': check_cmake, 'rustc': check_rust, 'go': check_go}.items():
        if shutil.which(command) is not None:
            function(prefix)
            tried.append(command)
    return tried
