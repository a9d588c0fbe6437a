# pypi_pools.py: single calls on the process pools that PyPI has
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pypi_pools.py loky|pebble|mpire|dask|ray single|pending COUNT

As pools.py does it with ProcessPoolExecutor: one call after the other on one process, or all calls
pending on two.
"""

from __future__ import annotations

import sys
from typing import Any, Callable

import work


class Pool:
    """A pool, used as its documentation recommends.

    Attributes:
        resource: what is to be closed.
        submit: begins a call of add_one with a number.
        gather: the results of several calls.
    """

    def __init__(self, resource: Any, submit: Callable[[int], Any],
                 gather: Callable[[list[Any]], list[Any]]) -> None:
        self.resource = resource
        self.submit = submit
        self.gather = gather


def make_loky(n_workers: int) -> Pool:
    import loky

    executor = loky.get_reusable_executor(max_workers=n_workers)
    return Pool(executor, lambda number: executor.submit(work.add_one, number),
                lambda futures: [future.result() for future in futures])


def make_pebble(n_workers: int) -> Pool:
    import pebble

    pool = pebble.ProcessPool(max_workers=n_workers)
    return Pool(pool, lambda number: pool.schedule(work.add_one, args=[number]),
                lambda futures: [future.result() for future in futures])


def make_mpire(n_workers: int) -> Pool:
    import mpire

    pool = mpire.WorkerPool(n_jobs=n_workers)
    return Pool(pool, lambda number: pool.apply_async(work.add_one, (number,)),
                lambda results: [result.get() for result in results])


def make_dask(n_workers: int) -> Pool:
    import distributed

    client = distributed.Client(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
    return Pool(client, lambda number: client.submit(work.add_one, number, pure=False),
                client.gather)


def make_ray(n_workers: int) -> Pool:
    import ray

    context = ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(work.add_one)
    return Pool(context, remote.remote, ray.get)


POOLS = {'loky': make_loky, 'pebble': make_pebble, 'mpire': make_mpire, 'dask': make_dask,
         'ray': make_ray}


def run_single(pool: Pool, numbers: range) -> list[Any]:
    return [pool.gather([pool.submit(number)])[0] for number in numbers]


def run_pending(pool: Pool, numbers: range) -> list[Any]:
    return pool.gather([pool.submit(number) for number in numbers])


def main(arguments: list[str]) -> None:
    runs = {'single': (run_single, 1), 'pending': (run_pending, 2)}
    if len(arguments) != 3 or arguments[0] not in POOLS or arguments[1] not in runs:
        work.fail(__doc__)
    run, n_workers = runs[arguments[1]]
    pool = POOLS[arguments[0]](n_workers)
    with pool.resource:
        work.measure_tasks(int(arguments[2]), lambda numbers: run(pool, numbers))


if __name__ == '__main__':
    main(sys.argv[1:])
