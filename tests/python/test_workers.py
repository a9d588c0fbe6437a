# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import asyncio
import os
import time

import pytest

import gmproc
from gmproc import Workers, WorkerError


def same(value):
    return value


def get_pid(_params):
    return os.getpid()


def count_up(_params, counter=[0]):
    counter[0] += 1
    return counter[0]


def fail(params):
    raise ValueError(params)


def get_threads(_params):
    return os.environ['OMP_NUM_THREADS']


def meet(params):
    """Returns when all of the others have started."""
    folder, me, others = params
    open(os.path.join(folder, str(me)), 'w').close()
    while not all(os.path.exists(os.path.join(folder, str(other))) for other in others):
        time.sleep(0.001)
    return me


def note_overlap(folder):
    """The number of workers that run at this moment."""
    path = os.path.join(folder, str(os.getpid()))
    open(path, 'w').close()
    time.sleep(0.02)
    n = len(os.listdir(folder))
    os.unlink(path)
    return n


def test_a_function_returns():
    workers = Workers()
    workers.add(1, same, params='hello')
    assert workers.run([1]) == {1: 'hello'}


def test_none_is_a_value():
    workers = Workers()
    workers.add(1, same)
    assert workers.run([1]) == {1: None}


def test_params_change_between_runs():
    workers = Workers()
    workers.add(1, same, 1)
    assert workers.run() == {1: 1}
    workers.set_params(1, [2])
    assert workers.run() == {1: [2]}
    workers.set_params(1)
    assert workers.run() == {1: None}


def test_params_are_those_at_the_run():
    params = [1]
    workers = Workers()
    workers.add(1, same, params)
    params.append(2)
    assert workers.run() == {1: [1, 2]}


def test_another_process_each_time():
    workers = Workers()
    workers.add(1, get_pid)
    pids = {os.getpid(), workers.run()[1], workers.run()[1]}
    assert len(pids) == 3


def test_only_those_that_are_asked_for_in_their_order():
    workers = Workers()
    for i in range(4):
        workers.add(i, same, i * i)
    assert list(workers.run([3, 1]).items()) == [(3, 9), (1, 1)]
    assert workers.run(iter([0])) == {0: 0}
    assert workers.run([]) == {}
    assert workers.run() == {0: 0, 1: 1, 2: 4, 3: 9}


def test_no_workers():
    assert Workers().run() == {}


@pytest.mark.parametrize('ids', [
    ['a', 'b'], [1, '1', 1.5, (1, 'x'), None, 2**70, -5], [-2**31, 'x', 2**31 - 1, 'y', -2**31 + 1],
    [frozenset({1}), b'1'],
])
def test_ids_keep_their_type(ids):
    workers = Workers(max_parallel=2)
    for id in ids:
        workers.add(id, same, repr(id))
    results = workers.run()
    assert list(results.items()) == [(id, repr(id)) for id in ids]
    assert [type(id) for id in results] == [type(id) for id in ids]


def test_an_id_is_taken():
    workers = Workers()
    workers.add('x', same)
    with pytest.raises(WorkerError, match="There is a worker 'x' already") as caught:
        workers.add('x', same)
    assert caught.value.id == 'x'


@pytest.mark.parametrize('call', [
    lambda workers: workers.run([1, 7]), lambda workers: workers.set_params(7, 1)])
def test_an_id_that_is_not_there(call):
    workers = Workers()
    workers.add(1, same)
    with pytest.raises(WorkerError, match='There is no worker 7: add it first') as caught:
        call(workers)
    assert caught.value.id == 7
    assert caught.value.error.code == 1  # GMP_ERROR_NOT_FOUND
    assert workers.run() == {1: None}


def test_an_id_twice():
    workers = Workers()
    workers.add(1, same)
    with pytest.raises(WorkerError, match='Duplicate worker id 1 in one run'):
        workers.run([1, 1])


def test_not_a_function():
    with pytest.raises(TypeError, match='not 3'):
        Workers().add(1, 3)
    with pytest.raises(WorkerError, match='does not override process'):
        Workers().add(1)


def test_all_at_the_same_time(tmp_path):
    workers = Workers()
    for i in range(4):
        workers.add(i, meet, (str(tmp_path), i, range(4)))
    assert workers.run() == {0: 0, 1: 1, 2: 2, 3: 3}


def test_max_parallel(tmp_path):
    workers = Workers(max_parallel=2)
    for i in range(6):
        workers.add(i, note_overlap, str(tmp_path))
    assert max(workers.run().values()) <= 2


