# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers of several turns: generators, and the methods of a subclass of Workers."""

import asyncio
import os
import pathlib
import time
from concurrent.futures import CancelledError

import pytest

import gmproc
from gmproc import ErrorCode, Workers, WorkerError, report


class Log:
    """The values that the application receives, in order."""

    def __init__(self, **options):
        self.events = []
        options = {'on_turn': self.note('turn'), 'on_result': self.note('result'), **options}
        self.workers = Workers(**options)

    def note(self, kind):
        return lambda *event: self.events.append((kind, *event))


def count(n):
    for i in range(n):
        yield i


def sum_up(n):
    total = 0
    for i in range(n):
        total += i
        yield i
    return total


def test_each_value_that_a_generator_yields_is_a_turn():
    log = Log()
    log.workers.add('a', count, 3)
    assert log.workers.run() == {'a': 2}
    assert log.events == [('turn', 'a', 0), ('turn', 'a', 1), ('turn', 'a', 2), ('result', 'a', 2)]


def test_what_a_generator_returns_is_the_result():
    log = Log()
    log.workers.add(1, sum_up, 3)
    assert log.workers.run() == {1: 3}
    assert log.events == [('turn', 1, 0), ('turn', 1, 1), ('turn', 1, 2), ('result', 1, 3)]


def test_a_generator_without_turns():
    class Updated(Workers):
        def update(self, id, result):
            updates.append((id, result))

    updates = []
    workers = Updated(on_turn=lambda *event: updates.append(event))
    workers.add(1, count, 0)
    workers.add(2, sum_up, 0)
    assert workers.run() == {1: None, 2: 0}
    assert sorted(updates) == [(1, None), (2, 0)]


def yield_none(_params):
    yield 1
    yield None


def test_none_is_a_turn_too():
    log = Log()
    log.workers.add(1, yield_none)
    assert log.workers.run() == {1: None}
    assert log.events == [('turn', 1, 1), ('turn', 1, None), ('result', 1, None)]


def test_closures_and_expressions_are_generators_too():
    pytest.importorskip('cloudpickle')
    factor = 10

    def multiply(n):
        for i in range(n):
            yield factor * i

    workers = Workers()
    workers.add(1, multiply, 3)
    workers.add(2, lambda n: (factor + i for i in range(n)), 3)
    assert workers.run() == {1: 20, 2: 12}


def wait_for(path):
    deadline = time.monotonic() + 20
    while not os.path.exists(path):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def wait_for_file(path):
    yield 'first'
    wait_for(path)
    yield 'second'


def test_a_turn_arrives_while_the_worker_goes_on(tmp_path):
    """The second turn waits for an action of the application after the first."""
    class Updated(Workers):
        def update(self, id, result):
            (tmp_path / 'received').touch()

    for workers in Updated(), Workers(on_turn=lambda *_turn: (tmp_path / 'received').touch()):
        workers.add(1, wait_for_file, str(tmp_path / 'received'))
        assert workers.run() == {1: 'second'}
        (tmp_path / 'received').unlink()


class Slotted(Workers):
    __slots__ = 'one', 'two'

    def process(self, id, params):
        return self.one, hasattr(self, 'two'), self.other


def test_attributes_in_slots():
    workers = Slotted()
    workers.one, workers.other = [1], 'other'
    workers.add(1)
    assert workers.run() == {1: ([1], False, 'other')}


class Countdown(Workers):
    """Its results list the calls of each method."""

    def __init__(self, **options):
        super().__init__(**options)
        self.updates = []

    def start(self, id, params):
        self.left = params
        self.calls = [f'start {id} {params}']

    def process(self, id, params):
        self.left -= 1
        self.calls.append(f'process {id} {params}')
        return self.left

    def wait(self, id):
        self.calls.append(f'wait {id}')

    def done(self, id):
        self.calls.append(f'done {id}')
        return self.left == 0

    def update(self, id, result):
        self.updates.append((id, result, os.getpid()))


class Finishing(Countdown):
    def finish(self, id):
        return self.calls


def test_the_six_methods():
    turns = []
    workers = Countdown(on_turn=lambda *turn: turns.append(turn))
    workers.add('a', params=3)
    workers.add('b', params=1)
    assert workers.run() == {'a': 0, 'b': 0}
    here = os.getpid()
    of_a = [('a', 2, here), ('a', 1, here), ('a', 0, here)]
    assert [each for each in workers.updates if each[0] == 'a'] == of_a
    assert [each for each in workers.updates if each[0] == 'b'] == [('b', 0, here)]
    # A single turn is the result itself.
    assert turns == [each[:2] for each in of_a]
    assert not hasattr(workers, 'left')


