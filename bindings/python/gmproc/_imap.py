# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers.imap: a map in its own thread, whose values are yielded as they arrive."""

from __future__ import annotations

from functools import partial

import _gmproc

from ._errors import make_error, trim
from ._gerror import ErrorCode, GError
from ._lock import SimpleQueue
from ._map import MapOutcome, Mapping
from ._run import Claims, Job, call_here, prepare
from ._threads import Thread
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generator, Union

    from ._threads import Answers

    # Values, or a callable; None at the end.
    Event = Union[list[Any], Callable[[], Any], None]

# The number of callback calls that may wait for the iterating thread.
MAX_CALLS = 100


class Stream:
    """Values and calls from the thread of a run to the iterating thread, in order.

    Attributes:
        n_yielded: the number of values that the generator has yielded.
        error: what the iterator of the items raised, or why one of them cannot be sent.
    """

    def __init__(self) -> None:
        self.n_yielded = 0
        self.error: BaseException | None = None
        self._thread = Thread()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._n_calls = 0
        self._is_closed = False
        self._has_ended = False

    def begin(self, claims: Claims, fill: Callable[[Job], None]) -> Job:
        """Begins the run."""
        job = prepare(claims, fill)
        try:
            self._start(job)
        except BaseException:
            _gmproc.complete(partial(self._abandon, job))
            raise
        return job

    def _abandon(self, job: Job) -> None:
        if self._thread.has(job):
            self.close(job)
        else:
            job.end(None)

    def _start(self, job: Job) -> None:
        job.dispatch = self._dispatch
        job.check_callbacks()
        self._thread.start(job, lambda: self._events.put(None))

    def put(self, values: list[Any]) -> None:
        if values:
            self._events.put(values)

    def get(self) -> Event:
        if not self._thread.is_alive() and self._events.empty():
            raise RuntimeError('This process was forked during the map, which belongs to its '
                               'parent: call imap() here')
        event = self._events.get()
        self._has_ended = event is None
        return event

    def close(self, job: Job) -> None:
        """Ends the run. Its processes have ended when this returns. May be called again if it was
        interrupted."""
        self._is_closed = True
        # The garbage collector may call this, in the run's own thread, in a forked child, or during
        # the interpreter's shutdown.
        if not self._thread.is_alive() or self._thread.is_current():
            return
        job.cancel()
        # The last event comes after the run.
        while self._thread.has(job) and (event := self._events.get()) is not None:
            if callable(event):
                event()

    def finish(self, job: Job) -> None:
        """After the last value: raises the error of the items or of the run."""
        if self.error is not None:
            raise self.error
        job.result()

    def _dispatch(self, function: Callable[..., Any], *args: Any) -> None:
        """Passes the call of a callback to the iterating thread."""
        self._events.put(partial(self._call, function, args))
        self._n_calls += 1
        if self._n_calls % MAX_CALLS == 0:
            answers: Answers = SimpleQueue()
            self._events.put(partial(answers.put, (None, None)))
            self._thread.wait(answers, function)

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if not self._is_closed:
            call_here(function, *args)


class StreamOutcome(MapOutcome):
    """Its values are passed on when it is their turn."""

    def __init__(self, names: dict[Any, Any], stream: Stream, is_ordered: bool) -> None:
        super().__init__(names)
        self._stream = stream
        self._is_ordered = is_ordered
        self._n_put = 0

    def put_values(self) -> None:
        while self._values:
            first = self._n_put if self._is_ordered else next(iter(self._values))
            if first not in self._values:
                break
            values = self._values.pop(first)
            self._n_put += len(values)
            self._stream.put(values)

    def value(self) -> None:
        return None

    def _gather(self) -> None:
        self.put_values()

    def _make_exception(self, error: GError | None) -> WorkerError:
        """If several items failed, raises the one whose value would be next."""
        self._failures = {name: self._failures[name]
                          for name in sorted(self._failures, key=self.get_id)}
        return super()._make_exception(None if self._failures else error)

    def _find_missing(self) -> WorkerError | None:
        n = self._n_begun - self._n_put
        return make_error(ErrorCode.FAILED, f'{n} items have neither a value nor an error') \
            if n else None


class StreamMapping(Mapping):
    """Waits while as many values are outstanding as allowed."""

    outcome: StreamOutcome

    def __init__(self, stream: Stream, *args: Any) -> None:
        super().__init__(*args)
        self._stream = stream

    def is_ending(self) -> bool:
        return self._stream.error is not None or super().is_ending()

    def feed(self) -> None:
        try:
            super().feed()
        except BaseException as error:
            # The values of earlier items have not arrived yet.
            self._stream.error = error
            self.native.release()

    def take_items(self) -> tuple[int, list[Any]]:
        return self.items.take(len(self.idle), self._stream.n_yielded)

    def take(self, name: Any, value: _gmproc.Variant | None) -> None:
        super().take(name, value)
        self.outcome.put_values()


def iterate(stream: Stream, claims: Claims, fill: Callable[[Job], None], wake: Callable[[], None]
            ) -> Generator[Any, None, None]:
    """Yields the values as they arrive. The run begins with the first one, and ends with the
    generator.
    """
    job = stream.begin(claims, fill)
    # At the interpreter's end modules may have lost their names when the generator is closed.
    complete, close = _gmproc.complete, partial(stream.close, job)
    try:
        while (event := stream.get()) is not None:
            if not isinstance(event, list):
                event()
                continue
            event.reverse()
            while event:
                stream.n_yielded += 1
                yield event.pop()
            wake()
    finally:
        complete(close)
    try:
        stream.finish(job)
    except BaseException as error:
        raise trim(error)
