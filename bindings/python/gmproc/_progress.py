# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The progress of a map, on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Generator, Sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

# Seconds between two lines without a terminal, so that they do not fill a log.
_PAUSE = 10.0


def count(iterables: Iterable[Any]) -> int | None:
    """The number of items of a map; None if it is known only at the end."""
    lengths = [len(each) for each in iterables if isinstance(each, Sized)]
    return min(lengths) if lengths else None


@contextlib.contextmanager
def meter(total: int | None) -> Iterator[Callable[[int], Any]]:
    """Yields a function that adds to the number of items that are done.

    The number is shown by tqdm or rich where one is installed, and by a line now and then where
    standard error is no terminal, or neither is.
    """
    # An ImportError of the items is none of the bar's, so it is loaded before them.
    with _choose_bar()(total) as add:
        yield add


def _choose_bar() -> Callable[[int | None], contextlib.AbstractContextManager[Any]]:
    if _has_terminal():
        for bar in _load_tqdm, _load_rich:
            with contextlib.suppress(ImportError):
                return bar()
    return _show_lines


def _load_tqdm() -> Any:
    from tqdm import tqdm

    @contextlib.contextmanager
    def show(total: int | None) -> Iterator[Callable[[int], Any]]:
        with tqdm(total=total, desc='map', file=sys.stderr) as bar:
            yield bar.update
    return show


def _load_rich() -> Any:
    from rich.console import Console
    from rich.progress import Progress

    @contextlib.contextmanager
    def show(total: int | None) -> Iterator[Callable[[int], Any]]:
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task('map', total=total)
            yield lambda n: progress.advance(task, n)
    return show


@contextlib.contextmanager
def _show_lines(total: int | None) -> Iterator[Callable[[int], Any]]:
    lines = _Lines(total)
    try:
        yield lines.add
    finally:
        lines.write()


def _has_terminal() -> bool:
    # A program may have closed standard error, or put anything there.
    try:
        return sys.stderr.isatty()
    except (AttributeError, OSError, ValueError):
        return False


def show(results: Iterable[Any], total: int | None) -> Generator[Any, None, None]:
    """Yields results, and shows how many there were. Closes a generator of results as it is closed
    itself."""
    with meter(total) as add:
        try:
            for result in results:
                yield result
                add(1)
        finally:
            if isinstance(results, Generator):
                results.close()


async def show_async(results: AsyncGenerator[Any, None], total: int | None
                     ) -> AsyncGenerator[Any, None]:
    """As show(), for asyncio."""
    with meter(total) as add:
        try:
            async for result in results:
                yield result
                add(1)
        finally:
            await results.aclose()


class _Lines:
    def __init__(self, total: int | None) -> None:
        self._of = '' if total is None else f' of {total}'
        self._n = 0
        self._begin = self._last = time.monotonic()

    def add(self, n: int) -> None:
        self._n += n
        if time.monotonic() - self._last >= _PAUSE:
            self.write()

    def write(self) -> None:
        self._last = time.monotonic()
        if sys.stderr is None:
            return
        with contextlib.suppress(AttributeError, OSError, ValueError):
            print(f'map: {self._n}{self._of} items, {self._last - self._begin:.1f} s',
                  file=sys.stderr, flush=True)
