# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers.map, in the application: items go out in batches, and their values come in.

Each process is a worker of the C object's, which runs again and again until no item is left.
"""

from __future__ import annotations

import collections
import itertools

import _gmproc

from . import _batch, _pickles, _task
from ._errors import BadPayload, describe_payload_error, is_of_signal, make_error
from ._gerror import ERROR_DOMAIN, ErrorCode, GError, is_death
from ._items import Items
from ._outcome import Outcome
from ._run import Job
from ._worker import Placed
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


# How often an item is executed again because its node was lost, as workers by default.
MAX_LOSSES = 3


class MapOutcome(Outcome):
    """The values of the items, by their places, and failures by those of the items that failed."""

    def __init__(self, names: dict[Any, Any]) -> None:
        super().__init__(names, dict.fromkeys(names, 'python'))
        self.names = list(names)
        self._batches: dict[Any, tuple[int, int]] = {}  # the first place, and the number
        self._values: dict[int, list[Any]] = {}         # by the place of the first
        self._failed: dict[Any, int] = {}               # the item, by the worker's name
        self._n_begun = 0                               # how many items were sent

    def begin_batch(self, name: Any, first: int, n: int) -> None:
        self._batches[name] = first, n
        self._n_begun = max(self._n_begun, first + n)

    def _find_missing(self) -> WorkerError | None:
        index = 0
        for first in sorted(self._values):
            if first != index:
                break
            index += len(self._values[first])
        if index == self._n_begun:
            return None
        return make_error(ErrorCode.FAILED, f'Item {index} has neither a value nor an error', index)

    def take_batch(self, name: Any, value: _gmproc.Variant | None) -> tuple[int, list[Any], float]:
        """Takes the place of the first item, the values, and their time. Values that cannot be read
        are a failure.
        """
        self.take_result(name, value)
        first, _n = self._batches[name]
        values, seconds = self.results.pop(self._names[name], ([], 0.0))
        self._values[first] = values
        return first, values, seconds

    def take_notice(self, name: Any, value: _gmproc.Variant) -> bool:
        if _gmproc.get_tag(value) != _batch.ITEM:
            return super().take_notice(name, value)
        try:
            self._failed[name], first, values = _pickles.load(value)
            self._values[first] = values or []
        except Exception as exception:
            if is_of_signal(exception):
                raise
        return True

    def has_failed(self) -> bool:
        return bool(self._failures)

    def get_id(self, name: Any) -> Any:
        """The place of an item that has failed, or the number of the process."""
        if name in self._failures:
            return self._failed.get(name, self._batches[name][0])
        return super().get_id(name)

    def get_begun_id(self, name: Any) -> Any:
        """The place of the first item that the process has."""
        return self._batches[name][0]

    def load_progress(self, name: Any, value: _gmproc.Variant | None) -> tuple[Any, Any]:
        report = self.load(name, value)
        return report if type(report) is Placed else (self.get_begun_id(name), report)

    def value(self) -> Any:
        return list(itertools.chain.from_iterable(self._values[first]
                                                  for first in sorted(self._values)))

    def _gather(self) -> None:
        pass  # Only the exception has them by their places.

    def _make_exception(self, error: GError | None) -> WorkerError:
        self.results = {first + i: value for first in sorted(self._values)
                        for i, value in enumerate(self._values[first])}
        return super()._make_exception(error)

    def make_error(self, name: Any, error: GError, report: dict[str, Any] | None = None
                   ) -> WorkerError:
        failure = super().make_error(name, error, report)
        if name not in self._failures:
            return failure
        first, n = self._batches[name]
        if name in self._failed or n == 1:
            where = f'Item {failure.id}'
        else:
            where = f'Items {first} to {first + n - 1}'
        text = str(failure)
        for worker in (f"Worker '{name}'", f'Worker {failure.id!r}'):
            if text.startswith(worker):
                text = f'{where}: the worker{text[len(worker):]}'
                break
        failure.args = (text,)
        return failure


class Mapping:
    """One call of map: what goes to the workers, and what comes from them. Its methods are called
    in the thread of the run."""

    def __init__(self, job: Job, outcome: MapOutcome, native: _gmproc.Workers,
                 function: Callable[[Any], Any], setting: _task.Setting, items: Items,
                 seeds: tuple[Any, ...], derive_seed: Callable[[Any], int],
                 on_values: Callable[[int, list[Any]], None]) -> None:
        self.job = job
        self.outcome = outcome
        self.native = native
        self.setting = setting
        self.items = items
        self.derive_seed = derive_seed
        self.on_values = on_values
        self.idle = list(outcome.names)  # of workers
        self.idle.reverse()              # The next batch is the last.
        self.sent: dict[Any, tuple[int, list[Any]]] = {}  # by the worker's name
        self.size_sent: dict[Any, int] = {}
        self.losses: collections.Counter[int] = collections.Counter()  # by the item's place
        try:
            parts = _pickles.dump_parts(function, setting.has_main)
        except BadPayload as reason:
            raise describe_payload_error('The function', None, reason) from reason.__cause__
        self.work = _batch.Batch(parts, seeds)

    def feed(self) -> None:
        """Gives the available items to idle workers."""
        self.items.start()
        while self.idle and not self.is_ending():
            first, batch = self.take_items()
            if not batch:
                break
            try:
                self._send(self.idle[-1], first, batch)
            except GError:
                break  # The run was cancelled meanwhile.
        if self.is_ending() or (self.items.is_over() and not self.sent):
            self.native.release()

    def take_items(self) -> tuple[int, list[Any]]:
        return self.items.take(len(self.idle))

    def is_ending(self) -> bool:
        """True if no more items are started."""
        return self.outcome.has_failed() or self.job.cancellable.is_cancelled()

    def _send(self, name: Any, first: int, batch: list[Any]) -> None:
        seed = self.derive_seed(first)
        try:
            params = first, batch, self.items.get_longest()
            packed = _task.Task(self.work, name, params, first, seed).pack(self.setting)
        except BadPayload as reason:
            raise _blame(first, batch, self.setting.has_main, reason) from reason.__cause__
        self.outcome.begin_batch(name, first, len(batch))
        self.native.set_params(name, packed)
        self.native.run_again(name)
        self.native.set_params(name, None)  # They may be large.
        self.idle.pop()
        self.sent[name] = first, batch
        self.size_sent[name] = packed.get_size()

    def take(self, name: Any, value: _gmproc.Variant | None) -> None:
        """A worker has returned: it gets more items before its values are read."""
        first, values, seconds = self.outcome.take_batch(name, value)
        _first, batch = self.sent.pop(name)
        if not self.outcome.has_failed():
            self.items.put_back(first + len(values), batch[len(values):])
            size = max(self.size_sent[name], value.get_size() if value is not None else 0)
            self.items.learn(len(values), seconds, size)
        self.idle.append(name)
        self.feed()
        self.on_values(first, values)

    def forgive(self, name: Any, error: GError) -> bool:
        """A process that died may have had many items, one of which killed it. They are executed
        again one by one, and the guilty one is reported when it has its own process."""
        first, batch = self.sent.pop(name)
        is_single = len(batch) == 1 and not self._is_innocent(first, error)
        if is_single or self.is_ending() or not is_death(error):
            self.native.release()
            return False
        self.items.put_back_singly(first, batch)
        self.idle.append(name)
        self.feed()
        return True

    def _is_innocent(self, first: int, error: GError) -> bool:
        """True if the item's node was lost, unless it happens again and again."""
        if not error.matches(ERROR_DOMAIN, ErrorCode.NODE_LOST):
            return False
        self.losses[first] += 1
        return self.losses[first] <= MAX_LOSSES


def _blame(first: int, batch: list[Any], has_main: bool, reason: BadPayload) -> WorkerError:
    for index, item in enumerate(batch, first):
        try:
            _pickles.dump_parts(item, has_main)
        except BadPayload as of_item:
            return describe_payload_error(f'Item {index}', index, of_item)
    return describe_payload_error(f'Some items from {first} on', first, reason)
