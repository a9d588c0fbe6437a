# chart.py: the picture: bars on a logarithmic scale, a panel for each row
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .rows import Role
from .runner import Measured

COLORS = {Role.OURS: '#26a269', Role.PEER: '#77767b', Role.FLOOR: '#c0bfbc'}
N_ACROSS = 2


def _draw_row(axes: Any, measured: Measured) -> None:
    # Of several figures the panel has the last, the biggest size: the tables have them all.
    names = {column.name for column in measured.row.columns}
    index = len(measured.row.columns) - 1 if len(names) > 1 else 0
    column, results = measured.row.columns[index], measured.columns[index]
    bars = [(contender, median) for contender in measured.contenders
            if (median := results[contender.key].median) is not None]
    unit = column.unit.value.strip()
    title = measured.row.title if unit == 'MB' else f'{measured.row.title}, {column.title}'
    better = 'more is better' if column.unit.more_is_better else 'less is better'
    axes.set_title(title, fontsize=9, loc='left')
    axes.set_xlabel(f'{unit}, {better}' if unit in ('MB', 'ms', 'µs') else better, fontsize=7)
    if not bars:
        axes.text(0.5, 0.5, 'not measured', transform=axes.transAxes, ha='center')
        return
    values = [median for _contender, median in bars]
    # Nothing at all has no logarithm, and is no bar.
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive) / 4, max(positive) * 12
    axes.barh(range(len(bars)), [max(value, low) if value > 0 else low for value in values],
              color=[COLORS[contender.role] for contender, _median in bars])
    for place, value in enumerate(values):
        axes.text(max(value, low) * 1.1, place, column.unit.show(value), va='center', fontsize=7)
    axes.set_yticks(range(len(bars)), [contender.key for contender, _median in bars], fontsize=7)
    axes.set_xscale('log')
    axes.set_xlim(low, high)
    axes.tick_params(axis='x', labelsize=7)
    axes.minorticks_off()
    axes.invert_yaxis()
    for side in 'top', 'right':
        axes.spines[side].set_visible(False)


def draw(all_measured: list[Measured], paths: list[Path]) -> None:
    """Writes the picture in the format that each path's suffix names."""
    import matplotlib

    matplotlib.use('Agg')
    # Text stays text, and the same figures are the same file.
    matplotlib.rcParams.update({'svg.fonttype': 'none', 'svg.hashsalt': 'gmproc',
                                'font.family': 'sans-serif'})
    from matplotlib import pyplot

    n_down = math.ceil(len(all_measured) / N_ACROSS)
    figure, grid = pyplot.subplots(n_down, N_ACROSS, figsize=(11, 2.3 * n_down), squeeze=False)
    for axes, measured in zip(grid.flat, all_measured):
        _draw_row(axes, measured)
    for axes in list(grid.flat)[len(all_measured):]:
        axes.set_visible(False)
    figure.tight_layout()
    for path in paths:
        metadata = {'Date': None} if path.suffix == '.svg' else None
        figure.savefig(path, metadata=metadata)
    pyplot.close(figure)
