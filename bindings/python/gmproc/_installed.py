# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Which modules a process loads that is started once, and then forked for each worker.

These are installed ones: they take the time, and are the same for all. The program's own modules
are executed in each worker, so that what they make when they are imported is each worker's own, and
an edited one is loaded as it is now. The process compiles those that Python has no bytecode of.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
from operator import is_
from types import BuiltinFunctionType, FunctionType

import _gmproc

from ._lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AbstractSet, Any, Iterable

# Modules that an application has loaded, and that its workers will probably need to read their
# parameters.
_COMMON = 'numpy', 'cloudpickle', 'logging'

# Of PyGObject. Each worker itself loads the others, which have windows and connections.
_OF_GLIB = {'gi', 'gi.repository.GLib', 'gi.repository.GObject', 'gi.repository.Gio'}

# Packages that are never reloaded, although they may be in a clone and not installed.
_LIBRARY = {'gmproc', '_gmproc'}

# A module's variables that the import system sets.
_OF_IMPORT = {'__loader__', '__spec__'}

_SITES = {'site-packages', 'dist-packages'}

# Modules that need not be reported to the application.
_reported: set[str] = set()


@functools.cache
def _standard_folders() -> tuple[str, ...]:
    if not hasattr(os, '__file__'):
        return ()  # a program that cx_Freeze has frozen, and that has no warm processes
    # As sysconfig has them, which takes milliseconds to load.
    folder = os.path.dirname(os.__file__)
    native = os.path.join(sys.base_exec_prefix, sys.platlibdir, os.path.basename(folder))
    return tuple(os.path.join(path, '') for path in {*map(os.path.realpath, (folder, native))})


@functools.lru_cache(maxsize=None)
def _is_installed_path(path: str) -> bool:
    """An editable installation is in the place of its source, so it is the program's own."""
    path = os.path.realpath(path)
    return not _SITES.isdisjoint(path.split(os.sep)) or path.startswith(_standard_folders())


def _get_variables(module: Any) -> dict[str, Any]:
    """Does not wake a module that loads itself at its first use."""
    try:
        variables = object.__getattribute__(module, '__dict__')
    except AttributeError:
        return {}
    return variables if isinstance(variables, dict) else {}


def is_installed(module: Any) -> bool:
    """True if a module belongs to Python or is in a folder of installed packages."""
    variables = _get_variables(module)
    path = variables.get('__file__')
    if isinstance(path, str):
        return _is_installed_path(path)
    return getattr(variables.get('__spec__'), 'origin', None) in ('built-in', 'frozen')


def is_own(module: Any) -> bool:
    """True if a module belongs to the program: a file elsewhere, or ``__main__``."""
    variables = _get_variables(module)
    return module is sys.modules.get('__main__') or \
        isinstance(variables.get('__file__'), str) and not is_installed(module)


def find_source(module: Any) -> str | None:
    """The path of a module of the program that Python compiles each time."""
    if not is_own(module):
        return None
    variables = _get_variables(module)
    path, spec = variables.get('__file__'), variables.get('__spec__')
    is_main = variables.get('__name__') in ('__main__', '__mp_main__')
    if not isinstance(path, str) or not path.startswith('/') or not path.endswith('.py'):
        return None
    cached = getattr(spec, 'cached', None) if not is_main else None
    path = os.path.normpath(path)
    return path if cached is None or not os.path.exists(cached) else None


def is_source(name: str) -> bool:
    """True if an entry for a fork server is such a path, not the name of a module."""
    return name.startswith('/')


def is_among(name: str, names: AbstractSet[str]) -> bool:
    """True if a module is one of those, or in such a package."""
    return name in names or '.' in name and is_among(name.rpartition('.')[0], names)


def is_installed_folder(path: str) -> bool:
    return _is_installed_path(os.path.join(path, '_'))


def _get_home(value: Any) -> str:
    """The name of the module of a class, a function, or an object's class. A lazy object is not
    woken, as by isinstance(), and a class may have a metaclass with a __getattribute__."""
    kind = type(value)
    if issubclass(kind, (FunctionType, BuiltinFunctionType)):
        return str(value.__module__)
    return str(type.__getattribute__(value if issubclass(kind, type) else kind, '__module__'))


def _find_used() -> set[str]:
    """The names of modules that the program's own modules refer to, with what was loaded of a
    package besides, for ``import a.b`` refers to ``a``."""
    names = {id(module): name for name, module in list(sys.modules.items())}
    packages: set[str] = set()
    used = {name for name in _COMMON if name in sys.modules}
    for name, module in list(sys.modules.items()):
        if not is_own(module) or is_among(name, _LIBRARY):
            continue
        for variable, value in list(_get_variables(module).items()):
            if variable in _OF_IMPORT or not variable.isidentifier():
                continue  # What loads modules, such as pytest, has set it.
            if id(value) in names:
                packages.add(names[id(value)])
            else:
                used.add(_get_home(value))
    return used | {name for name in list(sys.modules) if is_among(name, packages)}


