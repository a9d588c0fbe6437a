# compile.py: the library's sources, as the build compiles them, with another C compiler
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: compile.py BUILD_FOLDER COMPILER

Compiles, but links nothing: there is no GLib for that compiler's C library here. Ends with the
number of sources that it takes without an error or a warning.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path


def compiles(entry: dict, compiler: str) -> bool:
    words = shlex.split(entry['command'])
    options = [word for word in words if word.startswith(('-I', '-D', '-std=', '-f'))]
    source = entry['file']
    done = subprocess.run(
        [compiler, *options, '-Wall', '-Werror', '-fsyntax-only', source],
        cwd=entry['directory'], check=False)
    return done.returncode == 0


def main() -> None:
    build, compiler = Path(sys.argv[1]), sys.argv[2]
    entries = json.loads((build / 'compile_commands.json').read_text(encoding='utf-8'))
    sources = [entry for entry in entries
               if '/gmproc/' in entry['file'] and entry['output'].startswith('gmproc/libgmproc-1')]
    failed = sum(not compiles(entry, compiler) for entry in sources)
    print(f'{len(sources) - failed} passed, {failed} failed, 0 skipped')
    sys.exit(failed > 0 or not sources)


if __name__ == '__main__':
    main()
