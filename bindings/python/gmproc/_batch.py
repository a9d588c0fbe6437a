# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Some items of a Workers.map, in the worker's process."""

from __future__ import annotations

import pickle
import sys
import time

import _gmproc

from . import _pickles, _task
from ._adapters import close_loop
from ._errors import BadPayload
from ._gerror import GError
from ._worker import _Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The report before the failure of an item: its index, and the results of the items before it.
ITEM = 'gmproc.item'

# The function of the last batch: the next batch probably has the same.
_last: tuple[Any, Any] = (None, None)


class Batch:
    """A function, which is pickled once for all batches.

    Attributes:
        function: its pickle, with the buffers.
        seeds: what the items' seeds are derived from, together with their places.
    """

    def __init__(self, function: _pickles.Parts, seeds: tuple[Any, ...]) -> None:
        self.function = function
        self.seeds = seeds

    def __call__(self, params: tuple[int, list[Any], float]) -> tuple[list[Any], float]:
        """Returns what the function returned, and how many seconds that took. It returns fewer
        values than there are items when it has taken as long as it may."""
        function = _load(*self.function)
        first, items, longest = params
        values: list[Any] = []
        _Process.map = self.seeds, first, values
        begin = time.perf_counter()
        try:
            _gmproc.call_each(function, items, values, longest)
        except BaseException:
            _send_values(first, values)
            raise
        finally:
            _Process.map = None
            close_loop()
        return values, time.perf_counter() - begin


def _load(data: Any, buffers: list[Any]) -> Any:
    global _last
    if _last[0] != data:
        _last = None, None
        n_modules = len(sys.modules)
        with _task.explaining():
            function = pickle.loads(data, buffers=buffers)
        if len(sys.modules) > n_modules:
            _task.settle_logs()
        if buffers:
            return function
        _last = data, function
    return _last[1]


def _send_values(first: int, values: list[Any]) -> None:
    index = first + len(values)
    for each in (values, None):
        try:
            _gmproc.report(_gmproc.wrap(ITEM, *_pickles.dump_parts((index, first, each))))
            return
        except (GError, BadPayload):
            pass  # Too large, or not picklable: sent without the values.
