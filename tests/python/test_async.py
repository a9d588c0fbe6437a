# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import asyncio
import concurrent.futures
import contextvars
import gc
import os
import sys
import threading
import time
import weakref

import _gmproc
import pytest
from conftest import list_children
from gmproc import (ERROR_DOMAIN, ClientServer, ClientWorker, ErrorCode, Executor, ServerWorker,
                    Workers, WorkerError, report)
from test_client_server import Application, BrokenApplication, Echo, Once


def same(value):
    return value


def fail(value):
    raise ValueError(value)


def sleep_for_ever(_params):
    report('asleep')
    import time
    time.sleep(1000)


def make_workers(*functions, **options):
    workers = Workers(**options)
    for i, function in enumerate(functions):
        workers.add(i, function, i)
    return workers


def on_asyncio(function):
    """A test that is a coroutine."""
    def test():
        asyncio.run(asyncio.wait_for(function(), 80))
    test.__name__ = function.__name__
    return test


@on_asyncio
async def test_many_runs_at_once():
    """They start one by one in iterations of the loop, not inside this call, except the first one.
    """
    n_threads = threading.active_count()
    children = set(list_children())
    turns = []
    n = 60

    async def count_turns():
        while True:
            turns.append(threading.active_count())
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    runs = [make_workers(same).run_async() for _ in range(n)]
    assert threading.active_count() == n_threads + 1
    # And a fork server.
    assert len(set(list_children()) - children) <= 2
    assert await asyncio.gather(*runs) == [{0: 0}] * n
    counting.cancel()
    assert len(turns) > n and max(turns) == n_threads + 1


@on_asyncio
async def test_asyncio_goes_on_meanwhile():
    ticks = []

    async def tick():
        while True:
            ticks.append(threading.current_thread())
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    assert await make_workers(same, same).run_async() == {0: 0, 1: 1}
    ticking.cancel()
    assert len(ticks) > 10


@on_asyncio
async def test_asyncio_several_at_once():
    runs = [make_workers(same, same).run_async([i % 2]) for i in range(3)]
    assert await asyncio.gather(*runs) == [{0: 0}, {1: 1}, {0: 0}]


@on_asyncio
async def test_asyncio_failure():
    with pytest.raises(WorkerError, match='ValueError: 1') as caught:
        await make_workers(same, fail).run_async()
    assert caught.value.results == {0: 0}
    assert caught.value.__cause__.args == (1,)


@on_asyncio
async def test_asyncio_callbacks_come_in_the_loops_thread():
    threads = []
    workers = make_workers(same, report, on_result=lambda *_: threads.append(
        threading.current_thread()), on_progress=lambda *_: asyncio.get_running_loop())
    await workers.run_async()
    assert threads == [threading.main_thread()] * 2


@on_asyncio
async def test_asyncio_cancelling():
    asleep = asyncio.Event()
    workers = make_workers(sleep_for_ever, on_progress=lambda *_: asleep.set())
    run = workers.run_async()
    await asleep.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    workers.add('next', same, 5)
    assert await workers.run_async(['next']) == {'next': 5}


@pytest.mark.parametrize('kind', ['callback', 'update', 'server'])
def test_cancelling_cancels_what_is_awaited(kind):
    """The run does not wait for coroutines of the program."""
    @on_asyncio
    async def run():
        begun = asyncio.Event()
        ends = []

        async def wait_for_ever(*_args):
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ends.append(kind)
                raise

        class Updating(Workers):
            update = wait_for_ever

        class Server(ClientServer):
            process = wait_for_ever

        if kind == 'server':
            application = Server()
            application.new_worker(1, Once)
        else:
            application = Updating() if kind == 'update' else Workers(on_result=wait_for_ever)
            application.add(1, same, 1)
        running = application.run_async()
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert ends == [kind]

    run()


@on_asyncio
async def test_asyncio_cancelling_at_once():
    workers = make_workers(sleep_for_ever)
    run = workers.run_async()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.to_thread(join_threads)


def join_threads():
    for thread in threading.enumerate():
        if thread.name == 'gmproc':
            thread.join()


@on_asyncio
async def test_asyncio_time_out():
    workers = make_workers(sleep_for_ever)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(workers.run_async(), 0.1)


@on_asyncio
async def test_asyncio_exception_in_a_callback():
    def stop(*_):
        raise LookupError('stop')

    with pytest.raises(LookupError, match='stop'):
        await make_workers(sleep_for_ever, on_progress=stop).run_async()


@on_asyncio
async def test_asyncio_client_server():
    cs = ClientServer(Echo)
    cs.new_worker('c', Once, 1)
    assert await cs.run_async() == {'c': ('c', 1)}


