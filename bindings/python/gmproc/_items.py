# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The items of Workers.map, and the sizes of batches."""

from __future__ import annotations

import collections
import contextvars
import itertools
import math
import threading

from . import _daemons
from ._lock import Condition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

# The intended duration of a batch in seconds. Sending one costs a fraction of a millisecond.
WANTED = 0.1
# It is shorter only if other processes would have nothing to do, and never shorter than this.
SHORTEST = 0.001
# After this time a process returns the items that it has not begun, for others.
LONGEST = 2 * WANTED
# How much larger the next batch may be, because its items may be larger; and how many more items of
# an iterator are read ahead.
GROWTH = 64
READING_GROWTH = 4
# The approximate limit on the bytes of a batch, and of its results.
MAX_SIZE = 16 * 1024 * 1024

# The speed that an earlier map has measured holds for similar items. Items of other types than
# these may be this many times larger.
MOST_AT_FIRST = 100
_SMALL = {int, float, complex, bool, type(None)}

# Iterating over these calls no user code, and never waits.
_AT_HAND = (list, tuple, range, dict, set, frozenset, str, bytes, bytearray, collections.deque)


class Pace:
    """The speed of a function at its last use."""

    def __init__(self, function: Any = None) -> None:
        self.function = function
        self.shortest = 1  # the number of items that take SHORTEST


class AtHand:
    """Items in memory.

    Attributes:
        n_left: the number of items that have not been taken; None if it is unknown.
        n_ready: the number of items that can be taken now.
        are_small: True if they take little memory, judged by a few of them.
    """

    def __init__(self, items: Any) -> None:
        self._iterator = iter(items)
        self.n_left: int | None = len(items)
        self.are_small = isinstance(items, (list, tuple, range)) and \
            _SMALL.issuperset(map(type, (*items[:8], *items[-8:])))

    @property
    def n_ready(self) -> int:
        return self.n_left or 0

    def start(self) -> None:
        pass

    def take(self, n: int, _is_exact: bool) -> list[Any]:
        """At most this many items; an empty list if there are none now."""
        batch = list(itertools.islice(self._iterator, n))
        self.n_left = self.n_left - len(batch) if len(batch) == n and self.n_left else 0
        return batch

    def read_ahead(self, n: int) -> None:
        """Requests that this many items be ready."""

    def close(self) -> None:
        """No more items are taken."""


class Reader:
    """Reads an iterator in its own thread, a little ahead of the consumers, because it may wait,
    even forever. Its exception is raised in the consumer of the missing item."""

    are_small = False

    def __init__(self, items: Iterable[Any], wake: Callable[[], None]) -> None:
        """``wake`` is called in the thread when new items are there."""
        self._iterator = iter(items)
        self._wake = wake
        self._items: collections.deque[Any] = collections.deque()
        self._most_ready = 1
        self._is_missed = False  # a consumer has found too few items
        self._is_over = False
        self._is_closed = False
        self._error: BaseException | None = None
        self._room = Condition()
        self._context = contextvars.copy_context()
        # A daemon, so that the program does not wait for an iterator that waits.
        self._thread = threading.Thread(target=self._context.run, args=[self._read],
                                        name='gmproc-items', daemon=True)

    @property
    def n_left(self) -> int | None:
        return len(self._items) if self._is_over else None

    @property
    def n_ready(self) -> int:
        return len(self._items)

    def start(self) -> None:
        if self._thread.ident is None:
            _daemons.start(self._thread)

    def take(self, n: int, is_exact: bool) -> list[Any]:
        """At most this many items; with ``is_exact``, fewer only at the end."""
        # Set before checking, so that items that arrive meanwhile are not missed.
        self._is_missed = True
        is_over = self._is_over
        n = 0 if is_exact and not is_over and len(self._items) < n else min(n, len(self._items))
        batch = [self._items.popleft() for _ in range(n)]
        if batch:
            self._is_missed = False
            with self._room:
                self._room.notify()
        elif is_over and self._error is not None:
            error, self._error = self._error, None
            raise error
        return batch

    def read_ahead(self, n: int) -> None:
        if n != self._most_ready:
            with self._room:
                self._most_ready = n
                self._room.notify()

    def close(self) -> None:
        with self._room:
            self._is_closed = True
            self._wake = _do_nothing  # The iterator may not return for a long time.
            self._room.notify()

    def _read(self) -> None:
        try:
            for item in self._iterator:
                self._items.append(item)
                del item
                if self._is_missed:
                    self._wake_consumer()
                if len(self._items) >= self._most_ready:
                    with self._room:
                        self._room.wait_for(self._has_room)
                if self._is_closed:
                    break
        except BaseException as error:
            self._error = error
        finally:
            del self._iterator
        self._is_over = True
        if self._is_missed:
            self._wake_consumer()

    def _has_room(self) -> bool:
        return self._is_closed or len(self._items) < self._most_ready

    def _wake_consumer(self) -> None:
        self._is_missed = False
        self._wake()


