# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The fork server: it has loaded installed modules, and is forked for each worker.

A module that would make its forks differ from processes that are executed anew, as by starting a
thread, is left to the workers. When that is found the module has been loaded, so the server begins
again without it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import random
import signal
import sys
import threading
import time

import _gmproc

from . import _code
from ._errors import flush_output
from ._installed import is_among, is_installed_folder, is_source, note_reported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, NoReturn

# Modules that are left out when the server restarts, and those among them that take long to load.
_WITHOUT = 'GMPROC_WARM_WITHOUT'
_SLOW = 'GMPROC_WARM_SLOW'

# A module that is left out and took at least so many seconds is reported.
_LONG = 0.2

# The limit of restarts, so that they end.
_MOST_TROUBLES = 20

# The base class of all files of the module io.
_FILE: type = io.IOBase.__base__  # type: ignore[assignment]

_VARIABLES = {'GMPROC_WORKER': '3', 'GMPROC_WARM_SERVER': '1'}


class _KeptOut(BaseException):
    """Not an Exception, so that code with an optional import does not catch it."""


class _Gate:
    """Stops the import of modules that are to be left out, before all other finders."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> None:
        if name in self.names:
            raise _KeptOut(name)


class _Generators:
    """Random number generators that modules have created and seeded at random: with their state,
    all forks would draw the same numbers. A generator with a seed given by a module keeps it."""

    def __init__(self) -> None:
        self._seeded: set[int] = set()
        self._found: list[Any] = []

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        seed = random.Random.seed

        def note(generator: random.Random, a: Any = None, version: int = 2) -> None:
            seed(generator, a, version)
            (self._seeded.discard if a is None else self._seeded.add)(id(generator))

        random.Random.seed = note  # type: ignore[method-assign]
        try:
            yield
        finally:
            random.Random.seed = seed  # type: ignore[method-assign]

    def find(self) -> None:
        numpy = sys.modules.get('numpy.random')
        bits: Any = numpy.BitGenerator if numpy is not None else ()
        self._found = [each for each in gc.get_objects()
                       if _is_of(each, random.Random) and id(each) not in self._seeded and
                       not _is_of(each, random.SystemRandom) or
                       _is_of(each, bits) and _is_seeded_by_chance(each)]

    def reseed(self) -> None:
        """Called in a fork."""
        for each in self._found:
            if isinstance(each, random.Random):
                each.seed()
            elif type(each).__name__ == 'MT19937':
                # The one of numpy.random itself. A new one would write to a hundred pages more.
                key = memoryview(os.urandom(624 * 4)).cast('I').tolist()
                each.state = {'bit_generator': 'MT19937', 'state': {'key': key, 'pos': 624}}
            else:
                each.state = type(each)().state


class _Pool:
    """The threads of numexpr, which starts them when it is imported, as pandas does. It ends them
    when it is told to use one, and starts them again in each fork.
    """

    def __init__(self) -> None:
        self._n = 1

    def stop(self) -> None:
        numexpr: Any = sys.modules.get('numexpr')
        with contextlib.suppress(Exception):  # it may be in the middle of its import
            self._n = max(self._n, numexpr.set_num_threads(1))

    def start(self) -> None:
        if self._n > 1:
            sys.modules['numexpr'].set_num_threads(self._n)


def _is_of(value: Any, kinds: Any) -> bool:
    """As isinstance(), which may wake a lazy object."""
    return issubclass(type(value), kinds)


def _is_seeded_by_chance(bits: Any) -> bool:
    """For a BitGenerator of numpy: the system's random numbers have 128 bits."""
    sequence = getattr(bits, '_seed_seq', None)
    entropy = getattr(sequence, 'entropy', None)
    if not isinstance(entropy, int) or entropy.bit_length() <= 64:
        return False
    if type(bits).__name__ != 'MT19937':
        return True
    # A RandomState with a given seed stores it as well.
    begun = type(bits)(sequence).state['state']['key']
    return bool((begun == bits.state['state']['key']).all())


