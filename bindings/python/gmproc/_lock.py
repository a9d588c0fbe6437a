# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What keeps its word where the handler of a signal raises an exception: locks are not left locked,
waits are not left waiting, and finalizers do all their work."""

from __future__ import annotations

import sys
import threading
from _queue import Empty, SimpleQueue  # gevent and eventlet replace what the module queue has
from _thread import RLock
from functools import partial
from operator import attrgetter

import _gmproc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class _Lock(RLock):
    """Python 3.14 also runs handlers between ``__enter__`` and the block of a ``with`` statement if
    that method is in C. Between a function in Python and the block it runs none.
    """

    def __enter__(self) -> Any:
        try:
            return self.acquire()
        except BaseException:
            if self._is_owned():  # type: ignore[attr-defined]
                self.release()
            raise


# In older versions nothing runs there.
Lock: Any = _Lock if sys.version_info >= (3, 14) else RLock


class Condition(threading.Condition):
    """One whose lock is not left locked where the handler of a signal raises: ``with`` calls the
    methods of the lock itself. Threads of C may notify it where threads of Python are greenlets.
    """

    def __init__(self) -> None:
        super().__init__(Lock())
        self._waits: list[SimpleQueue[None]] = []

    __enter__: Any = property(attrgetter('_lock.__enter__'))
    __exit__: Any = property(attrgetter('_lock.__exit__'))

    def wait(self, timeout: float | None = None) -> bool:
        wait: SimpleQueue[None] = SimpleQueue()
        self._waits.append(wait)
        state = self._release_save()  # type: ignore[attr-defined]
        try:
            wait.get(timeout=timeout)
        except Empty:
            return False
        finally:
            self._acquire_restore(state)  # type: ignore[attr-defined]
            if wait in self._waits:  # nobody has notified it
                self._waits.remove(wait)
        return True

    def notify(self, n: int = 1) -> None:
        woken, self._waits = self._waits[:n], self._waits[n:]
        for wait in woken:
            wait.put(None)

    def notify_all(self) -> None:
        self.notify(len(self._waits))


class Event:
    """A ``threading.Event`` without a lock; it is set once."""

    def __init__(self) -> None:
        self._is_set = False
        self._waits: list[SimpleQueue[None]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for wait in list(self._waits):
            wait.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        wait: SimpleQueue[None] = SimpleQueue()
        self._waits.append(wait)
        try:
            if not self._is_set:
                wait.get(timeout=timeout)
        except Empty:
            pass
        finally:
            self._waits.remove(wait)
        return self._is_set


def finalizer(function: Callable[[Any], None]) -> Any:
    """For ``__del__``: it is called until nothing interrupts it. What the handler of a signal has
    raised there is raised where the object was dropped; Python would only print it."""
    return property(partial(partial, _gmproc.finalize, function))
