# simulated.py: a Slurm cluster of simulated nodes, and the programs that tests run on it
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).parent
SOURCE, BUILD = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
FIXTURE = str(HERE / 'slurm-fixture')
NODES = 4
TIMEOUT = 2  # seconds until a silent node counts as lost, in cases that lose one
PATIENCE = str(HERE / 'patience.py')


class Nodes:
    """Nodes of either kind: of a Slurm cluster, or agents on this machine."""

    environment: dict[str, str]
    folder: Path  # in a folder of the test's own

    def control(self, command: str, *words: object) -> str:
        raise NotImplementedError

    def start(self, *program: str, options: tuple[str, ...] = ('--no-kill',),
              **environment: str) -> subprocess.Popen[str]:
        raise NotImplementedError

    def release_path(self) -> Path:
        return self.folder.parent / 'release'

    def run(self, *program: str) -> str:
        started = self.start(*program)
        out, err = started.communicate(timeout=60)
        assert started.returncode == 0, f'{started.returncode}: {out}{err}'
        return out

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

    def await_all_empty(self) -> None:
        for node in (f'n{i + 1}' for i in range(NODES)):
            print(f'  {node} is empty after {self.await_empty(node):.2f} s')


class LocalNodes(Nodes):
    """Agents on this machine, without Slurm. A node is its agent and everything below it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'nodes'
        names = [f'n{i + 1}' for i in range(NODES)]
        self.environment = os.environ | {
            'GMPROC_LAUNCHER': 'command:env SLURM_CPUS_ON_NODE=4 SLURMD_NODENAME={node} {agent}',
            'GMPROC_NODES': ' '.join(names), 'GMPROC_TEST_NODES': str(os.getpid())}

    def pids(self, node: str) -> list[int]:
        found = []
        for entry in Path('/proc').iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    words = (entry / 'environ').read_bytes().split(b'\0')
                    if {f'SLURMD_NODENAME={node}'.encode(),
                            f'GMPROC_TEST_NODES={os.getpid()}'.encode()} <= set(words):
                        found.append(int(entry.name))
        return found

    def control(self, command: str, *words: object) -> str:
        pids = self.pids(str(words[0]))
        signals = {'lose': signal.SIGKILL, 'freeze': signal.SIGSTOP, 'thaw': signal.SIGCONT}
        for pid in pids if command in signals else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signals[command])
        return '\n'.join(map(str, pids))

    def start(self, *program: str, options: tuple[str, ...] = ('--no-kill',),
              **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(program, env=self.environment | environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL)


class Cluster(Nodes):
    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'cluster'
        self.environment = os.environ | {
            'GMPROC_LAUNCHER': 'slurm', 'SLURM_CONF': str(self.folder / 'slurm.conf')}

    def control(self, command: str, *words: object) -> str:
        return subprocess.run([FIXTURE, command, str(self.folder), *map(str, words)], check=True,
                              text=True, stdout=subprocess.PIPE).stdout

    def call(self, *command: str) -> str:
        """A command of Slurm."""
        return subprocess.run(command, env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def start(self, *program: str, options: tuple[str, ...] = ('--no-kill',),
              **environment: str) -> subprocess.Popen[str]:
        """The program in an allocation, by default one that stays when a node is lost."""
        return subprocess.Popen(['salloc', '--quiet', f'-N{NODES}', *options, *program],
                                env=self.environment | environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def start_another(nodes: int, processors: int) -> Iterator[Cluster]:
    """A cluster for one case."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        cluster.control('start', nodes, processors)
        try:
            yield cluster
        finally:
            cluster.control('stop')


class Job:
    """A script that sbatch runs; what it prints is read line by line, whether it is begun again or
    not.
    """

    def __init__(self, cluster: Cluster, folder: Path, options: list[str], *lines: str) -> None:
        script, output = folder / 'job.sh', folder / 'output'
        os.mkfifo(output)
        # Opened for writing as well, so that reading continues when its first program has ended.
        self.output = os.fdopen(os.open(output, os.O_RDWR), 'r', buffering=1)
        options = [f'--nodes={NODES}', f'--output={output}', *options]
        script.write_text('\n'.join(['#!/bin/sh', *(f'#SBATCH {option}' for option in options),
                                     *lines, '']), encoding='utf-8')
        self.id = cluster.call('sbatch', '--parsable', str(script)).strip()

    def read_until(self, *words: str) -> list[str]:
        """The lines up to one that has all these words."""
        lines = []
        while not lines or not all(word in lines[-1] for word in words):
            lines.append(self.output.readline().rstrip())
        return lines


def run_here(*program: str) -> str:
    return subprocess.run(program, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).stdout


def is_same(cluster: Nodes, *program: str) -> None:
    here, there = run_here(*program), cluster.run(*program)
    assert sorted(here.splitlines()) == sorted(there.splitlines()), f'{there!r} is not {here!r}'


def read_line(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    line = program.stdout.readline()
    assert line, 'it has ended: ' + (program.stderr.read() if program.stderr else '')
    return line


def read_places(program: subprocess.Popen[str], n: int) -> dict[str, str]:
    """Waits until all workers wait, and returns their nodes."""
    places: dict[str, str] = {}
    while len(places) < n:
        word, id, *rest = read_line(program).split(maxsplit=2)
        if word == 'worker':
            places[id] = rest[0].strip()
    return places


def begin_waiting(cluster: Nodes, n: int, *options: str,
                  **environment: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """The program, and the nodes of its workers, which wait until release()."""
    cluster.release_path().unlink(missing_ok=True)
    program = cluster.start(sys.executable, PATIENCE, str(n), '100', *options,
                            GMPROC_NODE_TIMEOUT=str(TIMEOUT),
                            PATIENCE_RELEASE=str(cluster.release_path()), **environment)
    return program, read_places(program, n)


def choose_node(places: dict[str, str]) -> tuple[str, set[str]]:
    """One that has workers, and which. Under load a node may answer too late to get any."""
    node = max(places.values())
    return node, {id for id, place in places.items() if place == node}


def release(cluster: Nodes) -> None:
    """Ends the workers that wait."""
    cluster.release_path().touch()


def find_failures(out: str) -> dict[str, str]:
    """The text of each worker's error that patience.py has printed."""
    failed = [line.split(maxsplit=3) for line in out.splitlines() if line.startswith('failed ')]
    return {id: text for _, id, _, text in failed}


def find_programs(words: str) -> list[int]:
    """The applications whose command has these words, without their parents and workers."""
    pids = subprocess.run(['pgrep', '-f', words], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.split()
    found = []
    for pid in map(int, pids):
        with contextlib.suppress(OSError):
            if not Path(f'/proc/{pid}/comm').read_text().startswith(('salloc', 'pgrep', 'sh')) and \
                    'GMPROC_LAUNCHER=' in Path(f'/proc/{pid}/environ').read_text():
                found.append(pid)
    return found


def find_application(program: subprocess.Popen[str]) -> int:
    """The process that salloc has started, or the program itself."""
    children = find_children(program.pid) \
        if Path(f'/proc/{program.pid}/comm').read_text().startswith('salloc') else [program.pid]
    return children[0]


def find_children(pid: int, name: str | None = None) -> list[int]:
    found = []
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in map(int, (task / 'children').read_text().split()):
            if name is None or Path(f'/proc/{child}/comm').read_text().strip() == name:
                found.append(child)
    return found
