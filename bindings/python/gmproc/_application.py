# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The common part of Workers and ClientServer: options, callbacks, and the signals of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import _gmproc

from . import _main_module
from ._errors import BadPayload, describe_payload_error, flush_output, make_error
from ._gerror import ErrorCode
from ._lock import Lock
from ._options import (CALLBACKS, OPTIONS, check, check_function, convert, get_bool, is_captured,
                       set_defaults)
from ._outcome import Outcome
from ._run import Claims, Job, Run, prepare
from ._task import Setting
from ._worker import derive_seed
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any, Callable, Mapping

# The folders of this package and of its C module: the same folder once they are installed.
_FOLDERS = [os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
            os.path.dirname(os.path.abspath(str(_gmproc.__file__)))]

# The parts of the command, and the lock with which they are changed.
_command: tuple[str, list[str], list[str]] | None = None
_lock = Lock()
os.register_at_fork(after_in_child=_lock._at_fork_reinit)

# Removes the current folder, which -c puts first. Workers can import what the application can
# import.
_BOOT = """\
import sys; sys.path[:] = {path!r}
from gmproc.host import main
if status := main(): sys.exit(status)"""


# True if the program is frozen, and its workers leave it before its main part.
has_freeze_support = False


def make_setting(application: Application) -> Setting:
    """The common data of the workers of a run."""
    try:
        return Setting(get_bool(application, 'import_main'), application.initializer,
                       application.initargs, get_bool(application, 'forward_logs'))
    except BadPayload as reason:
        raise describe_payload_error('The initializer', None, reason) from reason.__cause__


def _list_flags() -> list[str]:
    """The flags of this process's interpreter."""
    from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]

    flags: list[str] = _args_from_interpreter_flags()
    # It leaves out some options of -X, and in Python before 3.12 most.
    known = {flag.partition('=')[0] for flag in flags}
    for name, value in sys._xoptions.items():
        if name not in known:
            flags += ['-X', name if value is True else f'{name}={value}']
    return flags


def set_command() -> None:
    """Workers in Python run in the interpreter of this process, with its flags and ``sys.path``."""
    if not sys.executable:
        return
    global _command
    path = _main_module.search_path()
    if _command == (sys.executable, path, sys.warnoptions):
        return
    parts = sys.executable, list(path), list(sys.warnoptions)
    path += [folder for folder in dict.fromkeys(_FOLDERS) if folder not in path]
    if _main_module.is_frozen():
        if not has_freeze_support:
            raise RuntimeError('This program is frozen, so its workers execute it: call '
                               'gmproc.freeze_support() first in its main part')
        command = [sys.executable]
    else:
        command = [sys.executable, *_list_flags(), '-c', _BOOT.format(path=path)]
    with _lock:
        _gmproc.set_command(command)
        _command = parts


def check_target(target: str, id: Any) -> str:
    """The runtime of a target."""
    runtime, colon, description = target.partition(':')
    if not runtime or not colon or not description:
        raise make_error(ErrorCode.NOT_FOUND,
                         f"'{target}' is not a target: write it as RUNTIME:DESCRIPTION, as in "
                         "'python:module:name' or 'native:libfoo.so:function'", id)
    return runtime


def make_unknown(what: str, name: str, known: Iterable[str]) -> TypeError:
    """The error of an option that there is not."""
    import difflib  # only for misspelled names

    close = difflib.get_close_matches(name, known, 1)
    hint = f': did you mean {close[0]!r}?' if close else ''
    return TypeError(f'{what}() has no option {name!r}{hint}')


def is_option(application: type, name: str) -> bool:
    """True if an attribute of a class of applications is an option."""
    return not name.startswith('_') and hasattr(application, name) and \
        not callable(getattr(application, name))


def list_options(application: type) -> list[str]:
    return [name for name in dir(application) if is_option(application, name)]


def convert_option(application: type[Application], name: str, given: Any, alias: str) -> Any:
    """The value of an option that has another name elsewhere."""
    return convert(alias, given, application._gmproc_kind.list_options()[name])


def choose(ids: Iterable[Any] | None, known: Iterable[Any]) -> list[Any]:
    """The ids of a run."""
    if ids is None:
        return list(known)
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise TypeError(f'run takes a list of ids, as in run([{ids!r}]), not {ids!r}')
    return list(ids)


def run_async(claims: Claims, fill: Callable[[Job], None], cancellable: Any = None
              ) -> asyncio.Task[Any] | Run:
    """A task if asyncio runs in this thread, otherwise a Run."""
    flush_output()
    # Loading it takes longer than this whole package, which workers load too. If it is not loaded,
    # no loop runs.
    if 'asyncio' in sys.modules:
        from . import _asyncio

        loop = _asyncio.get_loop()
        if loop is not None:
            return _asyncio.run(claims, fill, cancellable, loop)
    job = prepare(claims, fill, cancellable)
    try:
        job.check_callbacks()
        return Run(job)
    except BaseException:
        _gmproc.complete(job.abandon)
        raise


