# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How far a map has come, for people to see: on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

# Seconds between two lines where there is no terminal: a log should not be full of them.
_PAUSE = 10.0


def count(iterables: Iterable[Any]) -> int | None:
    """How many items map() has of these; None where that shows only at the end."""
    lengths = [len(each) for each in iterables if isinstance(each, Sized)]
    return min(lengths) if lengths else None


def show(results: Iterable[Any], total: int | None) -> Iterator[Any]:
    """Yields results, and shows how many there were: by tqdm or rich where one is installed, and
    by a line now and then where standard error is no terminal, or neither is."""
    if sys.stderr is not None and sys.stderr.isatty():
        try:
            from tqdm import tqdm

            return iter(tqdm(results, total=total, file=sys.stderr))
        except ImportError:
            pass
        try:
            from rich.console import Console
            from rich.progress import track

            return iter(track(results, total=total, description='map',
                              console=Console(stderr=True)))
        except ImportError:
            pass
    return _write_lines(results, total)


def _write_lines(results: Iterable[Any], total: int | None) -> Iterator[Any]:
    n = 0
    begin = last = time.monotonic()
    for n, result in enumerate(results, 1):
        yield result
        now = time.monotonic()
        if now - last >= _PAUSE:
            last = now
            _write(n, total, now - begin)
    _write(n, total, time.monotonic() - begin)


def _write(n: int, total: int | None, seconds: float) -> None:
    of = '' if total is None else f' of {total}'
    if sys.stderr is not None:
        print(f'map: {n}{of} items, {seconds:.1f} s', file=sys.stderr, flush=True)