def test_what_finish_returns_is_the_result():
    workers = Finishing()
    workers.add('a', params=2)
    workers.add('b', params=1)
    assert workers.run() == {
        'a': ['start a 2', 'process a 2', 'done a', 'wait a', 'process a 2', 'done a'],
        'b': ['start b 1', 'process b 1', 'done b']}
    assert [each[:2] for each in workers.updates if each[0] == 'a'] == [('a', 1), ('a', 0)]
    assert [each[:2] for each in workers.updates if each[0] == 'b'] == [('b', 0)]


def test_a_kept_process_has_a_new_copy_for_each_run():
    workers = Finishing(reuse=True, max_parallel=1)
    workers.add(1, params=1)
    workers.add(2, params=1)
    for _ in range(2):
        assert [len(calls) for calls in workers.run().values()] == [3, 3]
    workers.close()


class Asynchronous(Workers):
    async def start(self, id, params):
        self.left = params
        self.ticks = 0
        self.task = asyncio.get_running_loop().create_task(self.tick())

    async def tick(self):
        while True:
            await asyncio.sleep(0)
            self.ticks += 1

    async def process(self, id, params):
        await asyncio.sleep(0)
        self.left -= 1
        return self.left

    async def wait(self, id):
        await asyncio.sleep(0)

    async def done(self, id):
        return self.left == 0

    async def finish(self, id):
        return 'ticked' if self.ticks > 0 else None


