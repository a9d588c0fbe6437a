# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A run that stays open, and whose requests the program takes."""

from __future__ import annotations

import threading
import weakref
from functools import partial

import _gmproc

from ._errors import (BadPayload, check_whole, flush_output, make_error, make_worker_error,
                      trim)
from ._gerror import ERROR_DOMAIN, ErrorCode, GError
from ._lock import finalizer
from ._run import Blocking, prepare
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol, Sequence

    from ._run import Job

    class Owner(Protocol):
        """The ClientServer that opens a run."""

        _gmproc: Any

        def start(self, params: Any) -> None: ...
        def client_failed(self, id: Any, error: WorkerError) -> None: ...
        def finish(self) -> Any: ...


# The largest number of messages that the C library counts.
_MOST = 2 ** 32 - 1


class OpenRun:
    """A run that ``ClientServer.open`` has begun, with the program as the server.

    ::

        with cs.open() as run:
            while True:
                ids, messages = run.recv()
                if not ids:
                    break
                run.send(ids, policy(messages))
        print(run.results)

    The ``with`` statement closes the run: its clients finish. Where its block raises an exception,
    they are cancelled. A run that is dropped kills its clients.

    Attributes:
        results: what each client's ``finish`` returned, by id; all are there when the run is
            closed.
        failures: a WorkerError for each client that ``recv`` has found to have failed, by id.
    """

    _is_closed = True  # until it is complete

    def __init__(self, application: Owner, job: Job) -> None:
        self._application = application
        self._job = job
        self._native: Any = job.native
        self._peers = job.outcome.get_peers()
        self._pending: dict[Any, _gmproc.Request] = {}
        self._lost: set[Any] = set()  # clients that have failed while they waited for an answer
        # What the last recv has received and not returned, because a handler of a signal raised.
        self._arrived: list[tuple[list[Any], list[Any], list[_gmproc.Request], list[Any]]] = []
        self._raised: BaseException | None = None
        self.failures: dict[Any, WorkerError] = {}
        self._is_closed = False

    @property
    def results(self) -> dict[Any, Any]:
        return self._job.outcome.results

    def recv(self, n: int | None = None, timeout: float | None = None
             ) -> tuple[list[Any], list[Any]]:
        """Takes the next messages, each of another client, and waits for them.

        It returns what is there when no more can come, since all other clients have ended or wait
        for an answer; so it may return fewer than ``n``, and none.

        Args:
            n: how many; None for one of each client.
            timeout: how many seconds to wait for them; None for any time.

        Returns:
            The ids of the clients, and what they sent.

        Raises:
            TimeoutError: they have not all come. Those that have stay for the next call.
            RuntimeError: the run is closed, or in another call: that of another thread, or the
                one that has called this callback.
            WorkerError: the run has failed.
        """
        if n is not None:
            check_whole('n', n)
            if n < 1:
                raise ValueError(f'n is {n}: recv takes at least one message')
            n = min(n, _MOST)
        if timeout is not None and not timeout >= 0:
            raise ValueError(f'timeout is {timeout}: it should be 0 or more seconds, or None')
        self._check_open()
        try:
            if not self._arrived:
                self._native.receive(n or 0, -1 if timeout is None else timeout, self._peers,
                                     self._get_catch(), self._arrived)
        except GError as error:
            raise self._make_exception(error) from None
        ids, messages, requests, failures = self._arrived[0]
        while failures:
            id, failure = self._take_failure(*failures[0])
            del failures[0]
            self._application.client_failed(id, failure)
        # Afterwards, because a restarted client has failed and sends its request again.
        self._pending.update(zip(ids, requests))
        self._lost.difference_update(ids)
        self._arrived = []  # No handler runs from here until the caller has the messages.
        return ids, messages

    def send(self, ids: Sequence[Any], responses: Sequence[Any]) -> None:
        """Answers messages that ``recv`` has returned.

        The response to a client that has ended meanwhile is dropped.

        Args:
            ids: which clients get an answer now; the others may get theirs later.
            responses: what their ``update`` gets: a list, or an array of numpy's with one row for
                each.

        Raises:
            ValueError: a client does not wait for an answer; there are not as many responses as
                ids; or a response cannot be sent.
        """
        self._check_open()
        if len(ids) != len(responses):
            raise ValueError(f'There are {len(ids)} ids and {len(responses)} responses: send takes '
                             'one response for each id')
        if len(set(ids)) != len(ids):
            raise ValueError('An id occurs twice: each client gets one response')
        for id in ids:
            self._check_waiting(id)
        # None for clients that have ended, whose responses are dropped.
        requests = [self._pending.get(id) for id in ids]
        try:
            _gmproc.respond(requests, responses, self._pending, list(ids))
        except BadPayload as reason:
            raise ValueError(str(reason)) from reason.__cause__
        self._lost.difference_update(ids)

    def fail(self, id: Any, exception: BaseException) -> None:
        """Ends one client that waits for a response: it fails with the exception."""
        self._check_open()
        self._check_waiting(id)
        if id in self._pending:
            self._pending[id].fail(exception)
        self._forget(id)

    def close(self) -> dict[Any, Any]:
        """Ends the run, and waits until its clients have finished.

        Returns:
            ``results``.

        Raises:
            WorkerError: a client has failed that is not in ``failures``.
        """
        if self._is_open():
            self._end()
            if self._job.outcome.exception is not None:
                raise self._job.outcome.exception
        return self.results

    def __enter__(self) -> OpenRun:
        return self

    def __exit__(self, kind: Any, *_exception: Any) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            _gmproc.complete(self._leave)

    def _leave(self) -> None:
        """The program leaves the run, if it is open, because of an exception."""
        if self._is_open():
            self._job.cancel()
            self._end()

    def __reduce__(self) -> Any:
        raise TypeError('An open run cannot be pickled or copied: its workers belong to it')

    @finalizer
    def __del__(self) -> None:
        if self._is_open():
            self._job.abandon()
            self._is_closed = True

    def _is_open(self) -> bool:
        return not self._is_closed and not self._job.is_inherited()

    def _check_open(self) -> None:
        if self._job.is_inherited():
            raise RuntimeError('This process was forked during the run, which belongs to its '
                               'parent: open another one here')
        if self._is_closed:
            raise RuntimeError('The run is closed: open another one')

    def _is_waiting(self, id: Any) -> bool:
        """True if a client waits for an answer."""
        return id in self._pending

    def _check_waiting(self, id: Any) -> None:
        if id not in self._pending and id not in self._lost:
            raise ValueError(f'Client {id!r} does not wait for an answer: recv has not returned a '
                             'message of it, or it has been answered')

    def _forget(self, id: Any) -> None:
        """The client has been answered."""
        self._pending.pop(id, None)
        self._lost.discard(id)

    def _get_catch(self) -> Any:
        is_main = threading.current_thread() is threading.main_thread()
        return self._keep_raised if is_main else None

    def _keep_raised(self, exception: BaseException) -> GError:
        """recv raises the exception of a signal handler, and the run stays open."""
        self._raised = trim(exception)
        return GError('A signal handler has raised an exception', *_gmproc.CANCELLED)

    def _take_failure(self, name: str, error: GError) -> tuple[Any, WorkerError]:
        """May be called again if it was interrupted."""
        outcome = self._job.outcome
        outcome.reported.add(name)
        failure = outcome.make_error(name, error)
        id = outcome.get_id(name)
        self.failures[id] = failure
        if id in self._pending:
            self._lost.add(id)
            del self._pending[id]
        return id, failure

    def _make_exception(self, error: GError) -> BaseException:
        raised, self._raised = self._raised or self._job.raised, None
        if raised is not None:
            return raised
        if error.matches(ERROR_DOMAIN, ErrorCode.TIMED_OUT):
            return TimeoutError(error.message)
        if error.matches(*_gmproc.CANCELLED):
            from concurrent.futures import CancelledError

            return CancelledError('The run was cancelled')
        if error.matches(*_gmproc.PENDING):
            return RuntimeError(error.message)
        return make_worker_error(None, None, error)

    def _end(self) -> None:
        """For calls that may wait long: signal handlers run meanwhile, and their exceptions end the
        clients.
        """
        closing = Blocking(self._job)
        conclude = partial(self._conclude, closing)  # Handlers run after each call.
        try:
            self._is_closed = True
            closing.call(self._native.close)
        finally:
            _gmproc.complete(conclude)
        if not self._is_closed:
            assert closing.error is not None
            raise RuntimeError(closing.error.message)
        if self._job.outcome.exception is None:
            self._application._gmproc.server_result = self._application.finish()

    def _conclude(self, closing: Blocking) -> None:
        """May be called again if it was interrupted."""
        if not closing.has_returned:
            # A handler has raised an exception just before or after the call.
            closing.leave()
            self._job.cancel()
            closing.call(self._native.close)
        closing.leave()
        if closing.error is not None and closing.error.matches(*_gmproc.PENDING):
            self._is_closed = False
            return
        closing.end()
        self._pending.clear()
        self._arrived.clear()
        self._application._gmproc.open_run = None

    def _add_client(self, id: Any, name: str, runtime: str, begin: Callable[[], None]) -> None:
        """A client that was added while the run is open."""
        self._peers[name] = id, runtime
        self._job.outcome.add(name, id, runtime)
        try:
            begin()
        except BaseException as error:
            del self._peers[name]
            self._job.outcome.remove(name)
            if isinstance(error, GError):
                raise self._make_exception(error) from None
            raise


def open_run(application: Owner, fill: Callable[[Job], None], params: Any, cancellable: Any
             ) -> OpenRun:
    flush_output()
    job = prepare(application._gmproc.claims, fill, cancellable)
    try:
        job.check_callbacks()
        application.start(params)
        run = OpenRun(application, job)
        run._native.open(job.cancellable)
    except BaseException as exception:
        _gmproc.complete(partial(job.end, None))
        if isinstance(exception, GError):
            raise make_error(exception.code, exception.message, None) from None
        raise
    application._gmproc.open_run = weakref.ref(run)
    return run
