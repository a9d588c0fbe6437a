# chart.py: the picture: a panel for each row, with a dot for each contender
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Draws SVG by hand: text stays text, and colours follow the reader's light or dark theme.

Dots, not bars: a bar's length is meaningful only if the axis begins at 0, which is impossible for a
logarithmic axis. Each axis has whole decades, with a line and a label at each.
"""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from .figures import Unit
from .rows import Role
from .runner import Measured

WIDTH, LINE, NAMES, VALUES = 800, 20, 250, 90
LEFT, RIGHT = NAMES, WIDTH - VALUES
HEAD, FOOT, GAP = 44, 24, 18

STYLE = '''
text { font: 13px sans-serif; fill: #333 }
.title { font-weight: bold }
.muted, .tick { fill: #6d6d6d; font-size: 11px }
.tick { text-anchor: middle }
.name { text-anchor: end }
.grid { stroke: #ddd }
.ours { fill: #1a7f4b } .peer { fill: #5e5c64 } .floor { fill: none; stroke: #77767b }
text.ours { font-weight: bold } text.floor { font-style: italic; fill: #6d6d6d; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #eee }
  .muted, .tick, text.floor { fill: #aaa }
  .grid { stroke: #444 }
  .ours { fill: #57e389 } .peer { fill: #c0bfbc } .floor { fill: none; stroke: #9a9996 }
}'''


def _text(x: float, y: float, text: str, kind: str = '') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'


def _ticks(values: list[float]) -> list[float]:
    """Whole decades around the values; 0 and a round number above where one of them is 0."""
    if min(values) <= 0:
        return [0.0, 10.0 ** math.ceil(math.log10(max(max(values), 1)))]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0 ** power for power in range(low, max(high, low + 1) + 1)]


def _place(value: float, ticks: list[float]) -> float:
    if ticks[0] == 0:
        return LEFT + (RIGHT - LEFT) * value / ticks[-1]
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return LEFT + (RIGHT - LEFT) * (math.log10(value) - low) / (high - low)


def _show_tick(value: float, unit: Unit) -> str:
    number = f'{value:,.0f}' if value >= 1 else f'{value:g}'
    return number if unit is Unit.RATE else (number + unit.suffix).strip()


def _draw_row(measured: Measured, top: float) -> tuple[list[str], float]:
    # Of several figures the panel has the last, the biggest size: the tables have them all.
    is_single = len({column.name for column in measured.row.columns}) == 1
    index = 0 if is_single else len(measured.row.columns) - 1
    column, results = measured.row.columns[index], measured.columns[index]
    dots = [(contender, median) for contender in measured.contenders
            if (median := results[contender.key].median) is not None]
    better = 'more is better' if column.unit.more_is_better else 'less is better'
    parts = [_text(0, top + 14, measured.row.title, 'title'),
             _text(0, top + 32, f'{column.title}, {better}', 'muted')]
    if not dots:
        return [*parts, _text(LEFT, top + 32, 'not measured')], top + HEAD + GAP
    ticks = _ticks([median for _contender, median in dots])
    bottom = top + HEAD + LINE * len(dots)
    for tick in ticks:
        x = _place(tick, ticks)
        parts.append(f'<path class="grid" d="M{x:.1f} {top + HEAD - 4:.1f}V{bottom:.1f}"/>')
        parts.append(_text(x, bottom + 14, _show_tick(tick, column.unit), 'tick'))
    for i, (contender, median) in enumerate(dots):
        y, role = top + HEAD + LINE * (i + 0.5), contender.role.value
        parts += [_text(LEFT - 14, y + 4, contender.key, f'name {role}'),
                  f'<circle class="{role}" cx="{_place(median, ticks):.1f}" cy="{y:.1f}" r="5"/>',
                  _text(RIGHT + 14, y + 4, column.unit.show(median), role)]
    return parts, bottom + FOOT + GAP


def draw(all_measured: list[Measured]) -> str:
    """The picture as SVG."""
    top, parts = 24.0, []
    for role, text in ((Role.OURS, 'gmproc'), (Role.PEER, 'peers'), (Role.FLOOR, 'lower bounds')):
        x = 8 + 110 * list(Role).index(role)
        parts += [f'<circle class="{role.value}" cx="{x}" cy="8" r="5"/>', _text(x + 12, 12, text)]
    for measured in all_measured:
        panel, top = _draw_row(measured, top + GAP)
        parts += panel
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" '
            f'width="{WIDTH}" height="{top:.0f}">\n<style>{STYLE}\n</style>\n'
            + '\n'.join(parts) + '\n</svg>\n')
