# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""gmproc.Executor: calls in kept processes."""

import asyncio
import concurrent.futures
import gc
import os
import queue
import signal
import sys
import threading
import time
import weakref

import pytest

import gmproc
from gmproc import Executor


def add(a, b=1):
    return a + b


def call(function):
    return function()


def get_pid(*_args):
    return os.getpid()


def fail(text):
    try:
        raise KeyError('first')
    except KeyError as error:
        raise ValueError(text) from error


class Unpicklable(Exception):
    def __init__(self, lock):
        super().__init__('has a lock')
        self.lock = lock


def fail_unpicklable():
    raise Unpicklable(threading.Lock())


def exit_with(status):
    print('last words', file=sys.stderr, flush=True)
    os._exit(status)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_once(path):
    try:
        os.mkdir(path)
    except FileExistsError:
        return True
    kill()


def wait_for(path):
    with open(path) as fifo:
        return fifo.read()


def read_byte(path):
    with open(path, 'rb', buffering=0) as fifo:
        return fifo.read(1)


def write_to(path):
    with open(path, 'w') as fifo:
        fifo.write('now')


def get_lock():
    return threading.Lock()


initialized = None


def initialize(value):
    global initialized
    initialized = value


def get_initialized():
    return initialized


def fail_to_initialize():
    raise ZeroDivisionError('no start')


def use_inside(n):
    with Executor(1) as executor:
        return executor.submit(add, n).result()


async def add_later(a):
    await asyncio.sleep(0)
    return a + 1


@pytest.fixture
def executor():
    with Executor(2, stop_grace=0, kill_grace=0.1) as executor:
        yield executor


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / 'fifo'
    os.mkfifo(path)
    return str(path)


def test_values(executor):
    assert executor.submit(add, 1, b=2).result() == 3
    assert executor.submit(len, 'x' * 100_000).result() == 100_000
    assert executor.submit(print).result() is None
    assert executor.submit(add_later, 1).result() == 2
    assert list(executor.map(add, range(5), range(5))) == [0, 2, 4, 6, 8]
    assert list(executor.map(add, range(100), chunksize=7)) == list(range(1, 101))
    assert executor.submit(get_pid).result() != os.getpid()


def test_future_is_of_the_standard_library(executor):
    futures = [executor.submit(add, n) for n in range(20)]
    assert all(isinstance(each, concurrent.futures.Future) for each in futures)
    assert {each.result() for each in concurrent.futures.as_completed(futures)} == \
        set(range(1, 21))
    done, others = concurrent.futures.wait([executor.submit(add, 1)])
    assert len(done) == 1 and not others


def test_exceptions(executor):
    future = executor.submit(fail, 'second')
    with pytest.raises(ValueError, match='second') as caught:
        future.result()
    assert 'in fail' in str(caught.value.__cause__)
    assert "KeyError: 'first'" in str(caught.value.__cause__)
    assert isinstance(future.exception(), ValueError)
    with pytest.raises(Unpicklable, match='has a lock'):
        executor.submit(fail_unpicklable).result()
    with pytest.raises(SystemExit):
        executor.submit(sys.exit, 3).result()
    with pytest.raises(TypeError, match='pickle'):
        executor.submit(add, threading.Lock()).result()
    with pytest.raises(TypeError, match='pickle'):
        executor.submit(get_lock).result()
    assert executor.submit(add, 1).result() == 2


def test_a_death_is_that_of_one_call(executor):
    dead = executor.submit(kill)
    others = [executor.submit(add, n) for n in range(100)]
    with pytest.raises(gmproc.WorkerDied, match=r'Call \d+ \(kill\): .* signal 9') as caught:
        dead.result()
    assert isinstance(caught.value, concurrent.futures.process.BrokenProcessPool)
    assert [each.result() for each in others] == list(range(1, 101))
    assert caught.value.signal == 9 and caught.value.run_time > 0
    with pytest.raises(gmproc.WorkerDied, match='status 3') as caught:
        executor.submit(exit_with, 3).result()
    assert (caught.value.exit_status, caught.value.signal) == (3, None)
    assert caught.value.pid is not None and caught.value.last_lines == ['last words']
    assert executor.submit(add, 1).result() == 2