_generators = _Generators()
_pool = _Pool()


def _begin_again(without: Iterable[str], slow: Iterable[str]) -> NoReturn:
    """Executes this process again. The application's message is still in the socket."""
    if len(set(without)) > _MOST_TROUBLES:
        raise RuntimeError(f"too many modules cannot be loaded before a fork: {' '.join(without)}")
    os.environ.update(_VARIABLES, **{_WITHOUT: ' '.join(without), _SLOW: ' '.join(slow)})
    os.ftruncate(1, 0)
    os.lseek(1, 0, os.SEEK_SET)
    os.closerange(4, os.sysconf('SC_OPEN_MAX'))
    os.set_inheritable(3, True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    with open('/proc/self/cmdline', 'rb') as file:  # sys.orig_argv is Python 3.10
        command = file.read().split(b'\0')[:-1]
    os.execv(sys.executable, command)


def _find_trouble(name: str, check_fork: Callable[[], None]) -> bool:
    """Loads a module. Returns whether it is one that should not have been loaded."""
    try:
        importlib.import_module(name)
        flush_output()
        _pool.stop()
        check_fork()
    except ModuleNotFoundError as error:
        # Another module has created it, and will create it again.
        return error.name != name
    except (_KeptOut, Exception):
        return True
    return False


def load(what: tuple[list[str], list[str]], check_fork: Callable[[], None],
         rehearse: Callable[[], None]) -> None:
    """Prepares this process to be forked. If it raises an exception, the process is not used."""
    names, fresh = what
    sources = [name for name in names if is_source(name)]
    modules = [name for name in names if not is_source(name)]
    without = os.environ.pop(_WITHOUT, '').split()
    slow = os.environ.pop(_SLOW, '').split()
    gate: Any = _Gate([*fresh, *without])
    sys.meta_path.insert(0, gate)
    check_fork()
    with _generators.watch():
        for name in modules:
            begin = time.monotonic()
            if not is_among(name, gate.names) and _find_trouble(name, check_fork):
                # Importing one imports the package, so only the package can be named.
                package = name.partition('.')[0]
                is_slow = time.monotonic() - begin >= _LONG
                _begin_again([*without, package], [*slow, package] if is_slow else slow)
    sys.meta_path.remove(gate)
    if slow:
        _gmproc.report_slow(slow)
    rehearse()
    _generators.find()
    note_reported([*sys.modules, *names, *gate.names])
    # Its cached folders may be outdated when a worker searches them for the program's own modules.
    for path in list(sys.path_importer_cache):
        if not is_installed_folder(path):
            del sys.path_importer_cache[path]
    _code.compile_sources(sources)
    # All forks share the current objects: collecting them would copy their pages, and so would
    # allocating between them.
    gc.collect()
    _gmproc.fill_gaps()
    gc.freeze()


def begin_worker() -> None:
    """In a fork: replaces the state that it must not share with others."""
    _generators.reseed()
    _pool.start()
    # Python leaves this number as it was, at least up to 3.11.
    set_native_id: Any = getattr(threading.main_thread(), '_set_native_id')
    set_native_id()


def leave(status: int) -> NoReturn:
    """Ends a forked worker without finalizing the interpreter, which would first copy the memory
    that it shares, and take longer than everything else. What a program may rely on at its end
    is done.
    """
    shutdown: Any = getattr(threading, '_shutdown')
    shutdown()
    run_exit_functions: Any = getattr(atexit, '_run_exitfuncs')
    run_exit_functions()
    # The server's objects were frozen, so these belong to the worker. Checking with the abstract
    # class would take ten times as long.
    for each in gc.get_objects():
        if issubclass(type(each), _FILE):
            # Detached files raise here, and so may classes of the program.
            with contextlib.suppress(Exception):
                if not each.closed and each.writable():
                    each.flush()
    flush_output()
    os._exit(status)
