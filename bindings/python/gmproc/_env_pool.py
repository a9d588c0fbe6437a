# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The application's side of vector environments: an open run whose clients are environments."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import time
from concurrent.futures import CancelledError
from typing import Any, Callable, Sequence

import numpy
from gymnasium import logger

from ._application import convert_option, list_options, make_unknown
from ._client_server import ClientServer
from ._env_client import CLOSE, EnvClient, Ready
from ._errors import is_of_signal
from ._shared_array import SharedArray
from ._worker_error import WorkerError


class StepTimeout(multiprocessing.TimeoutError, TimeoutError):
    """Environments take longer than the caller wants to wait."""


class Memory:
    """The stand-in for the module multiprocessing and its objects in gymnasium."""

    def __init__(self, kind: Any, size: int) -> None:
        self.array = SharedArray(size, numpy.dtype(kind))

    def get_obj(self) -> SharedArray:
        return self.array

    @classmethod
    def Array(cls, kind: Any, size: int) -> Memory:  # noqa: N802, gymnasium's name
        return cls(kind, size)


# Options of ClientServer that are used here, or do nothing here.
_DECIDED = {'server_result', 'batch_size', 'batch_timeout', 'on_failed', 'on_restarted'}
_OPTIONS = [name for name in list_options(ClientServer) if name not in _DECIDED]


def check_options(environments: type, options: dict[str, Any], restart: str,
                  step_timeout: float | None) -> dict[str, Any]:
    """The options of ClientServer that those of a class of environments stand for."""
    for name in options:
        if name not in _OPTIONS:
            own = environments.__init__.__kwdefaults__ or ()  # type: ignore[misc]
            raise make_unknown(environments.__name__, name, [*_OPTIONS, *own])
    if options.get('launcher') not in (None, 'local'):
        raise ValueError(f"launcher is {options['launcher']!r}: environments share memory with "
                         "this process, so they run on its machine: leave it out")
    options = {**options, 'launcher': 'local', 'restart': restart}
    if step_timeout is not None:
        options['turn_timeout'] = convert_option(ClientServer, 'turn_timeout', step_timeout,
                                                 'step_timeout')
    return options


def _name_limit(error: WorkerError) -> None:
    """ClientServer's option is called step_timeout here."""
    error.args = (str(error).replace('(turn-timeout)', '(step_timeout)', 1),)


