# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Requests with later responses, and requests in batches."""

import os
import signal
import threading

import pytest

import gmproc
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError


class Asker(ClientWorker):
    """Sends its id this many times. Its result has the responses."""

    def __init__(self, id):
        self.id = id
        self.answers = []

    def start(self, params):
        self.n = params

    def process(self):
        return self.id

    def update(self, response):
        self.answers.append(response)

    def done(self):
        return len(self.answers) == self.n

    def finish(self):
        return self.answers


class Dying(Asker):
    def update(self, response):
        os.kill(os.getpid(), signal.SIGKILL)


class Barrier:
    """Responds when all clients have sent a request."""

    waiting = ()

    def request(self, request):
        assert request.value == request.id
        self.waiting = [*self.waiting, request]
        if len(self.waiting) == 3:
            for each in self.waiting:
                assert each.respond(sorted(str(one.id) for one in self.waiting))
            self.waiting = ()


class InThreads:
    def request(self, request):
        threading.Thread(target=request.respond, args=(request.value,)).start()


class Twice:
    def request(self, request):
        request.respond('first')
        with pytest.raises(RuntimeError, match='has been answered already'):
            request.respond('second')
        with pytest.raises(RuntimeError, match="client 0 has been"):
            request.fail(ValueError())


class Failing:
    def request(self, request):
        assert request.fail(KeyError('no answer for you'))


class Dropping:
    def request(self, request):
        pass


class Unsendable:
    def request(self, request):
        with pytest.raises(ValueError, match='lock'):
            request.respond(threading.Lock())
        request.respond('something else')


class Keeping:
    kept = None

    def request(self, request):
        self.kept = request

    def done(self):
        return self.kept is not None

    def finish(self):
        return self.kept.respond('too late') if hasattr(self.kept, 'respond') else None


class Late:
    """Responds to a client that has died."""

    kept = None
    answered = None

    def request(self, request):
        if self.kept is None and request.id == 0:
            self.kept = request
            os.kill(request.value, signal.SIGKILL)
        else:
            request.respond(None)

    def client_failed(self, id, error):
        self.answered = self.kept.respond('anybody?')

    def finish(self):
        return self.answered


class ReportingPid(Asker):
    def process(self):
        return os.getpid()


class Batches:
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.sizes = []

    def start(self, params):
        if params is not None:
            self.batch_size, self.batch_timeout = params

    def process_batch(self, ids, messages):
        assert ids == messages
        self.sizes.append(len(ids))
        return [len(ids)] * len(ids)

    def finish(self):
        return self.sizes


class Impatient(Batches):
    def client_failed(self, id, error):
        self.batch_size = 1


class WrongNumber:
    def process_batch(self, ids, messages):
        return [1, 2, 3]


class Nothing:
    def process_batch(self, ids, messages):
        pass


class Unordered:
    def process_batch(self, ids, messages):
        return dict(zip(ids, messages))


class OneForAll:
    def process_batch(self, ids, messages):
        return 3


class WithoutDimension:
    def process_batch(self, ids, messages):
        import numpy

        return numpy.array(3)


class FailingGenerator:
    def process_batch(self, ids, messages):
        return (len(message) for message in [1, 2])


class UnsendableBatch:
    def process_batch(self, ids, messages):
        return [threading.Lock() for _ in ids]


class UnsendableAnswer:
    def process(self, id, message):
        return threading.Lock()


class Negative:
    batch_size = -1

    def process_batch(self, ids, messages):
        return messages


def make(part, base):
    """A server in its own module, where its process finds it."""
    return globals()[f'{part.__name__}{base.__name__}']


for part in (Barrier, InThreads, Twice, Failing, Dropping, Unsendable, Keeping, Late, Batches,
             Impatient, WrongNumber, Nothing, Unordered, OneForAll, WithoutDimension,
             FailingGenerator, UnsendableBatch, UnsendableAnswer, Negative):
    for base in (ServerWorker, ClientServer):
        name = f'{part.__name__}{base.__name__}'
        globals()[name] = type(name, (part, base), {'__module__': __name__})


def serve_in_process(part, **options):
    return ClientServer(make(part, ServerWorker), **options)


def serve_in_application(part, **options):
    return make(part, ClientServer)(**options)


@pytest.fixture(params=[serve_in_process, serve_in_application])
def serve(request):
    """Creates an application with a server, in its own process or in the application."""
    return request.param


def test_a_barrier(serve):
    cs = serve(Barrier)
    cs.add_clients(3, Asker, params=2)
    everybody = [['0', '1', '2']] * 2
    assert cs.run() == {0: everybody, 1: everybody, 2: everybody}


def test_answers_from_threads(serve):
    cs = serve(InThreads)
    cs.add_clients(2, Asker, params=20)
    assert cs.run() == {0: [0] * 20, 1: [1] * 20}


def test_one_answer_a_request():
    cs = serve_in_application(Twice)
    cs.add_client(0, Asker, params=1)
    assert cs.run() == {0: ['first']}


def test_a_request_that_fails_ends_its_client_alone():
    cs = serve_in_process(Failing)
    cs.add_client('asks', Asker, params=1)
    cs.add_client('does not', Asker, params=0)
    with pytest.raises(WorkerError, match='no answer for you') as caught:
        cs.run()
    assert caught.value.id == 'asks'
    assert caught.value.results == {'does not': []}


def test_a_request_that_is_dropped_fails():
    cs = serve_in_application(Dropping)
    cs.add_client(7, Asker, params=1)
    with pytest.raises(WorkerError, match='dropped this client') as caught:
        cs.run()
    assert caught.value.id == 7


