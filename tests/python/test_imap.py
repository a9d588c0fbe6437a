# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers.imap, and maps over iterators that wait."""

import asyncio
import contextlib
import gc
import itertools
import os
import queue
import signal
import threading
import traceback

import pytest

from gmproc import Workers, WorkerError, report
from test_map import die_at_three, fail_at, get_pid, pause, square


class Ended(Exception):
    pass


def note(item):
    n, path = item
    with open(path, 'a') as file:
        file.write('.')
    return n


def wait_at_three(n):
    if n == 3:
        signal.pause()
    return n


def draw(n):
    report(n)
    return n


def hang(given, n):
    """Items 0 to n - 1, and then no more, without an end."""
    yield from range(n)
    given.wait()


@pytest.fixture
def never():
    """An iterator waits for it. The thread that waits ends with the test."""
    event = threading.Event()
    yield event
    event.set()


def test_items_are_done_as_they_come():
    given = queue.SimpleQueue()
    given.put(0)

    def on_result(index, _value):
        given.put(index + 1 if index < 30 else None)

    # The next item exists only after the value of the one before.
    workers = Workers(max_parallel=2, on_result=on_result)
    assert workers.map(square, iter(given.get, None)) == [n * n for n in range(31)]


def test_an_item_that_fails_while_the_iterator_waits(never):
    with pytest.raises(WorkerError) as caught:
        Workers().map(fail_at, ((n, 3) for n in hang(never, 4)))
    assert caught.value.id == 3


def test_a_callback_that_raises_while_the_iterator_waits(never):
    def on_result(index, _value):
        if index == 3:
            raise Ended
    with pytest.raises(Ended):
        Workers(on_result=on_result).map(square, hang(never, 4))


def test_a_signal_while_the_iterator_waits(never):
    def items():
        yield 1
        os.kill(os.getpid(), signal.SIGUSR1)
        never.wait()

    def handle(*_args):
        raise Ended
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with pytest.raises(Ended):
            Workers().map(square, items())
        with pytest.raises(Ended):
            list(Workers().imap(square, items()))
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize('call', ['map(square, items())', 'list(workers.imap(square, items()))'])
def test_control_c_while_the_iterator_waits(script, call):
    assert script.output(f'''
import os, signal, threading
from gmproc import Workers

def square(n):
    return n * n

def items():
    yield 1
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()

if __name__ == '__main__':
    workers = Workers()
    try:
        {call if call.startswith('list') else 'workers.' + call}
    except KeyboardInterrupt:
        print('interrupted')
''') == 'interrupted\n'


def test_the_caller_s_context_is_the_iterator_s():
    import decimal

    def items():
        for _ in range(3):
            yield decimal.getcontext().prec
    with decimal.localcontext() as context:
        context.prec = 5
        assert Workers().map(square, items()) == [25, 25, 25]


def test_values_are_in_order():
    with Workers(max_parallel=2) as workers:
        for chunksize in (None, 1, 3, 10000):
            for items in (range(1000), list(range(7)), (5,), [], {3, 4}):
                expected = [n * n for n in items]
                assert list(workers.imap(square, items, chunksize)) == expected
                assert list(workers.imap(square, iter(items), chunksize)) == expected
                values = workers.imap_unordered(square, iter(items), chunksize)
                assert sorted(values) == sorted(expected)


def test_values_are_yielded_as_they_come():
    given = queue.SimpleQueue()
    given.put(0)
    got = []
    with Workers(max_parallel=2) as workers:
        for value in workers.imap(square, iter(given.get, None)):
            got.append(value)
            given.put(len(got) if len(got) < 30 else None)
    assert got == [n * n for n in range(30)]


def test_one_that_takes_long_holds_up_only_those_after_it():
    workers = Workers(max_parallel=2, stop_grace=0.1)
    values = workers.imap(wait_at_three, itertools.count(), chunksize=1)
    assert list(itertools.islice(values, 3)) == [0, 1, 2]
    values.close()
    values = workers.imap_unordered(wait_at_three, itertools.count(), chunksize=1)
    assert sorted(itertools.islice(values, 50)) == [n for n in range(51) if n != 3]
    values.close()


