#!/usr/bin/env python3
# language-reference.py: the reference of the Python package and of the GJS override, as Markdown
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: language-reference.py python|gjs FOLDER PAGE.md DEPFILE

Reads docstrings and JSDoc from the sources, without running them. Each name gets a heading of its
own, which make-site.py adds to the search.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef
SECTION = re.compile(r'^(Args|Attributes|Raises|Returns):$', re.M)


was_read: set[Path] = set()


def read(path: Path) -> str:
    was_read.add(path)
    return path.read_text(encoding='utf-8')


def parse(path: Path) -> ast.Module:
    return ast.parse(read(path))


def exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__':
            return list(ast.literal_eval(node.value))
    return []


def definitions(tree: ast.Module) -> dict[str, Definition]:
    return {node.name: node for node in tree.body if isinstance(node, Definition)}


def signature(function: ast.FunctionDef) -> str:
    """The arguments without their types, which the text explains, as Markdown."""
    arguments = ast.parse(ast.unparse(function)).body[0].args  # a copy
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    if arguments.args and arguments.args[0].arg in ('self', 'cls'):
        del arguments.args[0]
    return f'{function.name}({ast.unparse(arguments)})'.replace('*', r'\*')


def section(title: str, body: str) -> str:
    """`name: text` of a docstring as a list, and what follows it without indentation."""
    end = re.search(r'^(?=\S)', body, re.M)
    after = body[end.start():].strip() if end is not None else ''
    body = textwrap.dedent(body[:end.start()] if end is not None else body).strip()
    if title == 'Returns':
        return f'**Returns** {body[0].lower()}{body[1:]}\n\n{after}'.strip()
    items = re.sub(r'^(\w[\w., *]*): ', r'- `\1`: ', body, flags=re.M)
    return f'**{title}**\n\n{items}\n\n{after}'.strip()


def text(node: Definition) -> str:
    """A docstring as Markdown."""
    docstring = ast.get_docstring(node) or ''
    docstring = docstring.replace('``', '`')
    docstring = re.sub(r':?:\n\n((?: {4}.*\n|\n)+(?: {4}.*)?)',
                       lambda found: ':\n\n' + found[1], docstring)
    docstring = re.sub(r'^:\n\n', '', docstring, flags=re.M)
    summary, *rest = SECTION.split(docstring)
    parts = [summary.strip()]
    parts += [section(title, body) for title, body in zip(rest[::2], rest[1::2])]
    return '\n\n'.join(part for part in parts if part)


def is_public(member: ast.stmt) -> bool:
    return isinstance(member, ast.FunctionDef) and not member.name.startswith('_') and \
        ast.get_docstring(member) is not None


def members(node: ast.ClassDef, known: dict[str, Definition]) -> dict[str, ast.FunctionDef]:
    """The methods of a class, and those of its bases in the package."""
    found: dict[str, ast.FunctionDef] = {}
    for base in node.bases:
        inherited = known.get(getattr(base, 'id', ''))
        if isinstance(inherited, ast.ClassDef):
            found.update(members(inherited, known))
    found.update({member.name: member for member in node.body if is_public(member)})
    return found


def base_options(node: ast.ClassDef, known: dict[str, Definition]) -> str:
    """The documentation of options in a private base class, which its subclasses share."""
    for base in node.bases:
        inherited = known.get(getattr(base, 'id', ''))
        if isinstance(inherited, ast.ClassDef) and inherited.name not in PUBLIC:
            return text(inherited)
    return ''


PUBLIC: set[str] = set()


def describe(name: str, node: Definition, known: dict[str, Definition], module: str) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [f'### {module}.{signature(node)}', text(node)]
    lines = [f'## {module}.{name}', text(node), base_options(node, known)]
    for member in members(node, known).values():
        lines += [f'### {name}.{signature(member)}', text(member)]
    return lines


