#!/usr/bin/python3
# executor.py: counts primes with an executor whose calls may fail, hang or be cancelled
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: executor.py

Prints how many primes there are below 30,000, and what became of three calls that go wrong.
"""

from __future__ import annotations

import os
import time

from gmproc import Executor, WorkerDied, WorkerTimeout


def count_primes(begin: int, end: int) -> int:
    return sum(
        1
        for n in range(max(begin, 2), end)
        if all(n % divisor for divisor in range(2, int(n**0.5) + 1))
    )


def crash() -> None:
    os._exit(3)


def main() -> None:
    with Executor(max_workers=2, stop_grace=0) as executor:
        begins = range(0, 30_000, 1_000)
        print(sum(executor.map(count_primes, begins, (n + 1_000 for n in begins))))

        crashed = executor.submit(crash)
        hanging = executor.options(run_timeout=0.2).submit(time.sleep, 60)
        cancelled = executor.submit(time.sleep, 60)
        cancelled.cancel()
        print(isinstance(crashed.exception(), WorkerDied))
        print(isinstance(hanging.exception(), WorkerTimeout))
        print(cancelled.cancelled())
        # The executor continues.
        print(executor.submit(count_primes, 0, 100).result())


if __name__ == "__main__":
    main()
