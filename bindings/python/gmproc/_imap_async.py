# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers.imap_async: a map in its own thread, whose values go to a coroutine on asyncio."""

from __future__ import annotations

import asyncio
import inspect

from ._errors import trim
from ._imap import Stream
from ._run import Job, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AsyncGenerator, Callable

    from ._imap import Event
    from ._run import Claims


class _Events:
    """A queue from the thread of a run to asyncio's."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def put(self, event: Event) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)
        except RuntimeError:
            self._job.cancel()  # The loop was closed, so nothing waits.

    async def get(self) -> Event:
        return await self._queue.get()


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
        cancelled meanwhile."""
        self._is_closed = True
        if self._has_ended or not self._thread.is_alive():
            return
        job.cancel()
        was_cancelled = False
        while not self._has_ended:
            try:
                event = await self.receive()
            except asyncio.CancelledError:
                was_cancelled = True
                continue
            if callable(event):
                event()
        if was_cancelled:
            raise asyncio.CancelledError

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        return None if self._is_closed else function(*args)


async def iterate(stream: AsyncStream, claims: Claims, fill: Callable[[Job], None],
                  wake: Callable[[], None]) -> AsyncGenerator[Any, None]:
    """The values, as they come. The run begins with the first, and ends with the generator."""
    job = prepare(claims, fill)
    try:
        stream.start(job)
    except BaseException:
        job.end(None)
        raise
    try:
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
    if stream.error is not None:
        raise trim(stream.error)
    try:
        job.result()
    except BaseException as error:
        raise trim(error)
