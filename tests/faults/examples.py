# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Kills a worker of each example, or presses Ctrl-C."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Iterator

import case

EXAMPLES = case.FOLDER.parent.parent / 'examples'
BUILT = case.BUILD / 'examples'

# Some examples end before the fault can happen. They are started again, up to this many times.
TRIES = 20

# Limits in milliseconds: until a death is logged, and until the prompt returns after Ctrl-C.
SHOWN = 100
GIVEN_BACK = 1000


@dataclasses.dataclass
class Example:
    language: str
    name: str
    command: list[str]


@dataclasses.dataclass
class Row:
    """A row of the table."""

    fault: str
    example: Example
    victim: str
    outcome: str
    milliseconds: float
    left: int
    problems: list[str] = dataclasses.field(default_factory=list)


def list_examples() -> Iterator[Example]:
    words = str(EXAMPLES / 'python' / 'data' / 'heart_scale.txt')
    arguments = {'checksums': ['/dev/zero', '/dev/zero'], 'mixed': [str(EXAMPLES / 'mixed')],
                 'word_count': [words] * 8, 'word-count': [words] * 8}
    for language, folder in (('C', BUILT), ('Vala', BUILT / 'vala'), ('mixed', BUILT / 'mixed')):
        for path in sorted(folder.glob('*')):
            if path.is_file() and os.access(path, os.X_OK):
                yield Example(language, path.name, [str(path), *arguments.get(path.name, [])])
    for language, pattern, command in (('Python', 'python/*.py', [sys.executable]),
                                       ('JavaScript', 'gjs/*.js', ['gjs', '-m'])):
        for path in sorted(EXAMPLES.glob(pattern)):
            yield Example(language, path.stem, [*command, str(path), *arguments.get(path.stem, [])])


def list_workers(application: int) -> list[int]:
    """The descendants that are not fork servers, in the order of their pids."""
    parents = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            text = pathlib.Path(f'/proc/{name}/stat').read_text(errors='replace')
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = text.rpartition(') ')[2].split()[:2]
        if state not in 'ZX':
            parents[int(name)] = int(parent)
    return sorted(pid for pid, parent in parents.items()
                  if is_worker(pid, parent, application) or parents.get(parent) == application)


def is_worker(pid: int, parent: int, application: int) -> bool:
    if parent != application:
        return False
    try:
        environment = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b'GMPROC_WORKER=' in environment and b'GMPROC_WARM_SERVER=' not in environment


class Try:
    """An example, from its start to its end."""

    def __init__(self, example: Example) -> None:
        self.errors: list[tuple[float, str]] = []
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE='1')
        self.process = subprocess.Popen(example.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, env=environment, start_new_session=True,
                                        cwd=tempfile.gettempdir())
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.left: list[str] = []

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append((time.monotonic(), line))

    def wait_for_worker(self, place: int) -> int | None:
        """The pid of one of its workers, or None if the program ends without this many."""
        seen: list[int] = []
        while self.process.poll() is None:
            seen += [pid for pid in list_workers(self.process.pid) if pid not in seen]
            if len(seen) > place:
                return seen[place]
        return None

    def end(self) -> None:
        try:
            self.process.wait(case.WATCHDOG)
        except subprocess.TimeoutExpired:
            self.left.append('the watchdog ended it')
            self.process.kill()
            self.process.wait()
        self.ended = time.monotonic()
        case.reap_all(self.left)
        self.reader.join()

    def find(self, pattern: str) -> list[tuple[float, str]]:
        """The lines of its standard error, with their times."""
        return [(at, line) for at, line in self.errors if re.search(pattern, line)]

    def text(self) -> str:
        return ''.join(line for _, line in self.errors)


def kill_worker(example: Example, place: int) -> Row | None:
    """None if it never has this many workers."""
    for _ in range(TRIES):
        attempt = Try(example)
        pid = attempt.wait_for_worker(place)
        begin = time.monotonic()
        if pid is not None:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pid = None
        # A worker that had returned its result is reported as a warning, not as a failure.
        death = rf'\(pid {pid}\)(?!.*but then).* was killed by signal 9'
        if example.name == 'checksums':
            # This example would run forever.
            while attempt.process.poll() is None and not attempt.find(death) and \
                    time.monotonic() < begin + 1:
                time.sleep(0.001)
            if attempt.process.poll() is None:
                os.killpg(attempt.process.pid, signal.SIGINT)
        attempt.end()
        shown = attempt.find(death)
        if pid is None or not shown or not attempt.process.returncode:
            continue
        row = Row('kill -9', example, f'worker {place + 1}', 'at its end',
                  (shown[0][0] - begin) * 1000, len(attempt.left), attempt.left)
        judge(row, attempt, shown)
        return row
    return None


def judge(row: Row, attempt: Try, shown: list[tuple[float, str]]) -> None:
    """The death is logged once if the run continues, and it is the error of the run."""
    if shown[0][1].endswith('; the run continues\n'):
        row.outcome = 'at once'
    elif row.example.name == 'checksums':
        row.outcome = 'at once, by it'
    if len(shown) != (2 if row.outcome == 'at once' else 1) or len(attempt.find('Traceback')) > 1:
        row.problems.append(f'it said: {attempt.text()}')
    if row.milliseconds > SHOWN:
        row.problems.append(f'it took more than {SHOWN} ms')


def interrupt(example: Example) -> Row:
    for _ in range(TRIES):
        attempt = Try(example)
        pid = attempt.wait_for_worker(0)
        begin = time.monotonic()
        if pid is not None:
            os.killpg(attempt.process.pid, signal.SIGINT)
        attempt.end()
        if pid is None or attempt.process.returncode == 0:
            continue
        row = Row('Ctrl-C', example, '', f'ended with {attempt.process.returncode}',
                  (attempt.ended - begin) * 1000, len(attempt.left), attempt.left)
        if not re.search('(?i)cancelled|interrupt', attempt.text()) and \
                attempt.process.returncode != -signal.SIGINT:
            row.problems.append(f'it said: {attempt.text()}')
        if row.milliseconds > GIVEN_BACK:
            row.problems.append(f'it took more than {GIVEN_BACK} ms')
        return row
    return Row('Ctrl-C', example, '', 'too quick', 0, 0)


def all_rows(words: list[str]) -> Iterator[Row]:
    for example in list_examples():
        if not all(word in f'{example.name}, {example.language}' for word in words):
            continue
        for place in range(3):
            row = kill_worker(example, place)
            if row is None:
                break
            yield row
        yield interrupt(example)
