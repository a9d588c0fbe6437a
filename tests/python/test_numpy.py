# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import numpy as np
import pytest

from gmproc import ClientServer, Workers
from test_client_server import Echo, Once


def same(value):
    return value


def describe(value):
    return value.dtype.str, value.shape, value.flags.writeable, value.tolist()


def change(value):
    value[...] = 7
    return value


DTYPES = ['?', 'b', 'B', 'h', 'H', 'i', 'I', 'q', 'Q', 'e', 'f', 'd', 'g', 'F', 'D', 'S3', 'U3',
          'M8[s]', 'm8[ms]', '>i4', '<f8', 'O', 'V5', [('a', 'i4'), ('b', 'f8', (2,))]]

SHAPES = [(), (0,), (1,), (7,), (0, 3), (3, 0), (2, 3), (2, 1, 3), (1, 1, 1, 1, 2)]


def make(dtype, shape):
    count = int(np.prod(shape))
    if dtype == 'O':
        return np.array([[i] for i in range(count)] + [None], dtype=object)[:count].reshape(shape)
    raw = np.arange(1, count + 1).astype('i4')
    dtype = np.dtype(dtype)
    if dtype.fields:
        made = np.zeros(count, dtype)
        made['a'] = raw
        return made.reshape(shape)
    if dtype.kind == 'V':
        return np.frombuffer(bytes(range(count * dtype.itemsize)), dtype).reshape(shape).copy()
    return raw.astype(dtype).reshape(shape)


def check_same(received, sent):
    assert type(received) is type(sent)
    assert received.dtype == sent.dtype
    assert received.shape == sent.shape
    if sent.dtype.fields:
        assert received.tobytes() == sent.tobytes()
    else:
        assert received.tolist() == sent.tolist()
    assert received.flags.writeable
    assert not np.shares_memory(received, sent)


def test_every_dtype_and_shape():
    sent = [make(dtype, shape) for dtype in DTYPES for shape in SHAPES]
    workers = Workers()
    workers.add(1, same, sent)
    received = workers.run()[1]
    assert len(received) == len(sent)
    for each, original in zip(received, sent):
        check_same(each, original)


@pytest.mark.parametrize('sent', [
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.arange(24.0).reshape(4, 6)[::2, ::-3],
    np.arange(6).reshape(2, 3).T,
    np.broadcast_to(np.arange(3), (4, 3)),
    np.arange(10)[:0],
    np.ma.masked_array([1, 2, 3], [True, False, True]),
], ids=['fortran', 'strides', 'transposed', 'broadcast', 'empty slice', 'masked'])
def test_layouts(sent):
    workers = Workers()
    workers.add(1, same, sent)
    check_same(workers.run()[1], sent)


def test_fortran_order_is_kept():
    workers = Workers()
    workers.add(1, same, np.asfortranarray(np.ones((3, 4))))
    assert workers.run()[1].flags.f_contiguous


def test_a_read_only_array_arrives_writable():
    sent = np.arange(5)
    sent.flags.writeable = False
    workers = Workers()
    workers.add(1, change, sent)
    assert workers.run()[1].tolist() == [7] * 5
    assert sent.tolist() == [0, 1, 2, 3, 4]
    workers.add(2, change, np.broadcast_to(np.float32(1), (2, 3)))
    workers.add(3, same, [sent, sent, lambda: 1])
    results = workers.run([2, 3])
    assert results[2].tolist() == [[7] * 3] * 2
    assert results[3][0] is results[3][1] and results[3][0].flags.writeable


def test_inside_lists_and_dicts():
    shared = np.arange(3)
    sent = {'list': [shared, np.eye(2)], 'tuple': (shared, {'deep': np.float32(1.5)})}
    workers = Workers()
    workers.add(1, same, sent)
    received = workers.run()[1]
    check_same(received['list'][1], sent['list'][1])
    assert received['list'][0] is received['tuple'][0]
    assert type(received['tuple'][1]['deep']) is np.float32


def test_big_arrays():
    sent = np.random.default_rng(1).random((3_000_000,))
    workers = Workers()
    workers.add(1, same, sent)
    received = workers.run()[1]
    assert np.array_equal(received, sent)
    assert received.flags.writeable and received.flags.aligned


class Weights(Echo):
    """Keeps its responses, and checks whether clients have changed them."""

    def start(self, params):
        self.weights = [np.zeros((50, 40)), np.zeros(40)]

    def process(self, id, msg):
        if msg is not None:
            for weight, gradient in zip(self.weights, msg):
                weight += gradient
        return self.weights

    def finish(self):
        return self.weights


class Learner(Once):
    """Like the first gmproc's actor-critic agents: None, then lists of arrays."""

    def start(self, params):
        self.gradients = None
        self.turns = 0

    def process(self):
        return self.gradients

    def update(self, response):
        for array in response:
            assert array.flags.writeable
            array += 1000
        self.gradients = [np.ones((50, 40)), np.full(40, 2.0)]
        self.turns += 1

    def done(self):
        return self.turns == 20

    def finish(self):
        return self.turns


def test_messages():
    cs = ClientServer(Weights)
    cs.new_workers(2, Learner)
    assert cs.run() == {0: 20, 1: 20}
    weights = cs.server_result
    assert (weights[0] == 38).all() and (weights[1] == 76).all()
