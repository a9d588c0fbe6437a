# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The future of an executor's call, which keeps its word when handlers of signals raise.

A handler runs between any two instructions of Python in the main thread, and there calls are
finished too: a caller that waits for one takes the answers of others on the way.
"""

from __future__ import annotations

import contextlib
from concurrent import futures

import _gmproc

from . import _exceptions, _pickles
from ._adapters import FAILED_TAG
from ._errors import get_died, is_of_signal, load_late, make_worker_error
from ._gerror import ERROR_DOMAIN, ErrorCode, GError
from ._lock import Condition, Event, Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Waiter(Event):
    """Waits until a future is reported."""

    def add_result(self, _future: Future) -> None:
        self.set()

    add_exception = add_cancelled = add_result


class Watch(Condition):
    """Attributes that the base class has in each future. Only watched futures need them."""

    def __init__(self) -> None:
        super().__init__()
        self.waiters: list[Any] = []
        self.callbacks: list[Any] = []


class Future(futures.Future):
    """The result of a call: a ``concurrent.futures.Future`` that can be cancelled at any time.

    Thousands may be pending, so it has of its own only what differs from most others.
    """

    _state = 'PENDING'
    _result: Any = None
    _exception: BaseException | None = None
    # The pickle of the result or exception. The first thread that asks for it unpickles it: the
    # program's code that does so may want a lock which that thread has, or wait for other calls.
    _sealed: _gmproc.Variant | None = None
    # Of the call; None before it is submitted.
    _gmproc: _gmproc.Call | None = None
    # Made by the first thread that looks at the state twice, or waits. Without it the call is ended
    # in one step (settle() in pools.c), in which no other thread can make it.
    _watch: Watch | None = None
    # Those of futures.wait() and as_completed() that know of the end, by id(): they refer to
    # futures, which would keep themselves alive.
    _notified: tuple[int, ...] = ()

    __init__ = object.__init__

    @property
    def _condition(self) -> Watch:  # type: ignore[override]
        watch: Watch | None = self._watch
        return _gmproc.watch(self, Watch()) if watch is None else watch

    @property
    def _waiters(self) -> list[Any]:  # type: ignore[override]
        return self._condition.waiters

    @property
    def _done_callbacks(self) -> list[Any]:  # type: ignore[override]
        return self._condition.callbacks

    def cancel(self) -> bool:
        """Cancels the call, also while it is being executed: then its process ends, and no other.

        Returns:
            False where it is over already.
        """
        if self._gmproc is not None and not self.done():
            self._gmproc.cancel()
        return self.cancelled()

    def running(self) -> bool:
        """True if the call is being executed."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process that executes the call, or None."""
        return self._gmproc.get_pid() if self._gmproc is not None and not self.done() else None

    def done(self) -> bool:
        return self._state not in ('PENDING', 'RUNNING')

    def cancelled(self) -> bool:
        return self._state in ('CANCELLED', 'CANCELLED_AND_NOTIFIED')

    def result(self, timeout: float | None = None) -> Any:
        try:
            if self._state != 'FINISHED' or self._sealed is not None:
                self._end(timeout)
            if self._exception is None:
                return self._result
            return super().result(timeout)
        finally:
            # As in the base class: break a reference cycle with an exception.
            self = None  # type: ignore[assignment]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        try:
            self._end(timeout)
            return self._exception
        finally:
            self = None  # type: ignore[assignment]

    def _get_snapshot(self) -> Any:
        """For asyncio, from Python 3.14 on: it takes the attributes."""
        if self.done():
            self._open()
        return super()._get_snapshot()  # type: ignore[misc]

    def _end(self, timeout: float | None) -> None:
        """Waits for the outcome, and unpickles it. Raises CancelledError or TimeoutError."""
        try:
            if self._state != 'FINISHED':
                self._wait(timeout)
            if self._state != 'FINISHED':
                super().exception(timeout)
            self._open()
        finally:
            self = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self._sealed is None:
            return super().__repr__()
        return f'<{type(self).__name__} at {id(self):#x} state=finished>'

    def _open(self) -> None:
        """Unpickles the outcome once. May be called again if it was interrupted."""
        if self._sealed is None:
            return
        result = error = None
        try:
            with self.__dict__.setdefault('_opening', Lock()):
                if self._sealed is None:
                    return  # Another thread has done it.
                if self._has_failed():
                    error = _read(_load_failure, self._sealed)
                else:
                    result, error = _attempt(_gmproc.load, self._sealed, 'python')
                self._result, self._exception, self._sealed = result, error, None
                self.__dict__.pop('_opening', None)
        finally:
            # An exception of the value's own code refers to this frame.
            self = error = None  # type: ignore[assignment]

    def _has_failed(self) -> bool:
        if self._sealed is None:
            return self._exception is not None
        return _gmproc.get_tag(self._sealed) == FAILED_TAG

    def _wait(self, timeout: float | None) -> None:
        """Polls for the answer, which usually arrives before a thread could be woken, and then
        sleeps. No lock of the base class is held, because the handler of a signal could leave it
        locked.
        """
        if self._gmproc is None or self._state != 'PENDING' or timeout is not None and timeout <= 0:
            return
        self._gmproc.look()
        if self.done():
            return
        waiter = Waiter()
        self._waiters.append(waiter)
        try:
            if not self.done() and not waiter.wait(timeout):
                raise futures.TimeoutError
        finally:
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)

    def __reduce__(self) -> Any:
        raise TypeError('A Future cannot be pickled or copied: its call belongs to this process. '
                        'Send its result()')

    def _forget(self) -> None:
        """In the child of a fork, before anything has waited for it."""
        self.__dict__.pop('_watch', None)
        if not self.done():
            self.set_exception(RuntimeError('The call is that of the process that this one was '
                                            'forked from'))

    def _settle(self, state: str, result: Any = None, error: BaseException | None = None,
                sealed: _gmproc.Variant | None = None) -> None:
        """As set_result(), set_exception() and cancel(), but it may be called again where the
        handler of a signal has interrupted it, and calls no callbacks."""
        watch = self._condition
        with watch:
            if not self.done():
                self._result, self._exception, self._sealed = result, error, sealed
                self._state = state
            # No thread waits for the condition: see _wait().
            for waiter in list(watch.waiters):
                if id(waiter) not in self._notified:
                    self._notified = (*self._notified, id(waiter))
                    _notify(waiter, self)

    def _call_back(self) -> None:
        watch = self._condition
        if watch.callbacks:
            self._open()  # A main loop that takes it next should not wait for that.
        while watch.callbacks:
            # No handler of a signal runs in between.
            callback, watch.callbacks = watch.callbacks[0], watch.callbacks[1:]
            try:
                callback(self)
            except Exception as error:
                if is_of_signal(error):
                    raise
                futures._base.LOGGER.exception('exception calling callback for %r', self)


