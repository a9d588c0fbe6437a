# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers.map."""

import asyncio
import contextlib
import itertools
import os
import signal
import threading
import time

import pytest

from gmproc import Workers, WorkerError, _items, report, worker_index, worker_seed
from gmproc._items import AtHand, Items, Pace


def square(n):
    return n * n


def get_pid(_item):
    return os.getpid()


def fail_at(item):
    index, failing = item
    if index == failing:
        raise KeyError(index)
    return index


def die_at_three(n):
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def draw(n):
    report({'item': n})
    return worker_index(), worker_seed()


def pause(_item):
    signal.pause()


def count_threads(_item):
    return os.environ['OMP_NUM_THREADS']


def test_results_are_in_order():
    with Workers(max_parallel=2) as workers:
        for chunksize in (None, 1, 3, 10000):
            for items in (range(1000), list(range(7)), (5,), [], {3, 4}):
                expected = [n * n for n in items]
                assert workers.map(square, items, chunksize) == expected
                assert workers.map(square, iter(items), chunksize) == expected


def test_any_value():
    import numpy as np

    items = [None, 'a\0', b'', [1, {2: (3,)}], 2**80, np.arange(3.0), lambda n: n]
    values = Workers().map(type, items)
    assert values == [type(item) for item in items]
    [array] = Workers().map(np.sqrt, [np.arange(200_000.0)])
    assert (array == np.sqrt(np.arange(200_000.0))).all()
    array += 1


def test_functions_of_all_kinds():
    import numpy as np

    factor = np.arange(5000)
    workers = Workers(max_parallel=2)
    assert workers.map(len, ['', 'a']) == [0, 1]
    assert workers.map(lambda n: int(factor[n]) + n, range(100)) == [2 * n for n in range(100)]
    assert workers.map('{}!'.format, [1, 2]) == ['1!', '2!']


def test_processes_are_kept_inside_with():
    with Workers(max_parallel=2) as workers:
        pids = set(workers.map(get_pid, range(100), chunksize=5))
        assert len(pids) <= 2
        assert set(workers.map(get_pid, range(100), chunksize=5)) <= pids
        workers.add('own', get_pid)
        assert workers.run()['own'] not in pids
    workers = Workers(max_parallel=1, reuse=True)
    try:
        assert workers.map(get_pid, [1]) == workers.map(get_pid, [1])
        workers.add(0, get_pid)
        assert [workers.run()[0]] == workers.map(get_pid, [1])
    finally:
        workers.close()


def test_fresh_processes_otherwise():
    workers = Workers(max_parallel=1)
    assert workers.map(get_pid, [1]) != workers.map(get_pid, [1])


