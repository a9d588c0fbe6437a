# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Arrays in messages: they stay in shared memory, and still belong to the receiver."""

import pickle
import threading

import numpy as np
import pytest

from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError

N = 40_000  # numbers of 8 bytes: much larger than arrays that are copied because that costs less


@pytest.fixture(params=['shared', 'dbus'])
def channel(request, monkeypatch):
    if request.param == 'dbus':
        monkeypatch.setenv('GMPROC_CHANNEL', 'dbus')
    return request.param


class Echo(ServerWorker):
    def process(self, id, msg):
        return msg


class Asking(ClientWorker):
    """Sends make(turn), and checks the response with check(turn, response)."""

    n_turns = 10

    def start(self, params):
        self.params = params
        self.turn = 0

    def process(self):
        self.sent = self.make(self.turn)
        return self.sent

    def update(self, response):
        self.check(self.turn, response)
        self.turn += 1

    def done(self):
        return self.turn == self.n_turns

    def finish(self):
        return self.turn


def run(client, server=Echo, n=1, params=None, n_turns=None):
    application = ClientServer(server)
    application.new_workers(n, client, params)
    results = application.run()
    assert results == dict.fromkeys(range(n), n_turns or client.n_turns)
    return application.server_result


class Placed(Asking):
    def make(self, turn):
        return np.full(N, turn, dtype=np.longdouble), np.full(N + turn, turn, dtype='f4')

    def check(self, turn, response):
        for array, sent in zip(response, self.sent):
            assert array.dtype == sent.dtype and np.array_equal(array, sent)
            assert array.flags.writeable and array.flags.aligned
            if self.params == 'shared':
                assert not array.flags.owndata
                assert array.ctypes.data % 64 == 0
                with open('/proc/self/maps') as maps:
                    [line] = [line for line in maps if is_inside(array.ctypes.data, line)]
                # A private mapping of the channel's memory: the array is in the block itself.
                assert line.split()[1] == 'rw-p' and '/memfd:' in line


def is_inside(address, line):
    begin, end = (int(part, 16) for part in line.split()[0].split('-'))
    return begin <= address < end


def test_where_arrays_are(channel):
    run(Placed, params=channel)