def test_a_value_that_cannot_be_sent_leaves_the_request():
    cs = serve_in_process(Unsendable)
    cs.add_client(0, Asker, params=1)
    assert cs.run() == {0: ['something else']}


def test_a_server_that_is_done_ends_what_it_has_kept():
    cs = serve_in_application(Keeping)
    cs.add_client(0, Asker, params=1)
    assert cs.run() == {0: []}
    assert cs.server_result is False


def test_the_answer_to_a_client_that_is_gone():
    cs = serve_in_process(Late)
    cs.add_client(0, ReportingPid, params=1)
    cs.add_client(1, ReportingPid, params=1)
    with pytest.raises(WorkerError, match='killed by signal 9') as caught:
        cs.run()
    assert caught.value.id == 0
    assert cs.server_result is False


def test_batches_of_all(serve):
    cs = serve(Batches)
    for id in range(3):
        cs.add_client(id, Asker, params=id + 1)
    assert cs.run() == {0: [3], 1: [3, 2], 2: [3, 2, 1]}
    assert cs.server_result == [3, 2, 1]


def test_batches_shrink_with_a_death():
    cs = serve_in_process(Batches)
    cs.add_clients(2, Asker, params=2)
    cs.add_client('dies', Dying, params=9)
    with pytest.raises(WorkerError) as caught:
        cs.run()
    assert caught.value.id == 'dies'
    assert cs.server_result == [3, 2]


def test_batches_of_some():
    cs = serve_in_application(Batches)
    cs.add_clients(3, Asker, params=4)
    cs.run(params=(2, 0))
    assert set(cs.server_result[:4]) == {2}
    assert sum(cs.server_result) == 12


def test_batches_after_a_time(serve):
    cs = serve(Batches)
    cs.add_client(0, Asker, params=1)
    cs.add_client('late', Patient, params=1)
    assert cs.run(params=(0, 0.01)) == {0: [1], 'late': [1]}


def test_a_time_without_a_limit_is_0(serve):
    with pytest.raises((ValueError, WorkerError), match='batch_timeout is inf'):
        cs = serve(Batches)
        cs.add_client(0, Asker, params=1)
        cs.run(params=(0, float('inf')))


class DyingAtOnce(Asker):
    def process(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Held(Asker):
    def start(self, params):
        with open(params):  # until the test opens it
            self.n = 1


def test_a_failure_changes_the_batch_that_waits(serve, tmp_path):
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    cs = serve(Impatient)
    cs.add_client('a', Asker, params=1)
    cs.add_client('held', Held, params=str(fifo))
    cs.add_client('dies', DyingAtOnce)
    cs.on_result = lambda id, value: id == 'a' and fifo.open('w').close()
    with pytest.raises(WorkerError) as caught:
        cs.run(params=(3, 0))
    assert caught.value.id == 'dies'
    assert caught.value.results == {'a': [1], 'held': [1]}


class Patient(Asker):
    def process(self):
        import time

        time.sleep(0.3)  # longer than the batch waits, but not longer than others may take
        return self.id


@pytest.mark.parametrize('part, message', [
    (WrongNumber,
     r'process_batch should return 2 responses, one for each message, not \[1, 2, 3\]'),
    (Nothing, 'process_batch should return 2 responses, one for each message, not None'),
    (Unordered, r'process_batch should return 2 responses, one for each message, not \{'),
    (OneForAll, 'process_batch should return 2 responses, one for each message, not 3'),
    (WithoutDimension, r'process_batch should return 2 responses, one for each message, not array'),
    (Negative, 'batch_size')])
def test_batches_that_are_wrong(part, message):
    cs = serve_in_application(part)
    cs.add_clients(2, Asker, params=1)
    with pytest.raises((WorkerError, ValueError), match=message):
        cs.run()


def test_a_generator_of_responses_that_fails():
    cs = serve_in_application(FailingGenerator)
    cs.add_clients(2, Asker, params=1)
    with pytest.raises(TypeError, match="object of type 'int' has no len"):
        cs.run()


@pytest.mark.parametrize('part', [UnsendableBatch, UnsendableAnswer])
def test_answers_that_cannot_be_sent(serve, part):
    cs = serve(part)
    cs.add_client('a', Asker, params=1)
    with pytest.raises(WorkerError, match="cannot be sent: .*lock") as caught:
        cs.run()
    assert caught.value.error.code == gmproc.ErrorCode.BAD_PAYLOAD
    assert isinstance(caught.value.__cause__, TypeError)


class Stuck(Asker):
    def update(self, response):
        threading.Event().wait()


def test_a_turn_that_takes_too_long():
    cs = serve_in_application(Barrier, turn_timeout=0.1)
    cs.add_client('stuck', Stuck, params=1)
    cs.add_client('a', Asker, params=1)
    cs.add_client('b', Asker, params=1)
    with pytest.raises(gmproc.WorkerTimeout, match='turn-timeout') as caught:
        cs.run()
    assert caught.value.id == 'stuck'
    assert list(caught.value.results) == ['a', 'b']


def test_batches_of_arrays():
    numpy = pytest.importorskip('numpy')
    cs = serve_in_process(Stacks)
    cs.add_clients(2, Rows, params=1)
    results = cs.run()
    assert {id: answers[0].tolist() for id, answers in results.items()} == {0: [1, 1], 1: [3, 3]}
    assert isinstance(results[0][0], numpy.ndarray)


class Rows(Asker):
    def process(self):
        import numpy

        return numpy.full(2, self.id)


class Stacks:
    def process_batch(self, ids, messages):
        import numpy

        return 2 * numpy.stack(messages) + 1


for base in (ServerWorker, ClientServer):
    name = f'Stacks{base.__name__}'
    globals()[name] = type(name, (Stacks, base), {'__module__': __name__})
