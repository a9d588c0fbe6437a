# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Threads of this package."""

from __future__ import annotations

import _thread
import threading

from ._lock import SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _start(thread: threading.Thread, answers: SimpleQueue[Any]) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        answers.put(error)
    else:
        answers.put(None)


def check() -> None:
    """Refuses greenlets: they take turns in one thread, so what waits for one would wait forever.
    """
    library = str(getattr(_thread.start_new_thread, '__module__', '')).partition('.')[0]
    if library in ('gevent', 'eventlet'):
        raise RuntimeError(
            f"This needs a thread, but {library} has replaced Python's threads by greenlets. To "
            f"keep threads, call {'patch_all' if library == 'gevent' else 'monkey_patch'}"
            '(thread=False). '
            'run(), map() over a list, ClientServer and an Executor need no thread')


def start(thread: threading.Thread) -> None:
    """As ``thread.start()``, which the handler of a signal must not interrupt: it would raise
    another exception in place of the handler's, or leave a thread that never runs. Handlers run in
    the main thread only, so another one starts the thread.
    """
    check()
    if threading.current_thread() is not threading.main_thread():
        thread.start()
        return
    answers: SimpleQueue[RuntimeError | None] = SimpleQueue()
    _thread.start_new_thread(_start, (thread, answers))
    error = answers.get()
    if error is not None:
        raise error
