# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The ways to run: blocking with Ctrl-C, and on a GLib main loop."""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from types import CoroutineType

import _gmproc

from . import _main_module, _pickles
from ._errors import (describe_payload_error, flush_output, is_bad_payload, is_of_signal, to_gerror,
                      trim)
from ._gerror import GError
from ._outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generator, Protocol

    class Native(Protocol):
        """The C object of a run, with its arguments filled in."""

        def run(self, cancellable: _gmproc.Cancellable) -> None: ...
        def run_async(self, cancellable: _gmproc.Cancellable,
                      callback: Callable[[GError | None], None]) -> None: ...
        def disconnect(self) -> None: ...
        def release(self) -> None: ...


# Of inspect's.
_CO_COROUTINE = 0x80


def call_here(function: Callable[..., Any], *args: Any) -> Any:
    value = function(*args)
    if isinstance(value, CoroutineType):
        value.close()
        refuse_coroutine(getattr(function, '__qualname__', repr(function)))
    return value


def _is_coroutine_function(function: Any) -> bool:
    # As in inspect, which loads slowly.
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, '__func__', function)
    code = getattr(function, '__code__', None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE) or \
        getattr(function, '_is_coroutine_mark', None) is not None  # Python 3.12's


def refuse_coroutine(name: str) -> None:
    raise TypeError(f'{name} is a coroutine function, which only run_async() and map_async() on '
                    'asyncio can await: make it a plain function, or run it there')


class Claims:
    """The current run of an object. There is one at a time, in any thread."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._jobs: dict[str, Job] = {}

    def take(self, job: Job) -> None:
        current = self._jobs.get('run')
        if current is not None and current.is_inherited():
            current.forget()
        if self._jobs.setdefault('run', job) is not job:
            raise RuntimeError(self._message)

    def get_node(self, id: Any) -> str | None:
        job = self._jobs.get('run')
        return job.outcome.get_node(id) if job is not None else None

    def drop(self, job: Job) -> None:
        if self._jobs.get('run') is job:
            self._jobs.pop('run', None)


class Job:
    """One run: calls the user's code for the C object, and keeps what that raises.

    Attributes:
        callbacks: the user's functions that it calls, by their names.
    """

    # Set by the code that prepares the run, like callbacks.
    outcome: Outcome
    native: Native | None = None

    def __init__(self, claims: Claims) -> None:
        _main_module.check_not_importing()
        self._claims = claims
        self._process = os.getpid()
        self.callbacks: dict[str, Callable[..., Any] | None] = {}
        self.cancellable = _gmproc.Cancellable()
        self._followed: tuple[Any, int] | None = None
        self.raised: BaseException | None = None
        self._has_raised = False  # one of the callbacks
        self.was_cancelled = False
        # Whether preparing it may leave steps to the thread of asyncio's runs, and these.
        self.may_wait = False
        self._steps: list[Callable[[], None]] = []
        # The thread of user code: this one, or asyncio's.
        self.dispatch: Callable[..., Any] = call_here

    def is_inherited(self) -> bool:
        """True in a forked child, whose parent has the run."""
        return self._process != os.getpid()

    def has_coroutines(self) -> bool:
        return any(_is_coroutine_function(each) for each in self.callbacks.values())

    def check_callbacks(self) -> None:
        """Refuses coroutines, if nothing here could await them."""
        for name, function in self.callbacks.items():
            if _is_coroutine_function(function):
                refuse_coroutine(name)

    def do(self, step: Callable[[], None], value: Any) -> None:
        """Takes a step of the preparation, which pickles a value: later if that takes time, or if
        an earlier step is left, so that they keep their order.
        """
        if self._steps or (self.may_wait and _pickles.is_large(value)):
            self._steps.append(step)
        else:
            step()

    def take_steps(self) -> bool:
        """Takes the steps that were left. If one fails, so does the run, which has not begun.
        Returns False then.
        """
        try:
            for step in self._steps:
                step()
        except BaseException as error:
            self.raised = trim(error)
            _gmproc.complete(partial(self.end, None))
        self._steps.clear()
        return self.raised is None

    def catch(self, exception: BaseException) -> GError:
        """Keeps an exception of user code, which ends the run and comes out of it."""
        error = to_gerror(exception)
        if is_bad_payload(exception):
            cause = exception.__cause__
            exception = describe_payload_error('A response', None, exception)
            exception.__cause__ = cause
        if self.raised is None:
            self.raised = trim(exception)
        self.cancellable.cancel_run()
        return error

    def follow(self, cancellable: Any) -> None:
        """Cancels the run when the user's own cancellable is cancelled."""
        if cancellable is not None:
            self._followed = cancellable, self.cancellable.follow(cancellable)

    def notify(self, function: Callable[..., Any] | None, *args: Any) -> None:
        """Calls a callback. Once one has raised, the run ends, and no other is called."""
        if function is None or self._has_raised:
            return
        try:
            self.dispatch(function, *args)
        except BaseException:
            self._has_raised = True
            raise

    def cancel(self) -> None:
        self.was_cancelled = True
        self.cancellable.cancel_run()

    def end(self, error: GError | None) -> None:
        """May be called again if it was interrupted."""
        if self._followed is not None:
            cancellable, id = self._followed
            self.was_cancelled |= bool(cancellable.is_cancelled())
            self._followed = None
            self.cancellable.leave(cancellable, id)
        if self.native is not None:
            self.native.release()
            self.outcome.conclude(error, self.raised, self.was_cancelled)
        self._claims.drop(self)

    def forget(self) -> None:
        """In a forked child: the run goes on in the parent alone. Takes no lock, for another thread
        may have held it at the fork."""
        if self.native is not None:
            self.native.disconnect()
        self._claims.drop(self)

    def abandon(self) -> None:
        """The result is not needed."""
        self.cancel()
        if self.native is not None:
            self.native.release()
        self._claims.drop(self)

    def result(self) -> Any:
        try:
            if self.outcome.exception is not None:
                raise self.outcome.exception
            return self.outcome.value()
        finally:
            del self  # It has the exception, whose traceback will contain this frame.


