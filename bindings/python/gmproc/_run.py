# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The ways to run: blocking with Ctrl-C, and on a GLib main loop; for asyncio there is _asyncio."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, Generator, Iterator, Protocol

from gi.repository import Gio, GLib

from . import _main_module
from ._errors import trim
from ._outcome import Outcome

if TYPE_CHECKING:
    import asyncio


class Native(Protocol):
    """The C object of a run, with its arguments filled in."""

    def run(self, cancellable: Gio.Cancellable) -> None: ...
    def run_async(self, cancellable: Gio.Cancellable, callback: Callable[..., None]) -> None: ...
    def run_finish(self, result: Gio.AsyncResult) -> None: ...
    def release(self) -> None: ...


class Job:
    """One run: calls the user's code for the C object, and keeps what that raises."""

    def __init__(self, outcome: Outcome) -> None:
        _main_module.check_not_importing()
        self.outcome = outcome
        self.cancellable = Gio.Cancellable()
        self.native: Native  # set by who prepares the run
        self.raised: BaseException | None = None
        self.was_cancelled = False
        # Where the user's code runs: here, or in asyncio's thread.
        self.dispatch: Callable[..., Any] = lambda function, *args: function(*args)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Calls the user's code; what it raises ends the run, and comes out of it."""
        try:
            return self.dispatch(function, *args)
        except BaseException as exception:
            if self.raised is None:
                self.raised = trim(exception)
            self.cancellable.cancel()
            raise

    def notify(self, function: Callable[..., Any] | None, *args: Any) -> None:
        """As call(), from where nobody takes an exception."""
        if function is not None:
            with contextlib.suppress(BaseException):
                self.call(function, *args)

    def cancel(self) -> None:
        self.was_cancelled = True
        self.cancellable.cancel()

    def end(self, error: GLib.Error | None) -> None:
        self.native.release()
        self.outcome.conclude(error, self.raised, self.was_cancelled)

    def block(self) -> None:
        """Runs to the end, in this thread."""
        error = None
        try:
            self.native.run(self.cancellable)
        except GLib.Error as caught:
            error = caught
        finally:
            self.end(error)

    def result(self) -> Any:
        if self.outcome.exception is not None:
            raise self.outcome.exception
        return self.outcome.value()


@contextlib.contextmanager
def _interrupts_in_c() -> Iterator[None]:
    """Leaves Ctrl-C to the C library, which stops all workers; unless the program handles it."""
    if threading.current_thread() is not threading.main_thread() or \
            signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run_blocking(job: Job) -> Any:
    sys.stdout.flush()  # What was printed before a run appears before what workers print.
    with _interrupts_in_c():
        job.block()
    return job.result()


class Run:
    """A run on the GLib main loop of the thread that began it, with the methods of a future."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._is_done = False
        self._callbacks: list[Callable[[Run], Any]] = []
        job.native.run_async(job.cancellable, self._ended)

    def _ended(self, _source: Any, result: Gio.AsyncResult, *_data: Any) -> None:
        error = None
        try:
            self._job.native.run_finish(result)
        except GLib.Error as caught:
            error = caught
        self._job.end(error)
        self._is_done = True
        for callback in self._callbacks:
            callback(self)

    def done(self) -> bool:
        """Whether the run has ended."""
        return self._is_done

    def cancel(self) -> bool:
        """Ends the run: its workers too. False where it has ended already."""
        if not self._is_done:
            self._job.cancel()
        return not self._is_done

    def result(self) -> Any:
        """What ``run()`` returns, or raises.

        Raises:
            concurrent.futures.InvalidStateError: it has not ended yet.
            concurrent.futures.CancelledError: it was cancelled.
        """
        if not self._is_done:
            from concurrent.futures import InvalidStateError

            raise InvalidStateError('The run has not ended yet')
        try:
            return self._job.result()
        except BaseException as error:
            raise trim(error)

    def exception(self) -> BaseException | None:
        """What ``result()`` raises; None where it returns."""
        return self._job.outcome.exception

    def add_done_callback(self, callback: Callable[[Run], Any]) -> None:
        """Calls ``callback(run)`` on the main loop when the run has ended; now where it has."""
        if self._is_done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Run, None, Any]:
        """For a coroutine that is driven on the main loop: it yields the run itself, and goes on
        when that is done."""
        if not self._is_done:
            yield self
        return self.result()


def run_async(job: Job) -> asyncio.Task[Any] | Run:
    """A task where asyncio runs in this thread, and else a Run."""
    sys.stdout.flush()
    # It takes longer to load than all of this package, which workers load too; and where it is not
    # loaded it does not run.
    if 'asyncio' in sys.modules:
        from . import _asyncio

        loop = _asyncio.get_loop()
        if loop is not None:
            return _asyncio.run_in_thread(job, loop)
    return Run(job)
