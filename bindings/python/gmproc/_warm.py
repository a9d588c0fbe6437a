# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a process loads that is started once, and then forked for each worker.

That is the application's ``__main__``, with all that it imports, and the modules of the functions
and classes that workers run. A worker finds there what it would have imported itself.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import pickle
import random
import sys
import threading
from typing import Any, Callable, Iterable, Iterator, NoReturn

import _gmproc
from gi.repository import GLib, Gmp

from . import _main_module
from ._errors import flush_output

# What an application has loaded, and its workers will most likely need to read their parameters.
_COMMON = 'numpy', 'cloudpickle', 'logging'


class _KeptOut(BaseException):
    """No Exception, so that code that does without a module does not catch it."""


class _Unfit(Exception):
    """Forks of this process would not be what freshly started processes are."""


def fresh_modules(names: Iterable[str]) -> set[str]:
    """The modules that are loaded in each worker anew, those of the environment included."""
    return {*names, *(_gmproc.getenv('GMPROC_FRESH_MODULES') or '').replace(',', ' ').split()}


def describe(works: Iterable[Any], fresh: Iterable[str], import_main: bool) -> GLib.Variant:
    """What load() needs."""
    main = _main_module.describe(import_main)
    common = [name for name in _COMMON if name in sys.modules]
    names = {getattr(work, '__module__', None) or '' for work in works}
    names -= {'', '__main__', '__mp_main__'}
    described = main, common, sorted(names), sorted(fresh_modules(fresh))
    return GLib.Variant.new_from_bytes(GLib.VariantType('ay'), GLib.Bytes(pickle.dumps(described)),
                                       True)


class _Gate:
    """Stops the import of modules that are to be kept out, before all other finders."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> None:
        if name in self.names:
            raise _KeptOut(name)


@contextlib.contextmanager
def _gate(names: Iterable[str]) -> Iterator[None]:
    gate: Any = _Gate(names)
    sys.meta_path.insert(0, gate)
    try:
        yield
    finally:
        sys.meta_path.remove(gate)


def _generators() -> set[int]:
    """Generators of random numbers: those that are shared would give all workers the same."""
    kinds: tuple[type, ...] = (random.Random,)
    numpy = sys.modules.get('numpy')
    if numpy is not None:
        kinds += numpy.random.Generator, numpy.random.RandomState, numpy.random.BitGenerator
    return {id(each) for each in gc.get_objects()
            if isinstance(each, kinds) and not isinstance(each, random.SystemRandom)}


def _import(names: Iterable[str]) -> None:
    for name in names:
        # Where a worker cannot import it either, that is the worker's error.
        with contextlib.suppress(_KeptOut, ImportError):
            importlib.import_module(name)


def load(what: GLib.Variant, rehearse: Callable[[], None]) -> None:
    """Makes this process ready to be forked; where it raises, it is not used."""
    main, common, names, fresh = pickle.loads(what.get_data_as_bytes().get_data())
    with _gate(fresh):
        sys.path[:] = main['sys_path']
        _import(common)
        before = _generators()
        _import(names)
        # A main module that needs what is kept out is imported by the workers themselves.
        with contextlib.suppress(_KeptOut):
            _main_module.restore(main)
        if _generators() - before:
            raise _Unfit('a module makes a generator of random numbers')
    rehearse()
    # What is here now is for all: collecting it would copy the pages it lies on.
    gc.collect()
    gc.freeze()


def leave(status: int) -> NoReturn:
    """Ends a forked worker, without taking apart what it shares with others: that would copy it all
    first, and takes longer than all the rest. What a program can count on at its end is done."""
    shutdown: Any = getattr(threading, '_shutdown')
    shutdown()
    run_exit_functions: Any = getattr(atexit, '_run_exitfuncs')
    run_exit_functions()
    # What the server had made was frozen, so these are the worker's own.
    for each in gc.get_objects():
        if isinstance(each, io.IOBase) and not each.closed and each.writable():
            with contextlib.suppress(Exception):
                each.flush()
    flush_output()
    os._exit(status)


def set_preload(works: Iterable[Any], fresh: Iterable[str], import_main: bool) -> None:
    """Tells the C library what load() is to be given."""
    Gmp.runtime_set_preload('python', describe(works, fresh, import_main))
