# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The outcomes of the workers of one run, collected from the signals of the C object."""

from __future__ import annotations

import _gmproc

from . import _exceptions, _payload
from ._errors import (BadPayload, is_of_signal, make_error, make_worker_error, text_of,
                      trim)
from ._gerror import ERROR_DOMAIN, ErrorCode, GError, make_gerror
from ._worker import LOG_TAG, Placed
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Outcome:
    """Results and failures, by the user's ids.

    Attributes:
        results: the results of workers; in the order of the ids when all have returned.
        exception: the exception of a failed run for the user; None if it did not fail.
        reports_failures: True if ``take_failure`` is called for each failure when it happens.
        reported: the names of workers whose failure the program knows, so that the run does not
            raise it.
    """

    def __init__(self, names: dict[Any, Any], runtimes: dict[Any, str]) -> None:
        self.results: dict[Any, Any] = {}
        self.exception: BaseException | None = None
        self._names = names        # the user's ids, by those of the wire
        self._by_id: dict[Any, Any] = {}  # the reverse, when it is needed
        self._runtimes = runtimes  # by those of the wire
        self._failures: dict[Any, GError] = {}
        self._causes: dict[Any, BaseException] = {}
        # Of the lives before a restart, by name and process.
        self._former: dict[tuple[Any, int], BaseException | None] = {}
        # For workers with several turns: the last result, as received and as loaded.
        self._last_turns: dict[Any, tuple[_gmproc.Variant | None, Any]] = {}
        self.native: _gmproc.Workers | _gmproc.ClientServer | None = None  # of this run
        self.reports_failures = True
        self.reported: set[Any] = set()

    def get_id(self, name: Any) -> Any:
        return self._names.get(name, name)

    def get_node(self, id: Any) -> str | None:
        """The node that the worker with the user's id runs on, or None."""
        if len(self._by_id) != len(self._names):
            self._by_id = {known: name for name, known in self._names.items()}
        name = self._by_id.get(id, id)
        kind = str if isinstance(self.native, _gmproc.ClientServer) else int
        return self.native.get_node(name) if self.native and isinstance(name, kind) else None

    def get_begun_id(self, name: Any) -> Any:
        """The worker has started, and not ended yet."""
        return self.get_id(name)

    def get_peers(self) -> dict[Any, tuple[Any, str | None]]:
        """The id and the runtime of each client, by its name."""
        return {name: (id, self._runtimes.get(name)) for name, id in self._names.items()}

    def add(self, name: Any, id: Any, runtime: str) -> None:
        """Adds a worker to the current run."""
        self._names[name] = id
        self._runtimes[name] = runtime

    def remove(self, name: Any) -> None:
        """Forgets a worker that was added and could not begin."""
        del self._names[name], self._runtimes[name]

    def load(self, name: Any, value: _gmproc.Variant | None) -> Any:
        return _payload.load(value, self._runtimes.get(name))

    def load_progress(self, name: Any, value: _gmproc.Variant | None) -> tuple[Any, Any]:
        """The id of the worker that sent a report, and the report."""
        report = self.load(name, value)
        # A thread that a map has left in a kept process may report when the next run has begun.
        return self.get_id(name), report[1] if type(report) is Placed else report

    def value(self) -> Any:
        """The result of the run."""
        return self.results

    def take_notice(self, name: Any, value: _gmproc.Variant) -> bool:
        """Keeps an exception that comes as a report, before the failure that it explains, and hands
        on a record of Python's logging. False for other reports."""
        if self._runtimes.get(name) != 'python':
            return False
        tag = _gmproc.get_tag(value)
        if tag == LOG_TAG:
            from . import _logs

            _logs.handle(value, self.get_id(name))
            return True
        if tag != _exceptions.TAG:
            return False
        exception = _exceptions.load(value)
        if exception is not None:
            # An existing one comes from a failed update, which has ended the worker.
            self._causes.setdefault(name, exception)
        return True

    def begin_again(self, name: Any, report: dict[str, Any] | None) -> None:
        """A worker is restarted. Its outcome may still be ``report``, the last life's failure."""
        cause = self._causes.pop(name, None)
        if report is not None:
            self._former[name, report['pid']] = cause
        self._last_turns.pop(name, None)

    def take_result(self, name: Any, value: _gmproc.Variant | None,
                    use: Callable[[Any, Any], Any] | None = None) -> None:
        """Keeps a result after ``use`` has seen it. If that fails, the worker has failed. If there
        were several turns, ``use`` has seen each of them already.
        """
        if name in self._last_turns:
            use = None
            turn, result = self._last_turns.pop(name)
            if turn is not None and turn.is_same(value):
                self.results[self.get_id(name)] = result
                return
        try:
            self.results[self.get_id(name)] = self._take(name, value, use)
        except GError as error:
            self.take_failure(name, error)

    def take_turn(self, name: Any, value: _gmproc.Variant | None,
                  use: Callable[[Any, Any], Any] | None) -> Any:
        """Keeps the result of one of several turns after ``use`` has seen it. Raises GError if that
        fails.
        """
        result = self._take(name, value, use)
        self._last_turns[name] = value, result
        return result

    def _take(self, name: Any, value: _gmproc.Variant | None,
              use: Callable[[Any, Any], Any] | None) -> Any:
        try:
            result = self.load(name, value)
            if use is not None:
                use(self.get_id(name), result)
            return result
        except BadPayload as reason:
            raise make_gerror(ErrorCode.BAD_PAYLOAD, f'Worker {self.get_id(name)!r}: Its result '
                              f'cannot be read: {reason}') from None
        except Exception as exception:
            if is_of_signal(exception):
                raise
            self._causes[name] = trim(exception)
            raise make_gerror(ErrorCode.FAILED, f'Worker {self.get_id(name)!r}: Its result could '
                              f'not be taken: {type(exception).__qualname__}: '
                              f'{text_of(exception)}') from None

    def take_failure(self, name: Any, error: GError) -> None:
        self._failures[name] = error

    def conclude(self, error: GError | None, raised: BaseException | None,
                 was_cancelled: bool) -> None:
        """The run has ended.

        Args:
            error: that of the C call.
            raised: by user code in this process.
            was_cancelled: on the user's wish.
        """
        self._gather()
        if not self.reports_failures:
            self._find_failures()
        for name in self.reported:
            self._failures.pop(name, None)
        if raised is not None:
            self.exception = raised
        elif error is None and not self._failures:
            self.exception = self._find_missing()
        elif error is not None and self.native is not None and self.native.was_interrupted():
            self.exception = KeyboardInterrupt()
        elif was_cancelled:
            from concurrent.futures import CancelledError

            self.exception = CancelledError('The run was cancelled')
        else:
            self.exception = self._make_exception(error)

    def _find_missing(self) -> WorkerError | None:
        """A returned result is complete, whatever else happened in this process."""
        missing = [id for name, id in self._names.items()
                   if id not in self.results and name not in self.reported]
        if not missing:
            return None
        return make_error(ErrorCode.FAILED, f'Worker {missing[0]!r} has neither returned nor '
                          'failed', missing[0])

    def _find_failures(self) -> None:
        """Failures that the C library knows of come first, as in its error."""
        names = {str(name): name for name in self._names}
        reports = self.native.get_failures() if self.native is not None else []
        self._failures = {names[each['id']]: each['error'] for each in reports
                          if each['id'] in names} | self._failures

    def _gather(self) -> None:
        """Checks that all results have arrived."""
        self.results = {id: self.results[id] for id in self._names.values() if id in self.results}

    def _make_exception(self, error: GError | None) -> WorkerError:
        errors = {name: self.make_error(name, each) for name, each in self._failures.items()}
        first = next(iter(errors), None)
        # The C library's error is that of the first failed worker, or of the server.
        if error is not None and (first is None or self._find_report('server') is not None or
                                  not error.matches(self._failures[first].domain,
                                                    self._failures[first].code)):
            first = 'server' if 'server' in self._runtimes else None
            errors = {first: self.make_error(first, error), **errors}
        exception = errors.pop(first)
        exception._complete(self.results, list(errors.values()))
        if errors and first != 'server':
            others = ', '.join(repr(each.id) for each in errors.values())
            exception.args = (f'{exception}\n{len(errors)} more failed: {others}',)
        return exception

    def has_error(self, name: Any) -> bool:
        return name in self._failures

    def get_error(self, name: Any) -> WorkerError:
        """The failure of one worker."""
        return self.make_error(name, self._failures[name])

    def make_error(self, name: Any, error: GError, report: dict[str, Any] | None = None
                   ) -> WorkerError:
        id = self.get_id(name)
        failure = make_worker_error(name, id, error)
        report = report or self._find_report(name)
        life = name, report['pid'] if report is not None else 0
        cause = self._former[life] if life in self._former else self._causes.get(name)
        # The text contains the library's message, and an exception that could not be rebuilt.
        if cause is None and error.domain != ERROR_DOMAIN:
            cause = error
        failure.__cause__ = cause
        failure._describe(report)
        return failure

    def _find_report(self, name: Any) -> dict[str, Any] | None:
        """The C library's facts about a worker's end."""
        failures = self.native.get_failures() if self.native is not None else []
        return next((each for each in failures if each['id'] == str(name)), None)
