# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The program's own modules, compiled once in the fork server and executed in each worker.

Python compiles the main module each time, and others where it has no bytecode of them. A worker
still reads each source, and compiles it if it is not the one that the server has compiled: an
edited module is executed as it is now.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import sys
import time
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

# The seconds that a server may spend on this. Until it is ready, workers start cold.
TIME_LIMIT = 1.0

# By path: the source and its code.
_compiled: dict[Any, tuple[bytes, Any]] = {}


def _compile(path: str) -> None:
    with open(path, 'rb') as file:
        source = file.read()
    with warnings.catch_warnings():
        # Each worker prints its own warnings.
        warnings.simplefilter('error')
        _compiled[path] = source, compile(source, path, 'exec', dont_inherit=True)


def _find(path: Any, source: Any) -> Any:
    known, code = _compiled.get(path, (None, None))
    return code if source == known else None


def load(path: str) -> Any:
    """The code of a source file, as the file is now."""
    with open(path, 'rb') as file:
        source = file.read()
    code = _find(path, source)
    return code if code is not None else compile(source, path, 'exec', dont_inherit=True)


def rehearse() -> None:
    """Executes a file and imports it, as workers do with the main module and others."""
    name = f'{__package__}._nothing'
    sys.modules.pop(name, None)
    path: Any = importlib.import_module(name).__file__
    with contextlib.suppress(OSError):
        if path not in _compiled:
            _compile(path)
        exec(load(path), {})


def _hook() -> None:
    """Makes Python look here before it compiles the source of a module."""
    loader: Any = importlib.machinery.SourceFileLoader
    source_to_code = loader.source_to_code

    def find_or_compile(self: Any, source: Any, path: Any, **options: Any) -> Any:
        code = _find(path, source)
        return code if code is not None else source_to_code(self, source, path, **options)

    loader.source_to_code = find_or_compile


def compile_sources(paths: Iterable[str]) -> None:
    """In the fork server. Sources that cannot be compiled are left to the workers."""
    deadline = time.monotonic() + TIME_LIMIT
    for path in paths:
        if time.monotonic() > deadline:
            break
        with contextlib.suppress(OSError, SyntaxError, ValueError, Warning):
            _compile(path)
    if _compiled:
        _hook()
