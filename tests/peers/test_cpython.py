# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""CPython's own tests of ProcessPoolExecutor, with gmproc.Executor in its place.

They come from Debian's libpython3.11-testsuite. Those that use processes are run in their variant
for the start method ``spawn``, which is the one whose tests are complete; gmproc has no start
methods.
"""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import unittest
from typing import Any

import pytest

cpython = pytest.importorskip('test.test_concurrent_futures')

import gmproc  # noqa: E402

# Intended differences, by the last part of a test's name.
EXCEPTIONS = {
    'test_error_at_task_unpickle':
        'wants the pool to break; here the call fails with what unpickling raised',
    'test_error_during_result_unpickle_in_result_handler':
        'wants the pool to break; here the call fails with what unpickling raised',
    'test_exit_at_task_unpickle':
        'wants the pool to break; here the call fails with the SystemExit',
    'test_exit_during_result_unpickle_in_result_handler':
        'wants the pool to break; here the call fails with the SystemExit',
    'test_killed_child': 'uses the private _processes, and wants the pool to break',
    'test_shutdown_deadlock_pickle': 'uses the private _executor_manager_thread',
    'test_idle_process_reuse_multiple': 'uses the private _processes',
    'test_idle_process_reuse_one': 'uses the private _processes',
    'test_max_tasks_per_child': 'uses the private _processes',
    'test_max_tasks_per_child_defaults_to_spawn_context': 'uses the private _mp_context',
    'test_saturation': 'uses the private _processes',
    'test_processes_terminate': 'uses the private _processes',
}
# Of one group, because other groups have the same name.
EXCEPTIONS_OF = {
    ('ProcessPoolSpawnFailingInitializerTest', 'test_initializer'):
        'wants the pool to stay broken, by the private _broken',
}


class OurExecutor(gmproc.Executor):
    """Without a start method."""

    def __init__(self, max_workers: int | None = None, mp_context: Any = None, **options: Any
                 ) -> None:
        super().__init__(max_workers, **options)


def assert_python_ok(_option: str, code: str) -> tuple[int, bytes, bytes]:
    """Without -I, for modules are found by PYTHONPATH."""
    preparation = ('import concurrent.futures, gmproc, multiprocessing\n'
                   'class OurExecutor(gmproc.Executor):\n'
                   '    def __init__(self, max_workers=None, mp_context=None):\n'
                   '        super().__init__(max_workers)\n'
                   'concurrent.futures.OurExecutor = OurExecutor\n')
    done = subprocess.run([sys.executable, '-c', preparation + code], capture_output=True,
                          env=os.environ, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.returncode, done.stdout, done.stderr


cpython.assert_python_ok = assert_python_ok


def mark(name: str, kind: type[unittest.TestCase]) -> None:
    """Leaves out what is different, with the reason."""
    for test in unittest.TestLoader().getTestCaseNames(kind):
        reason = EXCEPTIONS.get(test) or EXCEPTIONS_OF.get((name, test))
        if reason is not None:
            setattr(kind, test, pytest.mark.skip(reason=reason)(getattr(kind, test)))


for name, found in list(vars(cpython).items()):
    if isinstance(found, type) and issubclass(found, unittest.TestCase) and \
            getattr(found, 'executor_type', None) is concurrent.futures.ProcessPoolExecutor and \
            getattr(found, 'ctx', 'spawn') == 'spawn':
        ours = type(f'Test{name}', (found,), {'executor_type': OurExecutor})
        mark(name, ours)
        globals()[ours.__name__] = ours
del found, ours
