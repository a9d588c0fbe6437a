# patience.py: workers that wait on the nodes of a cluster
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: patience.py N SECONDS [RESTARTS]

Runs N workers that report their node and wait. Prints "worker ID NODE" when one waits, "failed ID
CODE SECONDS" when one has failed, and at the end "results N".
"""

import os
import sys
import time


from gmproc import Workers, WorkerError, report


def wait(seconds: float) -> str:
    node = os.environ['SLURMD_NODENAME']
    report(node)
    time.sleep(seconds)
    return node


def main() -> None:
    n, seconds = int(sys.argv[1]), float(sys.argv[2])
    begun = time.monotonic()
    workers = Workers()
    if len(sys.argv) > 3:
        workers.restart = 'on-failure'
        workers.max_restarts = int(sys.argv[3])
    for id in range(n):
        workers.add(id, wait, seconds)
    workers.on_progress = lambda id, node: print('worker', id, node, flush=True)
    workers.on_failed = lambda id, error: print(
        'failed', id, f'{time.monotonic() - begun:.2f}', error, flush=True)
    try:
        results = workers.run()
    except WorkerError as error:
        results = error.results
    print('results', len(results), f'{time.monotonic() - begun:.2f}', flush=True)


if __name__ == '__main__':
    main()
