# adverse.py: applications and nodes that are stopped at bad moments, and what workers leave behind
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Cases for nodes of both kinds, but shrink, which Slurm alone can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from simulated import (HERE, NODES, TIMEOUT, Cluster, Nodes, begin_waiting, choose_node,
                       find_application, find_failures, read_places, release)

STEPS = str(HERE / 'steps.py')


def begin_steps(nodes: Nodes, way: str, n: int) -> tuple[subprocess.Popen[str], int]:
    """The program waits for the second step; and the pid of the application."""
    program = nodes.start(sys.executable, STEPS, way, str(n), GMPROC_NODE_TIMEOUT=str(TIMEOUT))
    assert program.stdout is not None
    line = program.stdout.readline()
    assert line == 'ready\n', line + (program.stderr.read() if program.stderr else '')
    return program, find_application(program)


def stopped(nodes: Nodes) -> None:
    """The application is stopped for longer than its agents wait. They end their workers; when it
    continues, it is told that, and restarts begin anew.
    """
    for restarts in (), ('1',):
        program, _ = begin_waiting(nodes, NODES, *restarts)
        application = find_application(program)
        os.kill(application, signal.SIGSTOP)
        try:
            nodes.await_all_empty()
        finally:
            os.kill(application, signal.SIGCONT)
        if restarts:
            again = read_places(program, NODES)
            print(f'  {len(again)} run again: {again}')
            release(nodes)
        out, err = program.communicate(timeout=60)
        failures = find_failures(out)
        if restarts:
            assert f'results {NODES}' in out, out + err
            continue
        print(f'  {failures["0"]}')
        assert len(failures) == NODES, out + err
        assert all('has not heard from this program' in text for text in failures.values()), out


def starting(nodes: Nodes) -> None:
    """A node freezes when workers are started there and get large parameters: all of them run
    elsewhere, those that wait for their start too.
    """
    program, application = begin_steps(nodes, 'start', 4 * NODES)
    nodes.control('freeze', 'n2')
    begun = time.monotonic()
    try:
        os.kill(application, signal.SIGUSR1)
        out, err = program.communicate(timeout=60)
    finally:
        nodes.control('thaw', 'n2')
    print(f'  all had a result after {time.monotonic() - begun:.1f} s')
    assert f'results {8 * NODES}' in out, out + err
    nodes.await_empty('n2')


def channels(nodes: Nodes) -> None:
    """A node freezes while channels from it and to it are being made: whether it has the server or
    clients, all finish.
    """
    for node in (f'n{i + 1}' for i in range(NODES)):
        program, application = begin_steps(nodes, 'channel', 4 * NODES - 1)
        nodes.control('freeze', node)
        begun = time.monotonic()
        try:
            os.kill(application, signal.SIGUSR1)
            out, err = program.communicate(timeout=60)
        finally:
            nodes.control('thaw', node)
        print(f'  without {node} all finished after {time.monotonic() - begun:.1f} s')
        assert f'results {4 * NODES - 1}' in out, out + err
        nodes.await_empty(node)


def daemon(nodes: Nodes) -> None:
    """A worker leaves a process behind, which holds its output: the run and the program end."""
    program, application = begin_steps(nodes, 'daemon', NODES)
    begun = time.monotonic()
    os.kill(application, signal.SIGUSR1)
    status = os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
    took = time.monotonic() - begun
    print(f'  the program ended after {took:.1f} s')
    # What it has printed comes through a pipe that the process left behind may hold.
    for node in (f'n{i + 1}' for i in range(NODES)):
        for pid in nodes.control('pids', node).split():
            if is_daemon(int(pid)):
                print(f'  {pid} was left on {node}')
                os.kill(int(pid), signal.SIGKILL)
    out, err = program.communicate(timeout=60)
    assert status is not None and program.returncode == 0, out + err
    assert 'results 1' in out, out + err
    assert took < 20, took


def is_daemon(pid: int) -> bool:
    try:
        return os.getsid(pid) not in (os.getpid(), 0) and \
            b'gmproc' in open(f'/proc/{pid}/cmdline', 'rb').read() and \
            os.stat(f'/proc/{pid}').st_uid == os.getuid() and \
            'slurm' not in open(f'/proc/{pid}/comm').read()
    except OSError:
        return False


def shrink(cluster: Cluster) -> None:
    """The allocation gives a node back: its workers run elsewhere, and so do the next."""
    program, places = begin_waiting(cluster, 8, '1')
    node, victims = choose_node(places)
    kept = ','.join({f'n{i + 1}' for i in range(NODES)} - {node})
    job = cluster.call('squeue', '--noheader', '--format=%A').split()[0]
    begun = time.monotonic()
    cluster.call('scontrol', 'update', f'JobId={job}', f'NodeList={kept}')
    again = read_places(program, len(victims))
    print(f'  {len(again)} workers are elsewhere after {time.monotonic() - begun:.2f} s: {again}')
    assert set(again) == victims and node not in again.values(), (places, again)
    release(cluster)
    out, err = program.communicate(timeout=60)
    print('\n'.join(f'  {line}' for line in err.splitlines()))
    assert 'results 8' in out, out + err
