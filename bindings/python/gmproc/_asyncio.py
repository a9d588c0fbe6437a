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
from concurrent.futures import Future
from functools import partial

import _gmproc

from ._errors import trim
from ._run import Job
from ._threads import Thread, fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_threads: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Thread] = \
    weakref.WeakKeyDictionary()
# Runs that have not started yet.
_waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop,
                                    collections.deque[Callable[[], None]]] = \
    weakref.WeakKeyDictionary()


def get_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Call:
    """A call of the user's code in the loop's thread; what it awaits belongs to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[Any]],
                 returned: Future[Any], function: Callable[..., Any], args: tuple[Any, ...]
                 ) -> None:
        self._loop = loop
        self._tasks = tasks
        self._returned = returned
        self._function = function
        self._args = args

    def __call__(self) -> None:
        try:
            value = self._function(*self._args)
            if inspect.iscoroutine(value):
                task = self._loop.create_task(value)
                self._tasks.add(task)
                task.add_done_callback(self._awaited)
            else:
                self._returned.set_result(value)
        except BaseException as exception:
            self._returned.set_exception(exception)

    def _awaited(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._returned.set_exception(asyncio.CancelledError())
        elif task.exception() is not None:
            self._returned.set_exception(task.exception())
        else:
            self._returned.set_result(task.result())

    def __del__(self) -> None:
        # A closed loop drops its pending calls.
        if not self._returned.done():
            fail(self._returned, 'The event loop was closed before it had called '
                 f'{getattr(self._function, "__qualname__", self._function)}')


def _dispatch_to(loop: asyncio.AbstractEventLoop, thread: Thread, tasks: set[asyncio.Task[Any]]
                 ) -> Callable[..., Any]:
    """Calls a function in the loop's thread and in the context of the caller, and waits for it.
    ``tasks`` has what is awaited meanwhile."""
    context = contextvars.copy_context()

    def dispatch(function: Callable[..., Any], *args: Any) -> Any:
        returned: Future[Any] = Future()
        # There is no reference to the call here: when the loop drops it, the wait must end.
        loop.call_soon_threadsafe(_Call(loop, tasks, returned, function, args),
                                  context=context)
        return thread.wait(returned)
    return dispatch


async def _wait(job: Job, ended: asyncio.Future[None], tasks: set[asyncio.Task[Any]]) -> Any:
    was_cancelled = False
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            was_cancelled = True
            job.cancel()
            for task in list(tasks):
                task.cancel()
    if was_cancelled:
        raise asyncio.CancelledError
    try:
        ended.result()  # why it could not begin
        return job.result()
    except BaseException as error:
        raise trim(error)
    finally:
        del job


def _start(job: Job, loop: asyncio.AbstractEventLoop, ended: Callable[[], None],
           tasks: set[asyncio.Task[Any]]) -> None:
    # An awaited callback may wait for other runs, so it only holds up its own run.
    thread = None if job.has_coroutines() else _threads.get(loop)
    while True:
        if thread is None:
            thread = Thread()
            if not job.has_coroutines():
                _threads[loop] = thread
        job.dispatch = _dispatch_to(loop, thread, tasks)
        if thread.start(job, ended):
            return
        thread = None


def _begin_next(loop: asyncio.AbstractEventLoop) -> None:
    waiting = _waiting[loop]
    waiting.popleft()()
    if waiting:
        loop.call_soon(_begin_next, loop)


def _begin_soon(loop: asyncio.AbstractEventLoop, begin: Callable[[], None]) -> None:
    """Starts a run immediately if it is the only one, and others in a turn of the loop each.
    Otherwise a caller with many runs would wait while their thread contends for the interpreter.
    """
    waiting = _waiting.setdefault(loop, collections.deque())
    thread = _threads.get(loop)
    if not waiting and (thread is None or not thread.is_busy()):
        begin()
        return
    waiting.append(begin)
    if len(waiting) == 1:
        loop.call_soon(_begin_next, loop)


def run(job: Job, loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any]:
    future = loop.create_future()
    tasks: set[asyncio.Task[Any]] = set()  # the callbacks that are coroutines, and are awaited

    def begin() -> None:
        try:
            _start(job, loop, ended, tasks)
        except BaseException as error:
            _gmproc.complete(partial(job.end, None))
            future.set_exception(error)

    def ended() -> None:
        # The loop was closed, so nothing waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))

    _begin_soon(loop, begin)
    task = loop.create_task(_wait(job, future, tasks))
    # A task that is cancelled before it has started never runs its code.
    task.add_done_callback(lambda _task: job.cancel())
    return task
