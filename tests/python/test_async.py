# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import asyncio
import concurrent.futures
import threading

import pytest
from gmproc import ClientServer, Run, Workers, WorkerError, report
from gi.repository import GLib
from test_client_server import Application, BrokenApplication, Echo, Endless, Once


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


def on_main_loop(begin):
    """Runs the default main loop until the Run that begin() returns is done."""
    loop = GLib.MainLoop()
    started = []

    def start():
        started.append(begin())
        started[0].add_done_callback(lambda _run: loop.quit())

    GLib.idle_add(start)
    loop.run()
    return started[0]


def test_glib_main_loop():
    ticks = []
    ticking = GLib.timeout_add(1, lambda: ticks.append(1) or True)
    run = on_main_loop(lambda: make_workers(same, same).run_async())
    GLib.source_remove(ticking)
    assert isinstance(run, Run)
    assert run.done() and run.exception() is None
    assert run.result() == {0: 0, 1: 1}
    assert len(ticks) > 3
    called = []
    run.add_done_callback(called.append)
    assert called == [run]
    assert run.cancel() is False


def test_glib_not_done():
    def begin():
        run = make_workers(same).run_async()
        assert not run.done()
        with pytest.raises(concurrent.futures.InvalidStateError):
            run.result()
        return run

    assert on_main_loop(begin).result() == {0: 0}


def test_glib_failure():
    run = on_main_loop(lambda: make_workers(fail).run_async())
    assert isinstance(run.exception(), WorkerError)
    with pytest.raises(WorkerError, match='ValueError: 0'):
        run.result()


def test_glib_cancelling():
    runs = []

    def begin():
        workers = make_workers(sleep_for_ever, on_progress=lambda *_: runs[0].cancel())
        runs.append(workers.run_async())
        return runs[0]

    with pytest.raises(concurrent.futures.CancelledError):
        on_main_loop(begin).result()


def test_glib_no_workers():
    assert on_main_loop(lambda: Workers().run_async()).result() == {}


def test_glib_client_server():
    application = Application()
    application.new_worker(1, Once, params='x')
    assert on_main_loop(application.run_async).result() == {1: (1, ['x', 'x'])}
    cs = ClientServer(Echo)
    cs.new_worker('c', Once, 1)
    assert on_main_loop(cs.run_async).result() == {'c': ('c', 1)}


def test_glib_stop():
    cs = ClientServer(Echo)
    cs.new_workers(2, Endless)
    GLib.timeout_add(300, cs.stop)
    assert on_main_loop(cs.run_async).result() == {0: 'finished', 1: 'finished'}


def test_glib_coroutine():
    """A coroutine awaits runs wherever somebody goes on with it when they are done."""
    async def run_twice():
        workers = make_workers(same, same)
        first = await workers.run_async([0])
        return first, await workers.run_async([1])

    loop = GLib.MainLoop()
    results = []
    coroutine = run_twice()

    def step(_run=None):
        try:
            coroutine.send(None).add_done_callback(step)
        except StopIteration as end:
            results.append(end.value)
            loop.quit()

    GLib.idle_add(step)
    loop.run()
    assert results == [({0: 0}, {1: 1})]


def test_in_threads_at_the_same_time():
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(make_workers(same, same).run) for _ in range(3)]
    assert [run.result() for run in runs] == [{0: 0, 1: 1}] * 3
