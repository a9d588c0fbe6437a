# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""joblib on gmproc: importing this module makes the backend ``'gmproc'`` known.

::

    import gmproc.joblib
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend='gmproc'):
        results = Parallel(n_jobs=4)(delayed(sqrt)(n) for n in range(100))

Libraries that use joblib, such as scikit-learn, then run on it too. Processes are kept between
calls. ``inner_max_num_threads`` is respected. Large arrays are sent through shared memory and not
written to files, and ``max_nbytes``, ``temp_folder`` and ``mmap_mode`` are ignored. Other options
of ``parallel_config()`` are those of gmproc.Executor.
"""

from __future__ import annotations

import os
import weakref
from concurrent import futures
from functools import partial

from joblib.parallel import register_parallel_backend
from joblib._parallel_backends import (AutoBatchingMixin, FallbackToBackend, ParallelBackendBase,
                                       SequentialBackend)

from .executor import Executor, Reusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .executor import Future

# The seconds that a process waits for another call by default, as in loky.
_IDLE_TIMEOUT = 300

# Arguments that joblib passes to every backend, for arrays in files.
_OF_FILES = {'max_nbytes', 'temp_folder', 'mmap_mode', 'verbose', 'context', 'context_id',
             'prefer', 'require'}

_reusable = Reusable()


def run_batch(batch: Callable[[], Any]) -> Any:
    """Executes a batch in a worker. Importing this module there registers the backend too."""
    return batch()


def _get(future: weakref.ref[Future], timeout: float | None = None) -> Any:
    alive = future()
    assert alive is not None  # joblib has it
    return alive.result(timeout)


class GmprocBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Runs joblib's batches on a gmproc.Executor."""

    supports_retrieve_callback = True
    supports_timeout = True  # for joblib before 1.3
    supports_inner_max_num_threads = True

    _workers: Executor | None = None

    def __init__(self, nesting_level: int | None = None, inner_max_num_threads: int | None = None,
                 **options: Any) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self.backend_kwargs = options  # joblib before 1.5 does not keep them
        self._futures: dict[futures.Future[Any], None] = {}  # in the order of submit()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """The number of processes that work; negative numbers count from the number of processors.
        """
        if n_jobs == 0:
            raise ValueError('n_jobs == 0 in Parallel has no meaning')
        if n_jobs is None:
            return 1
        if n_jobs < 0:
            return max(len(os.sched_getaffinity(0)) + 1 + n_jobs, 1)
        return n_jobs

    def configure(self, n_jobs: int = 1, parallel: Any = None, prefer: Any = None,
                  require: Any = None, idle_worker_timeout: float | None = None, **options: Any
                  ) -> int:
        """Prepares for a call of Parallel. Returns the number of processes."""
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        options = {name: value for name, value in {**self.backend_kwargs, **options}.items()
                   if name not in _OF_FILES}
        timeout = options.pop('idle_worker_timeout', idle_worker_timeout)
        options['idle_timeout'] = _IDLE_TIMEOUT if timeout is None else timeout
        options['environment'] = self._prepare_worker_env(n_jobs=n_jobs)
        self._workers = _reusable.get(n_jobs, 'auto', False, options)
        self.parallel = parallel
        return n_jobs

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None
               ) -> Future:
        """Has a batch executed."""
        assert self._workers is not None
        future = self._workers.submit(run_batch, func)
        self._futures[future] = None
        future.add_done_callback(self._forget)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def _forget(self, future: futures.Future[Any]) -> None:
        self._futures.pop(future, None)

    def apply_async(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None
                    ) -> Future:
        """Like submit(), for joblib before 1.5."""
        future = self.submit(func, callback)
        # Before 1.3 it takes results with this method. No cycle would free a large one late.
        future.get = partial(_get, weakref.ref(future))  # type: ignore[attr-defined]
        return future

    def retrieve_result_callback(self, out: Future) -> Any:
        """The batch's results."""
        return out.result()

    def terminate(self) -> None:
        """The call has ended; the processes are kept for the next."""
        self._workers = None
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancels submitted batches, because one has failed. The last come first, so that none
        starts in place of one that ends.
        """
        for future in reversed(list(self._futures)):
            future.cancel()
        self._workers = None
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)


register_parallel_backend('gmproc', GmprocBackend)
