#!/usr/bin/env python3
# make-types.py: TypeScript's types, from the introspection data and a hand-written part
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: make-types.py GIR TEMPLATE OUTPUT

`// @REST@` in a class of the template stands for all of its members that are not written there, and
`// @NAMESPACE@` for all that is not written in the namespace.
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'
NUMBERS = {'gint', 'guint', 'gint8', 'guint8', 'gint32', 'guint32', 'gint64', 'guint64', 'gdouble',
           'gsize', 'gulong', 'GLib.Quark', 'GLib.LogLevelFlags'}
PLAIN = {'none': 'void', 'gboolean': 'boolean', 'utf8': 'string', 'filename': 'string',
         'GType': 'GObject.GType', 'gpointer': 'unknown'}
CLASS = re.compile(r'\n( *)(?:abstract )?class (\w+) extends [\w.]+ \{\n(.*?)\n\1\}', re.DOTALL)
MEMBER = re.compile(r"^ *(?:static )?'?(\w+)'?\??\(", re.M)
NAME = re.compile(r'^ *(?:abstract )?(?:class|function|interface|const) (\w+)', re.M)


def find_all(node, *tags):
    """Introspectable children of these kinds."""
    return [child for child in node
            if child.tag.partition('}')[2] in tags and child.get('introspectable') != '0']


def type_of(node):
    """The type in TypeScript of a parameter, return value or property."""
    array, plain = node.find(CORE + 'array'), node.find(CORE + 'type')
    if array is not None:
        item = type_of(array)
        found = 'Uint8Array' if array.find(CORE + 'type').get('name') == 'guint8' else item + '[]'
    else:
        name = plain.get('name')
        found = 'number' if name in NUMBERS else PLAIN.get(name, name)
        if name == 'Gio.AsyncReadyCallback':
            found += '<this>'
    return f'{found} | null' if node.get('nullable') == '1' else found


def parameters_of(node):
    """The parameters that JavaScript passes: neither user data nor the length of an array."""
    parameters = node.findall(f'{CORE}parameters/{CORE}parameter')
    left_out = set()
    for parameter in parameters:
        array = parameter.find(CORE + 'array')
        if array is not None and array.get('length') is not None:
            left_out.add(int(array.get('length')))
        left_out.update(int(parameter.get(name)) for name in ('closure', 'destroy')
                        if parameter.get(name) is not None)
    return [f"{parameter.get('name')}: {type_of(parameter)}"
            for i, parameter in enumerate(parameters) if i not in left_out]


def comment(node):
    """The first paragraph of its documentation, with JavaScript's names."""
    doc = node.find(CORE + 'doc')
    if doc is None:
        return []
    text = re.sub(r'\[\w+@(?:Gmp\.)?([^\]]*)\]', r'`\1`', doc.text.split('\n\n')[0])
    text = re.sub(r'%(TRUE|FALSE|NULL)\b', lambda found: found[1].lower(), text)
    text = re.sub(r'%(?=[A-Z])', '', text)
    lines = textwrap.wrap(re.sub(r'\s+', ' ', text.replace('*/', '* /')), 84)
    if len(lines) == 1:
        return [f'/** {lines[0]} */']
    return ['/**', *(f' * {line}' for line in lines), ' */']


def function(node, name):
    returns = type_of(node.find(CORE + 'return-value'))
    # A method that fails throws, so its boolean result is not needed.
    if returns == 'boolean' and node.get('throws') == '1':
        returns = 'boolean | void' if node.tag == CORE + 'virtual-method' else 'boolean'
    return [*comment(node), f"{name}({', '.join(parameters_of(node))}): {returns};"]


def properties(node):
    for each in find_all(node, 'property'):
        name = each.get('name').replace('-', '_')
        is_writable = each.get('writable') == '1' and each.get('construct-only') != '1'
        found = type_of(each)
        if found in ('string', 'GLib.Variant', 'GLib.Error', 'string[]'):
            found += ' | null'
        yield each, name, f"{'' if is_writable else 'readonly '}{name}: {found};"


