# slurm.py: programs with their workers on the nodes of a Slurm cluster
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: slurm.py SOURCE_ROOT BUILD_ROOT [CASE...]

Starts a cluster of simulated nodes by the script slurm-fixture, runs the guide's programs on it
unchanged, loses and freezes nodes, and kills the application. Prints the reports, their delay, and
the remains. Exits with 77 where Slurm is not installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

HERE = Path(__file__).parent
SOURCE, BUILD = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
FIXTURE = str(HERE / 'slurm-fixture')
NODES = 4
TIMEOUT = 2  # seconds until a silent node counts as lost


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'cluster'
        self.environment = os.environ | {
            'GMPROC_LAUNCHER': 'slurm', 'GMPROC_NODE_TIMEOUT': str(TIMEOUT),
            'SLURM_CONF': str(self.folder / 'slurm.conf')}

    def control(self, command: str, *words: object) -> str:
        return subprocess.run([FIXTURE, command, str(self.folder), *map(str, words)], check=True,
                              text=True, stdout=subprocess.PIPE).stdout

    def start(self, *program: str, options: tuple[str, ...] = ('--no-kill',),
              **environment: str) -> subprocess.Popen[str]:
        """The program in an allocation, by default one that stays when a node is lost."""
        return subprocess.Popen(['salloc', '--quiet', f'-N{NODES}', *options, *program],
                                env=self.environment | environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL)

    def run(self, *program: str) -> str:
        out, err = self.start(*program).communicate(timeout=60)
        return out if out else err

    def names(self, node: str) -> list[str]:
        """The programs that run on a node."""
        names = []
        for pid in self.control('pids', node).split():
            try:
                status = Path(f'/proc/{pid}/status').read_text().splitlines()
            except OSError:
                continue
            # The first process of a simulated node does not wait for orphans.
            if not any(line.startswith('State:\tZ') for line in status):
                names.append(status[0].split()[1])
        return names

    def await_empty(self, node: str, limit: float = 10) -> float:
        """Waits until nothing of a program is left on the node."""
        begun = time.monotonic()
        while any(name.startswith(('gmproc', 'python')) for name in self.names(node)):
            if time.monotonic() > begun + limit:
                raise AssertionError(f'left on {node}: {self.names(node)}')
            time.sleep(0.05)
        return time.monotonic() - begun


def run_here(*program: str) -> str:
    return subprocess.run(program, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).stdout


def is_same(cluster: Cluster, *program: str) -> None:
    here, there = run_here(*program), cluster.run(*program)
    assert sorted(here.splitlines()) == sorted(there.splitlines()), f'{there!r} is not {here!r}'


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


def warn(cluster: Cluster) -> None:
    """Without --no-kill, the end of a node is the end of the job: the program says so."""
    program = cluster.start(str(BUILD / 'examples' / 'workers'), options=())
    _, err = program.communicate(timeout=60)
    assert '--no-kill' in err, err
    program = cluster.start(str(BUILD / 'examples' / 'workers'))
    _, err = program.communicate(timeout=60)
    assert '--no-kill' not in err, err


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


def load(cluster: Cluster) -> None:
    """Under load: nodes are lost, frozen, thawed and revived, and every client finishes."""
    program = cluster.start(sys.executable, str(HERE / 'load.py'), '8', '600')
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


def read_places(program: subprocess.Popen[str], n: int) -> dict[str, str]:
    """Waits until all workers wait, and returns their nodes."""
    assert program.stdout is not None
    places = {}
    while len(places) < n:
        line = program.stdout.readline()
        assert line, 'it has ended: ' + (program.stderr.read() if program.stderr else '')
        word, id, *rest = line.split(maxsplit=2)
        if word == 'worker':
            places[id] = rest[0].strip()
    return places