def _notify(waiter: Any, future: Future) -> None:
    if future.cancelled():
        waiter.add_cancelled(future)
    elif future._has_failed():
        waiter.add_exception(future)
    else:
        waiter.add_result(future)


def settle(future: Future, value: Any, failure: Any) -> None:
    """Gives a future the outcome of its call, as the C module has it."""
    if failure is None:
        future._settle('FINISHED', value)
    elif isinstance(failure, _gmproc.Variant):
        future._settle('FINISHED', sealed=failure)
    elif issubclass(type(failure), BaseException):
        future._settle('FINISHED', None, failure)
    else:
        gerror, report, facts = failure
        if gerror.matches(*_gmproc.CANCELLED):
            future._settle('CANCELLED_AND_NOTIFIED')
        else:
            future._settle('FINISHED', None, _read(_make_error, gerror, report, facts))


def _attempt(read: Callable[..., Any], *args: Any) -> tuple[Any, BaseException | None]:
    """What a function returns, or what it raises. Each call ends, also where its exception cannot
    be made, as where no descriptor is left to load its class."""
    try:
        return read(*args), None
    except Exception as exception:
        if is_of_signal(exception):
            raise
        return None, exception
    except BaseException:
        # That of Ctrl-C comes once, and is raised. That of the value's own code comes again.
        try:
            read(*args)
        except BaseException as exception:
            return None, exception
        raise


def _read(read: Callable[..., BaseException], *args: Any) -> BaseException:
    exception, error = _attempt(read, *args)
    return exception if error is None else error


def _load_failure(value: _gmproc.Variant) -> BaseException:
    """The exception of a call."""
    text, nodes = _pickles.load(value)
    exception = _exceptions.load_nodes(nodes) if nodes is not None else None
    if exception is None:
        last = text.rstrip().rpartition('\n')[2]
        exception = make_worker_error(None, None, GError(last, ERROR_DOMAIN, ErrorCode.FAILED))
    process = load_late('concurrent.futures.process')
    if process is None:
        return exception
    trace = process._RemoteTraceback(f'\n"""\n{text}"""')
    trace.__cause__ = exception.__cause__
    exception.__cause__ = trace
    return exception


def _make_error(error: GError, report: _gmproc.Variant | None, facts: dict[str, Any] | None
                ) -> BaseException:
    """The reason why a call could not be executed, with the exception of its worker, and the facts
    about the worker's end."""
    failure: Any = make_worker_error(None, None, error)
    if type(failure).__name__ == 'WorkerError' and \
            not error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD):
        failure = get_died()(error.message, None, error)
    if report is not None and _gmproc.get_tag(report) == _exceptions.TAG:
        failure.__cause__ = _exceptions.load(report)
    failure._describe(facts)
    return failure