def signals(node, name):
    """Overloads of connect(), the last for what the parent class has."""
    lines = []
    for each in find_all(node, 'signal'):
        arguments = ', '.join([f'self: {name}', *parameters_of(each)])
        returns = type_of(each.find(CORE + 'return-value'))
        lines += [*comment(each), f"connect(signal: '{each.get('name')}', callback: "
                  f"({arguments}) => {returns}): number;"]
    if lines:
        lines.append('connect(signal: string, callback: (...args: any[]) => any): number;')
    return lines


def members(node, written):
    """The lines of a class, except for the hand-written members."""
    name = node.get('name')
    lines = [f'static $gtype: GObject.GType<{name}>;',
             f'constructor(properties?: {name}.ConstructorProps);']
    for each, own, line in properties(node):
        lines += [*comment(each), line]
    for each in find_all(node, 'constructor', 'function'):
        if each.get('name') not in written:
            first, *rest = function(each, f"'{each.get('name')}'")[::-1]
            lines += [*rest[::-1], f'static {first}']
    for each in find_all(node, 'method'):
        if each.get('name') not in written:
            lines += function(each, each.get('name'))
    for each in find_all(node, 'virtual-method'):
        lines += function(each, f"vfunc_{each.get('name')}")
    return lines + signals(node, name)


def construct_properties(node):
    name, parent = node.get('name'), node.get('parent')
    lines = [f'{own}?: ' + line.partition(': ')[2] for each, own, line in properties(node)
             if each.get('writable') == '1']
    # The override accepts a class instead of a type or a target.
    lines = [re.sub(r'^(server_\w+\?: ).*', r'\1WorkerClass<ServerWorker> | null;', line)
             for line in lines]
    return [f'namespace {name} {{',
            f'    interface ConstructorProps extends Partial<{parent}.ConstructorProps> {{',
            *('        ' + line for line in lines), '    }', '}']


def enumeration(node):
    name = node.get('name')
    values = [f"    {each.get('name').upper()},"
              if not node.get(GLIB + 'error-domain') else
              f"    static {each.get('name').upper()}: number;"
              for each in find_all(node, 'member')]
    if node.get(GLIB + 'error-domain'):
        return [*comment(node), f'class {name} extends GLib.Error {{',
                '    constructor(options: {code: number, message: string});', *values, '}']
    return [*comment(node), f'enum {name} {{', *values, '}']


def whole_class(node):
    abstract = 'abstract ' if node.get('abstract') == '1' else ''
    return [*comment(node), f"{abstract}class {node.get('name')} extends {node.get('parent')} {{",
            *('    ' + line for line in members(node, set())), '}']


def rest_of_namespace(namespace, written):
    lines = []
    for node in find_all(namespace, 'class'):
        if node.get('name') not in written:
            lines += [*whole_class(node), '']
        lines += [*construct_properties(node), '']
    for node in find_all(namespace, 'enumeration', 'bitfield'):
        lines += [*enumeration(node), '']
    for node in find_all(namespace, 'function'):
        if node.get('name') not in written:
            first, *rest = function(node, node.get('name'))[::-1]
            lines += [*rest[::-1], f'function {first}', '']
    for node in find_all(namespace, 'callback'):
        returns = type_of(node.find(CORE + 'return-value'))
        lines += [*comment(node), f"type {node.get('name')} = ({', '.join(parameters_of(node))}) "
                  f'=> {returns};', '']
    lines += [f"const {node.get('name')}: number;" for node in find_all(namespace, 'constant')]
    return lines


def insert(lines, indent):
    return '\n'.join(indent + line if line else '' for line in lines)


def main():
    gir, template, output = sys.argv[1:]
    namespace = ElementTree.parse(gir).getroot().find(CORE + 'namespace')
    nodes = {node.get('name'): node for node in find_all(namespace, 'class')}

    def complete(match):
        indent, name, body = match.groups()
        rest = insert(members(nodes[name], set(MEMBER.findall(body))), indent + '    ')
        return match[0].replace(f'{indent}    // @REST@', rest)

    text = Path(template).read_text(encoding='utf-8')
    written = set(NAME.findall(text))
    text = CLASS.sub(complete, text)
    text = text.replace('        // @NAMESPACE@',
                        insert(rest_of_namespace(namespace, written), ' ' * 8))
    Path(output).write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
