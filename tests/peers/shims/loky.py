# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""loky's names for gmproc's reusable executor, as far as loky's own tests use them."""

from __future__ import annotations

import concurrent.futures
import os
import sys
import types
from concurrent.futures import TimeoutError
from concurrent.futures.process import BrokenProcessPool, _RemoteTraceback
from typing import Any

import gmproc
import gmproc.executor


class Executor(gmproc.Executor):
    def __init__(self, max_workers: int | None = None, **options: Any) -> None:
        """Functions and classes of the main module are pickled by value, as in loky."""
        super().__init__(max_workers, import_main=False, **options)

    def shutdown(self, wait: bool = True, kill_workers: bool = False, **options: Any) -> None:
        if kill_workers:
            self.kill_workers()
        super().shutdown(wait, **options)

    def map(self, fn: Any, *iterables: Any, delay: float = 0, **options: Any) -> Any:
        """loky ignores unknown options; a test passes one."""
        return super().map(fn, *iterables, **options)

    @property
    def _processes(self) -> dict[int | None, gmproc.executor.Worker]:
        return {worker.pid: worker for worker in self.workers if worker.pid is not None}


# The class of reusable executors.
gmproc.executor.Executor = Executor  # type: ignore[misc]


def get_reusable_executor(max_workers: int | None = None, context: None = None,
                          timeout: float | None = 10, env: dict[str, str] | None = None,
                          **options: Any) -> gmproc.Executor:
    if env is not None:
        options['environment'] = env
    return gmproc.get_reusable_executor(max_workers, idle_timeout=timeout, **options)


def cpu_count() -> int:
    return len(os.sched_getaffinity(0))


def _add(name: str, **contents: Any) -> None:
    module = types.ModuleType(f'{__name__}.{name}')
    vars(module).update(contents)
    sys.modules[module.__name__] = module


__path__: list[str] = []  # The tests import it as a package, with these modules.
_add('process_executor', BrokenProcessPool=BrokenProcessPool, _RemoteTraceback=_RemoteTraceback,
     TerminatedWorkerError=gmproc.WorkerDied,
     # Running calls then have died, and waiting ones are cancelled.
     ShutdownExecutorError=(gmproc.WorkerDied, concurrent.futures.CancelledError))
_add('reusable_executor', _ReusablePoolExecutor=None)
_add('backend', get_context=None, resource_tracker=None)
_add('backend.context', _MAX_WINDOWS_WORKERS=60)
__all__ = ['TimeoutError', 'cpu_count', 'get_reusable_executor']
