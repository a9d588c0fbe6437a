# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The workers that the C library sees in a worker's process; they call the user's."""

from __future__ import annotations

import functools
from typing import Any, Callable

from gi.repository import Gmp

from . import _payload, _pickles
from ._errors import BadPayload, flush_output, to_gerror
from ._task import Task
from ._worker import ClientWorker, ServerWorker, _Process

# Makes the user's object: from the parameters, the object and what its start() gets.
Build = Callable[[Any], 'tuple[ServerWorker | ClientWorker, Any, dict[str, Any]]']


def guarded(method: Any) -> Any:
    """For what C calls: turns any exception into a GLib.Error, and tells a Python application of
    the exception itself before."""
    @functools.wraps(method)
    def call(*args: Any) -> Any:
        try:
            return method(*args)
        except BaseException as exception:
            error = to_gerror(exception)
            if _Process.runtime == 'python' and not isinstance(exception, BadPayload):
                _send_exception(exception)
            raise error from None
        finally:
            flush_output()
    return call


def _send_exception(exception: BaseException) -> None:
    value = _pickles.dump_exception(exception)
    if value is not None:
        try:
            Gmp.Worker.report(value)
        except Exception:
            pass  # Too big: its text goes to the application all the same.


def enter(task: Task) -> None:
    """This process works for an application in Python."""
    _Process.runtime = 'python'
    _Process.index = task.index
    _Process.seed = task.seed


class _Life:
    """What both kinds of workers have in common."""

    _build: Build
    _user: Any
    _ids: dict[str, Any]
    _peers: dict[str, str | None]

    def __init__(self, build: Build) -> None:
        super().__init__()
        self._build = build
        self._peers = {}

    def _get_runtime(self, peer: str) -> str | None:
        runtime = self._peers.get(peer)
        if runtime is None:
            runtime = self._peers[peer] = self.get_peer_runtime(peer)  # type: ignore[attr-defined]
        return runtime

    def _load(self, value: Any, peer: str) -> Any:
        try:
            return _payload.load(value, self._get_runtime(peer))
        except BadPayload as reason:
            raise BadPayload(f"What '{peer}' sent cannot be read: {reason}") from None

    def _dump(self, value: Any, peer: str) -> Any:
        try:
            return _payload.dump(value, self._get_runtime(peer))
        except BadPayload as reason:
            raise BadPayload(f"What should go to '{peer}' cannot be sent: {reason}") from None

    def _start(self, params: Any) -> bool:
        _Process.worker = self
        self._user, params, self._ids = self._build(params)
        self._user.start(params)
        return True

    def _wait(self) -> bool:
        self._user.wait()
        return True

    def _finish(self) -> Any:
        return dump_result(self._user.finish())


class ServerAdapter(_Life, Gmp.ServerWorker):
    """The server that the C library runs."""

    do_start = guarded(_Life._start)
    do_wait = guarded(_Life._wait)
    do_finish = guarded(_Life._finish)

    @guarded
    def do_done(self) -> bool:
        return bool(self._user.done())

    @guarded
    def do_process(self, client_id: str, request: Any) -> Any:
        message = self._load(request, client_id)
        response = self._user.process(self._ids.get(client_id, client_id), message)
        return self._dump(response, client_id)


class ClientAdapter(_Life, Gmp.ClientWorker):
    """The client that the C library runs."""

    do_start = guarded(_Life._start)
    do_wait = guarded(_Life._wait)
    do_finish = guarded(_Life._finish)

    @guarded
    def do_done(self) -> bool:
        return bool(self._user.done())

    @guarded
    def do_process(self) -> Any:
        return self._dump(self._user.process(), 'server')

    @guarded
    def do_update(self, response: Any) -> bool:
        self._user.update(self._load(response, 'server'))
        return True


def dump_result(value: Any) -> Any:
    """A result for the application."""
    try:
        return _payload.dump(value, _Process.runtime)
    except BadPayload as reason:
        raise BadPayload(f'Its result cannot be sent: {reason}') from None