def test_options_of_calls(executor, tmp_path):
    with pytest.raises(gmproc.WorkerTimeout, match='sleep'):
        executor.options(run_timeout=0.05).submit(time.sleep, 60).result()
    path = str(tmp_path / 'once')
    assert executor.options(retries=1).submit(kill_once, path).result() is True
    assert list(executor.options(run_timeout=60).map(add, [1, 2])) == [2, 3]
    with pytest.raises(ValueError, match='retries'):
        executor.options(retries=-1)


def test_priorities(fifo, tmp_path):
    with Executor(1) as executor:
        order = []
        first = executor.submit(wait_for, fifo)
        while not first.running():
            pass
        for name, priority in [('a', 0), ('b', 5), ('c', -5)]:
            future = executor.options(priority=priority).submit(get_pid)
            future.add_done_callback(lambda _, name=name: order.append(name))
        with open(fifo, 'w') as file:
            file.write('go')
        assert first.result() == 'go'
    assert order == ['c', 'a', 'b']


def test_cancel(executor, fifo):
    running = [executor.submit(time.sleep, 60) for _ in range(2)]
    waiting = executor.submit(add, 1)
    last = executor.submit(add, 2)
    while not all(each.running() for each in running):
        pass
    assert not waiting.running()
    pids = {each.pid for each in running}
    assert {each.pid for each in executor.workers} == pids
    assert all(each.state == 'running' and each.task == 'sleep' for each in executor.workers)
    assert waiting.cancel() and waiting.cancelled() and waiting.done()
    assert running[0].cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        running[0].result()
    assert last.result() == 3
    assert running[1].running() and running[1].pid in pids
    assert running[1].cancel()
    assert not last.cancel()
    assert concurrent.futures.wait(running, timeout=1).not_done == set()


def test_initializer():
    with Executor(1, initializer=initialize, initargs=(5,)) as executor:
        assert executor.submit(get_initialized).result() == 5
    with Executor(1, initializer=fail_to_initialize) as executor:
        futures = [executor.submit(add, n) for n in range(3)]
        for each in futures:
            with pytest.raises(gmproc.WorkerDied, match='no start') as caught:
                each.result()
            assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_recycling():
    with Executor(1, max_tasks_per_child=2) as executor:
        pids = [executor.submit(get_pid).result() for _ in range(6)]
        assert len(set(pids)) == 3
    with Executor(1, idle_timeout=0.01) as executor:
        pid = executor.submit(get_pid).result()
        while executor.workers:
            time.sleep(0.001)
        assert executor.submit(get_pid).result() != pid


def test_resize(fifo):
    with Executor(1) as executor:
        first = executor.submit(wait_for, fifo)
        executor.resize(2)
        assert executor.submit(add, 1).result() == 2
        with open(fifo, 'w') as file:
            file.write('go')
        assert first.result() == 'go'


@pytest.mark.parametrize('what', ['Executor', 'Future'])
def test_what_cannot_be_sent_is_named(executor, what):
    thing = executor if what == 'Executor' else executor.submit(pow, 2, 3)
    error = executor.submit(id, thing).exception()
    assert type(error) is TypeError
    assert f'{what} cannot be pickled' in str(error)


def test_lambdas(executor):
    pytest.importorskip('cloudpickle')
    n = 5
    assert executor.submit(lambda x: x * n, 3).result() == 15


