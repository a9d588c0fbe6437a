# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Processes for Python programs: functions that run in workers, and servers with clients.

* Workers: functions that run in processes of their own and return values.
* ClientServer, ServerWorker, ClientWorker: one server and many clients that send it messages.
* WorkerError: what a failed run raises.
* report, worker_index, worker_seed: for code that runs in a worker.

Parameters, messages and results are anything that can be pickled; lambdas, closures and what an
interactive session defines too where cloudpickle is installed. Between Python and other languages
they are what both know, and what has no like there is refused.
"""

import gi

gi.require_version('Gmp', '1')  # type: ignore[attr-defined]

from ._client_server import ClientServer
from ._errors import WorkerError
from ._run import Run
from ._worker import ClientWorker, ServerWorker, report, worker_index, worker_seed
from ._workers import Workers

__all__ = ['ClientServer', 'ClientWorker', 'Run', 'ServerWorker', 'WorkerError', 'Workers',
           'report', 'worker_index', 'worker_seed']
