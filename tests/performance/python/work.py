# work.py: the work that is measured in Python, the same for everybody
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""As c/work.h: requests counted by the server, messages of all sizes, times of single operations.

Nothing here waits or transports anything. A wrong answer is an exception, and ends the measurement.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
from typing import Any, Callable

import numpy as np

STOP = -1
WARM_UP = 50  # responses to each client before counting starts
PATIENCE = 20  # how many times longer than expected this may take
CLIENT_SHIFT = 24
COUNT_MASK = 0xffffff
NAP = 0.01  # seconds
PAGE = 4096 // 8  # numbers of float64


class WrongAnswer(Exception):
    """A wrong response."""


def show(seconds: float | dict[str, float], **more: Any) -> None:
    print(json.dumps({'seconds': seconds, **more}), flush=True)


class Tally:
    """The server: responds to each request, an int, with the next int, and counts."""

    def __init__(self, n_clients: int, seconds: float) -> None:
        self.n_clients = n_clients
        self.seconds = seconds
        self.counts = [0] * n_clients
        self.n_running = n_clients
        self.warm_since = self.begin = self.end = 0.0
        self.until_clock = 1
        self.looked = 0.0

    def answer(self, request: int) -> int:
        client = request >> CLIENT_SHIFT
        if not self.end:
            self.counts[client] += 1
            self.until_clock -= 1
            if not self.until_clock:
                self._look()
        if self.end:
            self.n_running -= 1
            return STOP
        return request & ~COUNT_MASK | request + 1 & COUNT_MASK

    def _look(self) -> None:
        now = time.monotonic()
        self.until_clock = 8 if now - self.looked < 1e-3 else 1
        self.looked = now
        if self.begin:
            if self._is_enough(now - self.begin):
                self.end = now
        elif not self.warm_since:
            if min(self.counts) >= WARM_UP:
                self.warm_since = now
        elif now - self.warm_since >= self.seconds / 4:
            self.counts = [0] * self.n_clients
            self.begin = now

    def _is_enough(self, seconds: float) -> bool:
        """If other programs use the processors, a client may need longer for its turn."""
        return seconds >= self.seconds and (
            min(self.counts) > 0 or seconds >= PATIENCE * self.seconds)

    def is_over(self) -> bool:
        return self.n_running == 0

    def get(self) -> tuple[float, int]:
        """Seconds for one request over all clients, and how many there were."""
        if min(self.counts) == 0:
            raise WrongAnswer(f'A client was not served while the others were: {self.counts}')
        count = sum(self.counts)
        return (self.end - self.begin) / count, count


class Asker:
    """A client of such a server."""

    def __init__(self, client: int) -> None:
        self.client = client << CLIENT_SHIFT
        self.n = 0

    def next(self) -> int:
        return self.client | self.n

    def take(self, response: int) -> bool:
        """Returns whether to continue."""
        if response == STOP:
            return False
        self.n = self.n + 1 & COUNT_MASK
        if response != self.client | self.n:
            raise WrongAnswer(f'The answer should be {self.client | self.n}, and is {response}')
        return True


