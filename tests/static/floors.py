# floors.py: a floor includes itself and lower ones
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: floors.py SOURCE_ROOT

The folder of a file under gmproc/ is its floor, and so is the first folder of an include line.
docs/architecture.md defines the floors. A broken checker that finds nothing would look like a
working one, so it first has to find the errors in a made-up tree.
"""

import re
import sys
import tempfile
from pathlib import Path

import verdict

ALLOWED = {
    'base': {'base'},
    'channel': {'base', 'channel'},
    'peer': {'base', 'channel', 'peer'},
    'launch': {'base', 'launch'},
    'cluster': {'base', 'peer', 'launch', 'cluster'},
    'agent': {'base', 'channel', 'peer', 'launch', 'agent'},
    'worker': {'base', 'channel', 'worker'},
    'host': {'base', 'channel', 'peer', 'worker', 'host'},
    'report': {'base', 'launch', 'report'},
    'supervision': {'base', 'channel', 'peer', 'launch', 'cluster', 'worker', 'report',
                    'supervision'},
    'application': {'base', 'launch', 'worker', 'report', 'supervision', 'application'},
    'remote': {'base', 'remote'},
}

# Made by the build.
GENERATED_PUBLIC = {'base/gmp-enum-types.h', 'base/gmp-version.h'}
GENERATED_PRIVATE = {'peer/gmp-agent-dbus.h', 'peer/gmp-worker-dbus.h',
                     'agent/gmp-agent-skeletons.h'}

# For programs, and for bindings to other languages.
UMBRELLAS = ('gmproc.h', 'gmproc-binding.h')

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(path: Path) -> list[tuple[int, str, bool]]:
    """The include lines of a file: line number, what is included, whether it is in quotes."""
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        if match := INCLUDE.match(line):
            found.append((number, match[2], match[1] == '"'))
    return found


def is_public(header: str) -> bool:
    if header.endswith('-private.h') or header in GENERATED_PRIVATE:
        return False
    return header.endswith(('.h', '.h.in'))


def check_line(library: Path, name: str, included: str, quoted: bool) -> str | None:
    floor = name.split('/')[0]
    if not quoted:
        if included.startswith(('gmp-', 'gmproc')) or included.split('/')[0] in ALLOWED:
            return f'<{included}>: headers of the library are included in quotes'
        return None
    target = included.split('/')[0]
    if '/' not in included or target not in ALLOWED:
        return f'"{included}": an include names a floor first: {", ".join(ALLOWED)}'
    if target not in ALLOWED[floor]:
        allowed = ', '.join(sorted(ALLOWED[floor]))
        return f'"{included}": {floor} must not know {target}, only {allowed}'
    known = GENERATED_PUBLIC | GENERATED_PRIVATE
    if included not in known and not (library / included).is_file():
        return f'"{included}": there is no such file'
    if is_public(name) and not is_public(included):
        return f'"{included}": a public header must not include a private one'
    return None


def check_program(path: Path, name: str) -> list[str]:
    """A program that comes with the library uses it as any other program does."""
    return [f'gmproc/{name}:{number}: "{included}": a program includes gmproc.h alone'
            for number, included, quoted in includes(path)
            if included != 'gmproc.h' and (quoted or included.split('/')[0] in ALLOWED)]


def check_umbrellas(library: Path, public: set[str]) -> list[str]:
    """gmproc.h and gmproc-binding.h include every public header, and nothing else."""
    included = {name for umbrella in UMBRELLAS for _, name, quoted in includes(library / umbrella)
                if quoted}
    problems = [f'gmproc.h: does not include the public header "{name}", nor does gmproc-binding.h'
                for name in sorted(public - included)]
    problems += [f'gmproc.h or gmproc-binding.h: includes "{name}", which is no public header'
                 for name in sorted(included - public)]
    return problems


def check(root: Path) -> tuple[list[str], int]:
    """The problems of a tree, and the number of files looked at."""
    library = root / 'gmproc'
    problems = []
    public = set(GENERATED_PUBLIC)
    files = sorted(path for path in library.rglob('*') if path.name.endswith(('.c', '.h', '.h.in')))
    for path in files:
        name = path.relative_to(library).as_posix()
        if name in UMBRELLAS:
            continue
        if '/' not in name and name.endswith('.c'):
            problems += check_program(path, name)
            continue
        if name.split('/')[0] not in ALLOWED:
            problems.append(f'{name}: not in the folder of a floor')
            continue
        if is_public(name):
            public.add(name.removesuffix('.in'))
        for number, included, quoted in includes(path):
            if problem := check_line(library, name, included, quoted):
                problems.append(f'gmproc/{name}:{number}: {problem}')
    return problems + check_umbrellas(library, public), len(files)


# File, text, and a piece of the one problem that has to be found.
BAD_FILES = [
    ('base/up.c', '#include "channel/gmp-good-private.h"', 'base must not know channel'),
    ('launch/up.c', '#  include "peer/gmp-worker-dbus.h"', 'launch must not know peer'),
    ('worker/up.c', '#include "peer/gmp-worker-dbus.h"', 'worker must not know peer'),
    ('application/up.c', '#include "host/gmp-host.h"', 'application must not know host'),
    ('remote/up.c', '#include "channel/gmp-good-private.h"', 'remote must not know channel'),
    ('base/bare.c', '#include "gmp-good.h"', 'an include names a floor first'),
    ('base/up-and-over.c', '#include "../base/gmp-good.h"', 'an include names a floor first'),
    ('base/angle.c', '#include <base/gmp-good.h>', 'in quotes'),
    ('base/typo.c', '#include "base/gmp-god.h"', 'no such file'),
    ('channel/gmp-leak.h', '#include "channel/gmp-good-private.h"', 'must not include a private'),
    ('base/gmp-forgotten.h', '', 'does not include the public header "base/gmp-forgotten.h"'),
    ('gmproc-program.c', '#include "host/gmp-host.h"', 'a program includes gmproc.h alone'),
    ('cellar/x.c', '', 'not in the folder of a floor'),
]

GOOD_FILES = {
    'gmproc.h': '#include "base/gmp-enum-types.h"\n#include "base/gmp-version.h"\n'
                '#include "base/gmp-good.h"\n#include "host/gmp-host.h"\n',
    'gmproc-binding.h': '#include <gmproc.h>\n',
    'base/gmp-good.h': '#include <gio/gio.h>\n',
    'host/gmp-host.h': '#include "base/gmp-good.h"\n',
    'channel/gmp-good-private.h': '#include "base/gmp-good.h"\n',
    'gmproc-program.c': '#include "gmproc.h"\n#include <stdio.h>\n',
    'peer/good.c': '#include "channel/gmp-good-private.h"\n#include "peer/gmp-worker-dbus.h"\n',
}


def check_tree(files: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, 'gmproc', name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')
        return check(Path(folder))[0]


def check_checker() -> list[str]:
    """Errors that the checker itself misses, or reports wrongly."""
    problems = [f'the checker refuses a good tree: {problem}' for problem in check_tree(GOOD_FILES)]
    for name, text, expected in BAD_FILES:
        found = check_tree({**GOOD_FILES, name: text + '\n'})
        if not any(expected in problem for problem in found):
            problems.append(f'the checker does not see what is wrong with {name}: {text}: {found}')
    private = check_tree({**GOOD_FILES, 'gmproc.h': GOOD_FILES['gmproc.h'] +
                          '#include "channel/gmp-good-private.h"\n'})
    if not any('which is no public header' in problem for problem in private):
        problems.append(f'the checker does not see a private header in gmproc.h: {private}')
    return problems


def main() -> None:
    problems = check_checker()
    found, n_files = check(Path(sys.argv[1]))
    if n_files < 20:
        problems.append(f'only {n_files} files found under {sys.argv[1]}/gmproc')
    verdict.close(problems + found, f'the include lines of {n_files} files',
                  'The floors, and who may know whom, are in docs/architecture.md.')


if __name__ == '__main__':
    main()
