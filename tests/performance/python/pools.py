# pools.py: many small tasks on the pools of multiprocessing, concurrent.futures and joblib
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pools.py pool|futures|joblib CHUNKSIZE|auto COUNT | futures kept COUNT | joblib sit COUNT
       pools.py gmproc|futures single|pending COUNT | gmproc|futures|loky array COUNT

auto is what each chooses by itself.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import statistics
import sys
import time

import work


def return_it(value: object) -> object:
    return value


def sit(_number: int) -> None:
    work.sit()


def measure_pool(chunk: int | None, count: int) -> None:
    with multiprocessing.Pool() as pool:
        work.measure_tasks(count, lambda numbers: pool.map(work.add_one, numbers, chunksize=chunk))


def measure_futures(chunk: int | None, count: int) -> None:
    with concurrent.futures.ProcessPoolExecutor() as executor:
        work.measure_tasks(count, lambda numbers: executor.map(work.add_one, numbers,
                                                               chunksize=chunk or 1))


def measure_kept(count: int) -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        work.measure_effort(count, lambda number: executor.submit(work.add_one, number).result())


def make_executor(name: str, n_workers: int) -> concurrent.futures.Executor:
    if name == 'futures':
        return concurrent.futures.ProcessPoolExecutor(n_workers)
    if name == 'loky':
        from joblib.externals import loky

        return loky.ProcessPoolExecutor(n_workers)
    import gmproc

    return gmproc.Executor(n_workers)


def measure_single(name: str, count: int) -> None:
    """One call after the other, in one kept process."""
    with make_executor(name, 1) as executor:
        work.measure_tasks(count, lambda numbers: [executor.submit(work.add_one, number).result()
                                                   for number in numbers])


def measure_pending(name: str, count: int) -> None:
    """Submits all calls before the first result is read."""
    def run(numbers: range) -> list[int]:
        futures = [executor.submit(work.add_one, number) for number in numbers]
        return [future.result() for future in futures]
    with make_executor(name, 2) as executor:
        work.measure_tasks(count, run)


def measure_array(name: str, count: int) -> None:
    """Sends an array of 16 MB and receives it. One number of each received page is read."""
    import numpy as np

    array = np.arange(2**21, dtype=float)
    with make_executor(name, 1) as executor:
        seconds = []
        for number in range(count + 2):
            array[0] = -number
            begin = time.perf_counter()
            result = executor.submit(return_it, array).result()
            total = result[::512].sum()
            seconds.append(time.perf_counter() - begin)
            if total != array[::512].sum():
                raise work.WrongAnswer(f'Array {number} came back as another one')
    work.show(statistics.median(seconds[2:]), count=count)


def measure_joblib(chunk: int | None, count: int) -> None:
    import joblib

    with joblib.Parallel(n_jobs=os.cpu_count(), batch_size=chunk or 'auto') as parallel:
        work.measure_tasks(count, lambda numbers: parallel(joblib.delayed(work.add_one)(number)
                                                           for number in numbers))


def seat_joblib(count: int) -> None:
    import joblib

    joblib.Parallel(n_jobs=count, batch_size=1)(joblib.delayed(sit)(number)
                                                for number in range(count))


def main(arguments: list[str]) -> None:
    pools = {'pool': measure_pool, 'futures': measure_futures, 'joblib': measure_joblib}
    if len(arguments) != 3 or arguments[0] not in (*pools, 'gmproc', 'loky'):
        work.fail(__doc__)
    name, how, count = arguments[0], arguments[1], int(arguments[2])
    if how == 'single':
        measure_single(name, count)
        return
    if how == 'pending':
        measure_pending(name, count)
        return
    if how == 'array':
        measure_array(name, count)
        return
    if how == 'sit':
        seat_joblib(count)
    elif how == 'kept':
        measure_kept(count)
    else:
        pools[name](None if how == 'auto' else int(how), count)


if __name__ == '__main__':
    main(sys.argv[1:])
