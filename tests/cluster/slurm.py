# slurm.py: programs with their workers on the nodes of a Slurm cluster
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: slurm.py SOURCE_ROOT BUILD_ROOT [CASE...]

Starts a cluster of simulated nodes by the script slurm-fixture, runs the guide's programs on it
unchanged, loses and freezes nodes, ends jobs, and kills the application. Prints the reports, their
delay, and the remains. Exits with 77 where Slurm is not installed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

from adverse import channels, daemon, shrink, starting, stopped
from commands import mpirun, podman, ssh
from jobs import cancel, interrupt, kill, limit, requeue, srun, warn
from losses import fence, freeze, full, load, lose, missing, rest, wait
from simulated import BUILD, NODES, SOURCE, Cluster, is_same, start_another

CASE_LIMIT = 170  # seconds


def guide(cluster: Cluster) -> None:
    """The guide's two programs print the same as on one machine."""
    is_same(cluster, str(BUILD / 'examples' / 'workers'))
    is_same(cluster, str(BUILD / 'examples' / 'client-server'))


def python(cluster: Cluster) -> None:
    """The same for the programs in Python."""
    folder = SOURCE / 'examples' / 'python'
    for program in ([sys.executable, str(folder / 'workers.py')],
                    [sys.executable, str(folder / 'client_server.py')]):
        begun = time.monotonic()
        is_same(cluster, *program)
        print(f'  {Path(program[-1]).name}, here and there: {time.monotonic() - begun:.1f} s')


def more(cluster: Cluster) -> None:
    """The same for an Executor, an example with numpy, and a server and clients of three
    languages.
    """
    folder = SOURCE / 'examples'
    is_same(cluster, sys.executable, str(folder / 'python' / 'executor.py'))
    # Its losses depend on the order in which clients answer.
    out = cluster.run(sys.executable, str(folder / 'python' / 'shared_network.py'))
    assert 'accuracy 100%' in out.splitlines()[0], out
    is_same(cluster, str(BUILD / 'examples' / 'mixed' / 'mixed'), str(folder / 'mixed'))


def thousand(_cluster: Cluster) -> None:
    """1,000 workers in C on ten nodes, beside a bare srun of as many processes there."""
    program = BUILD / 'tests' / 'performance' / 'gmproc-start'
    with start_another(10, 100) as big:
        begun = time.monotonic()
        subprocess.run(['srun', '-N10', '-n1000', 'true'], env=big.environment, check=True)
        bare = time.monotonic() - begun
        out = subprocess.run(['salloc', '--quiet', '-N10', '-n1000', '--no-kill', str(program),
                              'many', '1000'], env=big.environment, check=True,
                             stdout=subprocess.PIPE).stdout
    ours = json.loads(out)
    print(f"  {ours['seconds']:.2f} s, srun alone {bare:.2f} s: {ours['seconds'] / bare:.2f} times "
          f"(goal 1.5)\n  the application has {ours['descriptors'] / 10:.1f} descriptors a node "
          f"(goal 4), and took {ours['cpu'] * 1000:.2f} ms of processor time a worker (goal 0.3)")
    assert ours['descriptors'] <= 40, ours


CASES: dict[str, Callable[[Cluster], None]] = {
    case.__name__: case for case in (guide, python, more, warn, kill, interrupt, srun, cancel, lose,
                                     freeze, fence, load, missing, full, rest, wait, requeue, limit,
                                     stopped, starting, channels, daemon, shrink, ssh,
                                     mpirun, podman, thousand)}


def give_up(_signum: int, _frame: Any) -> None:
    raise TimeoutError(f'The case takes more than {CASE_LIMIT} seconds')


def main() -> int:
    path = os.environ['PATH'] + ':/usr/sbin:/sbin'
    if any(not shutil.which(name, path=path) for name in ('slurmctld', 'slurmd', 'srun', 'salloc')):
        print('skipped: Slurm is not installed (apt-get install slurmctld slurmd slurm-client)')
        return 77
    signal.signal(signal.SIGALRM, give_up)
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.control('start', NODES, 4)
            for name in sys.argv[3:] or CASES:
                begun = time.monotonic()
                print(f'{name}: {CASES[name].__doc__}', flush=True)
                signal.alarm(CASE_LIMIT)
                CASES[name](cluster)
                signal.alarm(0)
                print(f'  passed in {time.monotonic() - begun:.1f} s', flush=True)
        finally:
            cluster.control('stop')
    return 0


if __name__ == '__main__':
    sys.exit(main())
