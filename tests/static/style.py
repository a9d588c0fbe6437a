# style.py: the rules of code style that a program can check
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: style.py SOURCE_ROOT

SPDX lines, tabs, trailing spaces, columns, the length of files, and of functions in C, Python and
JavaScript.
"""

import ast
import re
import sys
from pathlib import Path

import verdict

FOLDERS = ['gmproc', 'bindings', 'tests', 'examples', 'docs']
LICENSED = ('.c', '.h', '.h.in', '.py', '.js', '.vala', '.xml', '.toml.in', 'meson.build')
NARROW = ('.c', '.h', '.h.in', '.py', '.js')
# The guide's programs are as they were written in 2020, byte for byte.
VERBATIM = ['examples/python/workers.py', 'examples/python/client_server.py']
COLUMNS = 100
FUNCTION_LINES = 60
FILE_LINES = 700

# A line with which a function of JavaScript begins; not what holds a whole module.
JS_FUNCTION = re.compile(r'(\)|=>) \{$')
JS_OTHER = re.compile(r'\s*(\} )?(else )?(if|for|while|switch|catch|with) ?\(|\S.*\(\(\) => \{$')
JS_DOC = re.compile(r'\s*(/\*\*|\*)')
JS_TEXT = re.compile(r"""//.*|/\*.*?\*/|'(\\.|[^'\\])*'|"(\\.|[^"\\])*"|/(\\.|[^/\\ ])+/""")

SPDX = ['SPDX-FileCopyrightText:', 'SPDX-License-Identifier: LGPL-2.1-or-later']


def sources(root: Path) -> list[Path]:
    paths = [root / 'meson.build']
    for folder in FOLDERS:
        paths += [path for path in (root / folder).rglob('*')
                  if path.is_file() and path.name.endswith(LICENSED)]
    return sorted(path for path in paths if path.relative_to(root).as_posix() not in VERBATIM)


def check_text(name: str, lines: list[str]) -> list[str]:
    problems = []
    for wanted in SPDX:
        # In the first lines: a document type or a #! may come before.
        if not any(wanted in line for line in lines[:10]):
            problems.append(f'{name}: no line "{wanted} ..." at the top')
    for number, line in enumerate(lines, 1):
        if '\t' in line:
            problems.append(f'{name}:{number}: a tab')
        if line != line.rstrip():
            problems.append(f'{name}:{number}: spaces at the end of the line')
        if name.endswith(NARROW) and len(line) > COLUMNS:
            problems.append(f'{name}:{number}: {len(line)} columns, more than {COLUMNS}')
    if len(lines) > FILE_LINES:
        problems.append(f'{name}: {len(lines)} lines, more than {FILE_LINES}')
    return problems


def check_functions(name: str, lines: list[str]) -> list[str]:
    """The length of functions: from a { in the first column to the }."""
    problems = []
    begin = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            begin = number
        elif line == '}' and begin is not None:
            length = number - begin + 1
            if length > FUNCTION_LINES:
                problems.append(f'{name}:{begin}: a function of {length} lines, more than '
                                f'{FUNCTION_LINES}')
            begin = None
    return problems


def check_python_functions(name: str, lines: list[str]) -> list[str]:
    """The length of functions without their docstrings."""
    problems = []
    for node in ast.walk(ast.parse('\n'.join(lines))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=False)
            length = node.end_lineno - node.lineno + 1 - (text.count('\n') + 1 if text else 0)
            if length > FUNCTION_LINES:
                problems.append(f'{name}:{node.lineno}: a function of {length} lines, more than '
                                f'{FUNCTION_LINES}')
    return problems


def check_js_functions(name: str, lines: list[str]) -> list[str]:
    """The length of functions without JSDoc, by their braces."""
    problems = []
    begun: list[int | None] = []  # an entry for each open brace: the line of a function
    lines = [line for line in lines if not JS_DOC.match(line)]
    for number, line in enumerate(lines, 1):
        code = JS_TEXT.sub('', line).rstrip()
        is_function = JS_FUNCTION.search(code) and not JS_OTHER.match(code)
        for place, brace in enumerate(braces := re.findall(r'[{}]', code), 1):
            if brace == '{':
                begun.append(number if is_function and place == len(braces) else None)
                continue
            begin = begun.pop() if begun else None
            if begin is not None and number - begin + 1 > FUNCTION_LINES:
                problems.append(f'{name}: a function of {number - begin + 1} lines, more than '
                                f'{FUNCTION_LINES}: {lines[begin - 1].strip()}')
    if begun:
        problems.append(f'{name}: braces that this check cannot follow')
    return problems


def check_itself() -> list[str]:
    """A checker that finds nothing would look like a working one."""
    n = FUNCTION_LINES // 4
    body = ['    if (a) {', "        b('{');", '    }', '    c = `${d}`; // }'] * n
    starts = ['function f(a,', '           b) {'], ['export const f = async () => {'], ['    f() {']
    problems = [f'the checker does not see a long function that begins with {start}'
                for start in starts if not check_js_functions('x.js', [*start, *body, '}'])]
    if check_js_functions('x.js', ['var {a} = (() => {', *body, '})();']) or \
            check_js_functions('x.js', ['function f() {', *body[4:], '}']):
        problems.append('the checker refuses functions of JavaScript that are right')
    return problems


def main() -> None:
    root = Path(sys.argv[1])
    problems = check_itself()
    paths = sources(root)
    for path in paths:
        name = path.relative_to(root).as_posix()
        lines = path.read_text(encoding='utf-8').split('\n')
        if lines[-1] != '':
            problems.append(f'{name}: no line end at the end')
        lines = lines[:-1]
        problems += check_text(name, lines)
        if name.endswith('.c'):
            problems += check_functions(name, lines)
        elif name.endswith('.py'):
            problems += check_python_functions(name, lines)
        elif name.endswith('.js'):
            problems += check_js_functions(name, lines)
    if len(paths) < 40:
        problems.append(f'only {len(paths)} sources found under {root}')
    verdict.close(problems, f'{len(paths)} files')


if __name__ == '__main__':
    main()
