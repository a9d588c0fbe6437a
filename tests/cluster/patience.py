# patience.py: workers that wait on the nodes of a cluster
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: patience.py N SECONDS [RESTARTS]

Runs N workers that report their node and wait, until the file that PATIENCE_RELEASE names is there
and for SECONDS at most. Meanwhile they append "ID NODE TIME" to the file that PATIENCE_BEATS names.
Prints "worker ID NODE" when one waits, "failed ID SECONDS ERROR" when one has failed, and at the
end "results N". SIGTERM prints "terminated", and nothing else. Before all that it waits for as many
nodes as PATIENCE_NODES says.
"""

import os
import signal
import sys
import time
from typing import Any

from gmproc import Workers, WorkerError, report

BEATS = os.environ.get('PATIENCE_BEATS', os.devnull)
RELEASE = os.environ.get('PATIENCE_RELEASE', '')
PAUSE = 0.005  # seconds


def wait(params: tuple[int, float]) -> str:
    id, seconds = params
    node = get_node()
    end = time.monotonic() + seconds
    report(node)
    with open(BEATS, 'ab', buffering=0) as file:
        while time.monotonic() < end and not os.path.exists(RELEASE):
            file.write(f'{id} {node} {time.monotonic()}\n'.encode())
            time.sleep(PAUSE)
    return node


def get_node(_params: Any = None) -> str:
    return os.environ['SLURMD_NODENAME']


def await_nodes(n: int) -> Workers:
    """A node may answer late under load, and has no workers before that. Returns what keeps them.
    """
    workers = Workers()
    for id in range(n):
        workers.add(id, get_node)
    while len(set(workers.run().values())) < n:
        pass
    return workers


def be_patient(_signum: int, _frame: Any) -> None:
    print('terminated', flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, be_patient)
    n, seconds = int(sys.argv[1]), float(sys.argv[2])
    keeper = await_nodes(int(os.environ.get('PATIENCE_NODES', '0')))
    begun = time.monotonic()
    workers = Workers()
    if len(sys.argv) > 3:
        workers.restart = 'on-failure'
        workers.max_restarts = int(sys.argv[3])
    for id in range(n):
        workers.add(id, wait, (id, seconds))
    workers.on_progress = lambda id, node: print('worker', id, node, flush=True)
    workers.on_failed = lambda id, error: print(
        'failed', id, f'{time.monotonic() - begun:.2f}', error, flush=True)
    try:
        results = workers.run()
    except WorkerError as error:
        results = error.results
    print('results', len(results), f'{time.monotonic() - begun:.2f}', flush=True)
    keeper.close()


if __name__ == '__main__':
    main()