def test_reuse_keeps_a_process():
    with Workers(reuse=True) as workers:
        workers.add(1, count_up)
        assert [workers.run()[1] for _ in range(3)] == [1, 2, 3]
        workers.close()
        assert workers.run() == {1: 1}


def test_reuse_after_a_failure():
    with Workers(reuse=True, max_parallel=1) as workers:
        workers.add('bad', fail, 'x')
        workers.add('good', count_up)
        with pytest.raises(WorkerError):
            workers.run()
        assert workers.run(['good']) == {'good': 2}


def test_inner_threads():
    workers = Workers(inner_threads=3)
    workers.add(1, get_threads)
    assert workers.run() == {1: '3'}
    workers.inner_threads = 0
    assert workers.run() == {1: str(len(os.sched_getaffinity(0)))}


def test_an_option_that_is_not_there():
    with pytest.raises(TypeError, match="did you mean 'max_parallel'"):
        Workers(max_paralel=1)
    for name in ('max_paralel', 'run', '_gmproc'):
        with pytest.raises(TypeError, match=f"no option '{name}'"):
            Workers(**{name: 1})


class Powers(Workers):
    def __init__(self, exponent):
        super().__init__(max_parallel=2)
        self.exponent = exponent
        self.seen = {}

    def process(self, id, params):
        return id, params ** self.exponent

    def update(self, id, result):
        self.seen[id] = result


def test_a_subclass_processes_and_updates():
    powers = Powers(3)
    powers.add('a', params=2)
    powers.add('b', params=3)
    powers.add('c', same, 1)
    assert powers.run() == {'a': ('a', 8), 'b': ('b', 27), 'c': 1}
    assert powers.seen == {'a': ('a', 8), 'b': ('b', 27), 'c': 1}


class Forgetful(Workers):
    def __init__(self):
        self.mine = 1

    def process(self, id, params):
        return self.mine


def test_super_init_forgotten():
    workers = Forgetful()
    workers.add(1)
    assert workers.run() == {1: 1}


class Picky(Workers):
    def update(self, id, result):
        if result == 'bad':
            raise KeyError(id)


def test_an_update_that_fails():
    workers = Picky()
    workers.add(1, same, 'bad')
    workers.add(2, same, 'good')
    with pytest.raises(WorkerError) as caught:
        workers.run()
    assert caught.value.id == 1
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.results == {2: 'good'}


def test_methods_and_builtins_are_functions():
    workers = Workers()
    workers.add(1, sorted, 'cab')
    workers.add(2, 'a-b'.split, '-')
    workers.add(3, Powers(2).process, None)
    workers.set_params(3, None)
    assert workers.run([1, 2]) == {1: ['a', 'b', 'c'], 2: ['a', 'b']}


def test_lambdas_and_closures():
    base = 10

    def add_base(n):
        return n + base

    workers = Workers()
    workers.add(1, lambda n: n * 2, 21)
    workers.add(2, add_base, 1)
    workers.add(3, same, [lambda: 7])
    results = workers.run()
    assert (results[1], results[2], results[3][0]()) == (42, 11, 7)


def test_nested_workers():
    workers = Workers()
    workers.add(1, run_inside, 20)
    assert workers.run() == {1: {'inner': 21}}


def run_inside(n):
    workers = gmproc.Workers()
    workers.add('inner', (1).__add__, n)
    return workers.run()


def test_a_run_inside_a_run():
    workers = Workers()
    workers.add(1, same, 1)
    caught = []

    def run_again(id, value):
        with pytest.raises(RuntimeError, match='in a run already'):
            workers.run()
        caught.append(id)

    workers.on_result = run_again
    assert workers.run() == {1: 1}
    assert caught == [1]


@pytest.mark.parametrize('ids', [3, '12'])
def test_ids_that_are_no_list(ids):
    workers = Workers()
    workers.add(3, same, 1)
    with pytest.raises(TypeError, match='run takes a list of ids, as in run'):
        workers.run(ids)


def test_runs_that_are_cancelled_at_once():
    """The task ends with the run, also where it has not started, so another run can begin."""
    workers = Workers()
    workers.add(0, time.sleep, 1000)

    async def main():
        for n_turns in range(3):
            run = workers.run_async()
            for _ in range(n_turns):
                await asyncio.sleep(0)
            assert run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert run.cancelled() and not run.cancel()
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(workers.run_async(), 0)

    asyncio.run(main())
