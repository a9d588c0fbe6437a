# vfuncs.py: the introspection data documents everything that is public
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: vfuncs.py SOURCE_ROOT GIR

Virtual methods: documented with parameters and return value, a GError last, no callbacks, no public
invoker; each slot of a class structure is one. Everything public: documented, with Since.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import verdict

CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'

MEMBERS = [CORE + 'constructor', CORE + 'method', CORE + 'function', CORE + 'virtual-method',
           CORE + 'property', GLIB + 'signal']
SYMBOLS = [CORE + tag for tag in ('class', 'interface', 'record', 'enumeration', 'bitfield',
                                  'callback', 'constant', 'function', 'function-macro')]
CALLBACK = re.compile(r'(Callback|Func|Notify|Method)$')

Element = ElementTree.Element


def is_documented(element: Element) -> bool:
    doc = element.find(CORE + 'doc')
    return doc is not None and bool((doc.text or '').strip())


def kind(element: Element) -> str:
    return element.tag.split('}')[1]


def parameters(element: Element) -> list[Element]:
    return [parameter for group in element.findall(CORE + 'parameters') for parameter in group]


def check_arguments(path: str, element: Element) -> list[str]:
    problems = [f'{path}: parameter {parameter.get("name")} is not documented'
                for parameter in parameters(element) if not is_documented(parameter)]
    value = element.find(CORE + 'return-value')
    if value is not None and not is_documented(value):
        of_type = value.find(CORE + 'type')
        if of_type is None or of_type.get('name') != 'none':
            problems.append(f'{path}: the return value is not documented')
    return problems


def check_symbol(path: str, element: Element) -> list[str]:
    problems = []
    if not is_documented(element):
        problems.append(f'{path}: the {kind(element)} is not documented')
    if element.get('version') is None:
        problems.append(f'{path}: the {kind(element)} has no Since:')
    return problems + check_arguments(path, element)


def check_virtual_method(path: str, method: Element, methods: set[str]) -> list[str]:
    problems = []
    if method.get('throws') != '1':
        problems.append(f'{path}: does not take GError ** last')
    for parameter in parameters(method):
        of_type = parameter.find(CORE + 'type')
        name = of_type.get('name', '') if of_type is not None else ''
        if parameter.get('scope') is not None or CALLBACK.search(name):
            problems.append(f'{path}: takes a callback, {parameter.get("name")}: languages cannot '
                            'override it')
    if method.get('invoker') is not None or method.get('name') in methods:
        problems.append(f'{path}: has a public invoker: a method of the same name in another '
                        'language would hide it')
    return problems


def check_class(namespace: Element, element: Element) -> list[str]:
    problems = []
    name = element.get('name')
    methods = {method.get('name') for method in element.findall(CORE + 'method')}
    slots = element.findall(CORE + 'virtual-method')
    for method in slots:
        problems += check_virtual_method(f'{name}.{method.get("name")}', method, methods)

    # The contents of the class structure, as the scanner sees them.
    known = {method.get('name') for method in slots}
    for record in namespace.findall(CORE + 'record'):
        if record.get(GLIB + 'is-gtype-struct-for') != name:
            continue
        for field in record.findall(CORE + 'field'):
            if field.find(CORE + 'callback') is not None and field.get('name') not in known:
                problems.append(f'{name}Class.{field.get("name")}: no virtual method')
    return problems


