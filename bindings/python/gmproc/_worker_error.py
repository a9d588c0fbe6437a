# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The exceptions for workers that failed; WorkerDied is in _died."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

    from ._gerror import GError


class WorkerError(RuntimeError):
    """A worker failed, or could not be asked to work.

    Its text names the worker, its process and the cause, with the worker's traceback if its code
    raised an exception. Its ``__cause__`` is that exception, with those that it was raised from, if
    it can be rebuilt in this process; a GError if C code failed with its own error domain; or the
    exception of pickle for a value that cannot be sent.

    Attributes:
        id: the worker's id; ``'server'`` for a server; None if no single worker failed.
        results: the results of the other workers of the run, by id.
        errors: a WorkerError for each worker that failed, by id.
        error: the GError below it, with the domain and code that every language sees, or None.
        pid: the worker's process; None if it was not started.
        node: the machine that it ran on; None for this one.
        exit_status: the exit status of the process; None if it was killed, or still runs.
        signal: the signal that killed it, or None.
        out_of_memory: True if the kernel has killed it for lack of memory, as far as can be
            determined.
        run_time: its run time in seconds, or None.
        peak_memory: its peak memory in bytes; None if that is not known.
        n_restarts: the number of its restarts.
        last_lines: the last lines that it wrote to standard error.
    """

    pid: int | None = None
    node: str | None = None
    exit_status: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    run_time: float | None = None
    peak_memory: int | None = None
    n_restarts: int = 0
    last_lines: Sequence[str] = ()

    def __init__(self, message: str, id: Any = None, error: GError | None = None) -> None:
        super().__init__(message)
        self.id = id
        self.results: dict[Any, Any] = {}
        self.error = error
        self._others: list[WorkerError] = []

    @property
    def errors(self) -> dict[Any, WorkerError]:
        return {each.id: each for each in (self, *self._others)}

    def _describe(self, failure: dict[str, Any] | None) -> None:
        if failure is None:
            return
        self.pid = failure['pid'] or None
        self.node = failure['node'] or None
        self.exit_status = failure['exit_status'] if failure['exit_status'] >= 0 else None
        self.signal = failure['signal'] or None
        self.out_of_memory = failure['out_of_memory']
        self.run_time = failure['run_time'] if self.pid is not None else None
        self.peak_memory = failure['peak_memory'] or None
        self.n_restarts = failure['n_restarts']
        self.last_lines = failure['last_lines']

    def _complete(self, results: dict[Any, Any], others: list[WorkerError]) -> None:
        self.results = results
        self._others = others


class WorkerTimeout(WorkerError, TimeoutError):
    """A worker took longer than one of the limits on time."""


# Makes tracebacks show the names that programs use.
WorkerError.__module__ = WorkerTimeout.__module__ = 'gmproc'