class EnvPool:
    """Environments, each in its own process, that get commands and return outcomes.

    A restarted environment sends Ready instead of an outcome. A truncated step then replaces the
    outcome of a step (EnvClient.again); all other commands are repeated.

    Attributes:
        ready: the description of each environment.
        waiting: the commands without an outcome yet, by environment.
        done: outcomes that no call has returned yet, by environment: one with a time-out, or that
            Ctrl-C has ended, keeps them for the next.
    """

    def __init__(self, env_fns: Sequence[Callable[[], Any]], client: type[EnvClient],
                 params: Any, options: dict[str, Any]) -> None:
        if not env_fns:
            raise ValueError('env_fns is empty: at least one environment is needed')
        application = ClientServer(**options)
        self._failures: dict[int, WorkerError] = {}  # of those that are not restarted
        application.on_failed = self._report_failure
        self._causes: dict[int, WorkerError | None] = {}  # of restarts, by environment
        application.on_restarted = self._report_restart
        for i, env_fn in enumerate(env_fns):
            application.add_client(i, client, (env_fn, params, application.startup_timeout))
        self.n = len(env_fns)
        self.ready: list[Ready] = []
        self.waiting: dict[int, Any] = dict.fromkeys(range(self.n))
        self.done: dict[int, Any] = {}
        self._received: tuple[list[Any], list[Any]] | None = None
        self._board: Any = None
        self._reborn: set[int] = set()  # ready, and without a command
        self._unset: set[int] = set()  # restarted, and not reset since
        self._attributes: dict[int, dict[str, Any]] = {}  # set attributes, by environment
        self._run = application.open()
        self.is_closed = False
        try:
            first = self.receive_all()
            self.ready = [first[i] for i in range(self.n)]
        except BaseException:
            self.close(terminate=True)
            raise

    def begin(self, board: Any) -> None:
        """Sends all environments the arrays that they write to."""
        self._board = board
        self.send_all([('begin', board, {}, None)] * self.n)
        self.receive_all()

    def send(self, ids: Sequence[int], commands: Sequence[Any]) -> None:
        """Gives one command each to environments without one."""
        if self._failures:
            self._raise_failure()
        if len(ids) != len(commands):
            raise ValueError(f'There are {len(commands)} actions for {len(ids)} environments: give '
                             'one for each')
        if self._received:
            self._take()
        adapted = commands
        if self._reborn or self._unset:
            adapted = [self._adapt(i, command) for i, command in zip(ids, commands)]
        try:
            self.waiting.update(zip(ids, commands))
            self._run.send(ids, adapted)
        except BaseException:
            # They cannot be sent, or the handler of a signal has raised before or after that.
            for i, command in zip(ids, adapted):
                if self._run._is_waiting(i):
                    self.waiting.pop(i, None)
                else:
                    self._note(i, command)
            raise
        for i, command in zip(ids, adapted):
            if command is not None:
                self._note(i, command)

    def send_all(self, commands: Sequence[Any]) -> None:
        # Drops outcomes that arrived too late for a caller with a time-out.
        if self.n_pending:
            self.receive_all()
        self.send(range(self.n), commands)

    @property
    def n_pending(self) -> int:
        """How many outcomes can be received."""
        return len(self.waiting) + len(self.done)

    def receive_all(self, timeout: float | None = None) -> dict[int, Any]:
        outcomes = self.receive(self.n_pending, timeout)
        self.done = {}
        return outcomes

    def forget(self, outcomes: dict[int, Any]) -> None:
        """Call it last: until then ``receive`` returns these outcomes again, because the handler
        of a signal may raise before the caller has them."""
        self.done = {i: outcome for i, outcome in self.done.items() if i not in outcomes}

    def receive(self, n: int, timeout: float | None = None) -> dict[int, Any]:
        """The outcomes of the first ``n`` commands that are done, by environment, until ``forget``.

        Raises:
            StepTimeout: they are not done in time; they continue.
            Exception: the exception of an environment, if it is not restarted.
            WorkerError: an environment has crashed, if it is not restarted.
        """
        outcomes = self.gather(n, timeout)
        if self._failures:
            self._raise_failure()
        return outcomes

    def gather(self, n: int, timeout: float | None = None) -> dict[int, Any]:
        """As ``receive``, and leaves failures for later."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._received:
            self._take()
        while len(self.done) < n and self.waiting:
            if deadline is not None:
                timeout = max(0.0, deadline - time.monotonic())
            try:
                self._received = self._run.recv(n - len(self.done), timeout)
            except TimeoutError as error:
                if is_of_signal(error):
                    raise
                raise StepTimeout(f'{n - len(self.done)} of {n} environments are not done after '
                                  'the time-out') from None
            is_last = not self._received[0]
            self._take()
            for i in self._failures:
                self.waiting.pop(i, None)
            if is_last and not self._run.failures:
                raise RuntimeError(f'The environments {[*self.waiting]} have ended, so no step can '
                                   'come: make new ones')
        return dict(itertools.islice(self.done.items(), n))

    def _take(self) -> None:
        """Takes what was received, from its beginning if the handler of a signal has raised."""
        assert self._received is not None
        for i, message in zip(*self._received):
            is_reborn = isinstance(message, Ready) and bool(self.ready)
            if not is_reborn or self.waiting.get(i) is CLOSE:
                self.done[i] = message
                self.waiting.pop(i, None)
            elif i not in self.waiting:
                self._reborn.add(i)
            elif self._run._is_waiting(i):
                self._reborn.add(i)
                command = self._adapt(i, self.waiting[i])
                self._run.send([i], [command])
                self._note(i, command)
        self._received = None

    def _report_failure(self, i: int, error: WorkerError) -> None:
        _name_limit(error)
        self._failures[i] = error

    def _report_restart(self, i: int, error: WorkerError | None) -> None:
        if error is not None:
            _name_limit(error)
        self._causes[i] = error
        if self.waiting.get(i) is not CLOSE:
            logger.warn('Environment %s is restarted: %s', i, error)

    def _adapt(self, i: int, command: Any) -> Any:
        """The command for an environment that may have been restarted."""
        is_reborn = i in self._reborn
        if not is_reborn and i not in self._unset:
            return command
        if command is None or command[0] == 'step':
            command = ('again',)
        elif command[0] == 'noop':
            command = ('reset', {})
        if command[0] == 'begin' or not is_reborn:
            return command
        return 'begin', self._board, self._attributes.get(i, {}), command

    def _note(self, i: int, command: Any) -> None:
        """The environment was sent this command, which ``_adapt`` has returned."""
        if command is not None and command[0] == 'begin':
            command = command[3]
        kind = None if command is None else command[0]
        if kind == 'set':
            self._attributes.setdefault(i, {})[command[1]] = command[2]
        if i in self._reborn or i in self._unset:
            self._unset.discard(i) if kind in ('again', 'reset') else self._unset.add(i)
            self._reborn.discard(i)

    def _raise_failure(self) -> None:
        """Reports failures as AsyncVectorEnv does, and raises the exception of the last one."""
        for i, error in self._failures.items():
            text = str(error)
            logger.error('Received the following error from Worker-%s - Shutting it down', i)
            logger.error('%s\n', text[max(0, text.find('Traceback (')):].rstrip())
        logger.error('Raising the last exception back to the main process.')
        cause = error.__cause__
        if not isinstance(cause, Exception) or isinstance(cause, WorkerError):
            raise error
        if hasattr(cause, 'add_note') and not hasattr(cause, '__notes__'):  # Python 3.11
            cause.add_note(f'Environment {i} raised this:\n{text}')
        raise cause

    def close(self, terminate: bool = False, timeout: float | None = None) -> None:
        """Ends all environments, which finish what they do; with ``terminate``, or when the time
        is over, at once, without closing them."""
        if self.is_closed:
            return
        self.is_closed = True
        is_done = False
        try:
            is_done = not terminate and self._close_all(timeout)
        finally:
            # Relevant failures have been raised before.
            with contextlib.suppress(WorkerError, CancelledError):
                self._run.__exit__(None if is_done else CancelledError, None, None)

    def _close_all(self, timeout: float | None) -> bool:
        """Asks all environments to close. Returns whether they have closed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self.gather(self.n_pending, timeout)
            known = {*self._failures}
            ids = [i for i in range(self.n) if i not in known]
            self.waiting.update(dict.fromkeys(ids, CLOSE))
            self._run.send(ids, [CLOSE] * len(ids))
            if deadline is not None:
                timeout = max(0.0, deadline - time.monotonic())
            outcomes = self.gather(len(ids), timeout)
        except Exception as error:
            if is_of_signal(error):
                raise
            return False
        reborn = [i for i, outcome in outcomes.items() if isinstance(outcome, Ready)]
        for i in self._failures.keys() - known | {*reborn}:
            reason = self._failures.get(i) or self._causes.get(i)
            logger.warn('Environment %s failed in close(): %s', i, reason)
        return not reborn
