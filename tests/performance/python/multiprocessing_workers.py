# multiprocessing_workers.py: how fast multiprocessing starts a process, by each of its methods
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: multiprocessing_workers.py fork|forkserver|preload|spawn start|sit COUNT

preload is a fork server that loads the modules of this program.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import numpy  # noqa: F401 (a module that takes its time to load, as programs have)
import work


def run(connection: Any, number: int) -> None:
    connection.send(work.add_one(number))


def start(context: Any, number: int) -> int:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(sender, number))
    process.start()
    result: int = receiver.recv()
    process.join()
    return result


def main(arguments: list[str]) -> None:
    if len(arguments) != 3 or arguments[1] not in ('start', 'sit'):
        work.fail(__doc__)
    method, kind, count = arguments[0], arguments[1], int(arguments[2])
    context: Any = multiprocessing.get_context('forkserver' if method == 'preload' else method)
    if method == 'preload':
        context.set_forkserver_preload(['numpy', 'work'])
    if kind == 'start':
        work.measure_starts(count, lambda number: start(context, number))
        return
    processes = [context.Process(target=work.sit) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == '__main__':
    main(sys.argv[1:])
