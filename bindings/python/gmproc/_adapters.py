# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The Python part of _gmproc's workers, in a worker's process."""

from __future__ import annotations

import contextlib
import pickle
from types import CoroutineType

import _gmproc

from . import _arrays, _exceptions, _installed, _natural, _payload, _pickles
from ._errors import (BadPayload, flush_output, format_exception, is_bad_payload, is_of_signal,
                      make_worker_error, to_gerror, trim)
from ._gerror import GError
from ._task import Task, explain, settle_logs
from ._worker import ClientWorker, ServerWorker, _Process, get_mode

# Marks the value that replaces the result of a call that raised an exception.
FAILED_TAG = 'gmproc.failed'

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def fail(exception: BaseException, context: str | None = None) -> GError:
    """Turns any exception into a GError. It first reports the exception itself to a Python
    application. For a value that cannot be sent or read, ``context`` names the value."""
    _gmproc.end_forked()
    cause: BaseException | None = exception
    if is_bad_payload(exception):
        cause = exception.__cause__
        if context is not None:
            exception = BadPayload(f'{context}: {exception}')
    error = to_gerror(exception)
    if _Process.runtime == 'python' and cause is not None:
        _send_exception(trim(cause))
    flush_output()
    return error


def complete(value: Any) -> Any:
    """The value that a method returned, or the result of its coroutine. All coroutines of a worker
    run on one loop, which lives as long as the worker."""
    _gmproc.end_forked()
    if not isinstance(value, CoroutineType):
        return value
    if _Process.loop is None:
        import asyncio

        _Process.loop = asyncio.new_event_loop()
    return _Process.loop.run_until_complete(value)


def close_loop() -> None:
    """Ends tasks that a coroutine has left running."""
    _gmproc.end_forked()
    loop, _Process.loop = _Process.loop, None
    if loop is None:
        return
    import asyncio

    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    try:
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _send_exception(exception: BaseException) -> None:
    # If its attributes are too large, the application gets it without them, or its text alone.
    for is_slim in False, True:
        value = _exceptions.dump(exception, is_slim)
        if value is not None:
            with contextlib.suppress(Exception):
                _gmproc.report(value)
                return


def enter(task: Task) -> None:
    """This process works for an application in Python."""
    _Process.runtime = 'python'
    _Process.index = task.index
    _Process.seed = task.seed


def end_call(value: Any) -> Any:
    """The result of a coroutine that a call of an Executor has returned."""
    try:
        return complete(value)
    finally:
        close_loop()


def fail_call(exception: BaseException, was_read: bool) -> _gmproc.Variant:
    """The value that replaces a result: the text of an exception, with its traceback, and the
    exception itself if it can be sent. If the call was not read, the exception is the reason."""
    _gmproc.end_forked()
    if not was_read:
        explain(exception)
    if is_bad_payload(exception) and exception.__cause__ is not None:
        exception = exception.__cause__
    trim(exception)
    failure = format_exception(exception), _exceptions.dump_nodes(exception)
    return _gmproc.wrap(FAILED_TAG, *_pickles.dump_parts(failure))


class Life:
    """Steps that run once in the life of a server or client.

    Attributes:
        user: the user's object.
        mode: how a server takes requests.
    """

    def __init__(self, user: ServerWorker | ClientWorker, params: Any, ids: dict[str, Any]) -> None:
        self.user = user
        self.mode = get_mode(user, ServerWorker)
        self._params = params
        self._ids = ids

    def start(self, _params: _gmproc.Variant | None) -> None:
        params, self._params = self._params, None
        complete(self.user.start(params))
        flush_output()
        # Later workers find what this has loaded, such as an environment's engine, in their fork.
        _installed.report_modules()

    def get_id(self, name: str) -> Any:
        """The id of a client, for the server."""
        return self._ids.get(name, name)

    def client_failed(self, name: str, domain: str, code: int, message: str) -> None:
        id = self.get_id(name)
        error = GError(message, domain, code)
        complete(self.user.client_failed(id, make_worker_error(name, id, error)))
        flush_output()

    def finish(self) -> _gmproc.Variant | None:
        result = dump_result(complete(self.user.finish()))
        close_loop()
        flush_output()
        return result


def dump_result(value: Any) -> Any:
    """A result for the application."""
    try:
        return _payload.dump(value, _Process.runtime)
    except BadPayload as reason:
        raise BadPayload(f'Its result cannot be sent: {reason}') from reason.__cause__


_gmproc.use(pickle=_pickles.dump_parts, dumps=pickle.dumps, unpickle=pickle.loads,
            load_large=_pickles.load_large,
            loaded=settle_logs, end_call=end_call, fail_call=fail_call,
            dump_other=_natural.dump_other,
            load_object=_natural.load_object, refuse=_payload.refuse, error=GError, fail=fail,
            complete=complete, bad_payload=BadPayload, find_numpy=_arrays.find_numpy,
            describe_dtype=_arrays.describe_dtype, make_dtype=_arrays.make_dtype,
            to_gerror=to_gerror, is_of_signal=is_of_signal)