async def count_slowly(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


def test_all_of_it_may_be_async():
    turns = []
    workers = Asynchronous(on_turn=lambda *turn: turns.append(turn))
    workers.add(1, params=2)
    workers.add(2, count_slowly, 2)
    assert workers.run() == {1: 'ticked', 2: 1}
    assert sorted(turns) == [(1, 0), (1, 1), (2, 0), (2, 1)]


class Yielding(Workers):
    def start(self, id, params):
        self.steps = params

    def process(self, id, params):
        for i in range(self.steps):
            yield i
        self.steps = 'all'

    def done(self, id):
        raise AssertionError('the end of process is that of the worker')

    def finish(self, id):
        return self.steps


def test_process_may_be_a_generator():
    turns = []
    workers = Yielding(on_turn=lambda *turn: turns.append(turn))
    workers.add(1, params=2)
    assert workers.run() == {1: 'all'}
    assert turns == [(1, 0), (1, 1)]


def test_a_method_that_is_missing():
    class Half(Workers):
        def start(self, id, params):
            pass

    with pytest.raises(WorkerError, match='does not override process'):
        Half().add(1)


def fail_later(_params):
    yield 1
    raise LookupError('no more')


def test_an_exception_in_a_generator():
    log = Log(on_failed=lambda id, error: log.events.append(('failed', id)))
    log.workers.add('a', fail_later)
    with pytest.raises(WorkerError, match=r'(?s)LookupError: no more.*in fail_later') as caught:
        log.workers.run()
    assert isinstance(caught.value.__cause__, LookupError)
    assert (caught.value.id, caught.value.results) == ('a', {})
    assert log.events == [('turn', 'a', 1), ('failed', 'a')]


class Raising(Countdown):
    def __init__(self, name, **options):
        super().__init__(**options)
        self.name = name

    def check(self, name):
        if name == self.name:
            raise LookupError(name)

    def start(self, id, params):
        super().start(id, params)
        self.check('start')

    def done(self, id):
        self.check('done')
        return super().done(id)

    def wait(self, id):
        self.check('wait')

    def finish(self, id):
        self.check('finish')


@pytest.mark.parametrize('name', ['start', 'done', 'wait', 'finish'])
def test_an_exception_in_a_method(name):
    workers = Raising(name)
    workers.add(1, params=2)
    with pytest.raises(WorkerError, match=f'LookupError: {name}') as caught:
        workers.run()
    assert isinstance(caught.value.__cause__, LookupError)


def leave_a_note(path):
    try:
        yield 'begun'
        while True:
            yield 'going on'
    finally:
        pathlib.Path(path).write_text('closed')


async def leave_a_note_slowly(path):
    try:
        while True:
            yield 'begun'
            await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
        pathlib.Path(path).write_text('closed')


generators = pytest.mark.parametrize('generator', [leave_a_note, leave_a_note_slowly])


@generators
def test_a_generator_is_closed_when_the_run_is_cancelled(tmp_path, generator):
    path = tmp_path / 'note'
    cancellable = gmproc.Cancellable()
    workers = Workers(on_turn=lambda *_turn: cancellable.cancel())
    workers.add(1, generator, str(path))
    with pytest.raises(CancelledError):
        workers.run(cancellable=cancellable)
    assert path.read_text() == 'closed'


@generators
def test_an_update_that_fails_ends_the_worker(tmp_path, generator):
    class Picky(Workers):
        def update(self, id, result):
            if id == 1:
                raise KeyError(id)

    path = tmp_path / 'note'
    failed = []
    workers = Picky(on_failed=lambda *event: failed.append(event))
    workers.add(1, generator, str(path))
    workers.add(2, count, 3)
    with pytest.raises(WorkerError, match="Worker '1' .*KeyError: 1") as caught:
        workers.run()
    assert (caught.value.id, caught.value.results) == (1, {2: 2})
    assert isinstance(caught.value.__cause__, KeyError)
    assert path.read_text() == 'closed'
    assert [id for id, _error in failed] == [1]


def test_an_on_turn_that_raises_ends_the_run(tmp_path):
    def on_turn(id, value):
        raise RuntimeError('enough')

    path = tmp_path / 'note'
    workers = Workers(on_turn=on_turn)
    workers.add(1, leave_a_note, str(path))
    with pytest.raises(RuntimeError, match='enough'):
        workers.run()
    assert path.read_text() == 'closed'


def yield_what_cannot_be_sent(path):
    try:
        yield 1
        yield open(os.devnull)
    finally:
        pathlib.Path(path).write_text('closed')


def test_a_turn_that_cannot_be_sent(tmp_path):
    path = tmp_path / 'note'
    log = Log()
    log.workers.add(1, yield_what_cannot_be_sent, str(path))
    with pytest.raises(WorkerError, match='result of turn 2 cannot be sent') as caught:
        log.workers.run()
    assert caught.value.error.code == ErrorCode.BAD_PAYLOAD
    assert path.read_text() == 'closed'
    assert log.events == [('turn', 1, 1)]


def refuse_to_end(_params):
    while True:
        try:
            yield 1
        except GeneratorExit:
            pass


def test_a_generator_that_does_not_end():
    cancellable = gmproc.Cancellable()
    workers = Workers(on_turn=lambda *_turn: cancellable.cancel(), stop_grace=10)
    workers.add(1, refuse_to_end)
    begin = time.monotonic()
    with pytest.raises(CancelledError):
        workers.run(cancellable=cancellable)
    assert time.monotonic() - begin < 10


def die_the_first_time(path):
    yield os.path.exists(path)
    if not os.path.exists(path):
        pathlib.Path(path).touch()
        os.abort()


def test_a_worker_that_is_restarted_begins_again(tmp_path):
    log = Log(restart='on-failure')
    log.workers.on_restarted = lambda id, error: log.events.append(('restarted', id))
    log.workers.add(1, die_the_first_time, str(tmp_path / 'path'))
    assert log.workers.run() == {1: True}
    assert log.events == [('turn', 1, False), ('restarted', 1), ('turn', 1, True),
                          ('result', 1, True)]


def report_between(_params):
    report('half')
    yield 1
    report('almost')
    yield 2


def test_reports_and_turns_keep_their_order():
    log = Log()
    log.workers.on_progress = log.note('progress')
    log.workers.add(1, report_between)
    log.workers.run()
    assert [event[0::2] for event in log.events] == [
        ('progress', 'half'), ('turn', 1), ('progress', 'almost'), ('turn', 2), ('result', 2)]


def test_turns_on_asyncio():
    async def main():
        turns = []

        async def on_turn(id, value):
            await asyncio.sleep(0)
            turns.append((id, value))

        workers = Workers(on_turn=on_turn)
        workers.add(1, sum_up, 3)
        assert await workers.run_async() == {1: 3}
        return turns

    assert asyncio.run(main()) == [(1, 0), (1, 1), (1, 2)]


def yield_arrays(n):
    import numpy as np

    for i in range(3):
        yield np.full(n, i)


def test_arrays_of_turns():
    np = pytest.importorskip('numpy')
    size = 1_000_000
    arrays = []
    workers = Workers(on_turn=lambda _id, value: arrays.append(value))
    workers.add(1, yield_arrays, size)
    result = workers.run()[1]
    assert [int(each.sum()) for each in arrays] == [0, size, 2 * size]
    assert result is arrays[2]  # it was not sent again
    assert np.array_equal(result, np.full(size, 2))
    result[0] = 5  # the receiver's own copy


def test_named_workers_for_other_languages():
    """With the names of C, as an application in C uses them."""
    turns = []
    workers = Workers(on_turn=lambda *turn: turns.append(turn))
    workers.add(1, 'python:named:count_down', 2)
    workers.add(2, 'python:named:Counter', 2)
    assert workers.run() == {1: 0, 2: 'finished 2'}
    assert sorted(turns) == [(1, 0), (1, 1), (2, 0), (2, 1)]
