# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python's signal handlers run while a call blocks, and the call raises their exceptions."""

import asyncio
import contextlib
import io
import itertools
import os
import signal
import sys
import threading
from functools import partial

import pytest

from gmproc import (ClientServer, ClientWorker, Executor, ServerWorker, Workers, WorkerError,
                    report)
from test_open_run import InterruptingCalls


# Workers that sleep are killed at once.
QUICK = {'stop_grace': 0.01, 'kill_grace': 0.01}


class Late(Exception):
    pass


@pytest.fixture
def raising():
    """A handler of SIGUSR1 that raises an exception."""
    def handle(_number, _frame):
        raise Late

    before = signal.signal(signal.SIGUSR1, handle)
    yield
    signal.signal(signal.SIGUSR1, before)
    assert signal.set_wakeup_fd(-1) == -1


def signal_and_pause(pid):
    os.kill(pid, signal.SIGUSR1)
    signal.pause()


def signal_at_three(item):
    n, pid = item
    if n == 3:
        signal_and_pause(pid)
    return n


class Waiting(ClientWorker):
    """The whole run waits for this worker."""

    def start(self, params):
        self.pid = params

    def process(self):
        signal_and_pause(self.pid)


class Stopping(ServerWorker):
    def process(self, id, msg):
        return msg


class Application(ClientServer):
    def process(self, id, msg):
        return msg


def run_workers():
    workers = Workers(**QUICK)
    workers.add(1, signal_and_pause, os.getpid())
    return workers, workers.run


def run_map():
    workers = Workers(max_parallel=2, **QUICK)
    return workers, lambda: workers.map(signal_at_three, [(n, os.getpid()) for n in range(9)], 1)


def run_client_server(cs):
    cs.new_worker(1, Waiting, os.getpid())
    return cs, cs.run


@pytest.mark.parametrize('make', [run_workers, run_map, lambda: run_client_server(
    ClientServer(Stopping, **QUICK)), lambda: run_client_server(Application(**QUICK))])
def test_what_a_handler_raises_comes_out(raising, make):
    application, run = make()
    for _ in range(2):
        with pytest.raises(Late) as caught:
            run()
        assert str(caught.traceback[-1].path) == __file__


def wait_for(path):
    import time
    report('there')
    while not os.path.exists(path):
        time.sleep(0.001)
    return 'done'


