# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: flat.py [--scale NUMBER] [WORD...]

Long runs: neither memory, nor file descriptors, threads or processes may grow, in the application
or in a worker. With --scale 1 it takes seconds; an hour's worth of requests, 3.6 million at a
thousand a second, is --scale 180.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any

import case
import examples

# Twenty samples are taken. What is there at the first five comes of warming up; then the least of
# the next five is compared with that of the last five.
N_SAMPLES = 20
N_WARM = 5

# What may be added to any process. An allocator rests only slowly, a garbage collector in waves.
MEMORY = {'C': 0.5, 'Python': 1.0, 'JavaScript': 6.0}  # MiB


@dataclasses.dataclass
class Load:
    """What is done for long, of which a count is what scale 1 means."""

    name: str
    config: dict[str, Any]
    counts: dict[str, int]
    counted: str  # which part of the configuration the count is
    held: float = 0.0  # MiB of values that may be there at one time, and not at another

    def config_for(self, language: str, scale: float) -> dict[str, Any]:
        count = max(int(self.counts[language] * scale), N_SAMPLES)
        return {'fault': 'none', 'moment': 'none', 'n': 2, 'turns': 3, 'size': 0, 'reports': False,
                'objects': 1, 'runs': 1, **self.config, self.counted: count, 'options': {}}


LOADS = (
    Load('requests', {'role': 'client', 'reports': True},
         {'C': 60000, 'Python': 20000, 'JavaScript': 60000}, 'turns'),
    Load('requests to the application', {'role': 'client-local', 'reports': True},
         {'C': 60000, 'Python': 20000, 'JavaScript': 60000}, 'turns'),
    Load('payloads of 1 MiB', {'role': 'client', 'reports': True, 'size': 2**20},
         {'C': 1200, 'Python': 400, 'JavaScript': 200}, 'turns', held=4.0),
    Load('runs of one Workers object', {'role': 'worker'},
         {'C': 600, 'Python': 100, 'JavaScript': 40}, 'runs'),
    Load('ClientServer objects', {'role': 'client'},
         {'C': 300, 'Python': 40, 'JavaScript': 20}, 'objects'),
    Load('failing workers', {'role': 'worker', 'fault': 'SIGKILL', 'moment': 'process'},
         {'C': 600, 'Python': 100, 'JavaScript': 40}, 'runs'),
)


@dataclasses.dataclass
class Sample:
    """What a process had at one time, and its memory in MiB: all that is resident, for its share of
    what others have too grows when these end."""

    memory: float
    files: int
    threads: int


def take_sample(pid: int) -> Sample | None:
    try:
        rollup = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
        rss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith('Rss:'))
        return Sample(rss / 1024, len(os.listdir(f'/proc/{pid}/fd')),
                      len(os.listdir(f'/proc/{pid}/task')))
    except (OSError, StopIteration):
        return None


class Measurement:
    """One load in one language, while it runs."""

    def __init__(self, language: str, load: Load, scale: float) -> None:
        self.language = language
        self.memory = MEMORY[language] + load.held
        self.samples: dict[int, list[Sample]] = {}  # by pid
        self.processes: list[int] = []
        config = load.config_for(language, scale)
        self.process = subprocess.Popen(case.COMMANDS[language] + [case.to_variant(config)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True,
                                        start_new_session=True)

    def run(self) -> list[str]:
        """What is wrong with it."""
        last = ''
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith('progress'):
                # The lines of several clients, some of which may have ended when it is read.
                self.sample()
            elif line.startswith('end'):
                last = line
        self.process.wait()
        left: list[str] = []
        case.reap_all(left)
        problems = [f'left: {each}' for each in left]
        if not last or len(self.samples.get(self.process.pid, [])) < N_SAMPLES // 2:
            problems.append(f'it ended with {last!r}')
        return problems + self.compare()

    def sample(self) -> None:
        pids = [self.process.pid, *examples.list_workers(self.process.pid)]
        self.processes.append(len(pids))
        for pid in pids:
            sample = take_sample(pid)
            if sample is not None:
                self.samples.setdefault(pid, []).append(sample)

    def compare(self) -> list[str]:
        problems = []
        self.growth = 0.0
        for samples in self.samples.values():
            if len(samples) < 3 * N_WARM:
                continue  # It did not live for long.
            for what, limit in (('memory', self.memory), ('files', 2), ('threads', 2)):
                values = [getattr(sample, what) for sample in samples]
                # The least, for samples are taken now between and now amidst runs and payloads:
                # what is lost is there at all times.
                begin = min(values[N_WARM:2 * N_WARM])
                growth = min(values[-N_WARM:]) - begin
                if what == 'memory':
                    self.growth = max(self.growth, growth)
                if growth > limit:
                    problems.append(f'{what} has grown from {begin:.1f} by {growth:.1f}: {values}')
        if self.processes and max(self.processes[-N_WARM:]) > max(self.processes[:2 * N_WARM]) + 1:
            problems.append(f'there are more and more processes: {self.processes}')
        return problems

    def describe(self) -> str:
        own = self.samples.get(self.process.pid)
        if own is None:
            return 'nothing was seen of it'
        return (f'application {own[-1].memory:.1f} MiB, {own[-1].files} files, '
                f'{own[-1].threads} threads; at most {max(self.processes)} processes; '
                f'grown by {self.growth:.2f} MiB at most')


def main() -> int:
    parser = argparse.ArgumentParser(description='Sees whether anything grows')
    parser.add_argument('--scale', type=float, default=1)
    parser.add_argument('words', nargs='*', help='of the load or the language')
    arguments = parser.parse_args()
    case.become_subreaper()
    n_wrong = 0
    for load in LOADS:
        for language in case.COMMANDS:
            if not all(word in f'{load.name}, {language}' for word in arguments.words):
                continue
            measurement = Measurement(language, load, arguments.scale)
            problems = measurement.run()
            count = load.config_for(language, arguments.scale)[load.counted]
            print(f'{language}, {count} {load.name}: {measurement.describe()}', flush=True)
            for problem in problems:
                print(f'    WRONG: {problem}', flush=True)
            n_wrong += bool(problems)
    return 1 if n_wrong > 0 else 0


if __name__ == '__main__':
    sys.exit(main())
