# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs on asyncio: all of a loop in one thread, which calls the user's code in that of the loop."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import inspect
import weakref
from functools import partial
from operator import attrgetter

import _gmproc

from ._errors import trim
from ._lock import SimpleQueue
from ._run import Job, prepare
from ._threads import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Coroutine

    from ._run import Claims
    from ._threads import Answers

_threads: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Thread] = \
    weakref.WeakKeyDictionary()
# Runs that have not started yet.
_waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, collections.deque[_Run]] = \
    weakref.WeakKeyDictionary()


def get_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Call:
    """A call of the user's code in the loop's thread; what it awaits belongs to it."""

    def __init__(self, run: _Run, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._run = run
        self._function = function
        self._args = args
        self._has_begun = False
        self.answers: Answers = SimpleQueue()
        self._drop = partial(self.answers.put, None)

    # A closed loop drops its pending calls. No handler of a signal interrupts this, which is in C.
    __del__: Any = property(attrgetter('_drop'))

    def __call__(self) -> None:
        if self._has_begun:
            return  # The handler of a signal has interrupted it.
        self._has_begun = True
        try:
            value = self._function(*self._args)
            is_awaited = inspect.iscoroutine(value)
            if is_awaited:
                self._task = self._run.add_task(value)
                self._task.add_done_callback(
                    partial(_gmproc.complete, self._answer, self._run.interrupt))
        except BaseException as exception:
            self.answers.put((None, exception))
            return
        if not is_awaited:
            self.answers.put((value, None))

    def _answer(self) -> None:
        """May be called again if it was interrupted."""
        if self._task.cancelled():
            self.answers.put((None, asyncio.CancelledError()))
        elif self._task.exception() is not None:
            self.answers.put((None, self._task.exception()))
        else:
            self.answers.put((self._task.result(), None))


class _Run:
    """A run, and the task of the loop that waits for it.

    Handlers of signals raise exceptions in the loop's thread, where asyncio logs those that leave a
    function that it calls, and forgets the function. So what it calls here is called until it has
    returned, and the exception ends the run and comes out of the task.
    """

    def __init__(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        self._job = job
        self._loop = loop
        self._thread: Thread | None = None
        self._has_begun = False
        self._was_cancelled = False
        # Set in the loop, where what handlers of signals raise still finds the task.
        self._woken = loop.create_future()
        self._raised: list[BaseException] = []
        # The callbacks that are coroutines, and are awaited.
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._start()

    def _start(self) -> None:
        # An awaited callback may wait for other runs, so it only holds up its own run.
        is_shared = not self._job.has_coroutines()
        self._job.dispatch = self._make_dispatch()
        self._thread = _threads.get(self._loop) if is_shared else None
        while self._thread is None or not self._thread.start(self._job, self._end):
            self._thread = Thread()
            if is_shared:
                _threads[self._loop] = self._thread

    def interrupt(self, error: BaseException) -> None:
        """Ends the run because of an exception, which may also be the reason why it cannot begin.
        """
        self._raised.append(error)
        self.abandon()

    def abandon(self) -> None:
        """Ends the run. May be called again if it was interrupted."""
        self._has_begun = True  # If it has not, it never will.
        self.cancel()
        if self._thread is None or not self._thread.has(self._job):
            _gmproc.complete(partial(self._job.end, None))
            self._end()

    def cancel(self) -> None:
        self._was_cancelled = True
        self._job.cancel()
        for task in list(self._tasks):
            task.cancel()

    def _end(self) -> None:
        # The loop was closed, so nothing waits.
        with contextlib.suppress(RuntimeError):
            self._call_soon(self._wake)

    def _wake(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)

    def _call_soon(self, function: Callable[[], None], **options: Any) -> None:
        self._loop.call_soon_threadsafe(_gmproc.complete, function, self.interrupt, **options)

    def _make_dispatch(self) -> Callable[..., Any]:
        """Calls a function in the loop's thread and in the context of the caller, and waits for it.
        """
        context = contextvars.copy_context()

        def dispatch(function: Callable[..., Any], *args: Any) -> Any:
            call = _Call(self, function, args)
            answers = call.answers
            self._call_soon(call, context=context)
            # There is no reference to the call here: when the loop drops it, the wait must end.
            del call
            assert self._thread is not None
            return self._thread.wait(answers, function)
        return dispatch

    def add_task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def drop(self, _task: asyncio.Task[Any]) -> None:
        """The handler of a signal has ended the task before it has started."""
        self._job.cancel()

    async def wait(self) -> Any:
        while not self._woken.done():
            try:
                asyncio.current_task().set_started()  # type: ignore[union-attr]
                await asyncio.shield(self._woken)
            except asyncio.CancelledError:
                self.cancel()
            except GeneratorExit:
                raise
            except BaseException as error:
                self.interrupt(error)
        try:
            if self._raised:
                raise self._raised[0]
            if self._was_cancelled:
                raise asyncio.CancelledError
            return self._job.result()
        except BaseException as error:
            raise trim(error)
        finally:
            del self


class _Task(asyncio.Task):  # type: ignore[type-arg]
    """Waits for a run. If it is cancelled before it has started, it still waits for the run's end,
    so that the next run can begin then."""

    def __init__(self, run: _Run, loop: asyncio.AbstractEventLoop) -> None:
        self._run: _Run | None = run  # until it has started
        super().__init__(run.wait(), loop=loop)
        self.add_done_callback(run.drop)

    def set_started(self) -> None:
        if self._run is not None:
            self.remove_done_callback(self._run.drop)
            self._run = None

    def cancel(self, msg: Any = None) -> bool:
        if self._run is None or self.done():
            return super().cancel(msg)
        self._run.cancel()
        return True


def _begin_next(loop: asyncio.AbstractEventLoop, run: _Run) -> None:
    waiting = _waiting[loop]
    run.begin()
    if waiting and waiting[0] is run:
        waiting.popleft()
    if waiting:
        _call_begin_next(loop, waiting[0])


def _call_begin_next(loop: asyncio.AbstractEventLoop, run: _Run) -> None:
    loop.call_soon(_gmproc.complete, partial(_begin_next, loop, run), run.interrupt)


def _begin_soon(loop: asyncio.AbstractEventLoop, run: _Run) -> None:
    """Starts a run immediately if it is the only one, and others in a turn of the loop each.
    Otherwise a caller with many runs would wait while their thread contends for the interpreter.
    """
    waiting = _waiting.setdefault(loop, collections.deque())
    thread = _threads.get(loop)
    if not waiting and (thread is None or not thread.is_busy()):
        _gmproc.complete(run.begin, run.interrupt)
        return
    if not waiting:
        _call_begin_next(loop, run)  # which takes it from those that wait
    waiting.append(run)


def run(claims: Claims, fill: Callable[[Job], None], cancellable: Any,
        loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any]:
    job = prepare(claims, fill, cancellable, may_wait=True)
    abandon = job.abandon
    try:
        run = _Run(job, loop)
        abandon = run.abandon
        _begin_soon(loop, run)
        return _Task(run, loop)
    except BaseException:
        _gmproc.complete(abandon)
        raise