class KeepsAll(Asking):
    """Keeps each response, writes to every second one, and checks all of them each time."""

    n_turns = 100
    size = N

    def start(self, params):
        super().start(params)
        self.kept = []

    def make(self, turn):
        return np.arange(self.size) + turn

    def check(self, turn, response):
        if turn % 2:
            response += 1000
        self.kept.append(response)
        for i in (0, turn // 2, turn):
            assert (self.kept[i] == np.arange(self.size) + i + (1000 if i % 2 else 0)).all()
        # The sender's changes affect nobody else.
        assert (self.sent == np.arange(self.size) + turn).all()


class KeepsCopies(KeepsAll):
    """Arrays that are copied out of the sender's memory, and refer to that copy."""

    size = 10_000

    def check(self, turn, response):
        assert response.flags.writeable
        assert response.flags.owndata == (self.params == 'dbus')
        super().check(turn, response)


class Forgetful(ServerWorker):
    """Writes to the request, and responds with something else."""

    def process(self, id, msg):
        response = msg.copy()
        msg[:] = -1
        return response


@pytest.mark.parametrize('client', [KeepsAll, KeepsCopies])
def test_what_is_kept_stays(channel, client):
    run(client, Forgetful, n=2, params=channel)


class Shares(ServerWorker):
    """Responds to all clients with the same array, which none of them can change."""

    def start(self, params):
        self.weights = np.zeros(N)

    def process(self, id, msg):
        assert (self.weights == 0).all()
        return self.weights

    def finish(self):
        return float(abs(self.weights).sum())


class Scribbles(Asking):
    n_turns = 50

    def make(self, turn):
        return None

    def check(self, turn, response):
        assert (response == 0).all()
        response += 1 + turn


def test_receivers_do_not_see_each_other(channel):
    assert run(Scribbles, Shares, n=2) == 0.0


class Layouts(Asking):
    n_turns = 1

    def make(self, turn):
        base = np.arange(4.0 * N).reshape(4, N)
        frozen = np.arange(N)
        frozen.flags.writeable = False
        return {
            'fortran': np.asfortranarray(base), 'strides': base[::2, ::-3], 'transposed': base.T,
            'read-only': frozen, 'broadcast': np.broadcast_to(np.arange(N), (3, N)),
            'empty': np.zeros((0, 3)), 'one': np.ones(1), 'none': np.zeros((3, 0, 2)),
            'odd': np.arange(4097 * 3, dtype='u1')[1:].copy(), 'just': np.zeros(4096, 'u1'),
            'objects': np.array([{'a': 1}, None] * 3000, dtype=object),
            'records': np.zeros(N, [('a', 'i4'), ('b', 'f8', (2,))]),
            'dates': np.arange(N).astype('M8[s]'), 'text': np.array(['ab', 'c'] * N),
            'subclass': np.ma.masked_array(np.arange(N), np.arange(N) % 2),
        }

    def check(self, turn, response):
        for name, sent in self.sent.items():
            array = response[name]
            assert type(array) is type(sent) and array.dtype == sent.dtype, name
            assert array.shape == sent.shape and array.flags.writeable, name
            assert (array == sent).all(), name
        assert response['fortran'].flags.f_contiguous


def test_layouts(channel):
    run(Layouts)


class Buffers(Asking):
    n_turns = 1

    def make(self, turn):
        data = bytearray(b'x' * 100_000)
        return [data, bytes(data), pickle.PickleBuffer(data), pickle.PickleBuffer(bytes(data)),
                pickle.PickleBuffer(bytearray()), [data, data], b'', {'deep': (np.ones(N), [data])}]

    def check(self, turn, response):
        data, fixed, writable, readonly, empty, both, nothing, deep = response
        assert type(data) is bytearray and type(fixed) is bytes and data == fixed
        assert memoryview(writable) == data and not memoryview(writable).readonly
        assert memoryview(readonly) == data and memoryview(readonly).readonly
        assert len(empty) == 0 and nothing == b''
        assert both[0] is both[1] is data is deep['deep'][1][0]
        memoryview(writable)[0] = 1
        assert (deep['deep'][0] == 1).all()


def test_buffers_of_other_kinds(channel):
    run(Buffers)


class Changes(Asking):
    """Changes each array as soon as it is sent."""

    n_turns = 20

    def make(self, turn):
        if turn == 0:
            self.array = np.zeros(N)
        self.array[:] = turn
        return self.array

    def check(self, turn, response):
        assert (response == turn).all()


class Lingering(ServerWorker):
    """Responds with an array that it changes afterwards."""

    def start(self, params):
        self.array = np.zeros(N)

    def process(self, id, msg):
        self.array[:] = msg[0]
        return self.array

    def wait(self):
        self.array[:] = -7


def test_what_is_sent_may_be_changed(channel):
    run(Changes, Lingering)


class Threads(Asking):
    """Other threads read received arrays while more arrive."""

    n_turns = 40

    def start(self, params):
        super().start(params)
        self.faults = []
        self.threads = []

    def make(self, turn):
        return np.full(N, turn)

    def check(self, turn, response):
        def look():
            view = memoryview(response)
            for _ in range(20):
                if not (np.asarray(view) == turn).all():
                    self.faults.append(turn)
            response[:] = -1
        thread = threading.Thread(target=look)
        thread.start()
        self.threads.append(thread)

    def finish(self):
        for thread in self.threads:
            thread.join()
        assert not self.faults
        return self.turn


def test_threads_with_views(channel):
    run(Threads)


class Survivor(Asking):
    def make(self, turn):
        return np.arange(N)

    def check(self, turn, response):
        self.kept = response

    def finish(self):
        Survivor.kept = self.kept, memoryview(self.kept)[5:7]  # for as long as the process lives
        return self.turn


def test_views_that_outlive_the_run(channel):
    run(Survivor)


class Unwilling:
    def __reduce__(self):
        raise ArithmeticError('not now')


class Poison:
    def __reduce__(self):
        return int, ('no number',)


class Fails(Asking):
    n_turns = 1

    def make(self, turn):
        return [np.ones(N), self.params()]

    def check(self, turn, response):
        raise AssertionError


@pytest.mark.parametrize('what, text', [
    (Unwilling, "The message to 'server' cannot be sent: .* not now"),
    (Poison, "invalid literal for int")])
def test_exceptions_while_pickling(channel, what, text):
    application = ClientServer(Echo)
    application.new_worker('c', Fails, what)
    with pytest.raises(WorkerError, match=text):
        application.run()


def get_resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096


class Endless(Asking):
    """Thousands of messages of all sizes; afterwards no more memory is in use than before."""

    def make(self, turn):
        if turn == 1000:
            self.before = get_resident()
        size = (10, 1000, N, 200_000)[turn % 4] if turn % 100 == 0 else (10, 1000, N)[turn % 3]
        return [np.zeros(size), turn]

    def check(self, turn, response):
        assert response[1] == turn and len(response[0]) == len(self.sent[0])
        response[0] += 1
        if turn == self.params - 1:
            assert get_resident() - self.before < 16 * 2**20


    def done(self):
        return self.turn == self.params


class EndlessServer(Echo):
    def process(self, id, msg):
        if msg[1] == 1000:
            self.before = get_resident()
        if msg[1] > 1000:
            assert get_resident() - self.before < 16 * 2**20
        return msg


def test_nothing_is_lost(channel):
    n = 4000 if channel == 'shared' else 1500
    run(Endless, EndlessServer, params=n, n_turns=n)
