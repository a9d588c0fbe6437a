# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The backend for joblib, with the installed version. tests/peers has the tests of joblib."""

import os

import pytest

joblib = pytest.importorskip('joblib')

import gmproc.joblib  # noqa: E402, F401


def double(value):
    return value * 2


def divide(value):
    return 12 // value


def describe(_):
    return os.getpid() != int(os.environ['PARENT']), os.environ.get('OMP_NUM_THREADS'), os.nice(0)


def wait_for_ever(_):
    import signal

    signal.pause()


@pytest.fixture
def parallel():
    """Returns a function that calls another one with each of some values."""
    def call(function, values, timeout=None, **options):
        with joblib.parallel_backend('gmproc', n_jobs=2, **options):
            return joblib.Parallel(timeout=timeout)(joblib.delayed(function)(value)
                                                    for value in values)
    yield call
    gmproc.joblib._reusable.__dict__.clear()  # The executor ends when nothing refers to it.


def test_results(parallel):
    assert parallel(double, range(50)) == [2 * n for n in range(50)]


def test_an_error(parallel):
    with pytest.raises(ZeroDivisionError):
        parallel(divide, [3, 0, 2])
    assert parallel(divide, [3]) == [4]


def test_options(parallel, monkeypatch):
    monkeypatch.setenv('PARENT', str(os.getpid()))
    nice = os.nice(0)
    assert parallel(describe, range(2), inner_max_num_threads=1, nice=2) == \
        [(True, '1', nice + 2)] * 2
    with pytest.raises(TypeError, match='nonsense'):
        parallel(double, [1], nonsense=3)


def test_a_time_limit(parallel):
    with pytest.raises(Exception) as caught:
        parallel(wait_for_ever, range(2), timeout=0.01)
    assert 'Timeout' in type(caught.value).__name__
