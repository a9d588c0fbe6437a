# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Processes for Python programs: functions that run in workers, and servers with clients.

* Workers: functions that run in their own processes and return values.
* ClientServer, ServerWorker, ClientWorker: one server and many clients that send it messages.
* Request, OpenRun: later answers, and runs that the program drives.
* Executor, get_reusable_executor: calls in kept processes, as concurrent.futures has them.
* WorkerError: the exception of a failed run; its subclasses WorkerTimeout and WorkerDied are a
  TimeoutError and a BrokenProcessPool too.
* report, worker_index, worker_node, worker_seed: for code that runs in a worker.
* GError, ErrorCode, ERROR_DOMAIN: errors as every language sees them.
* SharedArray: a numpy array whose memory the application and its workers share.
* Variant: values of types that Python does not have, for workers in other languages.
* Cancellable: ends runs, from any thread.
* get_cold_start_reason: why the last workers in Python were not forks of a warm process, or None.
* freeze_support: for programs that are frozen.

Parameters, messages and results are anything that can be pickled; with cloudpickle installed, also
lambdas, closures and definitions of an interactive session. Between Python and other languages,
values must have types that both have; others are refused.
"""

from __future__ import annotations

from importlib.util import find_spec as _find_spec

from _gmproc import VERSION as _VERSION
from _gmproc import Cancellable, Request, Variant, get_cold_start_reason

from . import _adapters as _adapters  # registers the Python part of _gmproc
from ._client_server import ClientServer
from ._frozen import freeze_support
from ._gerror import ERROR_DOMAIN, ErrorCode, GError
from ._open_run import OpenRun
from ._run import Run
from ._worker import ClientWorker, ServerWorker, report, worker_index, worker_node, worker_seed
from ._worker_error import WorkerError, WorkerTimeout
from ._workers import Workers

# Type checkers take it as true. Loading the module typing takes as long as all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._died import WorkerDied
    from ._shared_array import SharedArray
    from .executor import Executor, get_reusable_executor

# An imported name is not exported to type checkers; this is not for "import *", either.
__version__: str = _VERSION

__all__ = ['Cancellable', 'ClientServer', 'ClientWorker', 'ERROR_DOMAIN', 'ErrorCode', 'Executor',
           'GError', 'OpenRun', 'Request', 'Run', 'ServerWorker', 'SharedArray', 'Variant',
           'WorkerDied', 'WorkerError', 'WorkerTimeout', 'Workers', 'freeze_support',
           'get_cold_start_reason', 'get_reusable_executor', 'report',
           'worker_index', 'worker_node', 'worker_seed']
if _find_spec('numpy') is None:  # "import *" loads all of these
    __all__.remove('SharedArray')


def __getattr__(name: str) -> Any:
    """Loads rarely used names on demand: the base classes of WorkerDied and Executor take several
    milliseconds, and that of SharedArray needs numpy."""
    if name == 'WorkerDied':
        from ._died import WorkerDied

        return WorkerDied
    if name in ('Executor', 'get_reusable_executor'):
        from . import executor

        return getattr(executor, name)
    if name == 'SharedArray':
        from ._shared_array import SharedArray

        return SharedArray
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
