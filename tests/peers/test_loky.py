# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""loky's own test_reusable_executor.py, with gmproc.get_reusable_executor in place of loky's.

Its tests come from loky's source package, as the package ``loky_tests``, and what they take from
loky is in ``shims/loky.py``.
"""

from __future__ import annotations

import math
from pickle import UnpicklingError
from typing import Any

import pytest

mixin = pytest.importorskip('loky_tests._executor_mixin')

from loky_tests import test_reusable_executor as theirs  # noqa: E402

EAGER = 'wants all processes to be there before there are calls for them'
RESIZES = 'wants a resize to warn of running calls and to wait for them; here it does not wait'

# Intended differences, by the name of a test.
EXCEPTIONS = {
    'test_deadlock_kill': RESIZES,
    'test_kill_after_resize_call': RESIZES,
    'test_reusable_executor_resize': RESIZES,
    'test_crash_races': EAGER,
    'test_shutdown_deadlock': EAGER,
    'test_reusable_executor_reuse_true': EAGER,
    'test_no_crash_max_workers_on_windows': EAGER,
    'test_call_item_gc_crash_or_exit':
        "wants a death in an argument's __del__ to fail the next call; here it fails its own",
    'test_sigkill_shutdown_leaks_workers':
        'looks for processes at the very moment at which they end; tests/faults waits for that',
    'test_invalid_process_number': 'uses the private _resize',
    'test_reused_flag': 'uses the private _ReusablePoolExecutor',
    'test_invalid_context': 'uses start methods, of which there are none here',
    'test_pass_start_method_name_as_context': 'uses start methods, of which there are none here',
    'test_informative_error_when_fail_at_unpickle':
        'wants the executor to break; here the call fails with what unpickling raised',
}


def adapt_crash(func: Any, args: Any, expected: Any, match: str | None) -> Any:
    """Breaks loky's executor; here it is the error of its call."""
    if args and isinstance(args[0], theirs.ExitAtPickle):
        return pytest.param(func, args, expected, match, marks=pytest.mark.skip(
            reason='wants an exit while the call is pickled to fail the call; here the caller exits'
        ))
    if match in ('SystemExit', 'UnpicklingError'):
        return func, args, {'SystemExit': SystemExit}.get(match, UnpicklingError), None
    return func, args, expected, match


def setup_method(_self: Any, _method: Any) -> None:
    """The executor works. Processes are not counted: they are started when there are calls."""
    assert mixin.get_reusable_executor(max_workers=2).submit(id, None).result() is not None


def teardown_method(_self: Any, _method: Any) -> None:
    """The executor still works."""
    executor = mixin.get_reusable_executor(max_workers=2)
    assert executor.submit(math.sqrt, 1).result() == 1


def translate_end(match: str) -> str:
    """The end of a process, in gmproc's words."""
    return {r'EXIT\(0\)': 'exited with status 0', 'SIGSEGV': 'signal 11',
            'SIGKILL': 'signal 9'}[match]


mixin.ReusableExecutorMixin.setup_method = setup_method
mixin.ReusableExecutorMixin.teardown_method = teardown_method
theirs.filter_match = translate_end
cases = theirs.TestExecutorDeadLock.crash_cases  # pytest's marks have this very list.
cases[:] = [adapt_crash(*case) for case in cases]

for name, found in list(vars(theirs).items()):
    if isinstance(found, type) and name.startswith('Test'):
        for test in filter(EXCEPTIONS.get, vars(found)):
            setattr(found, test, pytest.mark.skip(reason=EXCEPTIONS[test])(vars(found)[test]))
    elif name in EXCEPTIONS:
        found = pytest.mark.skip(reason=EXCEPTIONS[name])(found)
    if name.lower().startswith('test'):
        globals()[name] = found
del found


def test_thread_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Executors are kept: the test compares the ids of those whose threads have ended."""
    kept: list[Any] = []
    get = theirs.get_reusable_executor

    def get_and_keep() -> Any:
        kept.append(get())
        return kept[-1]

    monkeypatch.setattr(theirs, 'get_reusable_executor', get_and_keep)
    theirs.test_thread_local()