@on_asyncio
async def test_asyncio_the_application_as_server():
    application = Application()
    application.new_worker(1, Once, params='x')
    assert await application.run_async(params='p') == {1: (1, ['x', 'x'])}
    assert application.log[0] == ('start', 'p')
    broken = BrokenApplication()
    broken.new_worker(1, Once)
    with pytest.raises(ArithmeticError):
        await broken.run_async()


@on_asyncio
async def test_asyncio_no_workers():
    assert await Workers().run_async() == {}


name = contextvars.ContextVar('name', default='nobody')


@on_asyncio
async def test_asyncio_callbacks_run_in_the_callers_context():
    seen = []
    workers = make_workers(same, on_result=lambda *_: seen.append(name.get()))
    name.set('caller')
    run = workers.run_async()
    name.set('later')
    await run
    assert seen == ['caller']


@on_asyncio
async def test_asyncio_callbacks_are_awaited():
    """Also if they wait for other runs."""
    events = []

    async def on_progress(id, value):
        events.append(await make_workers(same).run_async())
        events.append((id, value))

    async def on_result(id, value):
        await asyncio.sleep(0)
        events.append((id, value))

    workers = make_workers(report, on_progress=on_progress, on_result=on_result)
    await workers.run_async()
    assert events == [{0: 0}, (0, 0), (0, None)]


@on_asyncio
async def test_asyncio_the_application_as_server_with_coroutines():
    class Awaiting(ClientServer):
        async def process(self, id, msg):
            await asyncio.sleep(0)
            return id, msg

    cs = Awaiting()
    cs.new_worker('c', Once, 1)
    assert await cs.run_async() == {'c': ('c', ('c', 1))}


async def on_result(_id, _value):
    pass


class Asynchronous(ClientServer):
    async def process(self, id, msg):
        pass


def test_coroutines_that_nobody_awaits_are_refused():
    with pytest.raises(TypeError, match='on_result is a coroutine function'):
        make_workers(same, on_result=on_result).run()
    with pytest.raises(TypeError, match='on_result is a coroutine function'):
        make_workers(same, on_result=on_result).run_async()
    with pytest.raises(TypeError, match='process is a coroutine function'):
        Asynchronous().run()
    with pytest.raises(TypeError, match='<lambda> is a coroutine function'):
        make_workers(same, on_result=lambda *event: on_result(*event)).run()


ENDS = """
import asyncio, os, sys, time
from gmproc import Workers, report

def nap(_):
    report(os.getpid())
    time.sleep(1000)

async def main(**options):
    started = asyncio.Event()
    workers = Workers(on_progress=lambda _id, pid: (print(pid, flush=True), started.set()),
                      **options)
    workers.add(1, nap)
    global run
    run = workers.run_async()
    await started.wait()

def block(*_):
    loop.stop()

if __name__ == '__main__':
    loop = asyncio.new_event_loop()
    {end}
"""


@pytest.mark.parametrize('end', [
    'loop.run_until_complete(main())',
    'loop.run_until_complete(main()); sys.exit(0)',
    'loop.run_until_complete(main()); loop.close()',
    'asyncio.run(main())',
    'loop.create_task(main(on_output=block)); loop.call_later(1, loop.stop); loop.run_forever()',
])
def test_asyncio_a_program_that_ends_meanwhile(script, end):
    """The program ends, and so do its workers."""
    done = script.python(script.write(ENDS.replace('{end}', end)))
    assert done.returncode == 0, done.stderr
    for pid in done.stdout.split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def square_later(n):
    await asyncio.sleep(0)
    return n * n


class AsyncServer(ServerWorker):
    async def start(self, params):
        self.lock = asyncio.Lock()

    async def process(self, id, msg):
        async with self.lock:
            return msg * 2


class AsyncClient(ClientWorker):
    value = None

    async def done(self):
        return self.value is not None

    async def process(self):
        return 21

    async def update(self, response):
        self.value = response

    async def finish(self):
        await asyncio.sleep(0)
        return self.value


def test_workers_that_are_coroutines():
    assert make_workers(square_later, square_later).run() == {0: 0, 1: 1}
    with Workers(max_parallel=1) as workers:
        assert workers.map(square_later, range(5)) == [0, 1, 4, 9, 16]
    cs = ClientServer(AsyncServer)
    cs.new_workers(2, AsyncClient)
    assert cs.run() == {0: 42, 1: 42}


class Held:
    pass


def fail_while_holding(begin):
    held = Held()
    with pytest.raises(WorkerError):
        begin()
    return weakref.ref(held)