def test_a_handler_that_returns_ends_nothing(tmp_path):
    """The worker continues only after the handler has run, so it ran while the call blocked."""
    path = str(tmp_path / 'handled')
    before = signal.signal(signal.SIGUSR1, lambda *_: open(path, 'w').close())
    try:
        workers = Workers(on_progress=lambda *_: threading.Timer(
            0, os.kill, (os.getpid(), signal.SIGUSR1)).start())
        workers.add(1, wait_for, path)
        assert workers.run() == {1: 'done'}
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_may_stop_a_run():
    class Endless(ClientWorker):
        def update(self, response):
            report(response)

        def finish(self):
            return 'finished'

    cs = ClientServer(Stopping, on_progress=lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
    cs.new_worker(1, Endless)
    before = signal.signal(signal.SIGUSR1, lambda *_: cs.stop())
    try:
        assert cs.run() == {1: 'finished'}
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_callbacks_that_are_hit_by_signals(raising):
    """Signals arrive at any moment of a callback; a run that returns has lost nothing."""
    for n_bytes in range(5):
        workers = Workers(on_progress=lambda *_: os.kill(os.getpid(), signal.SIGUSR1), **QUICK)
        workers.add(1, report_and_pause, n_bytes)
        with pytest.raises(Late):
            workers.run()


def report_and_pause(n_bytes):
    report(bytes(n_bytes))
    signal.pause()


def test_in_another_thread_nothing_changes():
    handled = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    results = []

    def run():
        workers = Workers(on_progress=lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
        workers.add(1, report, 1)
        results.append(workers.run())

    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert handled.wait(60) and results == [{1: None}]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_wake_up_descriptor_of_the_program_is_notified(raising):
    reader, writer = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(writer)
    try:
        with pytest.raises(Late):
            run_workers()[1]()
        assert os.read(reader, 10) == bytes([signal.SIGUSR1])
        assert signal.set_wakeup_fd(-1) == writer
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


def take_away_wake_up_descriptor():
    """As a loop of asyncio does at its end."""
    async def use_signals():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR2, print)
        loop.remove_signal_handler(signal.SIGUSR2)

    asyncio.run(use_signals())
    assert signal.set_wakeup_fd(-1) == -1


def is_asleep(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()[0] == 'S'


def signal_a_sleeper(pid, path):
    """Sends the signal to a process that waits, after the path exists."""
    while not (os.path.exists(path) and is_asleep(pid)):
        pass
    os.kill(pid, signal.SIGUSR1)


def report_and_signal(params):
    report(None)
    signal_a_sleeper(*params)
    signal.pause()


def test_a_callback_takes_the_wake_up_descriptor_away(raising, tmp_path):
    path = tmp_path / 'taken'

    def on_progress(_id, _value):
        take_away_wake_up_descriptor()
        path.touch()

    workers = Workers(on_progress=on_progress, **QUICK)
    workers.add(1, report_and_signal, (os.getpid(), str(path)))
    with pytest.raises(Late):
        workers.run()


def test_a_callback_sets_another_wake_up_descriptor(raising):
    """It is notified, and stays."""
    reader, writer = os.pipe2(os.O_NONBLOCK)
    workers = Workers(on_progress=lambda *_: signal.set_wakeup_fd(writer), **QUICK)
    workers.add(1, report_and_signal, (os.getpid(), '/'))
    try:
        with pytest.raises(Late):
            workers.run()
        assert os.read(reader, 10) == bytes([signal.SIGUSR1])
        assert signal.set_wakeup_fd(-1) == writer
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


class Flushing(io.StringIO):
    """A standard output that is hit by a signal when it is flushed."""

    def flush(self):
        signal.raise_signal(signal.SIGUSR1)


def replace_output():
    def handle(_number, _frame):
        raise Late('in a flush')

    signal.signal(signal.SIGUSR1, handle)
    sys.stdout = Flushing()


def test_a_call_of_an_executor_whose_output_is_flushed():
    with Executor(1) as executor, pytest.raises(Late, match='in a flush'):
        executor.submit(replace_output).result()


class Interrupted(ServerWorker):
    """Waits for requests that never come."""

    def start(self, params):
        signal.signal(signal.SIGUSR1, self.handle)
        report(os.getpid())

    def handle(self, _number, _frame):
        raise Late('in the server')

    def process(self, id, msg):
        raise AssertionError


class Silent(ClientWorker):
    def process(self):
        signal.pause()


def kill(_id, pid):
    os.kill(pid, signal.SIGUSR1)


def test_a_server_that_waits_for_requests():
    cs = ClientServer(Interrupted, on_progress=kill, **QUICK)
    cs.new_worker(1, Silent)
    with pytest.raises(WorkerError, match='Late: in the server') as caught:
        cs.run()
    assert caught.value.id == 'server' and isinstance(caught.value.__cause__, Late)


class Asking(ClientWorker):
    """Waits for a response that never comes."""

    def start(self, params):
        signal.signal(signal.SIGUSR1, self.handle)

    def process(self):
        report(os.getpid())

    def handle(self, _number, _frame):
        raise Late('in the client')


class Deaf(ServerWorker):
    def process(self, id, msg):
        signal.pause()


def test_a_client_that_waits_for_its_response():
    def on_failed(id, error):
        raise error

    cs = ClientServer(Deaf, on_progress=kill, on_failed=on_failed, **QUICK)
    cs.new_worker('c', Asking)
    with pytest.raises(WorkerError, match='Late: in the client') as caught:
        cs.run()
    assert caught.value.id == 'c' and isinstance(caught.value.__cause__, Late)


def test_two_threads_in_one_object():
    """The second run is refused, and the first continues."""
    inside, leave = threading.Event(), threading.Event()
    refused = []

    def on_progress(*_):
        inside.set()
        leave.wait(60)

    workers = Workers(on_progress=on_progress)
    workers.add(1, report, 1)
    cs = ClientServer(Stopping, on_progress=on_progress)
    cs.new_worker(1, Reporting)
    for application in (workers, cs):
        inside.clear(), leave.clear()
        thread = threading.Thread(target=application.run)
        thread.start()
        inside.wait(60)
        with pytest.raises(RuntimeError, match='in a run already') as caught:
            application.run()
        refused.append(caught)
        leave.set()
        thread.join()
        application.run()


class Reporting(ClientWorker):
    def done(self):
        report(1)
        return True


class Notifying:
    """Sends a signal to a process when it is pickled or unpickled there."""

    def __init__(self, pid):
        self.pid = pid

    def __reduce__(self):
        return notify, (self.pid,)


class Pickled(Notifying):
    def __reduce__(self):
        notify(self.pid)
        return Pickled, (0,)


class PickledAgain(Notifying):
    """Sends it only the first time."""

    def __reduce__(self):
        pid, self.pid = self.pid, 0
        notify(pid)
        return notify, (0,)


def notify(pid):
    if os.getpid() == pid:
        os.kill(pid, signal.SIGUSR1)
    return Notifying(pid)


class Sending(ClientWorker):
    """Its message is unpickled in the process that it names, and then answered."""

    def start(self, params):
        self.pid = params

    def process(self):
        return Notifying(self.pid)

    def done(self):
        return self.pid is None

    def update(self, response):
        self.pid = None


class Object:
    """A handler that is not a function."""

    def __call__(self, _number, _frame):
        raise Late


class Requesting(ClientServer):
    def request(self, request):
        request.respond(None)


class Batching(ClientServer):
    def process_batch(self, ids, messages):
        return [None] * len(ids)


def receive(cs):
    with cs.open() as run:
        while True:
            ids, _messages = run.recv()
            if not ids:
                break
            run.send(ids, [None] * len(ids))


@pytest.mark.parametrize('handler', [None, Object(), partial(Object())],
                         ids=['function', 'object', 'partial'])
@pytest.mark.parametrize('kind', [Application, Requesting, Batching, ClientServer])
def test_a_message_is_not_to_blame(raising, kind, handler):
    """The exception of a handler that runs while a message is read comes out of the call."""
    if handler is not None:
        signal.signal(signal.SIGUSR1, handler)
    cs = kind(**QUICK)
    cs.new_worker(1, Sending, os.getpid())
    with pytest.raises(Late):
        cs.run() if kind is not ClientServer else receive(cs)


class Answering(Interrupted):
    def process(self, id, msg):
        return None


class SendingToServer(Sending):
    def process(self):
        return NotifyingOthers()


class NotifyingOthers:
    """Sends a signal to the process that unpickles it, which is not the one that made it."""

    def __reduce__(self):
        return notify_self, ()


def notify_self():
    os.kill(os.getpid(), signal.SIGUSR1)


def test_a_message_to_a_server_is_not_to_blame():
    cs = ClientServer(Answering, on_progress=lambda *_: None, **QUICK)
    cs.new_worker(1, SendingToServer, 1)
    with pytest.raises(WorkerError, match='Late: in the server') as caught:
        cs.run()
    assert caught.value.id == 'server' and isinstance(caught.value.__cause__, Late)


@pytest.mark.parametrize('has_cloudpickle', [True, False])
def test_a_value_that_is_pickled_is_not_to_blame(raising, monkeypatch, has_cloudpickle):
    """So does that of one that runs while a value is pickled."""
    if not has_cloudpickle:
        monkeypatch.setitem(sys.modules, 'cloudpickle', None)
    workers = Workers()
    workers.add(1, str, Pickled(os.getpid()))
    with pytest.raises(Late):
        workers.run()
    with pytest.raises(Late):
        workers.map(str, [Pickled(os.getpid())])
    with Executor(1) as executor, pytest.raises(Late):
        executor.submit(str, PickledAgain(os.getpid()))


def test_an_array_that_is_sent_is_not_to_blame(raising):
    """A dtype is described by code in Python, once."""
    numpy = pytest.importorskip('numpy')
    cs = ClientServer(**QUICK)
    cs.new_worker(1, ClientWorker)
    with cs.open() as run:
        for n in itertools.count(1):
            ids, _messages = run.recv()
            interrupting = InterruptingCalls(n)
            sys.setprofile(interrupting.profile)  # until it raises
            try:
                run.send(ids, [numpy.zeros(1, [(f'field {n}', 'i4')])])
            except Late:
                assert interrupting.was_sent
                with contextlib.suppress(ValueError):  # It was answered.
                    run.send(ids, [None])
            else:
                sys.setprofile(None)
                assert not interrupting.was_sent
                break


@pytest.mark.parametrize('run', [lambda workers: workers.run() == {1: 3},
                                 lambda workers: workers.map(len, ['abc']) == [3],
                                 lambda workers: list(workers.imap(len, ['abc'])) == [3]])
def test_nothing_is_left_of_an_interrupted_run(raising, run):
    """The handler's exception comes out, wherever it is raised, and the next run has no callbacks
    of the last."""
    results = []
    workers = Workers(reuse=True, max_parallel=1, on_result=lambda *result: results.append(result))
    workers.add(1, len, 'abc')
    for n in itertools.count(1):
        interrupting = InterruptingCalls(n)
        sys.setprofile(interrupting.profile)
        try:
            assert run(workers)
        except Late:
            assert interrupting.was_sent
        else:
            assert not interrupting.was_sent
        sys.setprofile(None)
        results.clear()
        assert run(workers) and len(results) == 1
        if not interrupting.was_sent:
            break
    assert n > 10
    workers.close()


async def run_async(workers, _other):
    assert await workers.run_async() == {1: 3}


async def run_at_once(workers, other):
    """The second run begins in a later turn of the loop."""
    runs = [each.run_async() for each in (workers, other)]
    assert await asyncio.gather(*runs) == [{1: 3}, {1: 3}]


async def imap_async(workers, _other):
    assert [value async for value in workers.imap_async(len, ['abc'])] == [3]


async def on_result_awaited(*_result):
    await asyncio.sleep(0)


@pytest.mark.parametrize('run, on_result', [
    (run_async, print), (run_async, on_result_awaited), (run_at_once, print), (imap_async, print)])
def test_a_run_on_asyncio_that_is_interrupted(raising, run, on_result):
    """The handler's exception comes out of the awaited run, wherever it is raised in the package,
    and not only into asyncio's log. The object can be used again, at the latest when the run that
    was interrupted as it began has ended."""
    logged = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, each: logged.append(each))
        await run(*both)

    options = dict(reuse=True, max_parallel=1, import_main=False, **QUICK)  # quick to start
    both = [Workers(on_result=on_result, **options) for _ in range(2)]
    for each in both:
        each.add(1, len, 'abc')
    asyncio.run(main())  # Some things are looked for once.
    for n in itertools.count(1):
        interrupting = InterruptingCalls(n)
        while True:
            sys.setprofile(interrupting.profile)
            try:
                asyncio.run(main())
            except Late:
                assert interrupting.was_sent
            except RuntimeError as error:
                assert 'in a run already' in str(error) and not interrupting.was_sent
                interrupting = InterruptingCalls(n)
                continue
            else:
                assert not interrupting.was_sent
            sys.setprofile(None)
            break
        assert logged == []
        if not interrupting.was_sent:
            break
    assert n > 10
    for each in both:
        each.close()


def open_run():
    cs = ClientServer(**QUICK)
    cs.new_worker(1, Silent)
    return cs.open()


def open_executor():
    executor = Executor(1)
    assert executor.submit(len, 'abc').result() == 3
    return executor


@pytest.mark.parametrize('make', [open_run, open_executor])
def test_a_finalizer_that_is_interrupted(raising, make):
    """The processes of what is dropped end, and Python does not print the handler's exception, but
    raises it where the object was dropped."""
    for n in itertools.count(1):
        dropped = [make()]
        interrupting = InterruptingCalls(n)
        sys.setprofile(interrupting.profile)
        try:
            dropped.clear()
        except Late:
            assert interrupting.was_sent
        else:
            assert not interrupting.was_sent
        sys.setprofile(None)
        if not interrupting.was_sent:
            break
    assert n > 2


@pytest.mark.parametrize('run', [
    'Workers().map(len, iter(["a"]))',
    'list(Workers().imap(len, ["a"]))',
    'asyncio.run(start())',
])
def test_a_thread_that_is_started_meanwhile(script, run):
    """A handler raises in the call of C that starts one of the package's threads."""
    done = script.run(f'''
import asyncio, signal, sys
from gmproc import Workers

class Late(Exception):
    pass

def handle(_number, _frame):
    raise Late

def interrupt(_frame, event, function):
    if event == 'c_return' and function.__name__ in ('start_new_thread', 'start_joinable_thread'):
        sys.setprofile(None)
        signal.raise_signal(signal.SIGUSR1)

async def start():
    await Workers().map_async(len, ["a"])

if __name__ == '__main__':
    signal.signal(signal.SIGUSR1, handle)
    sys.setprofile(interrupt)
    try:
        {run}
    except Late as error:
        print('late', error.__context__)
    workers = Workers()
    print(workers.map(len, iter(['ab'])), list(workers.imap(len, ['abc'])))
''')
    assert (done.stdout, done.stderr) == ('late None\n[2] [3]\n', '')


def test_a_lock_that_is_taken_meanwhile(script):
    """A handler raises when the main thread has just got the lock of a condition, wherever a
    condition lets it. No lock stays locked: each run ends."""
    done = script.run('''
import signal, sys, threading
from gmproc import Workers

class Late(Exception):
    pass

def handle(_number, _frame):
    raise Late

def interrupt(frame, event, _function):
    global n
    if event == 'c_return' and frame.f_code is threading.Condition.__enter__.__code__:
        n -= 1
        if n == 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGUSR1)

if __name__ == '__main__':
    signal.signal(signal.SIGUSR1, handle)
    for place in range(1, 7):
        n = place
        sys.setprofile(interrupt)
        try:
            Workers().map(len, (text for text in ['a', 'b']))
        except Late:
            pass
        sys.setprofile(None)
    print('ended')
''')
    assert (done.stdout, done.stderr) == ('ended\n', '')
