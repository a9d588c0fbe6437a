# nulls.py: no public function crashes where all its arguments are NULL or 0
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: nulls.py SOURCE_ROOT GIR LIBRARY

A function that gets a NULL which it does not take reports a critical.
"""

import ctypes
import os
import resource
import signal
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import verdict

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
FUNCTIONS = {CORE + tag for tag in ('function', 'method', 'constructor')}
N_ARGUMENTS = 16  # at least as many as any function has


def call(function: Any) -> int:
    """In a process of its own. Returns the signal that has killed it, or 0."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the criticals
        function(*[None] * N_ARGUMENTS)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def main() -> None:
    _, gir, path = sys.argv[1:]
    os.environ.pop('G_DEBUG', None)  # Criticals are wanted.
    library = ctypes.CDLL(path)
    names = [element.get(C + 'identifier') or '' for element in ElementTree.parse(gir).iter()
             if element.tag in FUNCTIONS]
    failed = [name for name in names if call(getattr(library, name))]
    assert call(ctypes.CDLL(None).strlen)  # The check notices a crash.
    verdict.close([f'{name}() crashes, or never returns' for name in failed],
                  f'{len(names)} functions', 'Check arguments with g_return_if_fail().')


if __name__ == '__main__':
    main()