@pytest.mark.parametrize('begin', [lambda: make_workers(fail).run(),
                                   lambda: Workers().map(fail, [1, 2])])
def test_a_failed_run_holds_nothing_of_the_callers(begin):
    gc.collect()
    gc.disable()
    try:
        assert fail_while_holding(begin)() is None
    finally:
        gc.enable()


def test_in_threads_at_the_same_time():
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(make_workers(same, same).run) for _ in range(3)]
    assert [run.result() for run in runs] == [{0: 0, 1: 1}] * 3


def test_a_run_without_a_thread(monkeypatch):
    """At the limit on threads, and with room again."""
    def start(_thread):
        raise RuntimeError("can't start new thread")

    async def main():
        workers = make_workers(same)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, 'start', start)
            with pytest.raises(WorkerError, match="can't start new thread") as caught:
                await workers.run_async()
        assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.LAUNCH)
        return await workers.run_async()

    assert asyncio.run(main()) == {0: 0}


# Large values.

N_LARGE = 50_000


@pytest.fixture(autouse=True)
def quick_switches():
    """A thread asks for the interpreter long before a large value is read or written."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(interval)


class Mark:
    """Notes how many turns the loop has had when it is pickled, and unpickled."""
    turns = 0
    pickled = []
    unpickled = []

    def __reduce__(self):
        Mark.pickled.append(Mark.turns)
        return make_mark, ()


def make_mark():
    Mark.unpickled.append(Mark.turns)
    return Mark()


def make_large(n):
    return [Mark(), *({'number': i, 'text': str(i), 'set': {i}} for i in range(n)), Mark()]


def count_large(value):
    return len(value)


async def count_turns():
    while True:
        Mark.turns += 1
        await asyncio.sleep(0)


def begin_turns():
    Mark.turns, Mark.pickled, Mark.unpickled = 0, [], []
    return asyncio.create_task(count_turns())


@on_asyncio
async def test_large_params():
    """Pickling them leaves the loop running, and what fails then fails the run."""
    workers = Workers()
    workers.add(0, count_large, make_large(N_LARGE))
    counting = begin_turns()
    assert await workers.run_async() == {0: N_LARGE + 2}
    first, last = Mark.pickled
    assert last > first + 3
    workers.set_params(0, [*range(N_LARGE), (i for i in ())])
    running = workers.run_async()
    workers.set_params(0, [])
    with pytest.raises(WorkerError, match='cannot be pickled') as caught:
        await running
    assert caught.value.id == 0
    assert await workers.run_async() == {0: 0}
    counting.cancel()


@on_asyncio
async def test_large_params_of_client():
    application = Application()
    for id, n in ('b', N_LARGE), ('a', 1):
        application.new_worker(id, Once, make_large(n))
    counting = begin_turns()
    results = await application.run_async()
    assert list(results) == ['b', 'a']
    first, last = Mark.pickled[:2]
    assert last > first + 3
    counting.cancel()


class Counting(ServerWorker):
    def start(self, params):
        self.n = len(params)

    def process(self, id, msg):
        return self.n


@on_asyncio
async def test_large_params_of_server():
    cs = ClientServer(Counting)
    cs.add_client('c', Once)
    counting = begin_turns()
    assert await cs.run_async(params=make_large(N_LARGE)) == {'c': ('c', N_LARGE + 2)}
    first, last = Mark.pickled
    assert last > first + 3
    with pytest.raises(WorkerError, match='cannot be pickled') as caught:
        await cs.run_async(params=[*range(N_LARGE), (i for i in ())])
    assert caught.value.id == 'server'
    counting.cancel()


@pytest.fixture
def executor():
    with Executor(1) as executor:
        executor.submit(count_large, []).result()
        yield executor


def on_asyncio_with(function):
    """As on_asyncio, for a test with an executor."""
    def test(executor):
        asyncio.run(asyncio.wait_for(function(executor), 80))
    test.__name__ = function.__name__
    return test


n_calls = 0


def count_calls(_value):
    global n_calls
    n_calls += 1
    return n_calls


@on_asyncio_with
async def test_large_calls(executor):
    """Pickling their arguments leaves the loop running, and they keep their order."""
    loop = asyncio.get_running_loop()
    # Made before, because without a GIL they are pickled while the loop is busy with the next.
    values = 0, make_large(N_LARGE), 1, make_large(N_LARGE), 2
    counting = begin_turns()
    calls = [loop.run_in_executor(executor, count_calls, value) for value in values]
    assert await asyncio.gather(*calls) == [1, 2, 3, 4, 5]
    first, last = Mark.pickled[:2]
    assert last > first + 3
    counting.cancel()
    assert await loop.run_in_executor(executor, count_calls, 3) == 6


@on_asyncio_with
async def test_large_calls_that_cannot_be_pickled(executor):
    calls = [executor.submit(count_large, value)
             for value in ([*range(N_LARGE), (i for i in ())], [1])]
    with pytest.raises(TypeError, match='cannot pickle'):
        await asyncio.wrap_future(calls[0])
    assert await asyncio.wrap_future(calls[1]) == 1


class Refusing:
    """Cannot be pickled, and says so when it is told."""

    def __init__(self):
        self.is_told = threading.Event()

    def __reduce__(self):
        self.is_told.wait()
        raise TypeError('cannot pickle it')


@on_asyncio_with
async def test_large_calls_whose_callback_shuts_down(executor):
    """It must not wait for its own call, as another callback must not."""
    raised = []

    def shut_down(_future):
        try:
            executor.shutdown()
        except RuntimeError as error:
            raised.append(str(error))

    value = [*range(N_LARGE), Refusing()]
    call = executor.submit(count_large, value)
    call.add_done_callback(shut_down)
    value[-1].is_told.set()
    with pytest.raises(TypeError, match='cannot pickle'):
        await asyncio.wrap_future(call)
    executor.shutdown()
    assert len(raised) == 1 and 'shutdown(wait=False)' in raised[0]


@on_asyncio_with
async def test_large_calls_that_are_cancelled(executor):
    value = make_large(N_LARGE)
    calls = [executor.submit(count_calls, value) for _ in range(4)]
    for each in calls:
        each.cancel()
    concurrent.futures.wait(calls)
    # The first may be over before it is cancelled.
    assert all(each.cancelled() for each in calls[1:])
    before = executor.submit(count_calls, 0)
    assert await asyncio.wrap_future(before) <= 2


@on_asyncio
async def test_large_calls_of_an_executor_that_is_shut_down():
    with Executor(1) as executor:
        calls = [executor.submit(count_large, make_large(n)) for n in (N_LARGE, N_LARGE, 1)]
    assert [each.result() for each in calls] == [N_LARGE + 2, N_LARGE + 2, 3]
    with pytest.raises(RuntimeError, match='after shutdown'):
        executor.submit(count_large, make_large(N_LARGE))
    with Executor(1) as executor:
        calls = [executor.submit(count_large, make_large(N_LARGE)) for _ in range(3)]
        executor.shutdown(cancel_futures=True)
    assert calls[-1].cancelled() and all(each.done() for each in calls)


@on_asyncio_with
async def test_large_calls_while_the_program_forks(executor):
    value = make_large(N_LARGE)
    calls = [executor.submit(count_large, value) for _ in range(4)]
    pid = os.fork()
    if pid == 0:
        # Those that were not over fail, and none is waited for.
        os._exit(0 if isinstance(calls[-1].exception(10), RuntimeError) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    for each in calls:
        assert await asyncio.wrap_future(each) == N_LARGE + 2


CALLS = """
import asyncio
from gmproc import Executor

