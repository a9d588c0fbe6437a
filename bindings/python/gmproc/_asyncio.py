# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs on asyncio: in a thread, which calls the user's code in that of the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any, Callable

from ._errors import trim
from ._run import Job


def get_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _dispatch_to(loop: asyncio.AbstractEventLoop) -> Callable[..., Any]:
    """Calls a function in the loop's thread, and waits for it."""
    def dispatch(function: Callable[..., Any], *args: Any) -> Any:
        returned: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def call() -> None:
            try:
                returned.set_result(function(*args))
            except BaseException as exception:
                returned.set_exception(exception)
        loop.call_soon_threadsafe(call)
        return returned.result()
    return dispatch


async def _wait(job: Job, ended: asyncio.Future[None]) -> Any:
    was_cancelled = False
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            was_cancelled = True
            job.cancel()
    if was_cancelled:
        raise asyncio.CancelledError
    try:
        return job.result()
    except BaseException as error:
        raise trim(error)


def run_in_thread(job: Job, loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any]:
    ended = loop.create_future()

    def body() -> None:
        try:
            job.block()
        finally:
            loop.call_soon_threadsafe(ended.set_result, None)

    job.dispatch = _dispatch_to(loop)
    threading.Thread(target=body, name='gmproc').start()
    task = loop.create_task(_wait(job, ended))
    # A task that is cancelled before it has begun never comes to its own code.
    task.add_done_callback(lambda _task: job.cancel())
    return task
