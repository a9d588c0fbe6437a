# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Errors, on their way between processes and to the user."""

from __future__ import annotations

import functools
import os
import sys
import types

import _gmproc

from ._gerror import ERROR_DOMAIN, ErrorCode, GError, is_death, is_gerror, make_gerror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence, TypeVar

    _Function = TypeVar('_Function', bound=Callable[..., Any])

_FOLDER = os.path.dirname(os.path.abspath(__file__))

# Files whose frames do not help users: gmproc's, and those that import a program's main module.
_MACHINERY = tuple(os.path.join(os.path.dirname(os.__file__), name)
                   for name in ('runpy.py', 'multiprocessing/spawn.py'))


class BadPayload(Exception):
    """A value that cannot be sent or read; it becomes GMP_ERROR_BAD_PAYLOAD with a context."""


class WorkerError(RuntimeError):
    """A worker failed, or could not be asked to work.

    Its text names the worker, its process and the cause, with the worker's traceback if its code
    raised an exception. Its ``__cause__`` is that exception, with those that it was raised from, if
    it can be rebuilt in this process; a GError if C code failed with its own error domain; or the
    exception of pickle for a value that cannot be sent.

    Attributes:
        id: the worker's id; ``'server'`` for a server; None if no single worker failed.
        results: the results of the other workers of the run, by id.
        errors: a WorkerError for each worker that failed, by id.
        error: the GError below it, with the domain and code that every language sees, or None.
        pid: the worker's process; None if it was not started.
        node: the machine that it ran on; None for this one.
        exit_status: the exit status of the process; None if it was killed, or still runs.
        signal: the signal that killed it, or None.
        out_of_memory: True if the kernel has killed it for lack of memory, as far as can be
            determined.
        run_time: its run time in seconds, or None.
        peak_memory: its peak memory in bytes; None if that is not known.
        n_restarts: the number of its restarts.
        last_lines: the last lines that it wrote to standard error.
    """

    pid: int | None = None
    node: str | None = None
    exit_status: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    run_time: float | None = None
    peak_memory: int | None = None
    n_restarts: int = 0
    last_lines: Sequence[str] = ()

    def __init__(self, message: str, id: Any = None, error: GError | None = None) -> None:
        super().__init__(message)
        self.id = id
        self.results: dict[Any, Any] = {}
        self.error = error
        self._others: list[WorkerError] = []

    @property
    def errors(self) -> dict[Any, WorkerError]:
        return {each.id: each for each in (self, *self._others)}

    def _describe(self, failure: dict[str, Any] | None) -> None:
        if failure is None:
            return
        self.pid = failure['pid'] or None
        self.node = failure['node'] or None
        self.exit_status = failure['exit_status'] if failure['exit_status'] >= 0 else None
        self.signal = failure['signal'] or None
        self.out_of_memory = failure['out_of_memory']
        self.run_time = failure['run_time'] if self.pid is not None else None
        self.peak_memory = failure['peak_memory'] or None
        self.n_restarts = failure['n_restarts']
        self.last_lines = failure['last_lines']

    def _complete(self, results: dict[Any, Any], others: list[WorkerError]) -> None:
        self.results = results
        self._others = others


class WorkerTimeout(WorkerError, TimeoutError):
    """A worker took longer than one of the limits on time."""


# Makes tracebacks show the names that programs use.
WorkerError.__module__ = WorkerTimeout.__module__ = 'gmproc'


def make_worker_error(name: Any, id: Any, error: GError) -> WorkerError:
    """The WorkerError for an error of the C library, which names a worker as the wire does."""
    if id != name:
        message = error.message.replace(f"'{name}'", repr(id), 1)
        error = GError(message, error.domain, error.code)
    return _find_class(error)(error.message, id, error)


def _find_class(error: GError) -> type[WorkerError]:
    if error.matches(ERROR_DOMAIN, ErrorCode.TIMED_OUT):
        return WorkerTimeout
    if is_death(error):
        # Loading the module of its base class takes several milliseconds.
        from ._died import WorkerDied

        return WorkerDied
    return WorkerError


def make_error(code: int, message: str, id: Any = None) -> WorkerError:
    """A WorkerError without a worker that failed."""
    return make_worker_error(id, id, make_gerror(code, message))


def describe_payload_error(what: str, id: Any, reason: BadPayload) -> WorkerError:
    return make_error(ErrorCode.BAD_PAYLOAD, f'{what} cannot be sent: {reason}', id)


def is_own_frame(filename: str) -> bool:
    return os.path.dirname(filename) == _FOLDER or filename in _MACHINERY or \
        filename.startswith('<frozen ')


def without_own_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback without the frames of this package, unless the package is being debugged."""
    if _gmproc.getenv('GMPROC_DEBUG') is not None:
        return trace
    entries = []
    while trace is not None:
        if not is_own_frame(trace.tb_frame.f_code.co_filename):
            entries.append(trace)
        trace = trace.tb_next
    rest = None
    for entry in reversed(entries):
        rest = types.TracebackType(rest, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return rest


def check_whole(name: str, value: Any) -> None:
    """Raises an error with the argument's name unless the value is a whole number."""
    if not hasattr(value, '__index__'):
        raise TypeError(f'{name} is a whole number, not {value!r}')


def trim(exception: BaseException) -> BaseException:
    """Removes the frames of this package from an exception and its causes."""
    pending: list[BaseException | None] = [exception]
    seen = set()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = without_own_frames(each.__traceback__)
        pending += [each.__cause__, each.__context__]
    return exception


def public(function: _Function) -> _Function:
    """For public methods: their exceptions show the user's frames, not this package's."""
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            raise trim(error)
    return call  # type: ignore[return-value]


def _valid(text: str) -> str:
    return text.encode('utf-8', 'replace').decode('utf-8').replace('\0', '\\0')


def to_gerror(exception: BaseException) -> GError:
    """An exception as other languages see it: its text and its traceback.

    A GError keeps its domain and code; others are GMP_ERROR_FAILED.
    """
    if isinstance(exception, BadPayload):
        return make_gerror(ErrorCode.BAD_PAYLOAD, _valid(str(exception)))
    trim(exception)
    import traceback  # which loads slowly and is rarely needed

    trace = ''.join(traceback.format_exception(
        type(exception), exception, exception.__traceback__)).rstrip('\n')
    if is_gerror(exception):
        error: Any = exception
        return GError(_valid(f'{error.message}\n\n{trace}'), error.domain, error.code)
    first = ''.join(traceback.format_exception_only(type(exception), exception)).rstrip('\n')
    text = first if exception.__traceback__ is None else f'{first}\n\n{trace}'
    return make_gerror(ErrorCode.FAILED, _valid(text))


def flush_output() -> None:
    """Flushes output, so that a worker's output appears before its result."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
