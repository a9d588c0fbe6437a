# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls of executors with large arguments, submitted where an event loop runs: a thread pickles
them."""

from __future__ import annotations

import collections
import os
import sys
import threading

from . import _daemons
from ._lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pickle
    from typing import Any, Callable

    import _gmproc

_lock = Lock()
_queue: collections.deque[LateCall] = collections.deque()  # under the lock
_has_thread = False                                        # under the lock


def is_in_loop() -> bool:
    """True if an event loop of asyncio runs in this thread."""
    asyncio = sys.modules.get('asyncio')
    return asyncio is not None and asyncio._get_running_loop() is not None


def copy(data: Any, buffers: list[pickle.PickleBuffer]) -> tuple[Any, list[Any]]:
    """The parts of a pickle that is sent later: the program may change its arrays before."""
    return data, [bytes(each.raw()) for each in buffers]


class LateCall:
    """Stands for the call of a future until it is submitted.

    Args:
        submit: pickles and submits it, in the thread. It raises nothing.
        drop: ends its future, which was cancelled before that.
    """

    def __init__(self, submit: Callable[[], None], drop: Callable[[], None]) -> None:
        self._submit = submit
        self._drop = drop
        self._call: _gmproc.Call | None = None  # under the lock
        self.is_unwanted = False                # under the lock

    def begin(self) -> None:
        with _lock:
            _queue.append(self)
            has_thread = _has_thread
        if has_thread:
            return
        try:
            _daemons.start(threading.Thread(target=_turn, name='gmproc-calls', daemon=True))
        except RuntimeError:
            # The system has no thread left.
            _turn()

    def cancel(self) -> None:
        with _lock:
            self.is_unwanted = True
            is_waiting = self in _queue
            call = self._call
            if is_waiting:
                _queue.remove(self)
        if is_waiting:
            self._drop()
        elif call is not None:
            call.cancel()

    def replace(self, call: _gmproc.Call) -> None:
        """It was submitted."""
        with _lock:
            self._call = call
            is_unwanted = self.is_unwanted
        if is_unwanted:
            call.cancel()

    def get_pid(self) -> None:
        return None

    def look(self) -> bool:
        return False


def _turn() -> None:
    """The thread ends with the last call."""
    global _has_thread
    with _lock:
        if _has_thread:
            return  # Two were started at the same time.
        _has_thread = True
    while True:
        with _lock:
            if not _queue:
                _has_thread = False
                return
            call = _queue.popleft()
        call._submit()
        del call


def _forget() -> None:
    """In the child of a fork, where the thread does not exist, and may have held the lock."""
    global _lock, _has_thread
    _lock = Lock()
    _queue.clear()
    _has_thread = False


os.register_at_fork(after_in_child=_forget)
