# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: flat.py [--scale NUMBER] [WORD...]

Checks in long runs that neither memory nor the number of file descriptors, threads or processes
grows, in the application or in a worker. A program executes a load, and rests several times. At a
rest nothing is in progress and garbage has been collected, so the samples can be compared, and the
program continues only when this script has taken one (programs/rest.c). The script prints a table.
--scale 1 takes minutes. --scale 30 is an hour's worth of requests: 3.6 million at a thousand a
second. Words select loads and languages.

The suite uses --scale 0.3 (JavaScript 0.2), and detects leaks of these sizes:

- for each request 5 bytes in C, 13 in Python, 70 in JavaScript; with --scale 30, 3 bytes in all;
- for each run of workers 500 bytes, 6 KiB and 16 KiB; with --scale 30, 250 bytes in all;
- one value of 1 MiB in 400 (C) or 240 (Python) that is never freed, in private memory or in a block
  of a channel; none in JavaScript, where a channel's memory is full before garbage is collected;
- one descriptor, thread or process in a third of the load.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from typing import Any, Callable

import case

# Caches fill during the first third of the rests. The medians of the other two thirds are compared,
# which are a third of the load apart.
N_PART = 8
N_RESTS = 3 * N_PART

WATCHDOG = 900  # seconds between two rests: in a long run much happens between them

N_WORKERS = 2  # clients or functions of each program

# Growth that is ignored, in KiB. Engines allocate pages, and return collected memory in waves.
HELD = {'C': 16, 'Python': 64, 'JavaScript': 256}
PRIVATE = {'C': 128, 'Python': 256, 'JavaScript': 4 * 1024}

# Each of a channel's two directions may use two blocks, if a response is sent before the request is
# released, or about 16, if values are released by garbage collection. The rings are extra.
N_BLOCKS = {'C': 4, 'Python': 4, 'JavaScript': 32}
RINGS = 512  # KiB

# No allocator may keep small pieces, so that the memory in use can be counted. Nor may it keep
# large ones: malloc() learns to take them from the heap, which never ends below a piece in use.
ENVIRONMENT = {'G_SLICE': 'always-malloc', 'PYTHONMALLOC': 'malloc',
               'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=131072'}


@dataclasses.dataclass
class Load:
    """A load that runs for long.

    Attributes:
        counts: the number of operations with scale 1.
        counted: the member of the configuration that has this number.
        bytes_each: the growth by fragmentation of the heap. heaptrack finds no leak behind it.
    """

    name: str
    config: dict[str, Any]
    counts: dict[str, int]
    counted: str
    bytes_each: float

    def config_for(self, language: str, scale: float, folder: pathlib.Path) -> dict[str, Any]:
        count = max(round(self.counts[language] * scale / N_RESTS), 1) * N_RESTS
        return {'fault': 'none', 'moment': 'none', 'n': N_WORKERS, 'turns': 3, 'size': 0,
                'objects': 1, 'runs': 1, 'rests': N_RESTS, 'folder': str(folder), 'options': {},
                **self.config, self.counted: count}

    def resting_ids(self) -> list[str]:
        """The clients, if they cause the load, or the application."""
        if self.counted == 'turns':
            return [str(i + 1) for i in range(N_WORKERS)]
        return ['0']


LOADS = (
    Load('requests', {'role': 'client'},
         {'C': 60000, 'Python': 60000, 'JavaScript': 60000}, 'turns', 2),
    Load('requests to the application', {'role': 'client-local'},
         {'C': 60000, 'Python': 60000, 'JavaScript': 60000}, 'turns', 2),
    Load('values of 1 MiB', {'role': 'client', 'size': 2**20},
         {'C': 4000, 'Python': 2400, 'JavaScript': 1200}, 'turns', 2),
    Load('runs of one Workers object', {'role': 'worker'},
         {'C': 600, 'Python': 120, 'JavaScript': 240}, 'runs', 200),
    Load('ClientServer objects', {'role': 'client'},
         {'C': 288, 'Python': 48, 'JavaScript': 240}, 'objects', 200),
    Load('runs with a worker that is killed',
         {'role': 'worker', 'fault': 'SIGKILL', 'moment': 'process'},
         {'C': 600, 'Python': 120, 'JavaScript': 240}, 'runs', 200),
)