def test_from_threads_and_callbacks(executor):
    results = []

    def submit_often():
        results.extend(executor.submit(add, n).result() for n in range(50))

    threads = [threading.Thread(target=submit_often) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(results) == sorted(list(range(1, 51)) * 4)
    chained = concurrent.futures.Future()
    executor.submit(add, 1).add_done_callback(
        lambda future: executor.submit(add, future.result()).add_done_callback(
            lambda last: chained.set_result(last.result())))
    assert chained.result(60) == 3


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


@pytest.mark.parametrize('n_threads', [1, 2])
@pytest.mark.parametrize('is_shut', [False, True])
def test_shutdown_waits_for_the_processes(n_threads, is_shut):
    """Also where the last call ends meanwhile, or has ended after an earlier shutdown()."""
    for _ in range(8):
        executor = Executor(1)
        future = executor.submit(get_pid)
        if is_shut:
            executor.shutdown(wait=False)
            future.result()
        threads = [threading.Thread(target=executor.shutdown) for _ in range(n_threads - 1)]
        for each in threads:
            each.start()
        executor.shutdown()
        for each in threads:
            each.join()
        assert not is_alive(future.result())


def test_shutdown_in_a_callback(executor):
    """It cannot wait for its own call: that is an error instead of an endless wait."""
    outcomes = queue.SimpleQueue()

    def shut(_future):
        try:
            executor.shutdown()
        except RuntimeError as error:
            outcomes.put(str(error))
    futures = [executor.submit(time.sleep, 0.01) for _ in range(10)]
    futures[0].add_done_callback(shut)
    assert 'wait=False' in outcomes.get(timeout=60)
    assert [each.result() for each in futures] == [None] * 10
    with pytest.raises(RuntimeError, match='after shutdown'):
        executor.submit(add, 1)


def test_waiting_while_calls_end(executor):
    """No call that ends while the waiter is being set up is counted twice or missed."""
    for _turn in range(30):
        futures = [executor.submit(add, n) for n in range(50)]
        done, others = concurrent.futures.wait(futures, timeout=60)
        assert len(done) == 50 and not others
        assert all(each.done() for each in futures)
        futures = [executor.submit(add, n) for n in range(50)]
        assert len(list(concurrent.futures.as_completed(futures, timeout=60))) == 50


def test_submit_with_a_lock_that_callbacks_take(executor):
    """Submitting calls nothing of the program's."""
    lock = threading.Lock()
    results = queue.SimpleQueue()

    def take(future):
        with lock:
            results.put(future.result())
    for n in range(2000):
        with lock:
            future = executor.submit(add, n)
        future.add_done_callback(take)
    assert sorted(results.get(timeout=60) for _ in range(2000)) == list(range(1, 2001))


@pytest.mark.parametrize('is_other', [False, True])
def test_wait_with_a_lock_that_callbacks_take(is_other):
    """A caller that finds answers itself leaves callbacks to the pool's thread."""
    lock = threading.Lock()
    results = queue.SimpleQueue()

    def take(future):
        with lock:
            results.put(future.result())
    with Executor(1) as executor:
        for n in range(200):
            futures = [executor.submit(add, n), executor.submit(add, n)]
            futures[is_other].add_done_callback(take)
            with lock:
                assert futures[0].result() == n + 1
            assert results.get(timeout=60) == n + 1


def test_cancel_with_a_lock_that_callbacks_take(fifo):
    """Nothing of other calls is called either, whose answers are found on the way."""
    lock, is_reporting, goes_on = threading.Lock(), threading.Event(), threading.Event()
    results = queue.SimpleQueue()

    def hold(_future):
        is_reporting.set()
        goes_on.wait(60)

    def take(future):
        with lock:
            results.put(future.result())
    with Executor(1) as executor:
        first, answered, last = (executor.submit(*call) for call in
                                 [(wait_for, fifo), (add, 1), (wait_for, fifo)])
        first.add_done_callback(hold)
        answered.add_done_callback(take)
        write_to(fifo)
        assert is_reporting.wait(60)
        while not last.running():
            executor.submit(add, 1)  # takes answers, for which no thread is free
            time.sleep(0.001)
        with lock:
            assert last.cancel()
        goes_on.set()
        assert results.get(timeout=60) == 2


@pytest.mark.parametrize('end', [
    lambda executor: executor.shutdown(wait=False, cancel_futures=True), Executor.kill_workers,
])
def test_end_with_a_lock_that_callbacks_take(fifo, end):
    lock = threading.Lock()
    results = queue.SimpleQueue()

    def take(future):
        with lock:
            results.put(future.cancelled())
    with open(fifo, 'r+b', buffering=0) as writer, Executor(1) as executor:
        executor.submit(read_byte, fifo)
        for _ in range(20):
            executor.submit(add, 1).add_done_callback(take)
        with lock:
            end(executor)
        writer.write(b'x')
        assert any([results.get(timeout=60) for _ in range(20)])


def test_futures_are_as_small_as_can_be(executor):
    """Futures that nobody watches have neither locks nor lists."""
    futures = [executor.submit(add, n) for n in range(100)]
    executor.shutdown()
    assert all(each._watch is None for each in futures)
    assert [each.result() for each in futures] == list(range(1, 101))
    assert all(each._watch is None for each in futures)


@pytest.mark.parametrize('wait', [
    concurrent.futures.wait, lambda calls: list(concurrent.futures.as_completed(calls)),
    lambda calls: [each.result() for each in calls],
])
def test_futures_are_freed_at_once(executor, wait, fifo):
    """Their results may be large, and the garbage collector may come late."""
    freed = queue.SimpleQueue()
    gc.disable()
    try:
        calls = [executor.submit(wait_for, fifo), executor.submit(add, 1)]
        threading.Thread(target=write_to, args=(fifo,)).start()
        wait(calls)
        references = [weakref.ref(each, freed.put) for each in calls]
        del calls
        for _reference in references:
            freed.get(timeout=30)
    finally:
        gc.enable()


def test_asyncio(executor):
    async def main():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, add, n) for n in range(50)))
    assert asyncio.run(main()) == list(range(1, 51))


