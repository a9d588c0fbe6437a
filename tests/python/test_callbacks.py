# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Progress, output, early results, and random numbers."""

import os
import random
import subprocess
import sys
import threading

import pytest

import gmproc
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers, WorkerError, report
from test_client_server import Echo


def count(n):
    for i in range(n):
        report(i)
    return n


def test_progress_comes_in_order_and_before_the_result():
    events = []
    workers = Workers(on_progress=lambda *event: events.append(event),
                      on_result=lambda *event: events.append(('result', *event)))
    workers.add('a', count, 3)
    workers.run()
    assert events == [('a', 0), ('a', 1), ('a', 2), ('result', 'a', 3)]


def tick(path):
    with open(path, 'wb', buffering=0) as fifo:
        try:
            while True:
                fifo.write(bytes(4096))
        except BrokenPipeError:
            pass


def report_much(path):
    threading.Thread(target=tick, args=(path,), daemon=True).start()
    for _ in range(100):
        report(bytes(100_000))


def test_threads_run_while_a_report_waits(tmp_path):
    path = str(tmp_path / 'fifo')
    os.mkfifo(path)
    n_reports = 0

    def on_progress(_id, _value):
        nonlocal n_reports
        n_reports += 1
        if n_reports == 1:  # meanwhile nobody reads reports
            with open(path, 'rb') as fifo:
                for _ in range(1000):
                    assert len(fifo.read(4096)) == 4096

    workers = Workers(on_progress=on_progress)
    workers.add('a', report_much, path)
    workers.run()
    assert n_reports == 100


def test_a_callback_that_has_raised_is_not_called_again():
    events = []

    def on_progress(id, value):
        events.append((id, value))
        if len(events) == 2:
            raise StopAsyncIteration('enough')

    workers = Workers(on_progress=on_progress, on_result=lambda *event: events.append(event))
    for id in range(4):
        workers.add(id, count, 200)
    with pytest.raises(StopAsyncIteration, match='enough'):
        workers.run()
    assert len(events) == 2


def report_objects(values):
    for value in values:
        report(value)


def test_progress_of_any_kind():
    values = [None, {1, 2}, lambda: 3, b'', [None]]
    seen = []
    workers = Workers(on_progress=lambda id, value: seen.append(value))
    workers.add(1, report_objects, values)
    workers.run()
    assert seen[:2] + seen[3:] == [None, {1, 2}, b'', [None]]
    assert seen[2]() == 3


def test_report_in_the_application():
    with pytest.raises(RuntimeError, match='not a worker'):
        report(1)


def test_report_what_cannot_be_sent():
    workers = Workers()
    workers.add(1, report, b'x' * 2**25)
    with pytest.raises(WorkerError, match='ValueError: A report of .* is too big'):
        workers.run()
    with pytest.raises(ValueError, match="A report cannot be sent: a Python 'object'"):
        report(object())


def report_lock(_params):
    try:
        report(threading.Lock())
    except ValueError as error:
        return str(error)


def test_report_what_cannot_be_pickled():
    workers = Workers()
    workers.add(1, report_lock)
    assert "A report cannot be sent: a Python '_thread.lock' cannot" in workers.run()[1]


def fail(_params):
    raise ValueError('bad')


def test_failures_as_they_come():
    seen = []
    workers = Workers(on_failed=lambda id, error: seen.append((id, error)))
    workers.add('x', fail)
    with pytest.raises(WorkerError):
        workers.run()
    [(id, error)] = seen
    assert id == 'x' and isinstance(error, WorkerError) and isinstance(error.__cause__, ValueError)


class BadServer(ServerWorker):
    def process(self, id, msg):
        raise ValueError('bad server')


class BadApplication(ClientServer):
    def process(self, id, msg):
        raise ValueError('bad application')


@pytest.mark.parametrize('application, expected', [
    (lambda **options: ClientServer(BadServer, **options), WorkerError),
    (BadApplication, ValueError),
])
def test_failure_of_a_server_as_it_comes(application, expected):
    seen = []
    cs = application(on_failed=lambda id, error: seen.append((id, error)))
    cs.new_worker('asker', ClientWorker)
    with pytest.raises(expected, match='bad') as caught:
        cs.run()
    assert 'server' in dict(seen) and 'bad' in str(dict(seen)['server'])
    if expected is WorkerError:
        assert caught.value.id == 'server'


