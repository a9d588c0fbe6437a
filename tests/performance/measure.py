# measure.py: measures gmproc beside its peers; tests/performance/run starts it
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Callable

from suite import chart, report, table
from suite.rows import Contender, Effort, Role, Row, make_rows
from suite.runner import Measured, Runner

# The load of other processes, in percent of the processors, that causes a warning.
BUSY = 5

SOURCE_ROOT = Path(__file__).resolve().parents[2]
HELP = """\
Measures gmproc and its peers in turns, and compares the figures with the goals.

The peers are what Debian has: OpenMPI, libqb, ZeroMQ, GDBus, multiprocessing, concurrent.futures,
joblib, and futex, eventfd and sockets alone as the floor. What is missing is installed first.
With --pypi there are also peers from PyPI, in a virtual environment in build/performance/pypi.
"""
EXAMPLES = """\
examples:
  tests/performance/run                             everything, in less than two minutes
  tests/performance/run --only python-16mb --rounds 9
  tests/performance/run --only c-1 c-4 --dbus       ours on D-Bus messages, too
  tests/performance/run --pypi --only envs-frames   vector environments, beside Gymnasium's
  tests/performance/run --pypi --update-docs        and docs/performance.md has the figures

Results are in build/performance: results.json, performance.svg. For figures to keep, nothing
else should run on the machine. docs/performance.md describes each figure.
"""


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='tests/performance/run', description=HELP,
                                     epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--only', nargs='+', metavar='ROW', default=[], help='only these rows (see --list)')
    add('--list', action='store_true', help='list the rows, and exit')
    add('--rounds', type=int, metavar='N', help='measurements of each figure (3; 7 for the docs)')
    add('--seconds', type=float, default=0.1, metavar='S',
        help='seconds of counting for each figure of requests (0.1)')
    add('--ours', action='store_true', help='gmproc alone, without the peers')
    add('--dbus', action='store_true', help='ours with its shared memory turned off, too')
    add('--pypi', action='store_true', help='what needs packages from PyPI, too')
    add('--update-docs', action='store_true', help='write the figures to docs/ and README.md')
    add('--no-install', action='store_true', help='measure only installed peers')
    # For the script that starts this, not for users.
    add('--check', action='store_true', help=argparse.SUPPRESS)
    add('--requirements', action='store_true', help=argparse.SUPPRESS)
    add('--build', type=Path, default=SOURCE_ROOT / 'build', help=argparse.SUPPRESS)
    add('--smoke', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 7 if options.update_docs else 3
    if options.rounds < 1:
        parser.error('--rounds: at least one')
    if not options.seconds > 0:
        parser.error('--seconds: more than none')
    if options.update_docs and (options.only or options.ours or not options.pypi):
        parser.error('--update-docs needs all rows and all peers: --pypi, but not --only, --ours')
    known = {row.key: row for row in make_rows(Effort(options.seconds))}
    for key in options.only:
        if key not in known:
            parser.error(f'--only: there is no row {key!r}; there are {", ".join(known)}')
        if not options.pypi and all(contender.pypi for contender in known[key].contenders):
            parser.error(f'--only: the row {key} needs packages from PyPI: --pypi')
    return options


def choose_rows(options: argparse.Namespace) -> list[Row]:
    if options.smoke:
        effort = Effort(0.01, 0.001, 0.05, (8, 4096), (2, 4))
    else:
        effort = Effort(options.seconds)
    return [row for row in make_rows(effort) if not options.only or row.key in options.only]


def make_choice(options: argparse.Namespace) -> Callable[[Contender], bool]:
    def is_chosen(contender: Contender) -> bool:
        return ((options.dbus or not contender.optional)
                and (options.pypi or not contender.pypi)
                and (contender.role is Role.OURS or not options.ours)
                and not (options.smoke and contender.package))
    return is_chosen


def print_progress(text: str) -> None:
    """Progress on one line of a terminal, which the next text replaces."""
    if sys.stderr.isatty():
        print(f'\r\x1b[K{text}', end='', file=sys.stderr, flush=True)


def keep(options: argparse.Namespace, all_measured: list[Measured], folder: Path, load: float
         ) -> None:
    """Writes the figures and the chart."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = report.describe_machine(SOURCE_ROOT, load)
    results = report.to_json(all_measured, machine, options.rounds, options.seconds)
    (folder / 'results.json').write_text(results, encoding='utf-8')
    picture = chart.draw(all_measured)
    (folder / 'performance.svg').write_text(picture, encoding='utf-8')
    if options.update_docs:
        (SOURCE_ROOT / 'docs' / 'performance.svg').write_text(picture, encoding='utf-8')
        command = ' '.join(['tests/performance/run', *sys.argv[1:]])
        report.update_chapter(SOURCE_ROOT / 'docs' / 'performance.md', all_measured, machine,
                              command)
        report.update_readme(SOURCE_ROOT / 'README.md', all_measured)


def main() -> int:
    options = parse_arguments(sys.argv[1:])
    rows = choose_rows(options)
    if options.check:
        return 0
    if options.requirements:
        print('\n'.join({package for row in rows for contender in row.contenders
                         for package in contender.pypi.split()}))
        return 0
    if options.list:
        print('\n'.join(f'{row.key:14} {row.title}' for row in rows))
        return 0

    disturbance = report.Disturbance()
    begin = time.monotonic()
    runner = Runner(options.build / 'tests' / 'performance', print_progress, make_choice(options),
                    options.build / 'performance' / 'pypi')
    all_measured = runner.run(rows, options.rounds)
    print_progress('')
    print(table.format_text(all_measured))
    load = disturbance.get()
    folder = options.build / 'performance'
    if options.smoke:
        # A contender that can run must have run.
        failed = {contender.key for measured in all_measured for contender in measured.contenders
                  if measured.has_failed(contender)}
        return 1 if failed else 0
    keep(options, all_measured, folder, load)
    print(f'{time.monotonic() - begin:.0f} seconds, rounds: {options.rounds}. The figures are in '
          f'{os.path.relpath(folder, SOURCE_ROOT)}.')
    if load > BUSY:
        print(f'Meanwhile others kept the processors {load:.0f} % busy: these are no figures to '
              'keep.')
    has_ours = all(measured.columns[0][measured.ours].error is None for measured in all_measured)
    return 0 if has_ours else 1


if __name__ == '__main__':
    sys.exit(main())
