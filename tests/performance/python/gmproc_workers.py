# gmproc_workers.py: our workers in Python: the time of a start, and many small tasks
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: gmproc_workers.py start COUNT | tasks ids|map COUNT | naps here|nodes COUNT | kept COUNT |
sit COUNT
"""

import os
import sys

import numpy  # noqa: F401 (a module that takes its time to load, as programs have)
import work
from gmproc import Workers


def sit(_params: None) -> None:
    work.sit()


def measure_starts(count: int) -> None:
    workers = Workers()
    workers.add(1, work.add_one)

    def start(number: int) -> int:
        workers.set_params(1, number)
        return workers.run([1])[1]
    work.measure_starts(count, start)


def measure_ids(count: int) -> None:
    """One id for each task, on as many processes as there are processors."""
    with Workers(reuse=True, max_parallel=os.cpu_count()) as workers:
        for number in range(count):
            workers.add(number, work.add_one, params=number)
        work.measure_tasks(count, lambda numbers: workers.run(numbers).values())


def measure_map(count: int) -> None:
    with Workers(reuse=True, max_parallel=os.cpu_count()) as workers:
        work.measure_tasks(count, lambda numbers: workers.map(work.add_one, numbers))


def measure_naps(count: int) -> None:
    """On two nodes, each with as many slots as this machine has processors."""
    with Workers(reuse=True) as workers:
        work.measure_naps(count, 2 * (os.cpu_count() or 1),
                          lambda numbers: workers.map(work.nap, numbers))


def measure_naps_here(count: int) -> None:
    """One after the other, in this process."""
    work.measure_naps(count, 1, lambda numbers: map(work.nap, numbers))


def measure_kept(count: int) -> None:
    with Workers(reuse=True) as workers:
        workers.add(1, work.add_one)

        def run(number: int) -> int:
            workers.set_params(1, number)
            return workers.run([1])[1]
        work.measure_effort(count, run)


def seat(count: int) -> None:
    workers = Workers()
    for number in range(count):
        workers.add(number, sit)
    workers.run()


def main(arguments: list[str]) -> None:
    if len(arguments) < 2:
        work.fail(__doc__)
    count = int(arguments[-1])
    programs = {('start',): measure_starts, ('tasks', 'ids'): measure_ids,
                ('tasks', 'map'): measure_map, ('naps', 'nodes'): measure_naps,
                ('naps', 'here'): measure_naps_here, ('kept',): measure_kept, ('sit',): seat}
    program = programs.get(tuple(arguments[:-1]))
    if program is None:
        work.fail(__doc__)
    else:
        program(count)


if __name__ == '__main__':
    main(sys.argv[1:])