@pytest.mark.parametrize('buffer, chunksize', [(1, None), (4, 2), (20, None)])
def test_no_more_are_begun_than_the_buffer_has_room_for(tmp_path, buffer, chunksize):
    path = tmp_path / 'begun'
    with Workers(max_parallel=2) as workers:
        values = workers.imap(note, ((n, path) for n in itertools.count()), chunksize, buffer)
        for n in range(100):
            assert next(values) == n
            assert path.stat().st_size <= n + 1 + buffer
        values.close()


def test_an_endless_iterator_is_not_read_far_ahead():
    taken = []

    def endless():
        for n in itertools.count():
            taken.append(n)
            yield n

    values = Workers(max_parallel=2).imap(square, endless(), chunksize=5)
    assert [next(values) for _ in range(50)] == [n * n for n in range(50)]
    assert len(taken) < 100
    values.close()


def test_nothing_runs_until_a_value_is_wanted():
    workers = Workers()
    values = workers.imap(square, [1])
    assert workers.map(square, [2]) == [4]
    assert list(values) == [1]


def test_one_run_at_a_time():
    workers = Workers()
    values = workers.imap(square, itertools.count())
    assert next(values) == 0
    with pytest.raises(RuntimeError, match='in a run already'):
        workers.map(square, [1])
    with pytest.raises(RuntimeError, match='in a run already'):
        next(workers.imap(square, [1]))
    values.close()
    assert workers.map(square, [2]) == [4]


def test_a_generator_that_is_dropped_ends_its_processes():
    workers = Workers(max_parallel=2, stop_grace=0.1)
    for n in workers.imap_unordered(wait_at_three, itertools.count(), chunksize=1):
        if n > 20:
            break
    assert workers.map(square, [2]) == [4]
    values = workers.imap(square, itertools.count())
    next(values)
    del values, workers
    gc.collect()


def test_processes_are_kept_inside_with():
    with Workers(max_parallel=1) as workers:
        pids = {*workers.map(get_pid, [1]), *workers.imap(get_pid, [1, 2]),
                *workers.imap(get_pid, iter([1, 2])), *workers.map(get_pid, iter([1]))}
        assert len(pids) == 1


def take_until_error(values):
    got = []
    with pytest.raises(BaseException) as caught:
        for value in values:
            got.append(value)
    return got, caught.value


@pytest.mark.parametrize('chunksize', [None, 7])
def test_an_item_that_fails(chunksize):
    failures = []
    workers = Workers(max_parallel=2)
    workers.on_failed = lambda index, error: failures.append((index, error.id))
    got, error = take_until_error(workers.imap(fail_at, ((n, 60) for n in itertools.count()),
                                               chunksize))
    assert got == list(range(60))
    assert isinstance(error, WorkerError) and error.id == 60 and failures == [(60, 60)]
    assert isinstance(error.__cause__, KeyError)
    assert all(index > 60 and index == value for index, value in error.results.items())
    assert list(workers.imap(square, [1, 2])) == [1, 4]


def fail_in_reverse(item):
    """The first item fails after the second one."""
    n, path = item
    if n == 0:
        with open(path) as file:
            file.read()
    if n < 2:
        raise KeyError(n)
    return n


def test_of_several_that_fail_the_first_one_is_raised(tmp_path):
    path = tmp_path / 'fifo'
    os.mkfifo(path)
    workers = Workers(max_parallel=2)
    workers.on_failed = lambda index, _error: index == 1 and open(path, 'w').close()
    _got, error = take_until_error(workers.imap(fail_in_reverse, [(n, path) for n in range(2)], 1))
    assert error.id == 0 and error.__cause__.args == (0,)
    assert [each.id for each in error.errors.values()] == [0, 1]


def test_a_process_that_dies():
    workers = Workers(max_parallel=2)
    got, error = take_until_error(workers.imap(die_at_three, range(10), chunksize=2))
    assert got == [0, 1, 2]
    assert error.id == 3 and 'Item 3: the worker (pid ' in str(error)


def test_an_iterator_that_fails():
    def items():
        yield from range(20)
        raise Ended('no more')

    got, error = take_until_error(Workers(max_parallel=2).imap(square, items()))
    assert got == [n * n for n in range(20)] and error.args == ('no more',)
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert (frames[0], frames[-1], len(frames)) == ('take_until_error', 'items', 3)


def test_an_item_that_cannot_be_sent():
    items = [1, 2, threading.Lock(), 4]
    got, error = take_until_error(Workers(max_parallel=1).imap(square, items, chunksize=1))
    assert got == [1, 4] and 'Item 2 cannot be sent' in str(error)