def header_slots(root: str) -> dict[str, set[str]]:
    """The slots of the class structures in the public headers, by class."""
    slots: dict[str, set[str]] = {}
    for path in Path(root, 'gmproc').rglob('*.h'):
        if path.name.endswith('-private.h'):
            continue
        text = re.sub(r'/\*.*?\*/', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
        for name, body in re.findall(r'struct _Gmp(\w+)Class\s*\{(.*?)\n\};', text, re.DOTALL):
            slots[name] = set(re.findall(r'\(\s*\*\s*(\w+)\s*\)\s*\(', body))
            for slot, arguments in re.findall(r'\(\s*\*\s*(\w+)\s*\)\s*\(([^)]*)\)', body):
                if not re.search(r'GError\s*\*\*\s*\w+\s*$', arguments):
                    slots[name].add(f'{slot} without GError ** last')
    return slots


def check_headers(root: str, namespace: Element) -> list[str]:
    problems = []
    found = header_slots(root)
    if len(found) < 5:
        problems.append(f'only {len(found)} class structures found in the headers')
    classes = {element.get('name'): element for element in namespace.findall(CORE + 'class')}
    for name, slots in sorted(found.items()):
        if name not in classes:
            problems.append(f'{name}Class: there is no class {name} in the introspection data')
            continue
        known = {method.get('name') for method in classes[name].findall(CORE + 'virtual-method')}
        problems += [f'{name}Class.{slot}: no virtual method in the introspection data'
                     for slot in sorted(slots - known)]
    return problems


def check(namespace: Element) -> tuple[list[str], int]:
    problems = []
    n_checked = 0
    for element in namespace:
        name = element.get('name', '')
        if element.tag not in SYMBOLS or element.get('moved-to') is not None:
            continue
        problems += check_symbol(name, element)
        n_checked += 1
        for member in element:
            if member.tag in MEMBERS:
                problems += check_symbol(f'{name}.{member.get("name")}', member)
                n_checked += 1
            elif member.tag == CORE + 'member' and not is_documented(member):
                problems.append(f'{name}: value {member.get(C + "identifier")} is not documented')
        if element.tag == CORE + 'class':
            problems += check_class(namespace, element)
    return problems, n_checked


BAD = '''<namespace xmlns="http://www.gtk.org/introspection/core/1.0"
  xmlns:glib="http://www.gtk.org/introspection/glib/1.0" name="Gmp">
  <class name="Bad" version="0.1"><doc>A class.</doc>
    <method name="run" version="0.1"><doc>Runs.</doc>
      <return-value><type name="none"/></return-value></method>
    <virtual-method name="run" version="0.1" throws="1"><doc>Runs.</doc>
      <return-value><doc>it</doc><type name="gint"/></return-value></virtual-method>
    <virtual-method name="mute" version="0.1"><doc>Says nothing.</doc>
      <return-value><type name="gint"/></return-value>
      <parameters><parameter name="ready" scope="async"><type name="Gio.AsyncReadyCallback"/>
        </parameter></parameters></virtual-method>
    <property name="silent"/>
  </class>
  <record name="BadClass" glib:is-gtype-struct-for="Bad" version="0.1"><doc>Its class.</doc>
    <field name="lost"><callback name="lost"/></field></record>
</namespace>'''

BAD_FINDINGS = [
    'Bad.run: has a public invoker', 'Bad.mute: does not take GError', 'Bad.mute: takes a callback',
    'Bad.mute: parameter ready is not documented', 'Bad.mute: the return value is not documented',
    'Bad.silent: the property is not documented', 'Bad.silent: the property has no Since',
    'BadClass.lost: no virtual method',
]


def check_checker() -> list[str]:
    found, _ = check(ElementTree.fromstring(BAD))
    problems = [f'the checker does not find: {expected}' for expected in BAD_FINDINGS
                if not any(problem.startswith(expected) for problem in found)]
    if len(found) != len(BAD_FINDINGS):
        problems.append(f'the checker finds what is not wrong: {found}')
    return problems


def main() -> None:
    root, gir = sys.argv[1:]
    namespace = ElementTree.parse(gir).getroot().find(CORE + 'namespace')
    assert namespace is not None
    problems, n_checked = check(namespace)
    problems = check_checker() + problems + check_headers(root, namespace)
    verdict.close(problems, f'{n_checked} symbols',
                  'Documentation is a gtk-doc comment above the definition.')


if __name__ == '__main__':
    main()
