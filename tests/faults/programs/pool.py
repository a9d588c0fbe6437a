# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pool.py N_KILLS

The same as pool.c with an Executor: kills its processes at random moments, and accounts for each
call. A kill may fail only the call that the process executes.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import threading
import time
from concurrent import futures

import gmproc

N_PENDING = 16
BIG = 100_000


def initialize() -> None:
    if os.getpid() % 10 == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def add_up(number: int, data: bytes) -> tuple[int, int, bytes]:
    return number, sum(data), data


def linger() -> None:
    """Waits for a random time, so that the next kill can happen at any moment of a call."""
    end = time.monotonic() + random.uniform(0, 0.001)
    while time.monotonic() < end:
        pass


class Trial:
    def __init__(self, executor: gmproc.Executor, n_kills: int) -> None:
        self.executor = executor
        self.n_kills = n_kills  # remaining
        self.n_calls = 0
        self.answered = threading.Semaphore(0)
        self.killed: set[int] = set()  # pids
        self.failed: set[int] = set()  # the workers that a call has failed with

    def submit(self) -> gmproc.executor.Future:
        self.n_calls += 1
        size = BIG if self.n_calls % 4 == 0 else self.n_calls % 100
        data = bytes([self.n_calls & 0xff]) * size
        future = self.executor.submit(add_up, self.n_calls, data)
        future.expected = self.n_calls, (self.n_calls & 0xff) * size, data  # type: ignore
        return future

    def check(self, future: gmproc.executor.Future) -> None:
        try:
            assert future.result() == future.expected  # type: ignore[attr-defined]
        except gmproc.WorkerDied as error:
            found = re.search(r"Worker '(\d+)' \(pid (\d+)\)", str(error))
            assert found is not None, error
            number, pid = int(found[1]), int(found[2])
            assert pid in self.killed, error
            assert number not in self.failed, f'It has failed a second call: {error}'
            self.failed.add(number)
        self.answered.release()

    def kill(self) -> None:
        """Kills a random process from time to time."""
        while self.n_kills > 0:
            for _ in range(random.randrange(3 * N_PENDING)):
                self.answered.acquire()
            linger()
            pids = [worker.pid for worker in self.executor.workers
                    if worker.pid is not None and worker.pid not in self.killed]
            if pids:
                self.kill_one(random.choice(pids))

    def kill_one(self, pid: int) -> None:
        self.killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            # One too many has ended by itself, between calls.
            self.killed.remove(pid)
        else:
            self.n_kills -= 1

    def run(self) -> None:
        killer = threading.Thread(target=self.kill)
        killer.start()
        pending = {self.submit() for _ in range(N_PENDING)}
        while pending:
            done, pending = futures.wait(pending, return_when=futures.FIRST_COMPLETED)
            for future in done:
                self.check(future)
                if self.n_kills > 0:
                    pending.add(self.submit())
        killer.join()
        self.check(self.submit())


def main() -> None:
    n_kills = int(sys.argv[1])
    with gmproc.Executor(4, initializer=initialize) as executor:
        trial = Trial(executor, n_kills)
        trial.run()
    print(f'{trial.n_calls} calls, {n_kills} kills, {len(trial.failed)} calls failed')


if __name__ == '__main__':
    main()
