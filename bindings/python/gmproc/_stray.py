# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Modules that the application has from somewhere else than ``sys.path``.

A plug-in was loaded by its file, or the folder that a module came from is no longer on the path. A
worker finds such modules by their files.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from types import ModuleType

import _gmproc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

# By name: the file, and the folders of a package; no file for a namespace package.
Files = dict[str, 'tuple[str | None, list[str] | None]']

_SUFFIXES = tuple(importlib.machinery.all_suffixes())

# The last result, and the modules, by their names, and the path for which it is valid.
_found: tuple[Files, list[str], list[ModuleType], list[str]] = ({}, [], [], [])


def describe() -> Files:
    global _found
    files, names, modules, path = _found
    if not _gmproc.have_items(sys.modules, names, modules) or path != sys.path:
        items, path = list(sys.modules.items()), list(sys.path)
        files = _find()
        _found = (files, [name for name, _module in items], [module for _name, module in items],
                  path)
    return files


def _find() -> Files:
    folders = {os.path.abspath(each) for each in sys.path}
    files: Files = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, '__file__', None)
        if name in ('__main__', '__mp_main__') or getattr(module, '__name__', None) != name or \
                file is not None and not (isinstance(file, str) and file.endswith(_SUFFIXES)):
            continue
        path = _get_path(module)
        # PyGObject's modules have the file of their typelib as their path, and an importer.
        if file is None and not any(map(os.path.isdir, path or ())):
            continue
        if not _is_found(name, file, path, folders):
            files[name] = os.path.abspath(file) if file is not None else None, path
    for name in list(files):
        _add_parents(name, files)
    return files


def _get_path(module: ModuleType | None) -> list[str] | None:
    """The folders of a package; None for other modules."""
    try:
        return [os.path.abspath(each) for each in module.__path__]  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        return None


def _is_found(name: str, file: str | None, path: list[str] | None, folders: set[str]) -> bool:
    """True if an import finds a module by the path of its package, or by ``sys.path``."""
    inside = [file] if file is not None else path or []
    if file is not None and path is not None and os.path.basename(file).startswith('__init__.'):
        inside = [os.path.dirname(file)]
    parent, dot, _last = name.rpartition('.')
    where = set(_get_path(sys.modules.get(parent)) or ()) if dot else folders
    return any(os.path.dirname(os.path.abspath(each)) in where for each in inside)


def _add_parents(name: str, files: Files) -> None:
    """A package without a file, such as a test runner creates, cannot be imported."""
    parent = name.rpartition('.')[0]
    while parent:
        module = sys.modules.get(parent)
        if getattr(module, '__file__', None) is None and not _get_path(module):
            files.setdefault(parent, (None, []))
        parent = parent.rpartition('.')[0]


class _Finder:
    """Finds the application's modules by their files, before all other finders, because another
    module of the same name may be on the path.
    """

    def __init__(self) -> None:
        self.files: Files = {}

    def find_spec(self, name: str, _path: Sequence[str] | None = None,
                  _target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self.files:
            return None
        file, folders = self.files[name]
        if file is None:
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = folders
            return spec
        if not os.path.exists(file):
            raise ModuleNotFoundError(f"No module named {name!r}: the application has loaded it "
                                      f"from '{file}', which no longer exists",
                                      name=name, path=file)
        from importlib import util

        return util.spec_from_file_location(name, file,
                                                      submodule_search_locations=folders)


_finder = _Finder()


def restore(files: Files) -> None:
    """Makes imports in this process find the application's modules."""
    finder: Any = _finder
    _finder.files = files
    for name, (file, _folders) in files.items():
        loaded = getattr(sys.modules.get(name), '__file__', None)
        if file is not None and loaded is not None and os.path.abspath(loaded) != file:
            del sys.modules[name]  # another module, from an earlier run or from the path
    if files and finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