def tell(value):
    print(len(value), flush=True)

async def main():
    executor.submit(tell, list(range(100_000)))
    executor.submit(tell, [1])

if __name__ == '__main__':
    executor = Executor(1)
    asyncio.run(main())
"""


def test_large_calls_of_a_program_that_ends(script):
    done = script.python(script.write(CALLS))
    assert (done.returncode, done.stdout) == (0, '100000\n1\n'), done.stderr


@on_asyncio
async def test_large_result():
    workers = make_workers(make_large)
    workers.set_params(0, N_LARGE)
    counting = begin_turns()
    results = await workers.run_async()
    assert len(results[0]) == N_LARGE + 2
    first, last = Mark.unpickled
    assert last > first + 3
    counting.cancel()


@on_asyncio
async def test_large_item():
    workers = Workers()
    counting = begin_turns()
    assert await workers.map_async(count_large, [make_large(N_LARGE)]) == [N_LARGE + 2]
    first, last = Mark.pickled
    assert last > first + 3
    counting.cancel()


@on_asyncio
async def test_cancel_large_params():
    workers = Workers()
    workers.add(0, count_large, make_large(N_LARGE))
    run = workers.run_async()
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    workers.set_params(0, [])
    assert await workers.run_async() == {0: 0}


def test_plain_values():
    """Reading many plain values, which are no pickle, leaves other threads running."""
    value = _gmproc.dump([list(range(i, i + 10)) for i in range(4 * N_LARGE)], 'python', True)
    thread = threading.Thread(target=_gmproc.load, args=(value, 'python'))
    n_turns = 0
    thread.start()
    while thread.is_alive():
        time.sleep(0)
        n_turns += 1
    assert n_turns > 3