class _Choice:
    """What was found at the last look, which is worth another when modules were loaded since.

    Attributes:
        reloaded: the installed modules that were loaded anew.
        n_reloads: how often it was seen that modules of the program's own were loaded anew.
        own: the specs of these modules by name, those included that are gone.
    """

    def __init__(self) -> None:
        self.specs: dict[str, Any] = {}
        self.reloaded: set[str] = set()
        self.n_reloads = 0
        self.own: dict[str, Any] = {}
        # For a quick check: all modules, the variables of the watched ones, and their specs.
        self._names: list[str] = []
        self._all: list[Any] = []
        self._watched: list[dict[str, Any]] = []
        self._had: list[Any] = []

    def look(self) -> None:
        with _lock:
            self._look()

    def _look(self) -> None:
        if not self._all:
            # A run loads these. Loaded later, they would make a second look necessary.
            import subprocess  # noqa: F401

            from . import _multiprocessing  # noqa: F401
        modules = sys.modules
        if _gmproc.have_items(modules, self._names, self._all) and \
                _gmproc.have_same(self._watched, '__spec__', self._had):
            return
        # Reloading a module changes it: each worker then loads its current version itself.
        changed = {name for name, spec in self.specs.items()
                   if getattr(modules.get(name), '__spec__', None) is not spec}
        self.reloaded |= changed
        items = list(modules.items())
        self._names = [name for name, _module in items]
        self._all = [module for _name, module in items]
        self.specs = {name: getattr(module, '__spec__', None)
                      for name, module in list(modules.items()) if is_shared(name)}
        self._look_at_own()
        specs = {**self.specs, **self.own}
        watched = [_get_variables(modules.get(name)) for name in specs]
        self._watched = [each for each in watched if each.get('__spec__') is not None]
        self._had = [each['__spec__'] for each in self._watched]
        used = _find_used()
        sources = filter(None, map(find_source, self._all))
        _gmproc.add_modules([*(name for name in self.specs if name in used), *sources])

    def _look_at_own(self) -> None:
        own = {name: module.__spec__ for name, module in list(sys.modules.items())
               if is_own(module) and getattr(module, '__spec__', None) is not None}
        if any(self.own.get(name, spec) is not spec for name, spec in own.items()):
            self.n_reloads += 1
        self.own.update(own)


_choice = _Choice()
# Runs may begin in several threads at the same time, and in the handler of a signal.
_lock = Lock()
os.register_at_fork(after_in_child=_lock._at_fork_reinit)


def get_n_reloads() -> int:
    """How often reloads of the program's own modules were noticed. Kept processes have the old
    versions.
    """
    return _choice.n_reloads


def _list_loggers() -> list[Any]:
    logging: Any = sys.modules.get('logging')
    root = getattr(logging, 'root', None)
    return [root, *(each for each in list(root.manager.loggerDict.values())
                    if isinstance(each, logging.Logger))] if root else []


class Watch:
    """The state of this program that workers have. Checking for changes is fast, or nearly so."""

    def __init__(self) -> None:
        _choice.look()
        self.n_reloads = _choice.n_reloads
        self._names = [name for name in list(_choice.own) if name in sys.modules and
                       not is_among(name, _LIBRARY)]
        self._specs = self._get_specs()
        self._loggers = [vars(each) for each in _list_loggers()]
        self._levels = [each['level'] for each in self._loggers]
        self._state = self._get_state()

    def is_right(self) -> bool:
        return self._get_state() == self._state and \
            _gmproc.have_same(self._loggers, 'level', self._levels) and \
            all(map(is_, self._get_specs(), self._specs))

    def _get_specs(self) -> list[Any]:
        # Specs of the same file are equal. Compared objects are kept, because a new one could have
        # the id of one that was freed.
        return [getattr(sys.modules.get(name), '__spec__', None) for name in self._names]

    def _get_state(self) -> Any:
        logging: Any = sys.modules.get('logging')
        root = getattr(logging, 'root', None)
        return (len(sys.modules), list(sys.path), list(sys.argv),
                (list(root.handlers), root.manager.disable, len(root.manager.loggerDict),
                 getattr(logging, '_warnings_showwarning', None)) if root else None)


def is_shared(name: str) -> bool:
    """True if a fork server may load the module."""
    if is_among(name, _LIBRARY):
        return name in sys.modules
    if is_among(name, {'gi'}):
        return name in _OF_GLIB and name in sys.modules
    return is_installed(sys.modules.get(name))


def choose_fresh(names: Iterable[str]) -> list[str] | None:
    """Sets the modules that a fork server loads; returns those that it must not load."""
    from_environment = (_gmproc.getenv('GMPROC_FRESH_MODULES') or '').replace(',', ' ').split()
    with _lock:
        _choice.look()
        return sorted({*names, *from_environment, *_choice.reloaded}) or None


def note_reported(names: Iterable[str]) -> None:
    _reported.update(names)


def _list_fresh() -> list[str]:
    """The modules that were loaded last. Checking all would copy the pages with their names, which
    a fork shares with its server.
    """
    fresh = list(itertools.takewhile(lambda name: name not in _reported, reversed(sys.modules)))
    fresh.reverse()
    return fresh


def report_modules() -> None:
    """In a worker, before it runs and when it has loaded more: reports the modules that its fork
    server does not have.
    """
    fresh = _list_fresh()
    modules = [sys.modules.get(name) for name in fresh]
    names = [name for name in fresh if is_shared(name)]
    names += [path for path in map(find_source, modules) if path and path not in _reported]
    _reported.update(fresh, names)
    if names:
        _gmproc.report_modules(names)