def test_bad_arguments():
    workers = Workers()
    for call in (workers.imap, workers.imap_unordered):
        with pytest.raises(TypeError, match='calls a function'):
            call('native:libfoo.so:f', [1])
        with pytest.raises(TypeError, match='not iterable'):
            call(square, 3)
        with pytest.raises(TypeError, match='chunksize should be a whole number, not 2.5'):
            call(square, [1], 2.5)
        with pytest.raises(TypeError, match='buffer should be a whole number, not 2.5'):
            call(square, [1], buffer=2.5)
        with pytest.raises(ValueError, match='chunksize is 0'):
            call(square, [1], 0)
        with pytest.raises(ValueError, match='buffer is 0'):
            call(square, [1], buffer=0)


def test_callbacks_are_called_where_the_values_go():
    seen = []

    def see(what):
        return lambda index, _value: seen.append((what, index, threading.current_thread()))
    workers = Workers(max_parallel=2, on_result=see('result'), on_progress=see('progress'))
    here = threading.current_thread()
    for value in workers.imap(draw, range(300)):
        assert ('result', value, here) in seen and ('progress', value, here) in seen
    assert len(seen) == 600


def test_a_callback_that_raises():
    def on_result(index, _value):
        if index == 5:
            raise Ended
    # Of two processes, one may return item 5 before the other returns item 4.
    workers = Workers(max_parallel=1, on_result=on_result)
    got, error = take_until_error(workers.imap(square, itertools.count(), chunksize=1))
    assert got == [0, 1, 4, 9, 16] and isinstance(error, Ended)

    async def coroutine(_index, _value):
        pass
    workers.on_result = coroutine
    with pytest.raises(TypeError, match='coroutine function'):
        next(workers.imap(square, [1]))
    workers.on_result = None
    assert list(workers.imap(square, [1])) == [1]


async def take_async(values, n=None):
    """The first values, or all, and the exception that ends them."""
    got = []
    try:
        async with contextlib.aclosing(values):
            async for value in values:
                got.append(value)
                if len(got) == n:
                    break
    except Exception as error:
        return got, error
    return got, None


@pytest.mark.parametrize('n', [None, 20])
def test_values_on_asyncio(n):
    """In order, with a loop that continues, from an iterator that is not read far ahead."""
    n_read = 0

    def items():
        nonlocal n_read
        for n_read in itertools.count(1) if n else range(1, 31):
            yield n_read

    async def program():
        turns = itertools.count()

        async def turn():
            while next(turns) < 10 ** 9:
                await asyncio.sleep(0)
        other = asyncio.create_task(turn())
        workers = Workers(max_parallel=2)
        got, error = await take_async(workers.imap_async(square, items(), 1, buffer=4), n)
        assert error is None and got == [each * each for each in range(1, (n or 30) + 1)]
        assert next(turns) > len(got)
        assert n is None or n_read < n + 20
        got, error = await take_async(workers.imap_unordered_async(square, range(10)))
        assert error is None and sorted(got) == [each * each for each in range(10)]
        other.cancel()
    asyncio.run(program())


def test_failures_on_asyncio():
    async def program():
        workers = Workers(max_parallel=2)
        got, error = await take_async(workers.imap_async(fail_at, [(n, 3) for n in range(9)], 1))
        assert got == [0, 1, 2] and isinstance(error, WorkerError) and error.id == 3
        with pytest.raises(ValueError, match='buffer is 0'):
            workers.imap_async(square, [1], buffer=0)

        def items():
            yield 2
            raise Ended
        got, error = await take_async(workers.imap_async(square, items()))
        assert got == [4] and isinstance(error, Ended)
        values = workers.imap_async(square, itertools.count())
        assert await anext(values) == 0
        with pytest.raises(RuntimeError, match='in a run already'):
            await anext(workers.imap_async(square, [1]))
        await values.aclose()
    asyncio.run(program())


def test_callbacks_on_asyncio():
    seen = []
    here = threading.current_thread()

    async def on_result(index, value):
        await asyncio.sleep(0)
        assert threading.current_thread() is here
        seen.append(index)
        if index == 150:
            raise Ended

    async def program():
        workers = Workers(max_parallel=1, on_result=on_result,
                          on_progress=lambda index, _value: seen.append(-index))
        got, error = await take_async(workers.imap_async(draw, range(1000), 1))
        assert isinstance(error, Ended) and got == list(range(150))
        assert {*range(151), *range(-150, 0)} <= set(seen)
    asyncio.run(program())


