# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers.imap_async: a map in its own thread, whose values go to a coroutine on asyncio."""

from __future__ import annotations

import asyncio
import collections
import inspect
import weakref
from functools import partial
from operator import attrgetter

import _gmproc

from ._errors import trim
from ._imap import Stream
from ._run import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AsyncGenerator, Callable

    from ._imap import Event
    from ._run import Claims, Job


class _Events:
    """A queue from the thread of a run to asyncio's. Unlike asyncio.Queue, it has nothing left to
    do for a coroutine that waits when its loop is closed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._events: collections.deque[Event] = collections.deque()
        # An event is taken only after the loop has been told of it: what handlers of signals raise
        # there still finds a coroutine that waits.
        self._n_put = 0
        self._n_told = 0
        # Weak: the run's thread, which has this object, does not keep the task alive that waits.
        self._waiter: Callable[[], asyncio.Future[None] | None] = lambda: None
        # By handlers of signals, in a call by the loop, which would only log it.
        self._raised: list[BaseException] = []

    def is_closed(self) -> bool:
        return self._loop.is_closed()

    def put(self, event: Event) -> None:
        self._n_put += 1
        self._events.append(event)
        try:
            self._loop.call_soon_threadsafe(_gmproc.complete, partial(self._tell, self._n_put),
                                            self._raised.append)
        except RuntimeError:
            self._job.cancel()  # The loop was closed, so nothing waits.

    def _tell(self, n: int) -> None:
        """May be called again if it was interrupted."""
        self._n_told = n
        waiter = self._waiter()
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def get(self) -> Event:
        while len(self._events) <= self._n_put - self._n_told and not self._raised:
            waiter = self._loop.create_future()
            self._waiter = weakref.ref(waiter)
            await waiter
        if self._raised:
            raise self._raised.pop()
        return self._events.popleft()


class _Guard:
    """Ends the run of a generator that is dropped when its loop does not close it any more. All of
    it is in C, where no handler of a signal interrupts it."""

    drop: Callable[[], Any] = int
    __del__: Any = property(attrgetter('drop'))


class AsyncStream(Stream):
    """A stream for the loop that runs where it starts."""

    def start(self, job: Job) -> None:
        self._events: Any = _Events(job)
        job.dispatch = self._dispatch
        self._thread.start(job, lambda: self._events.put(None))

    async def receive(self) -> Event:
        event: Event = await self._events.get()
        self._has_ended = event is None
        return event

    async def end(self, job: Job) -> None:
        """Ends the run. Its processes have ended when this returns, also if the task that waits is
        cancelled meanwhile, or the handler of a signal raises an exception."""
        raised: BaseException | None = None
        while not self._has_ended:
            try:
                self._is_closed = True
                if not self._thread.is_alive() or not self._thread.has(job):
                    _gmproc.complete(partial(job.end, None))  # It has not begun.
                    break
                job.cancel()
                if self._events.is_closed():
                    break
                event = await self.receive()
                if callable(event):
                    event()
            except GeneratorExit:
                raise
            except BaseException as error:
                raised = error
        try:
            if raised is not None:
                raise raised
        finally:
            del raised

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        return None if self._is_closed else function(*args)


async def iterate(stream: AsyncStream, claims: Claims, fill: Callable[[Job], None],
                  wake: Callable[[], None]) -> AsyncGenerator[Any, None]:
    """Yields the values as they arrive. The run begins with the first one, and ends with the
    generator.
    """
    job = prepare(claims, fill)
    guard = _Guard()
    guard.drop = job.cancellable.cancel_run
    try:
        stream.start(job)
        while (event := await stream.receive()) is not None:
            if not isinstance(event, list):
                returned: Any = event()
                if inspect.isawaitable(returned):
                    await returned
                continue
            event.reverse()
            while event:
                stream.n_yielded += 1
                yield event.pop()
            wake()
    finally:
        await stream.end(job)
    try:
        stream.finish(job)
    except BaseException as error:
        raise trim(error)