def _do_nothing() -> None:
    pass


def read(items: Iterable[Any], wake: Callable[[], None]) -> AtHand | Reader:
    return AtHand(items) if type(items) in _AT_HAND else Reader(items, wake)


class Items:
    """Hands items out in batches, whose size it adapts."""

    def __init__(self, source: AtHand | Reader, n_processes: int, chunksize: int | None,
                 pace: Pace, window: int | None = None) -> None:
        """``window``: how many may have been taken whose values are still on their way; 0 for some
        that keep all processes busy, None for any number."""
        self._source = source
        self._n_processes = n_processes
        self._is_fixed = chunksize is not None
        self._pace = pace
        most = pace.shortest if source.are_small else MOST_AT_FIRST
        self._size = chunksize or min(pace.shortest, most)
        self._window = window
        self._has_own_window = window == 0
        self._shortest = self._size
        self._next = 0
        self._again: list[tuple[int, list[Any]]] = []  # those that come back, and their places
        self.start = source.start
        self.close = source.close
        self._make_room(self._size)

    def _make_room(self, n_ready: int) -> None:
        """This many items for each process."""
        self._source.read_ahead(self._n_processes * n_ready)
        if self._has_own_window:
            self._window = 2 * self._n_processes * self._size
        elif self._window is not None and self._is_fixed:
            self._window = max(self._window, self._size)

    def _choose_size(self, n_idle: int) -> int:
        if self._is_fixed:
            return self._size
        n_left = self._source.n_left
        n_again = sum(len(batch) for _first, batch in self._again)
        if n_left is None:
            # Waiting processes share the items that have arrived.
            share = math.ceil((self._source.n_ready + n_again) / n_idle)
        else:
            # So that all processes end at about the same time.
            share = math.ceil((n_left + n_again) / (2 * self._n_processes))
        # Not so that one works alone because the rest is short.
        shortest = min(self._shortest, math.ceil(((n_left or 0) + n_again) / n_idle))
        size = max(1, min(self._size, max(share, shortest)))
        return size if self._window is None else \
            min(size, max(1, self._window // (2 * self._n_processes)))

    def take(self, n_idle: int = 1, n_done: int = 0) -> tuple[int, list[Any]]:
        """The place of the first of the next items, and the items: empty if there are none now.

        Args:
            n_idle: how many processes have nothing to do.
            n_done: of how many items the values are no longer on their way.
        """
        size = self._choose_size(n_idle)
        if self._again:
            first, batch = self._again.pop()
            if len(batch) > size:
                self.put_back(first + size, batch[size:])
            return first, batch[:size]
        first = self._next
        if self._window is not None and first + size - n_done > self._window:
            return first, []
        batch = self._source.take(size, self._is_fixed)
        self._next += len(batch)
        return first, batch

    def is_over(self) -> bool:
        """True if all items have been taken."""
        return self._source.n_left == 0 and not self._again

    def get_longest(self) -> float:
        """The seconds that a batch may take; 0 for any time."""
        return 0.0 if self._is_fixed else LONGEST

    def put_back(self, first: int, batch: list[Any]) -> None:
        """These items are handed out again, before all others."""
        if batch:
            self._again.append((first, batch))

    def put_back_singly(self, first: int, batch: list[Any]) -> None:
        """The same, but one by one."""
        for i in reversed(range(len(batch))):
            self.put_back(first + i, batch[i:i + 1])

    def learn(self, n: int, seconds: float, size: int) -> None:
        """Learns that ``n`` items took this many seconds and bytes."""
        if self._is_fixed:
            return
        seconds_each = max(seconds / n, 1e-8)
        wanted = int(min(WANTED / seconds_each, MAX_SIZE * n / max(size, 1)))
        # A smaller batch than possible does not show how long a larger one takes.
        most = self._size * GROWTH if n >= self._size else self._size
        self._size = max(1, min(wanted, most))
        self._make_room(max(1, min(wanted, self._size * READING_GROWTH)))
        self._shortest = self._pace.shortest = max(1, int(SHORTEST / seconds_each))
