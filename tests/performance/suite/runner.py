# runner.py: runs the measuring programs in turns
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

from .figures import Result
from .rows import Contender, Row

TIME_LIMIT = 60  # seconds for one program

# In a container MPI runs as root, which it allows only on request. Python writes no __pycache__
# unless the caller has set a place for it: without one each process compiles the modules again.
# Each process has one thread, because numpy's would compete with the measured processes.
ENVIRONMENT = {
    'OMPI_ALLOW_RUN_AS_ROOT': '1',
    'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1',
    'PYTHONDONTWRITEBYTECODE': os.environ.get('PYTHONDONTWRITEBYTECODE', '1'),
    'OPENBLAS_NUM_THREADS': '1',
}


@dataclass
class Measured:
    """A row, and the results of its columns by contender; contenders in the row's order."""

    row: Row
    contenders: list[Contender]
    columns: list[dict[str, Result]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.columns = [{contender.key: Result(column.unit) for contender in self.contenders}
                        for column in self.row.columns]

    @property
    def ours(self) -> str:
        """The key of our best contender."""
        def rank(key: str) -> float:
            result = self.columns[0].get(key)
            if result is None or result.median is None:
                return float('inf')
            return -result.median if result.unit.more_is_better else result.median
        return min(self.row.ours, key=rank)

    def fail(self, contender: Contender, error: str) -> None:
        """A contender that has failed once has no figure, because its other responses may be wrong
        too.
        """
        for results in self.columns:
            results[contender.key].error = error

    def add(self, contender: Contender, figures: dict[str, float]) -> None:
        for column, results in zip(self.row.columns, self.columns):
            result = results[contender.key]
            if column.name in figures:
                result.samples.append(result.unit.convert(figures[column.name]))
            elif result.error is None:
                result.error = f'printed no figure "{column.name}"'

    def has_failed(self, contender: Contender) -> bool:
        return any(results[contender.key].error is not None for results in self.columns)


def flatten(figures: dict[str, Any]) -> dict[str, float]:
    """Numbers by name; those inside an object as "name/name"."""
    flat: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat.update({f'{name}/{key}': float(number) for key, number in value.items()})
        else:
            flat[name] = float(value)
    return flat


class Failure(Exception):
    """Why a program has no figures, on one line."""


def describe(stderr: str) -> str:
    """The most informative line of a program's errors, usually the last."""
    # mpirun frames its messages, and those after a failure are about mpirun.
    lines = [line.strip() for line in stderr.splitlines()
             if line.strip(' -') and not line.startswith(('[', 'mpirun', 'Primary job'))]
    return lines[-1][:100] if lines else 'it printed no reason'


def end_session(process: subprocess.Popen[str]) -> None:
    """Ends the remaining processes of a program."""
    for number in signal.SIGTERM, signal.SIGKILL:
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=5)


def run_program(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """The figures that a program prints as its only line. It has its own session, so that all of it
    can be ended if it takes too long."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True,
                               env={**os.environ, **ENVIRONMENT, **environment})
    try:
        stdout, stderr = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise Failure(f'had not ended after {TIME_LIMIT} seconds') from None
    finally:
        end_session(process)
    if process.returncode != 0:
        raise Failure(describe(stderr))
    try:
        return flatten(json.loads(stdout.strip().splitlines()[-1]))
    except (ValueError, IndexError, AttributeError, TypeError):
        raise Failure(f'printed {stdout[:60]!r}, which are no figures') from None


class Runner:

    def __init__(self, programs: Path, print_progress: Callable[[str], None],
                 is_chosen: Callable[[Contender], bool], pypi: Path = Path()) -> None:
        self.programs = programs  # the folder of the native ones
        self.pypi = pypi  # the virtual environment with the packages from PyPI
        self.print_progress = print_progress
        self.is_chosen = is_chosen

    def run(self, rows: list[Row], n_rounds: int) -> list[Measured]:
        """Measures all rows, round by round: a disturbance of some seconds affects one sample of
        many contenders rather than all samples of one. Rows without a contender are left out."""
        all_measured = [Measured(row, chosen) for row in rows
                        if (chosen := list(filter(self.is_chosen, row.contenders)))]
        for round in range(n_rounds):
            for measured in all_measured:
                if round % measured.row.every == 0:
                    self.print_progress(f'round {round + 1} of {n_rounds}: {measured.row.key}')
                    for contender in self._order(measured, round):
                        self.measure(measured, contender)
        return all_measured

    def _order(self, measured: Measured, round: int) -> Iterator[Contender]:
        """Each round begins with another contender."""
        contenders = measured.contenders
        first = round % len(contenders)
        yield from contenders[first:] + contenders[:first]

    def measure(self, measured: Measured, contender: Contender) -> None:
        if measured.has_failed(contender):
            return
        command = [word.replace('{build}', str(self.programs)).replace('{pypi}', str(self.pypi))
                   for word in contender.command]
        try:
            self._check(command, contender.package)
            measured.add(contender, run_program(command, contender.environment))
        except Failure as failure:
            measured.fail(contender, str(failure))

    def _check(self, command: list[str], package: str) -> None:
        """A missing program is reported, wherever it is in the command."""
        for word in command:
            if word.startswith(str(self.programs)) and not Path(word).exists():
                raise Failure(f'{Path(word).name} was not built'
                              + (f', as {package} is not installed' if package else ''))
        if shutil.which(command[0]) is None:
            raise Failure(f'there is no {command[0]}')
