# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Many threads do everything at once, also in a Python without a GIL, which stays without one."""

import concurrent.futures
import queue
import sys
import threading

import numpy as np
import pytest

from gmproc import ClientServer, ClientWorker, Executor, ServerWorker, Variant, Workers, _payload
from gmproc._errors import BadPayload

N_THREADS = 8


@pytest.fixture(autouse=True)
def eager_threads():
    """With a GIL, threads take turns as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(*functions):
    """Calls functions at the same time. Returns what they returned, or raises what one raised."""
    barrier = threading.Barrier(len(functions))
    results = [None] * len(functions)
    errors = []

    def call(place, function):
        try:
            barrier.wait()
            results[place] = function()
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=call, args=each) for each in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
    return results


def while_changing(changes, *functions):
    """Calls functions at the same time, while other threads change what they use."""
    is_over = threading.Event()

    def change(step):
        while not is_over.is_set():
            step()

    def call(function):
        try:
            function()
        finally:
            with lock:
                n_left[0] -= 1
                if n_left[0] == 0:
                    is_over.set()
    lock = threading.Lock()
    n_left = [len(functions)]
    in_threads(*(lambda step=step: change(step) for step in changes),
               *(lambda function=function: call(function) for function in functions))


def test_one_executor():
    """Calls are submitted, awaited, watched and cancelled by all threads."""
    called = queue.SimpleQueue()
    submitted = queue.SimpleQueue()

    def submit(thread):
        total = 0
        for n in range(100):
            future = executor.submit(pow, thread, 2)
            future.add_done_callback(called.put)
            submitted.put(future)
            total += future.result()
        futures = [executor.submit(pow, n, 2) for n in range(50)]
        done, others = concurrent.futures.wait(futures)
        assert len(done) == 50 and not others
        total += sum(each.result() for each in concurrent.futures.as_completed(futures))
        futures = [executor.submit(pow, n, 2) for n in range(10)]
        for each in futures:
            each.cancel()
        assert all(each.cancelled() or each.result() == n * n for n, each in enumerate(futures))
        return total + sum(executor.map(abs, range(10), chunksize=thread + 1))

    def watch():
        """Waits for futures of others, which are settled at the same time."""
        for _ in range(100 * N_THREADS // 2):
            future = submitted.get()
            future.add_done_callback(called.put)
            assert future.exception() is None
    with Executor(2, stop_grace=0, kill_grace=0.1) as executor:
        totals = in_threads(*(lambda thread=thread: submit(thread) for thread in range(N_THREADS)),
                            watch, watch)
    squares = sum(n * n for n in range(50))
    assert totals[:N_THREADS] == [100 * n * n + squares + 45 for n in range(N_THREADS)]
    assert all(called.get(timeout=60).done() for _ in range(2 * 100 * N_THREADS))


def test_executors_end_while_others_submit():
    def use():
        for _ in range(5):
            with Executor(1) as executor:
                assert executor.submit(abs, -1).result() == 1

    def submit():
        n = 0
        while True:
            try:
                assert shared.submit(abs, -1).result() == 1
            except RuntimeError as error:
                assert 'after shutdown' in str(error)
                return n
            n += 1
            submitted.set()

    def shut():
        submitted.wait()
        shared.shutdown()
    submitted = threading.Event()
    shared = Executor(1)
    in_threads(use, use, submit, submit, shut)


def square(n):
    return n * n


def count(n):
    yield from range(n)


class Adder(ServerWorker):
    def process(self, id, msg):
        return msg + 1


class Asker(ClientWorker):
    def start(self, n):
        self.n, self.value = n, 0

    def process(self):
        return self.value

    def update(self, response):
        self.value = response

    def done(self):
        return self.value == self.n

    def finish(self):
        return self.value


class LocalAdder(ClientServer):
    def process(self, id, msg):
        return msg + 1


def run_workers():
    turns, reported = [], []
    for _ in range(3):
        with Workers(on_turn=lambda id, value: turns.append(value)) as workers:
            workers.add('square', square, 3)
            workers.add('count', count, 4)
            workers.on_result = lambda id, value: reported.append(value)
            assert workers.run() == {'square': 9, 'count': 3}
    assert len(turns) == 12 and len(reported) == 6


def run_maps():
    with Workers(max_parallel=2) as workers:
        for _ in range(3):
            assert workers.map(square, range(20)) == [n * n for n in range(20)]
            assert list(workers.imap(square, iter(range(20)))) == [n * n for n in range(20)]


def run_servers(application):
    for _ in range(3):
        application.add_clients(2, Asker, 20)
        assert application.run() == {0: 20, 1: 20}
        application = type(application)(application._gmproc.server)


def run_open():
    application = ClientServer()
    application.add_clients(2, Asker, 20)
    with application.open() as run:
        while True:
            ids, messages = run.recv()
            if not ids:
                break
            run.send(ids, [each + 1 for each in messages])
    assert run.results == {0: 20, 1: 20}


def test_runs():
    in_threads(run_workers, run_workers, run_maps, run_maps,
               lambda: run_servers(ClientServer(Adder)), lambda: run_servers(LocalAdder()),
               run_open)


def test_a_run_is_claimed_by_one_thread():
    def run():
        try:
            return workers.run()
        except RuntimeError as error:
            assert 'in a run already' in str(error)
            return None
    with Workers() as workers:
        in_threads(*(lambda n=n: workers.add(n, square, n) for n in range(N_THREADS)))
        results = [each for each in in_threads(*[run] * N_THREADS) if each is not None]
        assert results
        assert all(each == {n: n * n for n in range(N_THREADS)} for each in results)


class Answering(ServerWorker):
    """Requests are answered by several threads, and asked for by all."""

    def start(self, params):
        self.requests = queue.SimpleQueue()
        self.threads = [threading.Thread(target=self.answer) for _ in range(N_THREADS)]
        for each in self.threads:
            each.start()

    def answer(self):
        while (request := self.requests.get()) is not None:
            assert not self.done()
            request.respond((request.value[0] + 1, np.arange(3)))

    def request(self, request):
        self.requests.put(request)

    def finish(self):
        for _ in self.threads:
            self.requests.put(None)
        for each in self.threads:
            each.join()


class ArrayAsker(Asker):
    def process(self):
        return self.value, np.ones(2)

    def update(self, response):
        self.value = response[0]
        assert response[1].tolist() == [0, 1, 2]


def test_threads_answer_requests():
    application = ClientServer(Answering)
    application.add_clients(4, ArrayAsker, 50)
    assert application.run() == {n: 50 for n in range(4)}


class Contested(ClientServer):
    """Several threads answer each request. One of them is the first."""

    def request(self, request):
        def respond():
            try:
                return request.respond(request.value + 1)
            except RuntimeError as error:
                assert 'has been answered already' in str(error)
                return None
        self.answers += [in_threads(*[respond] * 4)]


def test_a_request_is_answered_once():
    application = Contested()
    application.answers = []
    application.add_clients(2, Asker, 25)
    assert application.run() == {0: 25, 1: 25}
    assert len(application.answers) == 50
    assert all(sorted(map(str, each)) == ['None', 'None', 'None', 'True']
               for each in application.answers)


def test_containers_change_while_they_are_sent():
    array = np.arange(4.0)
    numbers, words, rows = [1, 2.5], {'a': 1}, [array]
    value = [numbers, words, rows, (numbers[:], 'text')]

    def change_numbers():
        numbers.extend([[n, {'k': n}] for n in range(5)])
        del numbers[2:]
        numbers[1] = str(len(numbers))

    def change_words():
        for n in range(20):
            words[f'key {n}'] = [n]
        for n in range(20):
            words.pop(f'key {n}', None)

    def change_rows():
        rows.append(np.zeros(3, 'i4'))
        rows.append({'x': np.float32(1)})
        del rows[1:]

    def check(loaded):
        assert loaded[0][0] == 1 and loaded[1]['a'] == 1
        assert list(loaded[2][0]) == [0, 1, 2, 3] and loaded[3] == ([1, 2.5], 'text')

    def send():
        for _ in range(3000):
            try:
                check(_payload.load(_payload.dump(value, 'python'), 'python'))
            except BadPayload as error:
                assert 'changed size' in str(error) or 'mutated' in str(error)

    def send_elsewhere():
        for _ in range(1000):
            check(_payload.load(_payload.dump(value, None), None))

    def build():
        for _ in range(1000):
            assert Variant('a{sv}', words).unpack()['a'] == 1
            assert Variant('av', numbers).unpack()[0] == 1
            assert Variant.new_array('v', [Variant('v', 1)]).unpack() == [1]
    while_changing([change_numbers, change_words, change_rows, change_words],
                   send, send, send_elsewhere, build)


def test_more_dtypes_than_are_remembered():
    def make(n):
        return np.zeros(2, [(f'field {n}', 'f8'), ('other', f'S{n + 1}')])

    def send(first):
        for n in range(first, first + 300):
            sent = [make(n % 40), np.full(3, n, 'i4'), np.datetime64(n, 's'), np.array(['x' * n])]
            received = _payload.load(_payload.dump(sent, 'python'), 'python')
            assert [each.dtype for each in received] == [each.dtype for each in sent]
            assert received[1].tolist() == [n] * 3
            # The receiver's own, which it may change.
            received[0].dtype.names = 'changed', 'too'
    in_threads(*(lambda n=n: send(5 * n) for n in range(N_THREADS)))


def test_python_keeps_its_kind_of_threads(script):
    """Where it has no GIL, the application and its workers have none: cold, forked, in a pool."""
    assert script.output("""
import sys

has_gil = getattr(sys, '_is_gil_enabled', lambda: True)
before = has_gil()

import gmproc


def ask(_params):
    return has_gil()


class Server(gmproc.ServerWorker):
    def process(self, id, msg):
        return msg, has_gil()


class Client(gmproc.ClientWorker):
    answer = None

    def process(self):
        return has_gil()

    def update(self, response):
        self.answer = response

    def done(self):
        return self.answer is not None

    def finish(self):
        return self.answer


if __name__ == '__main__':
    found = {has_gil()}
    for warm_start in True, True, True, False:
        workers = gmproc.Workers(warm_start=warm_start)
        workers.add(1, ask)
        found |= {*workers.run().values()}
    application = gmproc.ClientServer(Server)
    application.add_client(1, Client)
    found |= {*application.run()[1]}
    with gmproc.Executor(1) as executor:
        found.add(executor.submit(ask, None).result())
    found.add(has_gil())
    print(found == {before})
""") == 'True\n'