@dataclasses.dataclass
class Sample:
    """The resources of a process at one time; memory in KiB.

    Attributes:
        held: the memory in use, from malloc() or the language's engine; None if unknown.
        private: private resident memory, including freed memory that the process keeps.
        shared: resident memory that it shares with others.
    """

    held: float | None
    private: float
    shared: float
    files: int
    threads: int


def take_sample(pid: int, held: float | None) -> Sample | None:
    try:
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
        fields = dict(line.split(':', 1) for line in status.splitlines())
        private, shared = (float(fields[name].split()[0]) for name in ('RssAnon', 'RssShmem'))
        return Sample(held, private, shared, len(os.listdir(f'/proc/{pid}/fd')),
                      len(os.listdir(f'/proc/{pid}/task')))
    except (OSError, KeyError):
        return None  # It has ended, or is a zombie.


def list_family(pid: int) -> list[int]:
    """A process and all of its descendants."""
    parents = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            text = pathlib.Path(f'/proc/{name}/stat').read_text(errors='replace')
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(name)] = int(text.rpartition(') ')[2].split()[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


class Measurement:
    """One load in one language, while it runs."""

    def __init__(self, language: str, load: Load, scale: float) -> None:
        self.language = language
        self.load = load
        self.samples: list[dict[int, Sample]] = []  # all current processes, by pid
        self.clients: set[int] = set()
        self.end = ''
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='gmproc-flat-'))
        self.config = load.config_for(language, scale, self.folder)
        self.count = self.config[load.counted]
        self.fifos = {id: self.make_fifo(id) for id in load.resting_ids()}

    def make_fifo(self, id: str) -> int:
        """Also opened for reading, so that neither side waits for the other to open it."""
        os.mkfifo(self.folder / f'go-{id}')
        return os.open(self.folder / f'go-{id}', os.O_RDWR)

    def run(self) -> None:
        with open(self.folder / 'errors', 'w') as errors:
            self.process = subprocess.Popen(
                case.COMMANDS[self.language] + [case.to_variant(self.config)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                env={**os.environ, **ENVIRONMENT}, start_new_session=True)
        self.watch()
        assert self.process.stdout is not None
        held: dict[int, float] = {}
        resting = set()
        for line in self.process.stdout:
            verb, *words = line.split()
            if verb == 'holds':
                held[int(words[0])] = int(words[1]) / 1024
            elif verb == 'end':
                self.end = line
            elif verb == 'left':
                break  # Remaining processes may hold standard output open.
            elif verb == 'rests':
                resting.add(words[0])
                if self.load.counted == 'turns':
                    self.clients.add(int(words[1]))
            if resting == self.fifos.keys():
                resting.clear()
                self.look(held)
        self.process.wait()
        self.watchdog.cancel()

    def watch(self) -> None:
        self.watchdog = threading.Timer(WATCHDOG, self.kill_all)
        self.watchdog.start()

    def kill_all(self) -> None:
        for pid in list_family(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def look(self, held: dict[int, float]) -> None:
        self.watchdog.cancel()
        self.samples.append({pid: sample for pid in list_family(self.process.pid)
                             if (sample := take_sample(pid, held.get(pid))) is not None})
        self.watch()
        for fd in self.fifos.values():
            os.write(fd, b'\n')

    def close(self) -> list[str]:
        """The program's remaining processes."""
        left: list[str] = []
        case.reap_all(left)
        for fd in self.fifos.values():
            os.close(fd)
        shutil.rmtree(self.folder)
        return [f'left: {each}' for each in left]

    def find_problems(self) -> list[str]:
        problems = []
        if len(self.samples) != N_RESTS or not self.end:
            problems.append(f'it rested {len(self.samples)} times, and ended with {self.end!r}')
            problems += (self.folder / 'errors').read_text().splitlines()
        else:
            values = [float(len(sample)) for sample in self.samples]
            problems += compare('processes', values, 0.5)
            for pid in self.list_constant():
                problems += self.compare_process(pid)
        return problems + self.close()

    def list_constant(self) -> list[int]:
        """The processes that existed at all times."""
        pids = set.intersection(*({*sample} for sample in self.samples[N_PART:]))
        return sorted(pids)

    def compare_process(self, pid: int) -> list[str]:
        def values_of(what: str) -> list[Any]:
            return [getattr(sample[pid], what) for sample in self.samples if pid in sample]

        who = 'the application' if pid == self.process.pid else f'process {pid}'
        grown = self.count / 3 * self.load.bytes_each / 1024
        problems = []
        if None not in values_of('held'):
            problems += compare(f'what {who} holds', values_of('held'),
                                HELD[self.language] + grown)
        problems += compare(f"{who}'s own memory", values_of('private'),
                            PRIVATE[self.language] + grown)
        n_channels = 1 if pid in self.clients else N_WORKERS
        size = self.config['size'] / 1024 + 4
        most = n_channels * (N_BLOCKS[self.language] * size + RINGS)
        if max(values_of('shared')) > most:
            problems.append(f'{who} shares more than {most} KiB: {values_of("shared")}')
        for what in ('files', 'threads'):
            problems += compare(f'{what} of {who}', values_of(what), 0.5)
        return problems

    def describe(self) -> str:
        """A row of the table: the sum over all processes that existed at all times."""
        pids = self.list_constant()

        def parts(value: Callable[[Sample], float]) -> str:
            sums = [sum(value(sample[pid]) for pid in pids) for sample in self.samples[N_PART:]]
            begin, end = statistics.median(sums[:N_PART]), statistics.median(sums[N_PART:])
            return f'{begin:,.0f} | {end:,.0f}'

        n = self.count * (N_WORKERS if self.load.counted == 'turns' else 1)
        return (f'| {self.language} | {self.load.name} | {n:,} '
                f'| {parts(lambda sample: sample.held or 0)} '
                f'| {parts(lambda sample: sample.private + sample.shared)} '
                f'| {parts(lambda sample: sample.files)} '
                f'| {parts(lambda sample: sample.threads)} | {len(pids)} |')


def compare(what: str, values: list[float], limit: float) -> list[str]:
    begin = statistics.median(values[-2 * N_PART:-N_PART])
    growth = statistics.median(values[-N_PART:]) - begin
    if growth <= limit:
        return []
    rounded = ' '.join(f'{value:.0f}' for value in values)
    return [f'{what} has grown from {begin:.1f} by {growth:.1f}, more than {limit:.1f}: {rounded}']


def print_head() -> None:
    print('| language | load | count | in use, KiB | at the end | resident, KiB | at the end '
          '| files | at the end | threads | at the end | processes |')
    print('|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|', flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description='Sees whether anything grows')
    parser.add_argument('--scale', type=float, default=1)
    parser.add_argument('words', nargs='*', help='of the load or the language')
    arguments = parser.parse_args()
    case.become_subreaper()
    print_head()
    n_wrong = 0
    for load in LOADS:
        for language in case.COMMANDS:
            if not all(word in f'{load.name}, {language}' for word in arguments.words):
                continue
            measurement = Measurement(language, load, arguments.scale)
            measurement.run()
            if measurement.samples:
                print(measurement.describe(), flush=True)
            problems = measurement.find_problems()
            for problem in problems:
                print(f'    WRONG: {problem}', flush=True)
            n_wrong += bool(problems)
    return 1 if n_wrong > 0 else 0


if __name__ == '__main__':
    sys.exit(main())
