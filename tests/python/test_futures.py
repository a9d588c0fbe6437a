# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Futures of gmproc.Executor unpickle their outcome in the thread that asks for it."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from concurrent import futures

import pytest
from gmproc import Executor, _future

TIMEOUT = 60


class Built:
    """A value that calls a function of the application's when it is unpickled there."""

    build = None

    def __reduce__(self):
        return rebuild, (os.getpid(),)


class BuiltError(ValueError):
    def __reduce__(self):
        return rebuild, (os.getpid(), BuiltError)


def rebuild(pid, kind=Built):
    if Built.build is not None and pid != os.getpid():
        return Built.build()
    return kind()


def fail():
    raise BuiltError


@pytest.fixture
def executor():
    with Executor(1) as executor:
        yield executor
    Built.build = None


def wait_until_done(future):
    """Waits without asking for the outcome."""
    futures.wait([future], TIMEOUT)
    assert future.done()


def test_lock_of_the_caller(executor):
    lock = threading.RLock()

    def build():
        with lock:
            return 'built'
    Built.build = build
    with lock:
        assert executor.submit(Built).result(TIMEOUT) == 'built'
        assert executor.submit(fail).exception(TIMEOUT) is not None


def test_lock_of_another_caller(executor):
    # What one value wants keeps no other call waiting, and is not entered by who waits for that.
    lock = threading.Lock()

    def build():
        with lock:
            return 'built'
    Built.build = build
    with lock:
        future = executor.submit(Built)
        assert executor.submit(abs, -1).result(TIMEOUT) == 1
        wait_until_done(future)
    assert future.result() == 'built'


def test_value_that_waits_for_other_calls(executor):
    Built.build = lambda: executor.submit(abs, -1).result(TIMEOUT)
    assert [future.result(TIMEOUT) for future in [executor.submit(Built) for _ in range(10)]] == \
        [1] * 10


def test_value_of_a_module_that_is_being_imported(script):
    # Another thread would wait for the import, which waits for it.
    script.write('''
import gmproc

class Value:
    pass

if gmproc.worker_index() is None:
    with gmproc.Executor(1) as executor:
        print(type(executor.submit(Value).result()) is Value)
''', 'loading.py')
    path = script.write('import loading')
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.stdout, done.stderr) == ('True\n', '')


def test_value_is_built_once(executor):
    # However many threads ask, and at the same time.
    built, is_building, may_end = [], threading.Event(), threading.Event()

    def build():
        is_building.set()
        assert may_end.wait(TIMEOUT)
        built.append(object())
        return built[-1]
    Built.build = build
    future = executor.submit(Built)
    with futures.ThreadPoolExecutor(2) as threads:
        first = threads.submit(future.result)
        assert is_building.wait(TIMEOUT)
        second = threads.submit(future.result)
        may_end.set()
        assert first.result() is second.result() is future.result() is built[0]
    assert len(built) == 1


def test_callback_finds_the_value(executor, tmp_path):
    # It is built before a loop that takes it next, which would wait for that.
    threads = []

    def build():
        threads.append(threading.get_ident())
        return 'built'
    Built.build = build

    async def run():
        future = asyncio.get_running_loop().run_in_executor(executor, make_later, fifo)
        with open(fifo, 'w'):
            return await future
    fifo = str(tmp_path / 'fifo')
    os.mkfifo(fifo)
    assert asyncio.run(run()) == 'built'
    assert len(threads) == 1 and threads[0] != threading.get_ident()


def make_later(fifo):
    with open(fifo):
        return Built()


def test_asyncio_takes_a_future_that_is_over(executor):
    async def run(future):
        return await asyncio.wrap_future(future)
    future, failed = executor.submit(Built), executor.submit(fail)
    wait_until_done(future)
    wait_until_done(failed)
    assert type(asyncio.run(run(future))) is Built
    with pytest.raises(BuiltError):
        asyncio.run(run(failed))


@pytest.mark.parametrize('function', [Built, fail])
def test_attributes_that_asyncio_takes(executor, function):
    # Without calling exception() or result(), as in Python 3.14.
    class Copied:
        def _get_snapshot(self):
            return True, False, self._result, self._exception

    class Future(_future.Future, Copied):
        pass
    future = executor.submit(function)
    wait_until_done(future)
    future.__class__ = Future
    done, cancelled, result, exception = future._get_snapshot()
    assert (done, cancelled) == (True, False)
    assert type(result) is Built if function is Built else type(exception) is BuiltError


def test_first_exception(executor):
    # It counts as one before anybody has asked for it.
    failing, running = executor.submit(fail), executor.submit(signal.pause)
    done, pending = futures.wait([failing, running], TIMEOUT, futures.FIRST_EXCEPTION)
    assert (done, pending) == ({failing}, {running})
    assert type(failing.exception()) is BuiltError
    running.cancel()


@pytest.mark.parametrize('kind', [ValueError, KeyboardInterrupt, SystemExit])
def test_value_that_cannot_be_built(executor, kind):
    error = kind('built')

    def build():
        raise error
    Built.build = build
    future = executor.submit(Built)
    wait_until_done(future)
    assert 'finished' in repr(future)
    for _ in range(2):
        with pytest.raises(kind) as raised:
            future.result()
        assert raised.value is error
    assert future.exception() is error


def test_future_whose_value_cannot_be_built_is_freed_at_once(executor):
    def build():
        raise ValueError('built')
    Built.build = build
    future = executor.submit(Built)
    wait_until_done(future)
    assert type(future.exception()) is ValueError
    reference = weakref.ref(future)
    gc.disable()
    try:
        del future
        assert reference() is None
    finally:
        gc.enable()


def test_interrupted(executor):
    # Ctrl-C ends the wait for a value that takes long to build, not the call.
    def build():
        if not signals:
            signals.append(1)
            signal.raise_signal(signal.SIGINT)
        return 'built'
    signals = []
    Built.build = build
    future = executor.submit(Built)
    with pytest.raises(KeyboardInterrupt):
        future.result()
    assert future.result() == 'built'
