# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Objects of multiprocessing in workers: each works, or is refused with its name in the error."""

import gc
import multiprocessing
import os
import subprocess
import sys
from multiprocessing import forkserver, resource_tracker

import pytest
from gmproc import (ERROR_DOMAIN, ClientServer, ClientWorker, ErrorCode, ServerWorker, Workers,
                    WorkerError)
from test_failures import run_one


@pytest.fixture(scope='session')
def warm_up(warm_up):
    """Multiprocessing frees the memory of its shared objects late."""
    multiprocessing.Value('i')
    stop_helpers()


def stop_helpers():
    """Two helpers of multiprocessing live as long as the program: the process that cleans up, and
    the fork server (the default from Python 3.14 on).
    """
    gc.collect()
    forkserver._forkserver._stop()
    resource_tracker._resource_tracker._stop()


@pytest.fixture(autouse=True)
def no_helpers_left(nothing_left):
    yield
    stop_helpers()


def put(shared):
    shared['key'] = multiprocessing.current_process().name


class Putting(ClientWorker):
    def start(self, params):
        put(params)

    def done(self):
        return True


class Serving(ServerWorker):
    def start(self, params):
        params['server'] = multiprocessing.current_process().name


def fill(shared, key):
    shared[key] = 'initialized'


def test_proxies_of_a_manager_work():
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        workers = Workers(initializer=fill, initargs=(shared, 'first'))
        workers.add('a', put, shared)
        workers.run()
        assert dict(shared) == {'first': 'initialized', 'key': 'Worker-a'}
        cs = ClientServer(Serving)
        cs.new_worker(7, Putting, shared)
        cs.run(params=shared)
        assert (shared['key'], shared['server']) == ('Worker-7', 'Worker-server')


def describe_parent(_params):
    parent = multiprocessing.parent_process()
    return parent.name, parent.pid, parent.is_alive()


def test_the_application_is_the_parent():
    workers = Workers()
    workers.add(0, describe_parent)
    assert workers.run()[0] == ('MainProcess', os.getpid(), True)
    assert multiprocessing.parent_process() is None


def in_child(queue, value):
    queue.put((value, multiprocessing.parent_process().name))


def use_multiprocessing(method):
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    child = context.Process(target=in_child, args=(queue, 'value'))
    child.start()
    found = queue.get()
    child.join()
    return found


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_multiprocessing_in_a_worker(method):
    workers = Workers()
    workers.add('w', use_multiprocessing, method)
    assert workers.run() == {'w': ('value', 'Worker-w')}


def make_bound():
    here, there = multiprocessing.Pipe()
    there.close()
    return {
        'Connection': here,
        'Lock': multiprocessing.Lock(),
        'RLock': multiprocessing.get_context('spawn').RLock(),
        'Semaphore': multiprocessing.Semaphore(),
        'Condition': multiprocessing.Condition(),
        'Event': multiprocessing.Event(),
        'Barrier': multiprocessing.Barrier(2),
        'Queue': multiprocessing.Queue(),
        'SimpleQueue': multiprocessing.SimpleQueue(),
        'Synchronized': multiprocessing.Value('i'),
        'TextIOWrapper': open(os.devnull),
    }


def refused(caught, name):
    text = str(caught.value)
    what = 'an open file' if name == 'TextIOWrapper' else name
    assert what in text and ('send its path' if name == 'TextIOWrapper' else 'Manager()') in text
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD)


def start(_params):
    raise AssertionError('it was started')


def stop(*_args):
    raise AssertionError('it was initialized')


@pytest.mark.parametrize('has_cloudpickle', [True, False])
def test_what_only_children_have_is_refused_by_name(monkeypatch, has_cloudpickle):
    if not has_cloudpickle:
        monkeypatch.setitem(sys.modules, 'cloudpickle', None)
    for name, value in make_bound().items():
        if name == 'TextIOWrapper' and not has_cloudpickle:
            continue  # It is not a pickle.
        for options, params in (({}, [value]), ({'initializer': stop, 'initargs': (value,)}, 0)):
            workers = Workers(**options)
            workers.add('w', start, params)
            with pytest.raises(WorkerError) as caught:
                workers.run()
            refused(caught, name)
        with pytest.raises(WorkerError) as caught, Workers() as workers:
            workers.map(start, [value])
        refused(caught, name)
        close = getattr(value, 'close', None)
        if close is not None:
            close()


def return_connection(_params):
    return multiprocessing.Pipe()


def test_a_result_that_only_children_can_have():
    error = run_one(return_connection)
    assert "Its result cannot be sent: a 'multiprocessing.connection.Connection'" in str(error)


def test_text_that_names_a_connection_is_text():
    workers = Workers()
    workers.add('w', list, ['multiprocessing.connection'])
    assert workers.run() == {'w': ['multiprocessing.connection']}


SHARED_MEMORY = '''
from multiprocessing import shared_memory
from gmproc import Workers

def use(memory):
    memory.buf[0] = 42
    memory.close()

def make(_params):
    memory = shared_memory.SharedMemory(create=True, size=10)
    memory.buf[0] = 7
    memory.close()
    return memory.name

if __name__ == '__main__':
    memory = shared_memory.SharedMemory(create=True, size=10)
    with Workers(reuse=True) as workers:
        workers.add('use', use, memory)
        workers.add('make', make)
        for _turn in range(2):
            name = workers.run()['make']
            made = shared_memory.SharedMemory(name=name)
            print(made.buf[0])
            made.close()
            made.unlink()
    again = shared_memory.SharedMemory(name=memory.name)
    print(again.buf[0])
    again.close()
    memory.close()
    memory.unlink()
'''


def test_shared_memory_lives_as_long_as_the_application_wants(script):
    assert script.output(SHARED_MEMORY) == '7\n7\n42\n'


def test_interrupted_import(script):
    # Ctrl-C while a run imports multiprocessing leaves a part of it.
    path = script.write('''
import multiprocessing, sys
del sys.modules['multiprocessing']
from gmproc import Workers

if __name__ == '__main__':
    with Workers() as workers:
        print(workers.map(abs, [-1]))
''')
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ('[1]\n', '')