class Stop(Exception):
    pass


def sleep_for_ever(_params):
    report('asleep')
    import time
    time.sleep(1000)


def stop(*_event):
    raise Stop


def test_an_exception_in_a_callback_ends_the_run():
    workers = Workers(on_progress=stop)
    workers.add(1, sleep_for_ever)
    with pytest.raises(Stop) as caught:
        workers.run()
    assert str(caught.traceback[-1].path) == __file__
    workers.on_progress = None


def test_keyboard_interrupt_from_a_callback():
    def interrupt(*_event):
        raise KeyboardInterrupt

    workers = Workers(on_progress=interrupt)
    workers.add(1, sleep_for_ever)
    with pytest.raises(KeyboardInterrupt):
        workers.run()


def speak(text):
    print(text)
    print(text.upper(), file=sys.stderr)
    subprocess.run(['echo', 'child'])
    sys.stdout.write('no newline')


@pytest.mark.parametrize('name', ['on_result', 'on_failed', 'on_restarted', 'on_progress',
                                  'on_output', 'initializer'])
def test_what_cannot_be_called_is_refused(name):
    with pytest.raises(TypeError, match=f'^{name} should be a function, not 3$'):
        Workers(**{name: 3})
    workers = Workers()
    workers.add(1, abs, -1)
    with pytest.raises(TypeError, match=f'^{name} should be a function, not 3$'):
        setattr(workers, name, 3)
    setattr(workers, name, None)
    assert workers.run() == {1: 1}


def test_output_by_lines():
    seen = []
    workers = Workers(on_output=lambda *event: seen.append(event))
    workers.add('s', speak, 'hällo')
    workers.run()
    assert [line for _id, stream, line in seen if stream == 'stdout'] == ['hällo', 'child',
                                                                         'no newline']
    assert [line for _id, stream, line in seen if stream == 'stderr'] == ['HÄLLO']
    assert {id for id, _stream, _line in seen} == {'s'}


def test_output_captured_for_nobody(script):
    assert script.output('''
from gmproc import Workers
if __name__ == '__main__':
    workers = Workers(capture_output=True)
    workers.add(1, print, 'unheard')
    workers.run()
    workers.capture_output = False
    workers.set_params(1, 'heard')
    workers.run()
''') == 'heard\n'


def test_lines_appear_in_order(script):
    assert script.output('''
from gmproc import Workers
if __name__ == '__main__':
    workers = Workers()
    workers.add(1, print, 'in the worker')
    print('before')
    workers.run()
    print('after')
''') == 'before\nin the worker\nafter\n'


def draw(_params):
    return (gmproc.worker_index(), gmproc.worker_seed(), random.random())


def draw_numpy(_params):
    return numpy_module.random.random(), random.random()


import numpy as numpy_module


def test_an_index_and_a_seed_each():
    workers = Workers()
    for id in 'abc':
        workers.add(id, draw)
    first, second = workers.run(), workers.run(['b', 'c'])
    assert [first[id][0] for id in 'abc'] == [0, 1, 2]
    assert second['b'][0] == 1
    everything = [*first.values(), *second.values()]
    assert len({seed for _index, seed, _random in everything}) == 5
    assert len({number for _index, _seed, number in everything}) == 5
    assert gmproc.worker_index() is None and gmproc.worker_seed() is None


def test_random_numbers_again():
    def run_twice(seed):
        workers = Workers(seed=seed)
        workers.add(1, draw_numpy)
        workers.add(2, draw_numpy)
        return workers.run(), workers.run()

    assert run_twice(5) == run_twice(5)
    runs = [*run_twice(5), *run_twice('six'), *run_twice(None), *run_twice(None)]
    drawn = [number for run in runs for pair in run.values() for number in pair]
    assert len(set(drawn)) == len(drawn)


class Drawing(ClientWorker):
    def done(self):
        return True

    def finish(self):
        return gmproc.worker_index(), gmproc.worker_seed(), random.random()


def test_clients_have_an_index_and_a_seed():
    cs = ClientServer(Echo, seed=1)
    cs.new_workers(3, Drawing)
    first = cs.run()
    assert [index for index, _seed, _number in first.values()] == [0, 1, 2]
    assert len({seed for _index, seed, _number in first.values()}) == 3
    again = ClientServer(Echo, seed=1)
    again.new_workers(3, Drawing)
    assert again.run() == first