class State:
    """The private data of an application, in one attribute."""

    def __init__(self, busy: str) -> None:
        self.claims = Claims(busy)
        self.n_runs = 0
        self._entropy = int.from_bytes(os.urandom(8), 'little')

    def get_seeds(self, seed: Any) -> tuple[Any, ...]:
        """The base of the workers' seeds in this run, to which a worker's index is added."""
        return str(self._entropy if seed is None else seed), self.n_runs

    def derive_seed(self, seed: Any, worker: Any) -> int:
        """A worker's seed in this run, derived from the application's."""
        return derive_seed(*self.get_seeds(seed), worker)


class Application:
    """The options and callbacks of Workers and ClientServer, all of which are keywords too.

    Attributes:
        capture_output: if True, output of workers goes to ``on_output`` only.
        inner_threads: the number of threads that a library such as OpenBLAS or OpenMP starts in a
            worker; with 0 each worker gets an equal share of the processors.
        environment: variables for workers, by name; None as a value removes the variable.
        working_directory: the folder that workers start in.
        launcher: where workers run: ``'local'`` for this machine, ``'slurm'`` or ``'command:...'``
            for others; None for what the environment variable ``GMPROC_LAUNCHER`` says.
        memory_limit: the limit on a worker's private memory in bytes; an allocation beyond it
            raises MemoryError. 0 means no limit, here and below.
        cpu_time_limit: the processor time in seconds that a worker may use in a run.
        open_files_limit: the limit on a worker's file descriptors; gmproc uses about ten of them.
        value_size_limit: the largest size of a request, a response or a result in bytes.
        nice: the nice increment of workers, added to the application's nice value.
        affinity: the processors that workers run on, as numbers; None for all.
        priority: the priority of the run's sources in a GLib main loop; by default lower than that
            of redrawing in GTK.
        startup_timeout: the seconds that a process may take until its function or `start` begins.
        run_timeout: the seconds that a worker may take for a run.
        request_timeout: the seconds that a client waits for an answer.
        turn_timeout: the seconds that a client may take from a response to its next request.
        stop_grace: the seconds from the cancellation of a worker to SIGTERM.
        kill_grace: the seconds from there to SIGKILL.
        restart: which workers are restarted: ``'never'``, ``'on-failure'``, or ``'always'``.
        max_restarts: the number of restarts of each worker within ``restart_period``.
        restart_period: in seconds; 0 for the whole run.
        resend_requests: if True, a client whose server is restarted sends its unanswered request
            again; otherwise it fails.
        fresh_modules: names of installed modules that each worker imports anew. Others, such as
            numpy, are loaded once, in a process that is then forked for each worker; the program's
            own modules are executed in each. The environment variable ``GMPROC_FRESH_MODULES`` has
            more names, separated by commas.
        warm_start: if True, workers may be forks of such a process; with False each starts a new
            Python, which takes about twenty times as long. The environment variable
            ``GMPROC_WARM=0`` is False for all objects.
        initializer: called first in each process, with the arguments ``initargs``, for example to
            set up a framework.
        initargs: see ``initializer``.
        import_main: if True, workers import the main module. With False it needs no guard; its
            functions and classes are sent by value, which needs cloudpickle.
        forward_logs: if True, records of Python's logging reach the loggers of the application, if
            it has configured logging. They have the attribute ``worker_id``.
        seed: makes ``worker_seed()`` the same in each run of the program; None for different
            numbers each time.
        on_result: called as ``on_result(id, value)`` when a worker has returned.
        on_failed: called as ``on_failed(id, error)``, with a WorkerError, when a worker has failed.
            Without it, a message on standard error reports the death of a worker while others
            continue.
        on_restarted: called as ``on_restarted(id, error)`` when a worker is restarted, with a
            WorkerError, or None if it had finished.
        on_progress: called as ``on_progress(id, value)`` when a worker calls ``report(value)``.
        on_output: called as ``on_output(id, stream, line)`` with each line that a worker prints,
            where ``stream`` is ``'stdout'`` or ``'stderr'``. Setting it captures the output.
            ``get_node(id)`` is the machine that the worker is on.

    Callbacks are called in the thread that runs, on asyncio's in that of its loop. An exception
    that one raises ends the run, and comes out of it as it is.
    """

    # Options of the C library, which has their defaults: see _options.
    capture_output: bool
    inner_threads: int
    environment: Mapping[str, str | None] | None
    working_directory: str | os.PathLike[str] | None
    launcher: str | None
    memory_limit: int
    cpu_time_limit: float
    open_files_limit: int
    value_size_limit: int
    nice: int
    affinity: str | Iterable[int] | None
    priority: int
    startup_timeout: float
    run_timeout: float
    request_timeout: float
    turn_timeout: float
    stop_grace: float
    kill_grace: float
    restart: str
    max_restarts: int
    restart_period: float
    resend_requests: bool
    fresh_modules: Iterable[str]
    warm_start: bool

    # Options of this package.
    initializer: Callable[..., Any] | None = None
    initargs: Iterable[Any] = ()
    import_main: bool = True
    forward_logs: bool = True
    seed: Any = None
    on_result: Callable[[Any, Any], Any] | None = None
    on_failed: Callable[[Any, WorkerError], Any] | None = None
    on_restarted: Callable[[Any, WorkerError | None], Any] | None = None
    on_progress: Callable[[Any, Any], Any] | None = None
    on_output: Callable[[Any, str, str], Any] | None = None

    # All private data, created by __new__ because subclasses may forget super().__init__().
    _gmproc: Any
    # The kind of C objects that has the options; None in this class.
    _gmproc_kind: Any

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name, value in vars(cls).items() if cls._gmproc_kind is not None else ():
            if not hasattr(value, '__get__'):
                check(cls._gmproc_kind, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OPTIONS:  # Programs set their own attributes for each request.
            value = check(self._gmproc_kind, name, value)
        super().__setattr__(name, value)

    def get_node(self, id: Any) -> str | None:
        """The name of the node that a worker runs on, for callbacks such as ``on_output``.

        Args:
            id: the worker's, or ``'server'``.

        Returns:
            None if it is this machine, or the worker is not running. A failure has it as
            ``WorkerError.node``.
        """
        return self._gmproc.claims.get_node(id)

    def _set_options(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            if not is_option(type(self), name):
                raise make_unknown(type(self).__qualname__, name, list_options(type(self)))
            setattr(self, name, value)


set_defaults(Application)


def keep_result(application: Application, job: Job, use: Callable[[Any, Any], Any] | None
                ) -> Callable[[Any, Any], None]:
    """How to take a result: ``use`` may refuse it, and then the user's callback gets it."""
    def take(name: Any, value: Any) -> None:
        job.outcome.take_result(name, value, use)
        if not job.outcome.has_error(name):
            id = job.outcome.get_id(name)
            job.notify(application.on_result, id, job.outcome.results[id])
    return take


def connect(application: Application, native: Any, job: Job, outcome: Outcome,
            take_result: Callable[[Any, Any], None],
            forgive: Callable[[Any, Any], bool] | None = None, methods: Iterable[str] = (),
            take_turn: Callable[[Any, Any], None] | None = None) -> None:
    """Connects the C object's signals to an outcome and to the user's callbacks. A failure that
    ``forgive`` has handled does not count. Without a callback for failures, the C library logs the
    death of a worker. ``methods`` are methods of the application that are called too."""
    outcome.native = native
    job.callbacks = {name: getattr(application, name) for name in (*CALLBACKS, *methods)
                     if getattr(application, name) is not None}
    for name, callback in job.callbacks.items():
        check_function(name, callback)
    outcome.reports_failures = application.on_failed is not None or forgive is not None

    def on_result(name: Any, value: Any) -> None:
        take_result(name, value)
        if outcome.has_error(name):
            job.notify(application.on_failed, outcome.get_id(name), outcome.get_error(name))

    def on_failed(name: Any, error: Any) -> None:
        if forgive is not None and forgive(name, error):
            return
        outcome.take_failure(name, error)
        job.notify(application.on_failed, outcome.get_id(name), outcome.get_error(name))

    def on_restarted(name: Any, report: Any) -> None:
        error = outcome.make_error(name, report['error'], report) if report is not None else None
        outcome.begin_again(name, report)
        job.notify(application.on_restarted, outcome.get_begun_id(name), error)

    def on_progress(name: Any, value: Any) -> None:
        if outcome.take_notice(name, value):
            return
        takers = [application.on_progress]
        if isinstance(native, _gmproc.ClientServer):
            takers.insert(0, application.update)  # type: ignore[attr-defined]
        loaded = outcome.load_progress(name, value)
        for taker in takers:
            job.notify(taker, *loaded)

    def on_output(name: Any, stream: Any, line: str) -> None:
        job.notify(application.on_output, outcome.get_id(name), stream, line)

    handlers: dict[str, Callable[..., None]] = {'result': on_result, 'progress': on_progress}
    if take_turn is not None:
        handlers['turn'] = take_turn
    if outcome.reports_failures:
        handlers['failed'] = on_failed
    if application.restart != 'never':
        handlers['restarted'] = on_restarted
    if is_captured(application):
        handlers['output'] = on_output
    for signal, handler in handlers.items():
        native.connect(signal, handler, job.catch)
