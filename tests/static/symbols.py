# symbols.py: the library exports its public functions and nothing else
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: symbols.py SOURCE_ROOT LIBRARY NM HEADER...

The headers are those that the build makes; the public ones of the sources are found by themselves.
"""

import re
import subprocess
import sys
from pathlib import Path

import verdict

# Symbols that linkers and sanitizers add.
FOREIGN = re.compile(r'_init|_fini|_edata|_end|__bss_start|__(a|ub|l|t|odr_a)san\w*(\.\w+)?')


def exported(nm: str, library: str) -> set[str]:
    listing = subprocess.run([nm, '--dynamic', '--defined-only', '--format=posix', library],
                             check=True, capture_output=True, text=True).stdout
    names = {line.split()[0].split('@')[0] for line in listing.splitlines() if line.strip()}
    return {name for name in names if not FOREIGN.fullmatch(name)}


def declared(header: str) -> set[str]:
    """The functions that a header declares with GMP_PUBLIC."""
    text = re.sub(r'/\*.*?\*/', '', header, flags=re.DOTALL)
    types = re.findall(r'^GMP_PUBLIC\s+G_DECLARE_\w+_TYPE\s*\(\s*\w+\s*,\s*(\w+)\s*,', text, re.M)
    functions = re.findall(r'^GMP_PUBLIC\s+(?!G_DECLARE_)[^;(]*?(\w+)\s*\(', text, re.M)
    return {f'{prefix}_get_type' for prefix in types} | set(functions)


def main() -> None:
    root, library, nm, *headers = sys.argv[1:]
    paths = [path for path in Path(root, 'gmproc').rglob('*.h')
             if not path.name.endswith('-private.h')]
    wanted = set()
    for path in paths + [Path(header) for header in headers]:
        wanted |= declared(path.read_text(encoding='utf-8'))
    found = exported(nm, library)

    problems = [f'{name}: exported, and in no public header' for name in sorted(found - wanted)]
    problems += [f'{name}: in a public header, and not exported' for name in sorted(wanted - found)]
    problems += [f'{name}: does not begin with gmp_' for name in sorted(found)
                 if not name.startswith('gmp_')]
    # Otherwise nothing was compared.
    problems += [f'{name}: not found at all' for name in ('gmp_init', 'gmp_workers_get_type')
                 if name not in found or name not in wanted]
    verdict.close(problems, f'{len(found)} exported functions',
                  'What is public is declared with GMP_PUBLIC in a public header.')


if __name__ == '__main__':
    main()