def test_as_many_processes_as_processors():
    n = len(os.sched_getaffinity(0))
    assert len(set(Workers().map(get_pid, range(50), chunksize=1))) <= n
    threads = max(os.cpu_count() // n, 1)
    assert set(Workers().map(count_threads, range(n))) == {str(threads)}


def test_an_iterator_is_taken_as_needed():
    taken = []

    def endless():
        for n in itertools.count():
            taken.append(n)
            yield n

    seen = []

    def on_result(index, value):
        seen.append((index, value))
        if len(seen) == 50:
            raise StopAsyncIteration('enough')

    workers = Workers(max_parallel=2, on_result=on_result)
    with pytest.raises(StopAsyncIteration, match='enough'):
        workers.map(square, endless(), chunksize=5)
    assert len(seen) == 50 and all(value == index * index for index, value in seen)
    assert len(taken) < 100


def test_an_iterator_that_fails():
    def items():
        yield from range(20)
        raise OSError('no more')

    with pytest.raises(OSError, match='no more'):
        Workers(max_parallel=2).map(square, items(), chunksize=1)
    with pytest.raises(OSError, match='no more'):
        Workers().map(square, items(), chunksize=100)


@pytest.mark.parametrize('chunksize', [None, 7])
def test_an_item_that_fails(chunksize):
    workers = Workers(max_parallel=2)
    failures = []
    workers.on_failed = lambda index, error: failures.append((index, error.id))
    with pytest.raises(WorkerError) as caught:
        workers.map(fail_at, ((n, 60) for n in range(10_000)), chunksize)
    error = caught.value
    assert error.id == 60 and failures == [(60, 60)]
    assert isinstance(error.__cause__, KeyError) and error.__cause__.args == (60,)
    assert str(error).startswith('Item 60: the worker (pid ')
    assert 'in fail_at' in str(error)
    assert all(index == value for index, value in error.results.items())
    assert set(range(50)) <= set(error.results)
    assert 60 not in error.results and len(error.results) < 10_000
    assert workers.map(square, [1, 2]) == [1, 4]


def test_a_process_that_dies():
    with pytest.raises(WorkerError, match=r'Item 3: the worker \(pid \d+\) was killed') as caught:
        Workers(max_parallel=2).map(die_at_three, range(10), chunksize=1)
    assert caught.value.id == 3 and {0, 1} <= set(caught.value.results)


@pytest.mark.parametrize('chunksize', [None, 10, 1000])
def test_of_many_items_the_one_that_kills_has_failed(chunksize):
    failures = []
    workers = Workers(max_parallel=2)
    workers.on_failed = lambda index, error: failures.append((index, error.id))
    with pytest.raises(WorkerError, match=r'Item 503: the worker \(pid \d+\) was killed') as caught:
        workers.map(die_at_three, ((n - 500) for n in range(1000)), chunksize)
    assert caught.value.id == 503 and failures == [(503, 503)]
    assert set(range(503)) <= set(caught.value.results)
    assert all(value == index - 500 for index, value in caught.value.results.items())


def die_once(item):
    """The first item that is executed before a file records a death."""
    index, path = item
    with open(f'{path}-{index}', 'a') as file:
        file.write('.')
    if index in (3, 7):
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
    return index


def test_items_of_a_process_that_died_are_done_once_more(tmp_path):
    path = str(tmp_path / 'died')
    got = []
    workers = Workers(max_parallel=1, on_result=lambda index, value: got.append((index, value)))
    assert workers.map(die_once, [(n, path) for n in range(20)], chunksize=10) == list(range(20))
    assert sorted(got) == [(n, n) for n in range(20)]
    times = [os.path.getsize(f'{path}-{n}') for n in range(20)]
    assert times == [2] * 4 + [1] * 16


def test_items_that_take_too_long():
    workers = Workers(max_parallel=1, run_timeout=0.1)
    with pytest.raises(WorkerError, match='Items 0 to 2: the worker .*run-timeout') as caught:
        workers.map(pause, range(3), chunksize=3)
    assert caught.value.id == 0


def test_what_cannot_be_pickled():
    with pytest.raises(WorkerError, match="Item 2 cannot be sent: a Python '_thread.lock'"):
        Workers(max_parallel=1).map(square, [1, 2, threading.Lock(), 4], chunksize=2)
    with pytest.raises(WorkerError, match='The function cannot be sent: '):
        Workers().map(threading.Lock().acquire, [1])


def test_bad_arguments():
    with pytest.raises(TypeError, match="calls a function, not 'native:"):
        Workers().map('native:libfoo.so:f', [1])
    with pytest.raises(TypeError, match='not iterable'):
        Workers().map(square, 3)
    with pytest.raises(ValueError, match='chunksize is 0'):
        Workers().map(square, [1], 0)


def test_places_seeds_and_reports():
    progress = []
    workers = Workers(max_parallel=2, seed=1)
    workers.on_progress = lambda index, value: progress.append((index, value))
    first = workers.map(draw, range(40), chunksize=7)
    assert [index for index, _ in first] == list(range(40))
    assert len({seed for _, seed in first}) == 40
    assert sorted(progress, key=str) == sorted([(n, {'item': n}) for n in range(40)], key=str)
    # An item's seed depends neither on the batches nor on the process.
    assert Workers(max_parallel=1, seed=1).map(draw, range(40)) == first
    assert Workers(max_parallel=1, seed=2).map(draw, range(40)) != first
    assert workers.map(draw, range(40)) != first


class Updated(Workers):
    def update(self, id, result):
        self.seen = [*getattr(self, 'seen', []), (id, result)]


class Telling:
    """Reports when it is sent: after the last item, as a thread of the user's may."""

    def __reduce__(self):
        report('late')
        return int, (7,)


def tell(_item):
    return Telling()


def test_a_report_after_the_last_item_is_that_of_the_first():
    reports = []
    with Workers(max_parallel=1, on_progress=lambda *args: reports.append(args)) as workers:
        assert workers.map(tell, range(4), 2) == [7] * 4
    assert {index for index, _value in reports} == {0, 2}
    assert {value for _index, value in reports} == {'late'}


def test_update_gets_each_value():
    workers = Updated(max_parallel=2)
    assert workers.map(square, range(10), 3) == [n * n for n in range(10)]
    assert sorted(workers.seen) == [(n, n * n) for n in range(10)]


def test_beside_ids_of_the_same_name():
    workers = Workers()
    workers.add(0, square, 3)
    workers.map(square, [1])
    workers.add(1, square, 4)
    assert workers.run() == {0: 9, 1: 16}


def test_on_asyncio():
    async def main():
        workers = Workers(max_parallel=2)
        run = workers.map_async(square, iter(range(100)))
        with pytest.raises(RuntimeError, match='in a run already'):
            workers.map(square, [1])
        assert await run == [n * n for n in range(100)]
        stuck = workers.map_async(pause, [1, 1, 1])
        await asyncio.sleep(0)
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
    asyncio.run(main())


def test_control_c(script):
    path = script.write('''
import os, signal
from gmproc import Workers

def wait(parent):
    os.kill(parent, signal.SIGINT)
    signal.pause()

if __name__ == '__main__':
    workers = Workers(max_parallel=1)
    try:
        workers.map(wait, [os.getpid()])
    except KeyboardInterrupt:
        print('interrupted')
''')
    done = script.python(path)
    assert (done.stdout, done.stderr, done.returncode) == ('interrupted\n', '', 0)


def test_batches_grow_with_what_they_take():
    items = Items(AtHand(range(10**9)), 2, None, Pace())
    sizes = []
    for _ in range(12):
        first, batch = items.take()
        assert batch[0] == first == sum(sizes)
        sizes.append(len(batch))
        items.learn(len(batch), 1e-6 * len(batch), 10 * len(batch))
    assert sizes[:4] == [1, 64, 4096, 100_000] and sizes[-1] == 100_000
    items.learn(sizes[-1], 100.0, 10)
    assert len(items.take()[1]) == 100
    items.learn(100, 1e-5, 100 * 2**20)
    assert len(items.take()[1]) == 16


@pytest.mark.parametrize('seconds_each, expected', [(1e-4, 10), (1e-7, 10_000), (1, 1)])
def test_the_next_map_begins_where_one_has_ended(seconds_each, expected):
    pace = Pace()
    Items(AtHand(range(1000)), 2, None, pace).learn(10, 10 * seconds_each, 10)
    assert len(Items(AtHand(range(100_000)), 2, None, pace).take()[1]) == expected
    # These may be large.
    texts = Items(AtHand(['text'] * 100_000), 2, None, pace)
    assert len(texts.take()[1]) == min(expected, 100)


# The constant of Linux, if Python does not have it.
CLOCK_MONOTONIC_COARSE = 6


def see_time_pass(number):
    begin = time.clock_gettime(CLOCK_MONOTONIC_COARSE)
    while time.clock_gettime(CLOCK_MONOTONIC_COARSE) == begin:
        pass
    return number, worker_index(), os.getpid()


def test_what_a_process_has_not_begun_in_time_is_shared(monkeypatch):
    """All items go to one process, as if the function had been fast until now. The process returns
    those that it has not begun after the first one.
    """
    monkeypatch.setattr(_items, 'LONGEST', 1e-9)
    with Workers(max_parallel=2) as workers:
        workers.map(see_time_pass, range(2))
        workers._gmproc.pace.shortest = 1000
        numbers, indices, pids = zip(*workers.map(see_time_pass, range(6)))
    assert numbers == indices == tuple(range(6))
    assert len(set(pids)) == 2


def test_what_a_process_returns_is_done_before_the_rest():
    items = Items(AtHand(range(100)), 1, None, Pace())
    items.learn(1, 1e-3, 1)
    first, batch = items.take()
    items.put_back(first + 1, batch[1:])
    items.learn(1, 1.0, 1)
    assert items.take() == (first + 1, batch[1:2])
    assert items.take() == (first + 2, batch[2:3])


def test_another_function_is_learned_anew():
    with Workers() as workers:
        workers.map(square, range(1000))
        learned = workers._gmproc.pace
        workers.map(square, range(1000))
        assert workers._gmproc.pace is learned and learned.shortest > 1
        workers.map(get_pid, [1])
        assert workers._gmproc.pace is not learned


def test_the_last_batches_are_shared():
    items = Items(AtHand(range(1000)), 4, None, Pace())
    items.learn(1, 1e-3, 1)
    sizes = []
    while (batch := items.take()[1]):
        sizes.append(len(batch))
        items.learn(len(batch), 1e-3 * len(batch), 1)
    assert sum(sizes) == 1000 and max(sizes) == 100 and sizes[-1] <= 5