def begin_waiting(cluster: Cluster, n: int, seconds: float,
                  *options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    program = cluster.start(sys.executable, str(HERE / 'patience.py'), str(n), str(seconds),
                            *options)
    return program, read_places(program, n)


def lose(cluster: Cluster) -> None:
    """A node loses its power: its workers fail, the others continue; restarts go elsewhere."""
    program, places = begin_waiting(cluster, 8, 4, '1')
    assert sorted(set(places.values())) == [f'n{i + 1}' for i in range(NODES)], places
    begun = time.monotonic()
    cluster.control('lose', 'n3')
    again = read_places(program, 2)
    print(f'  {len(again)} workers are elsewhere after {time.monotonic() - begun:.2f} s: {again}')
    assert set(again) == {id for id, node in places.items() if node == 'n3'}, again
    assert 'n3' not in again.values(), again
    out, _ = program.communicate(timeout=60)
    assert 'results 8' in out, out
    cluster.control('revive', 'n3')


def freeze(cluster: Cluster) -> None:
    """A node stops responding: it counts as lost in time, and terminates its workers when it
    continues.
    """
    program, places = begin_waiting(cluster, NODES, 5)
    begun = time.monotonic()
    cluster.control('freeze', 'n2')
    out, _ = program.communicate(timeout=60)
    failed = [line for line in out.splitlines() if line.startswith('failed')]
    print(f'  reported after {time.monotonic() - begun:.2f} s: {failed}')
    assert [line.split()[1] for line in failed] == [id for id, node in places.items()
                                                    if node == 'n2'], out
    assert 'the node n2 was lost' in failed[0], failed
    assert f'results {NODES - 1}' in out, out
    cluster.control('thaw', 'n2')
    print(f'  nothing is left there {cluster.await_empty("n2"):.2f} s after it came back')


def find_programs(words: str) -> list[int]:
    """The applications whose command has these words: not what runs them, nor their workers."""
    pids = subprocess.run(['pgrep', '-f', words], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.split()
    found = []
    for pid in map(int, pids):
        with contextlib.suppress(OSError):
            if not Path(f'/proc/{pid}/comm').read_text().startswith(('salloc', 'pgrep', 'sh')) and \
                    'GMPROC_LAUNCHER=' in Path(f'/proc/{pid}/environ').read_text():
                found.append(pid)
    return found


def kill(cluster: Cluster) -> None:
    """The application is killed: nothing is left on any node."""
    program, _ = begin_waiting(cluster, 6, 100)
    for pid in find_programs('patience.py 6 100'):
        os.kill(pid, signal.SIGKILL)
    program.wait(timeout=60)
    for node in (f'n{i + 1}' for i in range(NODES)):
        print(f'  {node} is empty after {cluster.await_empty(node):.2f} s')


def thousand(_cluster: Cluster) -> None:
    """1,000 workers in C on ten nodes, beside a bare srun of as many processes there."""
    program = BUILD / 'tests' / 'performance' / 'gmproc-start'
    with tempfile.TemporaryDirectory() as folder:
        big = Cluster(Path(folder))
        big.control('start', 10, 100)
        try:
            begun = time.monotonic()
            subprocess.run(['srun', '-N10', '-n1000', 'true'], env=big.environment, check=True)
            bare = time.monotonic() - begun
            out = subprocess.run(['salloc', '--quiet', '-N10', '-n1000', '--no-kill', str(program),
                                  'many', '1000'], env=big.environment, check=True,
                                 stdout=subprocess.PIPE).stdout
        finally:
            big.control('stop')
    ours = json.loads(out)
    print(f"  {ours['seconds']:.2f} s, srun alone {bare:.2f} s: {ours['seconds'] / bare:.2f} times "
          f"(goal 1.5)\n  the application has {ours['descriptors'] / 10:.1f} descriptors a node "
          f"(goal 4), and took {ours['cpu'] * 1000:.2f} ms of processor time a worker (goal 0.3)")
    assert ours['descriptors'] <= 40, ours


CASES: dict[str, Callable[[Cluster], None]] = {
    case.__name__: case for case in (guide, python, more, warn, kill, lose, freeze, load, wait,
                                           thousand)}


def main() -> int:
    path = os.environ['PATH'] + ':/usr/sbin:/sbin'
    if any(not shutil.which(name, path=path) for name in ('slurmctld', 'slurmd', 'srun', 'salloc')):
        print('skipped: Slurm is not installed (apt-get install slurmctld slurmd slurm-client)')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.control('start', NODES, 4)
            for name in sys.argv[3:] or CASES:
                begun = time.monotonic()
                print(f'{name}: {CASES[name].__doc__}', flush=True)
                CASES[name](cluster)
                print(f'  passed in {time.monotonic() - begun:.1f} s', flush=True)
        finally:
            cluster.control('stop')
    return 0


if __name__ == '__main__':
    sys.exit(main())
