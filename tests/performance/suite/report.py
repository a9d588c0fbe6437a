# report.py: the output of a run: JSON, the chart, and the documentation's copy of both
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from . import table
from .runner import Measured

BEGIN = '<!-- from here on by tests/performance/run --update-docs -->'
END = '<!-- to here -->'


def _output(*command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ''
    return result.stdout.strip()


def _processor() -> str:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.machine()


def _read_processor_times() -> tuple[int, int]:
    """The ticks of all processors that were busy, and all ticks."""
    times = [int(word) for word in Path('/proc/stat').read_text().splitlines()[0].split()[1:9]]
    idle = times[3] + times[4]
    return sum(times) - idle, sum(times)


class Disturbance:
    """Measures the load of other processes from now on."""

    def __init__(self) -> None:
        self.busy, self.total = _read_processor_times()
        self.own = self._read_own()

    def _read_own(self) -> float:
        times = os.times()
        ticks: float = os.sysconf('SC_CLK_TCK')
        return ticks * (times.user + times.system + times.children_user + times.children_system)

    def get(self) -> float:
        """In percent of all processors. Processes started here that were not waited for count as
        others."""
        busy, total = _read_processor_times()
        others = busy - self.busy - (self._read_own() - self.own)
        return max(0.0, 100 * others / max(1, total - self.total))


def describe_machine(source_root: Path, load: float) -> dict[str, Any]:
    """The conditions of the figures."""
    packages = ['libglib2.0-0', 'libqb100', 'libzmq5', 'libopenmpi3', 'python3-mpi4py',
                'python3-joblib', 'python3-numpy', 'python3']
    versions = {name: _output('dpkg-query', '-W', '-f', '${Version}', name) for name in packages}
    return {
        'processor': _processor(),
        'processors': os.cpu_count(),
        'load': round(load),
        'kernel': platform.release(),
        'system': platform.freedesktop_os_release().get('PRETTY_NAME', ''),
        'packages': {name: version for name, version in versions.items() if version},
        'commit': _output('git', '-C', str(source_root), 'describe', '--always', '--dirty'),
    }


def to_json(all_measured: list[Measured], machine: dict[str, Any], rounds: int,
            seconds: float) -> str:
    rows = []
    for measured in all_measured:
        columns = []
        for column, results in zip(measured.row.columns, measured.columns):
            columns.append({
                'title': column.title,
                'unit': column.unit.value.strip(),
                'results': {key: {'median': result.median, 'samples': result.samples,
                                  'error': result.error} for key, result in results.items()},
            })
        rows.append({
            'key': measured.row.key,
            'title': measured.row.title,
            'ours': measured.ours,
            'columns': columns,
            'goals': [{'wanted': verdict.wanted, 'got': verdict.got, 'reached': verdict.reached}
                      for verdict in table.judge(measured)],
        })
    return json.dumps({'machine': machine, 'rounds': rounds, 'seconds': seconds, 'rows': rows},
                      indent=2, ensure_ascii=False) + '\n'


def _replace(path: Path, new: str) -> None:
    """Replaces what stands between the two marks."""
    text = path.read_text(encoding='utf-8')
    changed, n_places = re.subn(f'{re.escape(BEGIN)}.*?{re.escape(END)}',
                                lambda _match: f'{BEGIN}\n\n{new}\n{END}', text, flags=re.DOTALL)
    if n_places != 1:
        raise ValueError(f'{path} should have "{BEGIN}" and "{END}" once')
    path.write_text(changed, encoding='utf-8')


def update_chapter(chapter: Path, all_measured: list[Measured], machine: dict[str, Any],
                   command: str) -> None:
    """Puts the tables between the two marks of the chapter."""
    versions = ', '.join(f'{name} {version}' for name, version in machine['packages'].items())
    about = (f'Made by `{command}` at commit {machine["commit"]}, on {machine["processors"]} '
             f'processors ({machine["processor"]}), {machine["system"]}, Linux '
             f'{machine["kernel"]}; {versions}. Meanwhile others kept the processors '
             f'{machine["load"]} % busy.')
    about = '\n'.join(textwrap.wrap(about, 100, break_on_hyphens=False, break_long_words=False))
    _replace(chapter, f'{about}\n\n{table.format_markdown(all_measured)}')


def update_readme(readme: Path, all_measured: list[Measured]) -> None:
    """Puts the short table between the two marks of the README."""
    _replace(readme, table.format_summary(all_measured))
