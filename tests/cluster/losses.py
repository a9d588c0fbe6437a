# losses.py: nodes that are lost, frozen and thawed, or lack something
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import os
import signal
import sys
import time

from simulated import (BUILD, FIXTURE, HERE, NODES, PATIENCE, TIMEOUT, Cluster, begin_waiting,
                       choose_node, find_failures, find_programs, read_line, read_places, release,
                       start_another)


def lose(cluster: Cluster) -> None:
    """A node loses its power: its workers fail, the others continue; restarts go elsewhere."""
    program, places = begin_waiting(cluster, 8, '1', PATIENCE_NODES=str(NODES))
    assert sorted(set(places.values())) == [f'n{i + 1}' for i in range(NODES)], places
    node, victims = choose_node(places)
    begun = time.monotonic()
    cluster.control('lose', node)
    again = read_places(program, len(victims))
    print(f'  {len(again)} workers are elsewhere after {time.monotonic() - begun:.2f} s: {again}')
    assert set(again) == victims and node not in again.values(), (places, again)
    release(cluster)
    out, _ = program.communicate(timeout=60)
    assert 'results 8' in out, out
    cluster.control('revive', node)


def freeze(cluster: Cluster) -> None:
    """A node stops responding: it counts as lost in time, and terminates its workers when it
    continues.
    """
    program, places = begin_waiting(cluster, NODES)
    node, victims = choose_node(places)
    begun = time.monotonic()
    cluster.control('freeze', node)
    failed = ''.join(read_line(program) for _ in victims)
    print(f'  reported after {time.monotonic() - begun:.2f} s: {failed.strip()}')
    release(cluster)
    out = failed + program.communicate(timeout=60)[0]
    failures = find_failures(out)
    assert set(failures) == victims, (places, out)
    assert all(f'the node {node} was lost' in text for text in failures.values()), failures
    assert f'results {NODES - len(victims)}' in out, out
    cluster.control('thaw', node)
    print(f'  nothing is left there {cluster.await_empty(node):.2f} s after it came back')


def fence(cluster: Cluster) -> None:
    """A worker of a frozen node is restarted elsewhere. When the node thaws, the old worker does
    not go on beside the new one.
    """
    path = cluster.folder.parent / 'beats'
    program, places = begin_waiting(cluster, NODES, '1', PATIENCE_BEATS=str(path))
    frozen, victims = choose_node(places)
    cluster.control('freeze', frozen)
    again = read_places(program, len(victims))
    assert set(again) == victims and frozen not in again.values(), (places, again)
    thawed = time.monotonic()
    cluster.control('thaw', frozen)
    all_thawed = time.monotonic()
    cluster.await_empty(frozen)
    release(cluster)
    out, err = program.communicate(timeout=60)
    assert f'results {NODES}' in out, out + err
    # The nodes are simulated, so they have one clock. The command to thaw takes a while itself.
    beats = [line.split() for line in path.read_text().splitlines()]
    late = [float(at) for _, node, at in beats if node == frozen and float(at) > thawed]
    lasted = max(late, default=0) - min(late, default=0)
    print(f'  the old workers went on for {lasted * 1000:.0f} ms')
    assert lasted < 0.5 and max(late, default=0) < all_thawed + 0.5, (all_thawed, late)


def load(cluster: Cluster) -> None:
    """Under load: nodes are lost, frozen, thawed and revived, and every client finishes."""
    program = cluster.start(sys.executable, str(HERE / 'load.py'), '8', '600',
                            GMPROC_NODE_TIMEOUT=str(TIMEOUT))
    places = read_places(program, 9)
    home = places.pop('server')
    lost, frozen = sorted(set(places.values()) - {home})[:2]
    for action, node in ('lose', lost), ('freeze', frozen):
        begun = time.monotonic()
        cluster.control(action, node)
        victims = {id for id, place in places.items() if place == node}
        again = read_places(program, len(victims))
        print(f'  {action} {node}: {len(again)} clients are elsewhere after '
              f'{time.monotonic() - begun:.2f} s')
        assert set(again) == victims and node not in again.values(), (victims, again)
        places |= again
    cluster.control('thaw', frozen)
    print(f'  nothing is left on {frozen} {cluster.await_empty(frozen):.2f} s after it came back')
    cluster.control('revive', lost)
    begun = time.monotonic()
    cluster.control('lose', home)
    again = {}
    while 'server' not in again:
        again |= read_places(program, 1)
    print(f'  lose {home}: the server is at {again["server"]} after '
          f'{time.monotonic() - begun:.2f} s')
    out, err = program.communicate(timeout=100)
    assert 'results 8' in out, out + err
    cluster.control('revive', home)


def wait(cluster: Cluster) -> None:
    """Nodes that do not answer are named after ten seconds, and Ctrl-C ends the wait."""
    begun = time.monotonic()
    program = cluster.start(str(BUILD / 'examples' / 'workers'), GMPROC_NODES='a b',
                            GMPROC_LAUNCHER='command:sh -c "exec sleep 60" {agent}')
    assert program.stderr is not None
    line = program.stderr.readline()
    while 'Waiting for nodes' not in line:
        assert line, 'it has ended'
        line = program.stderr.readline()
    print(f'  told after {time.monotonic() - begun:.1f} s: {line.strip()}')
    assert 'a, b did not answer' in line, line
    for pid in find_programs('examples/workers'):
        os.kill(pid, signal.SIGINT)
    program.communicate(timeout=60)


def missing(cluster: Cluster) -> None:
    """The program's folder is not on a node: its workers fail, with the node's name."""
    begun = time.monotonic()
    cluster.control('hide', 'n3', HERE)
    try:
        program = cluster.start(sys.executable, PATIENCE, '8', '0')
        out, err = program.communicate(timeout=60)
    finally:
        cluster.control('unhide', 'n3', HERE)
    failures = find_failures(out)
    print(f'  reported after {time.monotonic() - begun:.2f} s: {list(failures.values())[:1]}')
    assert failures and all('node n3' in text for text in failures.values()), out + err
    assert f'results {8 - len(failures)}' in out, out + err


def full(_cluster: Cluster) -> None:
    """A node has no room on its disks, not even for Slurm: the program runs on the others."""
    # Slurm may take such a node out of service, so this cluster is for nothing else.
    with start_another(NODES, 4) as cluster:
        begun = time.monotonic()
        cluster.control('hide', 'n3', cluster.folder / 'spool' / 'n3')
        out, err = cluster.start(sys.executable, PATIENCE, '8', '0').communicate(timeout=60)
    line = find_line(err, 'Workers have fewer nodes')
    print(f'  ended after {time.monotonic() - begun:.1f} s: {line}')
    assert 'the command for n3' in line and 'results 8' in out, out + err


def rest(cluster: Cluster) -> None:
    """A program begins when its allocation has lost a node, before Slurm knows that and after."""
    script = f"""
        {FIXTURE} lose {cluster.folder} n3
        {sys.executable} {PATIENCE} 8 0
        until [ "$(squeue --noheader --jobs=$SLURM_JOB_ID --format=%D)" = 3 ]; do sleep 0.2; done
        echo again
        {sys.executable} {PATIENCE} 8 0"""
    begun = time.monotonic()
    program = cluster.start('sh', '-c', script)
    out, err = program.communicate(timeout=150)
    cluster.control('revive', 'n3')
    first, second = out.split('again\n')
    line = find_line(err, 'Each node is tried by itself')
    print(f'  both ended after {time.monotonic() - begun:.1f} s: {line}')
    assert 'results 8' in first and 'results 8' in second, out + err


def find_line(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if words in line)