def test_a_task_that_is_cancelled_stops_the_processes(never):
    async def program():
        workers = Workers(max_parallel=2, stop_grace=0.1)
        begun = asyncio.Event()

        async def use():
            async for value in workers.imap_async(wait_at_three, hang(never, 4), 1):
                if value == 2:
                    begun.set()
        task = asyncio.create_task(use())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # A generator that is left is closed with the loop.
        values = workers.imap_async(square, itertools.count())
        assert await anext(values) == 0
    asyncio.run(program())


def test_a_loop_that_is_closed_while_values_are_on_their_way(script):
    """The processes end, whether the generator waits then or its value is used."""
    done = script.run('''
import asyncio, contextlib, gc, os, signal, time
from gmproc import Workers

def wait(n):
    signal.pause()

def same(n):
    return n

async def use(function):
    async for value in Workers(stop_grace=0.1).imap_async(function, range(1000), 1):
        values.append(value)
        await asyncio.Event().wait()

def list_children():
    children = []
    for task in os.listdir('/proc/self/task'):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # It has just ended.
            children += open(f'/proc/self/task/{task}/children').read().split()
    return children

if __name__ == '__main__':
    values = []
    for function in wait, same:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)
        task = loop.create_task(use(function))
        while not list_children() or function is same and not values:
            loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        del task
        while list_children():
            gc.collect()
            time.sleep(0.01)
''')
    assert (done.returncode, done.stderr) == (0, '')


def test_a_forked_child_has_no_part_in_it():
    values = Workers(max_parallel=2).imap(square, itertools.count(), chunksize=1)
    assert next(values) == 0
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            # Earlier values have arrived.
            for _ in range(100):
                next(values)
        except RuntimeError as error:
            status = 0 if 'forked during the map' in str(error) else 2
        finally:
            del values
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [next(values) for _ in range(20)] == [n * n for n in range(1, 21)]
    values.close()


def test_a_program_ends_while_values_are_on_their_way(script):
    assert script.output('''
import itertools, os, threading
from gmproc import Workers, report

def square(n):
    for _ in range(1000):
        report(n)
    return n * n

def items():
    yield from range(10)
    threading.Event().wait()

if __name__ == '__main__':
    values = Workers(on_progress=print, stop_grace=0.1).imap(square, items())
    Workers(stop_grace=0.1).imap(square, itertools.count())
    other = Workers(on_progress=lambda index, value: None).imap(square, items())
    print(next(other))
''') == '0\n'


ENDING = '''
import asyncio, builtins, json, threading, time
from gmproc import Workers, report

def square(n):
    return n * n

def stay(n):
    report('there')
    time.sleep(1000)

def stop(_index, _value):
    there.set()

there = threading.Event()
workers = Workers(on_progress=stop, stop_grace=0.1)
'''

DAEMON = '''
if __name__ == '__main__':
    threading.Thread(target=use, daemon=True).start()
    there.wait()
'''


@pytest.mark.parametrize('owner', ['json', 'builtins', 'workers'])
def test_a_generator_that_lives_at_the_end_of_the_program(script, owner):
    """It is closed when modules have lost their names."""
    assert script.output(ENDING + f'''
if __name__ == '__main__':
    {owner}.values = workers.imap(square, range(100))
    print(next({owner}.values))
''') == '0\n'


@pytest.mark.parametrize('use', [
    'list(workers.imap(stay, [1]))',
    'asyncio.run(run(workers.map_async, [1]))',
    'asyncio.run(iterate())',
])
def test_a_daemon_that_waits_at_the_end_of_the_program(script, use):
    """It has nothing to print."""
    assert script.output(ENDING + f'''
async def run(function, *args):
    await function(stay, *args)

async def iterate():
    async for _ in workers.imap_async(stay, [1]):
        pass

def use():
    {use}
''' + DAEMON) == ''


def test_pauses_that_are_interrupted_leave_nothing():
    workers = Workers(max_parallel=2, run_timeout=0.1)
    got, error = take_until_error(workers.imap(pause, itertools.count(), chunksize=1))
    assert got == [] and isinstance(error, TimeoutError)