class Large(list):
    """Takes long to be pickled: until it may end."""

    def __init__(self):
        super().__init__(range(50_000))
        self.may_end = threading.Event()

    def __reduce__(self):
        self.may_end.wait(60)
        return list, ()


def test_calls_after_a_large_one_on_asyncio(executor):
    """Their arguments are pickled at once, so the program may change them."""
    numpy = pytest.importorskip('numpy')
    small, large, array = [1], [*range(50_000)], numpy.array([[1, 2], [3, 4]], order='F')

    async def submit():
        first = Large()
        calls = [executor.submit(len, first), executor.submit(len, small),
                 executor.submit(numpy.ndarray.tolist, array),
                 await asyncio.to_thread(executor.submit, len, large)]
        small.append(2)
        large.append(2)
        array[...] = 0
        first.may_end.set()
        return await asyncio.gather(*map(asyncio.wrap_future, calls))

    assert asyncio.run(submit()) == [0, 1, [[1, 2], [3, 4]], 50_000]


def test_inside_workers(executor):
    assert [each.result() for each in [executor.submit(use_inside, n) for n in range(2)]] == [1, 2]


def test_map(executor):
    taken = []

    def count():
        for n in range(100):
            taken.append(n)
            yield n

    results = executor.map(add, count(), buffersize=3)
    assert next(results) == 1
    assert len(taken) <= 5
    assert list(results) == list(range(2, 101))
    with pytest.raises(TimeoutError):
        list(executor.map(time.sleep, [60], timeout=0.01))
    with pytest.raises(ValueError):
        executor.map(add, [1], chunksize=0)


def test_thousands(executor):
    futures = [executor.submit(add, n) for n in range(5000)]
    assert [each.result() for each in futures] == list(range(1, 5001))


def test_arrays(executor):
    numpy = pytest.importorskip('numpy')
    array = numpy.arange(100_000, dtype=float)
    result = executor.submit(numpy.negative, array).result()
    assert (result == -array).all()
    futures = []
    for n in range(20):
        array[:] = n
        futures.append(executor.submit(numpy.sum, array))
    # An object is submitted with its state at that moment.
    assert [each.result() for each in futures] == [100_000 * n for n in range(20)]


def test_shutdown(fifo):
    executor = Executor(1)
    first = executor.submit(wait_for, fifo)
    while not first.running():
        pass
    waiting = executor.submit(add, 1)
    executor.shutdown(wait=False, cancel_futures=True)
    concurrent.futures.wait([waiting], timeout=60)
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match='after shutdown'):
        executor.submit(add, 1)
    with open(fifo, 'w') as file:
        file.write('go')
    assert first.result() == 'go'
    executor.shutdown()
    assert executor.workers == []


def test_shutdown_right_after_submit():
    """A call that its worker has received but not begun is executed, or cancelled; none is lost."""
    for _turn in range(30):
        executor = Executor(1)
        assert executor.submit(add, 1).result() == 2
        future = executor.submit(add, 2)
        executor.shutdown(wait=False, cancel_futures=True)
        assert concurrent.futures.wait([future], timeout=60).done


