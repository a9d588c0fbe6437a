# table.py: the tables, as text for a terminal and as Markdown for the documentation
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

from .figures import Result, Unit, Verdict, show_number, times_better
from .rows import Role
from .runner import Measured

# The rows and peers in the README.
SUMMARY = {
    'c-1': ('OpenMPI', 'libqb', 'ZeroMQ REQ/REP', 'GDBus filter'),
    'c-4': ('OpenMPI', 'libqb', 'ZeroMQ REQ/REP', 'GDBus filter'),
    'python-1': ('mpi4py', 'Pipe', 'Queue'),
    'python-16mb': ('mpi4py', 'Pipe', 'Queue'),
    'python-start': ('fork', 'forkserver, preloaded', 'spawn'),
    'python-tasks': ('Pool, best chunksize', 'joblib', 'Pool, chunksize 1'),
}

VERDICTS = {True: 'reached', False: 'MISSED', None: 'unknown'}


def show_spread(result: Result) -> str:
    if result.spread is None:
        return ''
    low, high = result.spread
    return f'{result.unit.show(low)} - {result.unit.show(high)}'


def show_ratio(measured: Measured, column: int, key: str) -> str:
    """How many times better or worse it is than ours."""
    results = measured.columns[column]
    ours, theirs = results[measured.ours].median, results[key].median
    if key == measured.ours or ours is None or theirs is None:
        return ''
    ratio = times_better(results[key].unit, ours, theirs)
    if ratio is None or ratio <= 0:
        return ''
    better = ratio < 1
    return f'{show_number(1 / ratio if better else ratio)} times {"better" if better else "worse"}'


def judge(measured: Measured) -> list[Verdict]:
    """The outcome of each condition of a row."""
    verdicts = []
    for column, results in zip(measured.row.columns, measured.columns):
        for condition in column.conditions:
            verdict = condition(results, measured.ours)
            if len([each for each in measured.row.columns if each.conditions]) > 1:
                verdict = Verdict(f'{verdict.wanted} {column.title}', verdict.got, verdict.reached)
            verdicts.append(verdict)
    return verdicts


def make_cells(measured: Measured) -> list[list[str]]:
    """The table of a row: a line for each contender, and the titles before them."""
    row = measured.row
    is_single = len({column.name for column in row.columns}) == 1
    titles = ['', *(column.title for column in row.columns)]
    lines = [titles + (['spread', 'beside ours'] if is_single else [])]
    for contender in measured.contenders:
        results = [column[contender.key] for column in measured.columns]
        if results[0].error is not None:
            lines.append([contender.key, 'none: ' + results[0].error])
            continue
        line = [contender.key]
        for result in results:
            line.append('' if result.median is None else result.unit.show(result.median))
        if is_single:
            line += [show_spread(results[0]), show_ratio(measured, 0, contender.key)]
        lines.append(line)
    return lines


def format_text(all_measured: list[Measured]) -> str:
    """For a terminal: the tables of all rows, and then the goals."""
    parts = []
    for measured in all_measured:
        lines = make_cells(measured)
        # A reason is text of any length, and needs no column.
        whole = [line for line in lines if len(line) == len(lines[0])]
        widths = [max(len(line[i]) for line in whole) for i in range(len(lines[0]))]
        widths[0] = max(len(line[0]) for line in lines)
        text = [f'{measured.row.title}  [{measured.row.key}]']
        for line in lines:
            cells = [line[0].ljust(widths[0])]
            if len(line) == len(widths):
                cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
            else:
                cells += line[1:]
            text.append(('  ' + '  '.join(cells)).rstrip())
        parts.append('\n'.join(text))
    goals = format_goals(all_measured)
    return '\n\n'.join(parts + ([goals] if goals else [])) + '\n'


def format_goals(all_measured: list[Measured]) -> str:
    lines = [(measured.row.key, verdict) for measured in all_measured
             for verdict in judge(measured)]
    if not lines:
        return ''
    keys = max(len(key) for key, _verdict in lines)
    wanted = max(len(verdict.wanted) for _key, verdict in lines)
    text = [f'  {VERDICTS[verdict.reached]:7}  {key:{keys}}  {verdict.wanted:{wanted}}  '
            f'{verdict.got}'.rstrip() for key, verdict in lines]
    return '\n'.join(['What is to be reached', *text])


def _markdown_line(cells: list[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'


def _markdown_table(lines: list[list[str]]) -> list[str]:
    width = len(lines[0])
    aligned = ['---'] + ['---:'] * (width - 1)
    return [_markdown_line(lines[0]), _markdown_line(aligned),
            *(_markdown_line(line + [''] * (width - len(line))) for line in lines[1:])]


def format_markdown(all_measured: list[Measured]) -> str:
    """For the chapter: the goals come first, because few readers continue."""
    goals = [['work', 'goal', 'measured', '']]
    for measured in all_measured:
        for i, verdict in enumerate(judge(measured)):
            shown = VERDICTS[verdict.reached].lower()
            goals.append([measured.row.title if i == 0 else '', verdict.wanted, verdict.got, shown
                          if verdict.reached else f'**{shown}**'])
    parts = ['\n'.join(_markdown_table(goals))]
    for measured in all_measured:
        lines = make_cells(measured)
        roles = {contender.key: contender.role for contender in measured.contenders}
        for line in lines[1:]:
            name = line[0]
            if roles[name] is Role.OURS:
                line[0] = f'**{name}**'
            elif roles[name] is Role.FLOOR:
                line[0] = f'*{name}*'
        parts.append('\n'.join([f'### {measured.row.title}', '', f'`--only {measured.row.key}`', '',
                                *_markdown_table(lines)]))
    return '\n\n'.join(parts) + '\n'


def format_summary(all_measured: list[Measured]) -> str:
    """For the README: one line for each row of SUMMARY."""
    lines = [['work', 'gmproc', 'others']]
    for measured in all_measured:
        peers = SUMMARY.get(measured.row.key)
        if peers is None:
            continue
        results = measured.columns[0]

        def show(key: str, results: dict[str, Result] = results) -> str:
            result = results[key]
            if result.median is None:
                return 'not measured'
            rate = '/s' if result.unit is Unit.RATE else ''
            return result.unit.show(result.median) + rate

        others = '<br>'.join(f'{key} {show(key)}' for key in peers if key in results)
        lines.append([measured.row.title, f'**{show(measured.ours)}**', others])
    return '\n'.join(_markdown_table(lines)) + '\n'
