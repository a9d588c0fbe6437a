# missing.py: missing programs are reported as packages of the system's package manager
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: missing.py SOURCE_ROOT

Runs tools/prepare.sh where nothing is found but a shell's own tools and one package manager, as the
scripts that one runs do it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import verdict

TOOLS = 'awk', 'cat', 'grep', 'id', 'sh'

# Nothing is installed, and nothing gets installed.
PROGRAM = '''
. tools/prepare.sh
is_there () { false; }
install_missing build run
echo "nothing is missing"
'''

WANTED = {
    'dnf': ('dnf install ', 'glib2-devel', 'python3-gobject', 'ninja-build'),
    'pacman': ('pacman -S --needed ', 'glib2-devel', 'python-gobject', 'ninja'),
    'apk': ('apk add ', 'glib-dev', 'py3-gobject3', 'musl-dev'),
    '': ("(by Debian's names) ", 'libglib2.0-dev', 'python3-gi', 'ninja-build'),
}


def main() -> None:
    root = sys.argv[1]
    problems = []
    for manager, words in WANTED.items():
        with tempfile.TemporaryDirectory() as folder:
            for tool in TOOLS:
                Path(folder, tool).symlink_to(shutil.which(tool) or tool)
            if manager:
                Path(folder, manager).write_text('#!/bin/sh\nexit 1\n', encoding='utf-8')
                Path(folder, manager).chmod(0o755)
            done = subprocess.run(['sh', '-c', PROGRAM], cwd=root, env={'PATH': folder},
                                  capture_output=True, text=True, timeout=60)
        command = done.stderr.strip().splitlines()[-1] if done.stderr else ''
        if done.returncode != 1 or done.stdout:
            problems.append(f'{manager}: exit status {done.returncode}, {done.stdout}')
        problems += [f'{manager}: {word!r} is not in: {command}' for word in words
                     if word not in command + ' ']
    verdict.close(problems, 'dnf, pacman, apk, and a system with none of them')


if __name__ == '__main__':
    main()