@pytest.mark.parametrize('retries', [0, 3])
def test_kill_workers(retries):
    for method in 'kill_workers', 'terminate_workers':
        executor = Executor(1)
        running = executor.options(retries=retries).submit(time.sleep, 60)
        while not running.running():
            pass
        waiting = executor.submit(add, 1)
        getattr(executor, method)()
        with pytest.raises(gmproc.WorkerDied):
            running.result()
        assert waiting.cancelled()
        executor.shutdown()


@pytest.mark.parametrize('method', ['kill_workers', 'terminate_workers'])
def test_kill_workers_that_are_being_started(method):
    executor = Executor(1)
    future = executor.submit(time.sleep, 600)
    getattr(executor, method)()
    with pytest.raises((gmproc.WorkerDied, concurrent.futures.CancelledError)):
        future.result()
    executor.shutdown()


def test_workers_while_big_arguments_are_freed():
    with Executor(2) as executor:
        futures = [executor.submit(len, bytes(20_000 + n)) for n in range(2000)]
        while not futures[-1].done():
            assert all(worker.state for worker in executor.workers)
        assert [future.result() for future in futures] == list(range(20_000, 22_000))


def test_dropped():
    executor = Executor(1)
    future = executor.submit(add, 1)
    pid = executor.submit(get_pid).result()
    reference = weakref.ref(executor)
    del executor
    gc.collect()
    assert reference() is None
    assert future.result() == 2
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.001)


class Raised(BaseException):
    pass


def test_calls_that_are_hit_by_signals(executor):
    # Exceptions of a signal handler come out of the running call, and each future has an outcome.
    may_raise = False

    def handle(*_):
        nonlocal may_raise
        if may_raise:
            may_raise = False
            raise Raised

    futures = []
    n_raised = 0
    executor.submit(add, 1).result()
    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while n_raised < 300:
            future = None
            try:
                may_raise = True
                future = executor.submit(add, len(futures))
                assert future.result() == len(futures) + 1
                may_raise = False
            except Raised:
                n_raised += 1
            if future is not None:
                futures.append(future)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert [future.result() for future in futures] == [n + 1 for n in range(len(futures))]


def test_reusable():
    executor = gmproc.get_reusable_executor(1)
    assert executor.submit(add, 1).result() == 2
    assert gmproc.get_reusable_executor(2) is executor
    other = gmproc.get_reusable_executor(2, run_timeout=60)
    assert other is not executor
    other.shutdown()
    assert gmproc.get_reusable_executor(1) is not other
    gmproc.get_reusable_executor(1).shutdown()


def test_bad_options():
    for options, error in [({'max_workers': 0}, ValueError), ({'initializer': 5}, TypeError),
                           ({'max_tasks_per_child': 0}, ValueError),
                           ({'memory_limt': 5}, TypeError), ({'run_timeout': -1}, ValueError),
                           ({'idle_timeout': -1}, ValueError),
                           ({'idle_timeout': float('nan')}, ValueError),
                           ({'idle_timeout': '1'}, TypeError),
                           ({'max_tasks_per_child': 2 ** 32}, ValueError),
                           ({'max_workers': 2 ** 32}, ValueError)]:
        with pytest.raises(error, match=next(iter(options))):
            Executor(**options)
    with Executor(1) as executor, pytest.raises(ValueError, match='max_workers'):
        executor.resize(2 ** 32)
    with pytest.raises(TypeError, match="did you mean 'memory_limit'"):
        Executor(memory_limt=5)


def test_chunksize_that_is_no_whole_number(executor):
    with pytest.raises(TypeError, match='chunksize should be a whole number'):
        executor.map(add, [1, 2], chunksize=1.5)


def test_max_workers_that_is_no_whole_number():
    with pytest.raises(TypeError, match="max_workers should be a whole number, not '2'"):
        Executor('2')
    with Executor(1) as executor, \
            pytest.raises(TypeError, match='max_workers should be a whole number'):
        executor.resize(1.5)
