# jobs.py: what happens to a whole job of Slurm
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from simulated import (BUILD, NODES, PATIENCE, Cluster, Job, begin_waiting, find_children,
                       find_failures, find_programs, read_places, release)

LAUNCHER = 'export GMPROC_LAUNCHER=slurm'


def warn(cluster: Cluster) -> None:
    """Without --no-kill, the end of a node is the end of the job: the program reports it."""
    program = cluster.start(str(BUILD / 'examples' / 'workers'), options=())
    _, err = program.communicate(timeout=60)
    assert '--no-kill' in err, err
    program = cluster.start(str(BUILD / 'examples' / 'workers'))
    _, err = program.communicate(timeout=60)
    assert '--no-kill' not in err, err


def kill(cluster: Cluster) -> None:
    """The application is killed: nothing is left on any node."""
    program, _ = begin_waiting(cluster, 6)
    for pid in find_programs('patience.py 6 100'):
        os.kill(pid, signal.SIGKILL)
    program.wait(timeout=60)
    cluster.await_all_empty()


def interrupt(cluster: Cluster) -> None:
    """Ctrl-C in the application ends everything on all nodes."""
    program, _ = begin_waiting(cluster, 6)
    begun = time.monotonic()
    for pid in find_programs('patience.py 6 100'):
        os.kill(pid, signal.SIGINT)
    _, err = program.communicate(timeout=60)
    print(f'  it ended after {time.monotonic() - begun:.2f} s: {err.splitlines()[-1]}')
    assert 'KeyboardInterrupt' in err, err
    cluster.await_all_empty()


def srun(cluster: Cluster) -> None:
    """srun is killed, and all agents with it: the program logs that, and restarts begin anew."""
    program, _ = begin_waiting(cluster, 6, '1')
    application, = find_programs('patience.py 6 100')
    begun = time.monotonic()
    for pid in find_children(application, 'srun'):
        os.kill(pid, signal.SIGKILL)
    again = read_places(program, 6)
    print(f'  all {len(again)} run again after {time.monotonic() - begun:.2f} s')
    release(cluster)
    out, err = program.communicate(timeout=60)
    line = next(line for line in err.splitlines() if 'srun' in line and 'signal 9' in line)
    print(f'  logged: {line}')
    assert 'results 6' in out, out + err


def cancel(cluster: Cluster) -> None:
    """The job is cancelled, and the program continues outside of it: each error names the cause."""
    program, _ = begin_waiting(cluster, 6)
    begun = time.monotonic()
    cluster.call('scancel', '--user', os.environ.get('USER', 'root'))
    out, err = program.communicate(timeout=60)
    failures = find_failures(out)
    print(f'  reported after {time.monotonic() - begun:.2f} s: {failures["0"]}')
    assert len(failures) == 6, out + err
    assert all('the job may be over' in text for text in failures.values()), failures
    cluster.await_all_empty()


def limit(cluster: Cluster) -> None:
    """The job's time is over. The program gets SIGTERM in time, as its script asks, and saves what
    it has; then each error says that the job ends.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = Job(cluster, Path(folder),
                  ['--no-kill', '--time=1', '--signal=B:TERM@30'], LAUNCHER,
                  f'exec {sys.executable} {PATIENCE} {NODES} 300')
        job.read_until('worker')
        begun = time.monotonic()
        job.read_until('terminated')
        print(f'  it is asked to end after {time.monotonic() - begun:.0f} s')
        lines = job.read_until('results')
    failures = find_failures('\n'.join(lines))
    print(f'  the end: {failures["0"]}')
    assert len(failures) == NODES, lines
    assert all('the job may be over' in text for text in failures.values()), failures
    cluster.await_all_empty()


def requeue(cluster: Cluster) -> None:
    """A job that is requeued begins anew, with agents of its own, and knows that."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job(cluster, Path(folder), ['--no-kill', '--requeue'], LAUNCHER,
                  'echo count ${SLURM_RESTART_COUNT:-0}',
                  f'exec {sys.executable} {PATIENCE} {NODES} $((300 - 300 * '
                  '${SLURM_RESTART_COUNT:-0}))')
        job.read_until('count 0')
        for _ in range(NODES):
            job.read_until('worker')
        begun = time.monotonic()
        cluster.call('scontrol', 'requeue', job.id)
        job.read_until('count 1')
        print(f'  it began anew after {time.monotonic() - begun:.1f} s')
        job.read_until(f'results {NODES}')
    cluster.await_all_empty()