class Echo:
    """Arrays of float64 of given sizes in bytes, which the server sends back as they came; after
    the last, None. Small ones are timed by the batch."""

    def __init__(self, seconds: float, sizes: list[int]) -> None:
        self.seconds = seconds  # for each size
        self.sizes = sizes
        self.results: dict[str, float] = {}
        self.stamp = 0.0
        self.array = np.empty(0)
        self._begin_size()

    def _begin_size(self) -> None:
        size = self.sizes[len(self.results)]
        self.array = np.arange(size // 8, dtype=np.float64)
        self.expected = self.array[PAGE::PAGE].sum()
        self.batch = 10 if size <= 64 * 1024 else 1
        self.times: list[float] = []
        self.n_batches = self.n_done = 0
        self.until = 0.0

    def next(self) -> Any:
        if len(self.results) == len(self.sizes):
            return None
        if self.n_done == 0:
            self.begin = time.perf_counter()
        self.stamp += 1
        self.array[0] = self.stamp
        return self.array

    def take(self, array: Any) -> bool:
        """Returns whether to continue."""
        if array is None:
            return False
        self._check(array)
        self.n_done += 1
        if self.n_done == self.batch:
            self._end_batch()
        return True

    def _check(self, array: Any) -> None:
        """The first array of a size is compared as a whole, the others in one number of each page.
        """
        if array.dtype != self.array.dtype or array.shape != self.array.shape:
            raise WrongAnswer(f'{array.dtype} {array.shape} came back')
        if array[0] != self.stamp or array[PAGE::PAGE].sum() != self.expected:
            raise WrongAnswer(f'An array of {array.nbytes} bytes is not what was sent')
        if self.n_batches == self.n_done == 0 and not np.array_equal(array, self.array):
            raise WrongAnswer(f'The first array of {array.nbytes} bytes is not what was sent')

    def _end_batch(self) -> None:
        now = time.perf_counter()
        self.n_done = 0
        self.n_batches += 1
        # The first two are warm-up: the second may reuse memory of the first.
        if self.n_batches <= 2:
            self.until = now + self.seconds
            return
        self.times.append((now - self.begin) / self.batch)
        if now >= self.until and len(self.times) >= 3:
            self.results[str(self.sizes[len(self.results)])] = statistics.median(self.times)
            if len(self.results) < len(self.sizes):
                self._begin_size()


# The messages of environments and servers: a request, and whether it is echoed or answered with an
# int. Requests are made on demand, because each worker whose start is measured imports this file.
VALUES: dict[str, tuple[Callable[[], Any], bool]] = {
    'int': (lambda: 7, True),
    'vector': (lambda: np.arange(4, dtype=np.float32), True),
    'step': (lambda: (np.arange(4, dtype=np.float32), 1.0, False, False, {}), False),
    'frame': (lambda: np.zeros((84, 84, 4), np.uint8), False),
    '64kB': (lambda: np.zeros(64_000, np.uint8), True),
    'gradients': (lambda: [np.zeros((100, 100)), np.zeros(100), np.zeros((100, 25)), np.zeros(25)],
                  True),
}


def is_same(value: Any, other: Any) -> bool:
    if isinstance(value, list):
        return len(value) == len(other) and all(map(is_same, value, other))
    return bool(np.array_equal(value, other))


class Answerer:
    """The server's side of Values: the first request is a name, the last None."""

    def __init__(self) -> None:
        self.name = ''

    def answer(self, request: Any) -> Any:
        if isinstance(request, str):
            self.name = request
        return request if request is None or VALUES[self.name][1] else 7


class Values(Echo):
    """Like Echo, with the VALUES of given names."""

    def _begin_size(self) -> None:
        self.name = str(self.sizes[len(self.results)])
        make, self.comes_back = VALUES[self.name]
        self.value = make()
        self.is_sent = False
        self.batch = 20
        self.times = []
        self.n_batches = self.n_done = 0
        self.until = 0.0

    def next(self) -> Any:
        if len(self.results) == len(self.sizes):
            return None
        if not self.is_sent:
            return self.name
        if self.n_done == 0:
            self.begin = time.perf_counter()
        return self.value

    def _check(self, response: Any) -> None:
        expected = self.value if self.comes_back else 7
        if type(response) is not type(expected) or (
                self.n_done == 0 and not is_same(response, expected)):
            raise WrongAnswer(f'The answer to {self.name!r} is {response!r}')

    def take(self, response: Any) -> bool:
        if response is not None and not self.is_sent:
            self.is_sent = True
            return True
        return super().take(response)


def add_one(number: int) -> int:
    return number + 1


def measure_starts(count: int, start: Callable[[int], int]) -> None:
    """Times `start`, which starts a process that adds one, and shows the median. The first is
    warm-up."""
    times = []
    for number in range(count + 1):
        begin = time.perf_counter()
        result = start(number)
        times.append(time.perf_counter() - begin)
        if result != number + 1:
            raise WrongAnswer(f'The result should be {number + 1}, and is {result}')
    show(statistics.median(times[1:]), count=count)


def measure_tasks(count: int, run: Callable[[range], Any]) -> None:
    """Times `run`, which has add_one called with each number of a range in other processes, and
    what this process computes for it. The first, smaller, is warm-up."""
    seconds = effort = 0.0
    for numbers in range(count // 10), range(count):
        begin, computed = time.perf_counter(), time.process_time()
        results = list(run(numbers))
        seconds, effort = time.perf_counter() - begin, time.process_time() - computed
        if results != list(range(1, len(numbers) + 1)):
            raise WrongAnswer('The results are not what they should be')
    show(seconds / count, effort=effort / count, count=count)


def nap(number: int) -> int:
    """A task of ten milliseconds that needs no processor, since nodes that are simulated share it.
    """
    time.sleep(NAP)
    return number + 1


def measure_naps(count: int, slots: int, run: Callable[[range], Any]) -> None:
    """Times `run`, which has nap called with each number of a range, on this many slots."""
    seconds = 0.0
    for numbers in range(4 * slots), range(count):
        begin = time.perf_counter()
        results = list(run(numbers))
        seconds = time.perf_counter() - begin
        if results != list(range(1, len(numbers) + 1)):
            raise WrongAnswer('The results are not what they should be')
    show(seconds / count * slots, count=count)


def measure_effort(count: int, run: Callable[[int], int]) -> None:
    """Shows the time that this process itself computes for one call of `run`, which has a process
    that is kept add one. A tenth as many are warm-up."""
    seconds = 0.0
    for numbers in range(max(3, count // 10)), range(count):
        begin = time.process_time()
        for number in numbers:
            if run(number) != number + 1:
                raise WrongAnswer(f'The result for {number} is not what it should be')
        seconds = time.process_time() - begin
    show(seconds / count, count=count)


def parse_values(arguments: list[str]) -> tuple[float, Any]:
    return float(arguments[0]), arguments[1:]


def parse_echo(arguments: list[str]) -> tuple[float, list[int]]:
    return float(arguments[0]), [int(size) for size in arguments[1:]]


def print_pid() -> None:
    """For the program that watches. This is a single write, because several processes write."""
    os.write(1, f'{os.getpid()}\n'.encode())


def sit() -> None:
    """Reports the pid of this process, and waits to be killed."""
    print_pid()
    while True:
        signal.pause()


def fail(usage: str | None) -> None:
    sys.exit(usage)
