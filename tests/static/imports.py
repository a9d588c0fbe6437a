# imports.py: which files of a tree use which others, and the circles among them
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""For the check `floors`. A graph is a dict: the names that each name uses, with the places."""

import ast
import re
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# The parts of one C type: its private header, and those for its own files and for bindings.
PARTS = re.compile(r'(-core|-struct|-binding)?(-private)?\.(c|h|h\.in)$')

# GJS loads a module when its name is used.
GJS_MODULE = re.compile(r'\bimports\.gmproc\.(\w+)')

Graph = dict[str, dict[str, str]]


def includes(path: Path) -> list[tuple[int, str, bool]]:
    """The include lines of a file: line number, what is included, whether it is in quotes."""
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        if match := INCLUDE.match(line):
            found.append((number, match[2], match[1] == '"'))
    return found


def read_c(library: Path) -> Graph:
    """The types of the C library, each with all its files, by their include lines."""
    graph: Graph = {}
    for path in sorted(library.glob('*/*.[ch]')):
        name = path.relative_to(library).as_posix()
        used = graph.setdefault(PARTS.sub('', name), {})
        for number, included, quoted in includes(path):
            target = PARTS.sub('', included)
            if quoted and '/' in included and target != PARTS.sub('', name):
                used.setdefault(target, f'gmproc/{name}:{number}')
    return graph


def find_imported(node: ast.stmt, package: str, modules: set[str]) -> list[str]:
    """The modules of the package that one statement imports; __init__ for the package itself."""
    if isinstance(node, ast.Import):
        paths = [alias.name for alias in node.names]
    elif node.level == 1 or (node.level == 0 and (node.module or '').split('.')[0] == package):
        base = '.'.join(filter(None, [package * (node.level == 1), node.module]))
        # Each name may be a module, or is something in one.
        paths = [f'{base}.{alias.name}' for alias in node.names]
    else:
        return []
    found = []
    for path in paths:
        top, *rest = path.split('.')
        if top == package:
            found.append(rest[0] if rest and rest[0] in modules else '__init__')
    return found


def read_python(folder: Path) -> Graph:
    """The modules of a package, by all import statements: at the top, in functions, and for type
    checkers.
    """
    modules = {path.stem for path in folder.glob('*.py')}
    graph: Graph = {name: {} for name in sorted(modules)}
    for name, used in graph.items():
        path = folder / f'{name}.py'
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for target in find_imported(node, folder.name, modules):
                    used.setdefault(target, f'{folder.name}/{path.name}:{node.lineno}')
    return graph


def read_javascript(folder: Path) -> Graph:
    """The modules below imports.gmproc."""
    graph: Graph = {}
    for path in sorted(folder.glob('*.js')):
        used = graph.setdefault(path.stem, {})
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
            for target in GJS_MODULE.findall(line):
                used.setdefault(target, f'{folder.name}/{path.name}:{number}')
    return graph


def find_circle(graph: Graph) -> list[str]:
    """The names of a circle, the first one also at the end; empty if there is none."""
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name):], name]
        if name in done:
            return []
        for target in graph.get(name, {}):
            if circle := visit(target, [*way, name]):
                return circle
        done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in graph)), [])


def describe_circle(graph: Graph) -> list[str]:
    circle = find_circle(graph)
    if not circle:
        return []
    places = [graph[name][target] for name, target in zip(circle, circle[1:])]
    return [f'a circle: {" -> ".join(circle)} ({", ".join(places)})']
