# figures.py: samples, their summary, and the comparison with the goals
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from enum import Enum
from typing import Callable, Mapping, Union


def show_number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if abs(value) >= 10 else f'{value:.3g}'


class Unit(Enum):
    """The format of a figure. Programs print seconds, bytes, or plain numbers."""

    MICROSECONDS = 'µs'
    MILLISECONDS = 'ms'
    MEGABYTES = 'MB'
    RATE = '/s'
    NUMBER = ''

    def convert(self, value: float) -> float:
        """Converts a number that a program printed."""
        if self is Unit.RATE:
            return 1 / value
        factors = {Unit.MICROSECONDS: 1e6, Unit.MILLISECONDS: 1e3, Unit.MEGABYTES: 1e-6}
        return value * factors.get(self, 1)

    def show(self, value: float) -> str:
        """Formats a value of this unit. For a rate the column's title has the unit."""
        if self is Unit.RATE:
            return f'{value:,.0f}'
        return show_number(value) + self.suffix

    @property
    def suffix(self) -> str:
        return self.value if self in (Unit.RATE, Unit.NUMBER) else f' {self.value}'

    @property
    def more_is_better(self) -> bool:
        return self is Unit.RATE


@dataclass
class Result:
    """The result of one contender in one column of a row."""

    unit: Unit
    samples: list[float] = field(default_factory=list)  # in the unit
    error: str | None = None  # why there is no figure

    @property
    def median(self) -> float | None:
        return statistics.median(self.samples) if self.samples and self.error is None else None

    @property
    def spread(self) -> tuple[float, float] | None:
        return (min(self.samples), max(self.samples)) if self.median is not None else None


# The results of a column, by the contender's key.
Results = Mapping[str, Result]


def times_better(unit: Unit, ours: float, theirs: float) -> float | None:
    """How many times better ours is than another's: above 1 it is better, below 1 worse."""
    above, below = (ours, theirs) if unit.more_is_better else (theirs, ours)
    return above / below if below else None


@dataclass(frozen=True)
class Verdict:
    """The goal, the value, and whether the goal is reached; None if that is unknown."""

    wanted: str
    got: str
    reached: bool | None


Condition = Callable[[Results, str], Verdict]


def _unknown(wanted: str, *results: Result | None) -> Verdict:
    reasons = [result.error for result in results if result is not None and result.error]
    return Verdict(wanted, 'not measured' + (f': {reasons[0]}' if reasons else ''), None)


def limit(value: float) -> Condition:
    """At most this much; for a rate, at least."""
    def check(results: Results, ours: str) -> Verdict:
        result = results[ours]
        more = result.unit.more_is_better
        wanted = f'at {"least" if more else "most"} {value:,}{result.unit.suffix}'
        if (median := result.median) is None:
            return _unknown(wanted, result)
        reached = median >= value if more else median <= value
        return Verdict(wanted, result.unit.show(median), reached)
    return check


def times(peer: str, factor: float) -> Condition:
    """This many times better than a peer. A factor below 1 means: not worse than that."""
    def check(results: Results, ours: str) -> Verdict:
        if factor >= 1:
            wanted = f'{factor:g} times {peer}'
        else:
            wanted = f'at most {1 / factor:g} times {peer}'
        result, other = results[ours], results.get(peer)
        if other is None or result.median is None or other.median is None:
            return _unknown(wanted, result, other)
        ratio = times_better(result.unit, result.median, other.median)
        if ratio is None:
            return Verdict(wanted, 'nothing at all', True)
        shown = ratio if factor >= 1 else 1 / ratio
        return Verdict(wanted, f'{show_number(shown)} times', ratio >= factor)
    return check


def share(peer: str, percent: float) -> Condition:
    """At least so many percent of another's rate."""
    def check(results: Results, ours: str) -> Verdict:
        wanted = f'at least {percent:g} % of {peer}'
        result, other = results[ours], results.get(peer)
        if other is None or result.median is None or other.median is None:
            return _unknown(wanted, result, other)
        ratio = times_better(result.unit, result.median, other.median) or 0
        return Verdict(wanted, f'{show_number(100 * ratio)} %', 100 * ratio >= percent)
    return check


def above(peers: Union[list[str], tuple[str, ...]]) -> Condition:
    """Better than each of these."""
    def check(results: Results, ours: str) -> Verdict:
        wanted, result = 'above every peer', results[ours]
        if result.median is None:
            return _unknown(wanted, result)
        ratios = {}
        for peer in peers:
            other = results.get(peer)
            if other is None or other.median is None:
                return _unknown(wanted, other)
            ratios[peer] = times_better(result.unit, result.median, other.median) or 0
        best = min(ratios, key=lambda peer: ratios[peer])
        return Verdict(wanted, f'{show_number(ratios[best])} times {best}', ratios[best] > 1)
    return check