def python_page(folder: Path) -> list[str]:
    package = folder / 'gmproc'
    known: dict[str, Definition] = {}
    for path in [folder / '_gmproc.pyi', *sorted(package.glob('*.py'))]:
        known.update(definitions(parse(path)))
    modules = [package / '__init__.py', *sorted(package.glob('[a-z]*.py'))]
    lines = ['# Python reference', 'Generated from the docstrings. [Python](python.md) is the '
             'tutorial.']
    for path in modules:
        tree = parse(path)
        module = 'gmproc' if path.name == '__init__.py' else f'gmproc.{path.stem}'
        names = [name for name in exported(tree) if name in known]
        PUBLIC.update(names)
        if names and module != 'gmproc':
            lines += [f'## Module {module}', text(tree) if ast.get_docstring(tree) else '']
        for name in sorted(names, key=lambda name: isinstance(known[name], ast.FunctionDef)):
            lines += describe(name, definitions(tree).get(name, known[name]), known, module)
    return lines


JSDOC = re.compile(r'/\*\*\n((?: *\*.*\n)+?) *\*/\n *(?:export )?(.*)')
JS_CODE = (
    (re.compile(r'(\w+)\.prototype\.(\w+) = (?:async )?function \(([^)]*)'), r'\1.\2(\3)'),
    (re.compile(r'(\w+)\.(\w+) = (?:async )?function \(([^)]*)'), r'Gmp.\1.\2(\3)'),
    (re.compile(r'(\w+)\.(\w+) = \(?([^)=]*)\)? =>'), r'Gmp.\1.\2(\3)'),
    (re.compile(r'(?:async )?function (\w+)\(([^)]*)\)'), r'Gmp.\1(\2)'),
)


def js_text(comment: str) -> str:
    lines = [re.sub(r'^ *\* ?', '', line) for line in comment.splitlines()]
    body = '\n'.join(lines)
    body = re.sub(r'\n {2,}', ' ', body)
    body = re.sub(r'^@param \{([^}]*)\} (\S+) ?', r'- `\2` (`\1`): ', body, flags=re.M)
    body = re.sub(r'^@returns \{([^}]*)\} ?', r'- returns `\1`: ', body, flags=re.M)
    body = re.sub(r'^@throws \{([^}]*)\} ?', r'- throws `\1`: ', body, flags=re.M)
    # Markdown wants an empty line before a list.
    summary, dash, items = f'\n{body}'.partition('\n- ')
    return f'{summary.strip()}\n\n{dash.strip()} {items}'.strip()


def gjs_page(folder: Path) -> list[str]:
    override = read(folder / 'overrides' / 'Gmp.js')
    # Of the modules beside it, what _init () adds to the namespace.
    given = set(re.findall(r'^    this\.(\w+) = (?:\w+;|\()', override, re.M))
    lines = ['# JavaScript reference', 'What the override adds for GJS; everything else is as in '
             'the C reference. Generated from the JSDoc comments. [JavaScript](javascript.md) is '
             'the tutorial.']
    for path in [folder / 'overrides' / 'Gmp.js', *sorted((folder / 'gmproc').glob('*.js'))]:
        source = read(path)
        for comment, code in JSDOC.findall(source):
            for pattern, title in JS_CODE:
                found = pattern.match(code)
                if found is None:
                    continue
                name = found.expand(title)
                if code.startswith(('function', 'async')) and found[1] not in given:
                    break
                name = name.replace('Gmp.type.', 'Gmp.Worker.').replace(',)', ')')
                lines += [f'## {name}', js_text(comment)]
                break
    return lines


def main() -> None:
    language, folder, page, depfile = sys.argv[1:]
    lines = python_page(Path(folder)) if language == 'python' else gjs_page(Path(folder))
    Path(page).write_text('\n\n'.join(line for line in lines if line) + '\n', encoding='utf-8')
    Path(depfile).write_text(f'{page}: ' + ' '.join(map(str, sorted(was_read))), encoding='utf-8')


if __name__ == '__main__':
    main()
