# wire.py: the D-Bus interfaces have not changed
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: wire.py [--accept] SOURCE_ROOT

Compares the interfaces in gmproc/peer with the copies in tests/static/wire: what the two sides of a
process boundary have agreed on does not change by accident. Comments do not count.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import verdict

ADVICE = '''
An application and its workers may be of different builds, and bindings ship apart. If the change is
deliberate, and the two sides of older builds still understand each other or the interface has a new
number (org.gmproc.Worker2), accept it with

    python3 tests/static/wire.py --accept .

and commit the new copies with it.'''

HEADER = '''<!--
  SPDX-FileCopyrightText: 2026 The gmproc authors
  SPDX-License-Identifier: LGPL-2.1-or-later
-->
'''


def describe(element: ElementTree.Element) -> str:
    attributes = ' '.join(f'{key}="{value}"' for key, value in sorted(element.attrib.items()))
    return f'{element.tag} {attributes}'.strip()


def flatten(element: ElementTree.Element, path: str = '') -> list[str]:
    """One line for each element, with its parents. Arguments are ordered, members are not."""
    here = f'{path} / {describe(element)}' if path else describe(element)
    lines = [here]
    position = 0
    for child in element:
        if child.tag == 'arg':
            position += 1
            lines.append(f'{here} / {position}. {describe(child)}')
            lines += [line for grandchild in child
                      for line in flatten(grandchild, f'{here} / {position}. {describe(child)}')]
        else:
            lines += flatten(child, here)
    return lines


def read(path: Path) -> list[str]:
    return sorted(flatten(ElementTree.parse(path).getroot()))


def compare(current: Path, stored: Path) -> list[str]:
    if not stored.exists():
        return [f'{current.name}: a new interface, without a stored copy']
    if not current.exists():
        return [f'{stored.name}: the interface is gone']
    now, before = read(current), read(stored)
    problems = [f'{current.name}: no longer there: {line}' for line in before if line not in now]
    problems += [f'{current.name}: new: {line}' for line in now if line not in before]
    if not problems and now != before:
        problems.append(f'{current.name}: something is there twice')
    return problems


def accept(current: Path, stored: Path) -> None:
    """Stores a copy without comments."""
    if not current.exists():
        stored.unlink()
        return
    root = ElementTree.parse(current).getroot()
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding='unicode')
    stored.write_text(f'{HEADER}{text}\n', encoding='utf-8')


def main() -> None:
    *options, root = sys.argv[1:]
    peer, wire = Path(root, 'gmproc', 'peer'), Path(root, 'tests', 'static', 'wire')
    names = {path.name for folder in (peer, wire) for path in folder.glob('*.xml')}
    if options == ['--accept']:
        for name in names:
            accept(peer / name, wire / name)
        return
    problems = [] if names else [f'no interfaces found in {peer}']
    for name in sorted(names):
        problems += compare(peer / name, wire / name)
    verdict.close(problems, ', '.join(sorted(names)), ADVICE)


if __name__ == '__main__':
    main()
