# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Errors, on their way between processes and to the user."""

from __future__ import annotations

import _signal  # the module signal wraps everything in enums
import functools
import os
import sys
import types

import _gmproc

from ._gerror import ERROR_DOMAIN, ErrorCode, GError, is_death, is_gerror, make_gerror
from ._worker_error import WorkerError, WorkerTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    _Function = TypeVar('_Function', bound=Callable[..., Any])

_FOLDER = os.path.dirname(os.path.abspath(__file__))

# Files whose frames do not help users: gmproc's, and those that import a program's main module.
# In a program that cx_Freeze has frozen, Python's modules have no files.
_MACHINERY = tuple(os.path.join(os.path.dirname(getattr(os, '__file__', '')), name)
                   for name in ('runpy.py', 'multiprocessing/spawn.py'))


# Attributes of an exception, by the descriptor: its own __getattribute__ may be the program's and
# raise, as may that of its class. For the same reason, issubclass() replaces isinstance() here.
_trace, _cause, _context = (BaseException.__dict__[name]
                            for name in ('__traceback__', '__cause__', '__context__'))


class BadPayload(Exception):
    """A value that cannot be sent or read; it becomes GMP_ERROR_BAD_PAYLOAD with a context.

    Attributes:
        part: what the value is to a worker, if that is known: its parameters, for example.
    """

    part = ''


def is_bad_payload(exception: BaseException) -> bool:
    return issubclass(type(exception), BadPayload)


def get_label(id: Any) -> str:
    """An id in messages of the C library."""
    return str(id).encode('utf-8', 'replace').decode().replace('\0', '?')


def make_worker_error(name: Any, id: Any, error: GError) -> WorkerError:
    """The WorkerError for an error of the C library, which names a worker as the wire does, or by
    its label."""
    if id != name:
        message = error.message
        for each in dict.fromkeys((str(name), get_label(id))):
            message = message.replace(f"'{each}'", repr(id), 1)
        error = GError(message, error.domain, error.code)
    return _find_class(error)(error.message, id, error)


def _find_class(error: GError) -> type[WorkerError]:
    if error.matches(ERROR_DOMAIN, ErrorCode.TIMED_OUT):
        return WorkerTimeout
    return get_died() if is_death(error) else WorkerError


def load_late(module: str) -> Any:
    """A module that loads slowly, and is rarely needed. None if it cannot be loaded, for example
    because the program has no descriptor left."""
    try:
        import importlib  # not needed otherwise

        return importlib.import_module(module, __package__)
    except Exception as error:
        if is_of_signal(error):
            raise
        return None


def get_died() -> type[WorkerError]:
    """WorkerDied, or its base class where that is all there is."""
    module = load_late('._died')
    return WorkerError if module is None else module.WorkerDied


def make_error(code: int, message: str, id: Any = None) -> WorkerError:
    """A WorkerError without a worker that failed."""
    return make_worker_error(id, id, make_gerror(code, message))


def describe_payload_error(what: str, id: Any, reason: BadPayload) -> WorkerError:
    if reason.part:
        what = f'The {reason.part} of {what[0].lower()}{what[1:]}'
    return make_error(ErrorCode.BAD_PAYLOAD, f'{what} cannot be sent: {reason}', id)


def is_own_frame(filename: str) -> bool:
    return os.path.dirname(filename) == _FOLDER or filename in _MACHINERY or \
        filename.startswith('<frozen ')


def without_own_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback without the frames of this package, unless the package is being debugged."""
    if _gmproc.getenv('GMPROC_DEBUG') not in (None, '', '0'):
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
        raise TypeError(f'{name} should be a whole number, not {value!r}')


def trim(exception: BaseException) -> BaseException:
    """Removes the frames of this package from an exception and its causes."""
    pending: list[BaseException | None] = [exception]
    seen = set()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        _trace.__set__(each, without_own_frames(_trace.__get__(each)))
        pending += [_cause.__get__(each), _context.__get__(each)]
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


@functools.lru_cache(maxsize=None)
def load_traceback() -> Any:
    """The module, which loads slowly and is rarely needed. Workers load it early: an exception may
    mean that no descriptors are left, or that the program has emptied sys.modules."""
    import traceback

    return traceback


def format_exception(exception: BaseException, has_trace: bool = True) -> str:
    """As the module traceback does. That may fail, since it looks for attributes, which may be the
    program's; then the class and text of the exception remain."""
    traceback = load_traceback()
    kind = type(exception)
    trace = _trace.__get__(exception)
    try:
        if has_trace:
            parts = traceback.format_exception(kind, exception, trace)
        else:
            parts = traceback.format_exception_only(kind, exception)
    except Exception as error:
        if is_of_signal(error):
            raise
        parts = ['Traceback (most recent call last):\n',
                 *traceback.format_tb(trace)] if has_trace else []
        name = '.'.join(type.__getattribute__(kind, each)
                        for each in ('__module__', '__qualname__'))
        parts.append(f'{name}: {BaseException.__str__(exception)}')
    return ''.join(parts).rstrip('\n')


def text_of(exception: BaseException) -> str:
    """The text of an exception, whose class may be the program's and refuse it."""
    try:
        return str(exception)
    except Exception as error:
        if is_of_signal(error):
            raise
        return '<exception str() failed>'  # as in tracebacks


def to_gerror(exception: BaseException) -> GError:
    """An exception as other languages see it: its text and its traceback.

    A GError keeps its domain and code; others are GMP_ERROR_FAILED.
    """
    if is_bad_payload(exception):
        return make_gerror(ErrorCode.BAD_PAYLOAD, _valid(str(exception)))
    trim(exception)
    error: Any = exception if is_gerror(exception) else None
    text = error.message if error is not None else format_exception(exception, has_trace=False)
    if _trace.__get__(exception) is not None:
        text += f'\n\n{format_exception(exception)}'
    if error is not None:
        return GError(_valid(text), error.domain, error.code)
    return make_gerror(ErrorCode.FAILED, _valid(text))


def _find_code(handler: Any) -> Any:
    """The code of a signal's handler, or None."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return getattr(handler, '__code__', None) or \
        getattr(getattr(type(handler), '__call__', None), '__code__', None)


def is_of_signal(exception: BaseException) -> bool:
    """True if a signal handler has raised it, so that it does not come from the interrupted
    code."""
    handlers = {_find_code(_signal.getsignal(number)) for number in _signal.valid_signals()}
    trace = _trace.__get__(exception)
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def flush_output() -> None:
    """Flushes output, so that a worker's output appears before its result."""
    for name in 'stdout', 'stderr':
        try:
            getattr(sys, name).flush()
        except Exception as error:
            # A program may have put anything there, or nothing.
            if is_of_signal(error):
                raise