def prepare(claims: Claims, fill: Callable[[Job], None], cancellable: Any = None,
            may_wait: bool = False) -> Job:
    job = Job(claims)
    job.may_wait = may_wait
    try:
        claims.take(job)
        job.follow(cancellable)
        fill(job)
    except BaseException:
        _gmproc.complete(partial(job.end, None))
        raise
    return job


class Blocking:
    """A run in this thread, or its end. Signal handlers run meanwhile, that of Ctrl-C included."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.has_returned = False
        self.error: GError | None = None
        self.is_main = threading.current_thread() is threading.main_thread()
        self.catch = self.job.catch  # one object

    def call(self, function: Callable[[_gmproc.Cancellable], Any]) -> None:
        if self.is_main:
            _gmproc.begin_signals(self.catch)
        try:
            function(self.job.cancellable)
        except GError as error:
            self.error = error.with_traceback(None)  # The frames hold this object.
        self.has_returned = True

    def leave(self) -> None:
        """As ``end``, and leaves the run as it is."""
        if self.is_main:
            _gmproc.end_signals(self.catch)

    def end(self) -> None:
        """May be called again if it was interrupted."""
        self.leave()
        self.job.end(self.error)


def run_blocking(claims: Claims, fill: Callable[[Job], None], cancellable: Any = None) -> Any:
    flush_output()  # Output before a run appears before that of workers.
    blocking = Blocking(Job(claims))
    try:
        claims.take(blocking.job)
        blocking.job.follow(cancellable)
        fill(blocking.job)
        blocking.job.check_callbacks()
        blocking.call(blocking.job.native.run)
    finally:
        _gmproc.complete(blocking.end)
    try:
        return blocking.job.result()
    finally:
        del blocking


class Run:
    """A run on the GLib main loop of the thread that started it, with the methods of a future."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._is_done = False
        self._callbacks: list[Callable[[Run], Any]] = []
        job.native.run_async(job.cancellable, self._ended)

    def _ended(self, error: GError | None) -> None:
        """May be called again if it was interrupted."""
        self._job.end(error)
        self._is_done = True
        while self._callbacks:
            # No handler of a signal runs in between.
            callback, self._callbacks = self._callbacks[0], self._callbacks[1:]
            try:
                callback(self)
            except Exception as raised:
                if is_of_signal(raised):
                    raise
                sys.excepthook(type(raised), trim(raised), raised.__traceback__)

    def done(self) -> bool:
        """True if the run has ended."""
        return self._is_done

    def cancel(self) -> bool:
        """Ends the run and its workers. Returns False if it has ended already."""
        if not self._is_done:
            self._job.cancel()
        return not self._is_done

    def result(self) -> Any:
        """Returns or raises what ``run()`` does.

        Raises:
            concurrent.futures.InvalidStateError: it has not ended yet.
            concurrent.futures.CancelledError: it was cancelled.
        """
        if not self._is_done:
            from concurrent.futures import InvalidStateError

            raise InvalidStateError('The run has not ended yet: wait for it first')
        try:
            return self._job.result()
        except BaseException as error:
            raise trim(error)
        finally:
            del self

    def exception(self) -> BaseException | None:
        """The exception that ``result()`` raises; None if it returns."""
        return self._job.outcome.exception

    def add_done_callback(self, callback: Callable[[Run], Any]) -> None:
        """Calls ``callback(run)`` on the main loop when the run has ended; immediately if it has
        ended already. An exception that it raises on the main loop is printed.
        """
        if self._is_done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Run, None, Any]:
        """For a coroutine that is driven on the main loop: it yields the run itself, and continues
        when that is done."""
        if not self._is_done:
            yield self
        return self.result()
