# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Arrays, plain values and containers of both are sent without a pickle, and arrive unchanged."""

import collections
import math
import random
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import _gmproc
from gmproc import ClientServer, Variant, _payload
from gmproc._errors import BadPayload
from test_client_server import Echo, Once
from test_numpy import DTYPES, SHAPES, make

ALIGNED = np.dtype([('flag', 'u1'), ('value', 'f8'), ('at', 'M8[ms]')], align=True)
SPREAD = np.dtype({'names': ['b', 'a'], 'formats': ['>i2', 'f4'], 'offsets': [10, 2],
                   'itemsize': 16})


def is_packed(value):
    return _payload.dump(value, 'python').get_type_string() in ('(tay)', '(tayaay)')


def echo(value):
    """Unpacks as another process does: from a copy of the bytes."""
    sent = _payload.dump(value, 'python')
    return _payload.load(Variant.from_bytes(sent.get_type_string(), sent.get_bytes()), 'python')


def get_defined(array):
    """The bytes of the items. NumPy leaves those between the fields of a structure, and those that
    fill up an extended float, as they were in memory.
    """
    if array.dtype.names:
        return [get_defined(array[name]) for name in array.dtype.names]
    if array.dtype.char in 'gG' and np.finfo(np.longdouble).nmant == 63:
        items = np.frombuffer(array.tobytes(), 'u1').reshape(-1, np.longdouble().itemsize)
        return items[:, :10].tobytes()
    return array.tobytes()


def check_same(received, sent):
    assert type(received) is type(sent)
    if isinstance(sent, (list, tuple)):
        assert len(received) == len(sent)
        for pair in zip(received, sent):
            check_same(*pair)
    elif isinstance(sent, dict):
        assert list(received) == list(sent)
        for key in sent:
            check_same(received[key], sent[key])
    elif isinstance(sent, np.ndarray):
        assert received.dtype == sent.dtype and received.dtype.str == sent.dtype.str
        assert received.dtype.isalignedstruct == sent.dtype.isalignedstruct
        assert received.shape == sent.shape and get_defined(received) == get_defined(sent)
        assert received.flags.writeable and received.flags.aligned
        assert received.flags.f_contiguous or not sent.flags.fnc
        assert not np.shares_memory(received, sent)
    elif isinstance(sent, np.void):
        assert received.dtype == sent.dtype and received.item() == sent.item()
    elif isinstance(sent, (float, np.generic)):
        assert get_defined(np.array(received)) == get_defined(np.array(sent))
    else:
        assert received == sent


@pytest.mark.parametrize('dtype', [*DTYPES, ALIGNED, SPREAD, '>f8', '>u2', '>U2', 'M8[ns]', 'm8'],
                         ids=str)
def test_every_dtype_and_shape(dtype):
    dtype = np.dtype(dtype)
    for shape in [*SHAPES, (5, 7) if dtype.kind == 'V' else (2000, 9)]:
        sent = (np.zeros(shape, dtype) if dtype in (ALIGNED, SPREAD) or dtype.str == '>U2'
                else make('O' if dtype == object else dtype, shape))
        assert is_packed(sent) == (dtype != object)
        if dtype != object:
            check_same(echo(sent), sent)
            check_same(echo(np.asfortranarray(sent)), np.asfortranarray(sent))


@pytest.mark.parametrize('sent', [
    np.arange(24.0).reshape(4, 6)[::2, ::-3],
    np.broadcast_to(np.float32(1), (2, 3)),
    np.arange(10)[:0],
    np.zeros((3, 0, sys.maxsize // 24)),
    np.arange(60_000, dtype='f4').reshape(3, -1)[:, ::2],
], ids=['strides', 'broadcast', 'slice', 'nothing of much', 'big'])
def test_layouts(sent):
    assert is_packed(sent)
    check_same(echo(sent), np.ascontiguousarray(sent))


@pytest.mark.parametrize('sent', [
    np.float32(1.5), np.float64(-0.0), np.longdouble(1) / 3, np.complex64(1j), np.int8(-3),
    np.uint64(2**64 - 1), np.longlong(3), np.ulonglong(4), np.bool_(True), np.float16(2),
    np.datetime64('2020-02-02T03:04', 'ns'), np.timedelta64(3, 'D'), np.bytes_(b'a\0b'),
    np.str_('\u00e9t\u00e9'), np.zeros(2, SPREAD)[1],
], ids=repr)
def test_scalars(sent):
    assert is_packed(sent)
    check_same(echo(sent), sent)
    check_same(echo([sent, sent]), [sent, sent])


def test_containers_of_plain_values():
    sent = {'obs': np.arange(4, dtype='f4'), 'info': {'obs': (1.5, -1, True, None)},
            3: [b'\0', 'n\0'], (1, 'k'): [], 'empty': ({}, (), [()], ''), True: math.nan,
            None: 2**63 - 1, 'long': 'x' * 100_000, 'bytes': bytes(70_000)}
    assert is_packed(sent)
    check_same(echo(sent), sent)
    steps = [{'obs': np.full(3, i), 'reward': float(i), 'done': False} for i in range(500)]
    received = echo(steps)
    check_same(received, steps)
    assert next(iter(received[0])) is next(iter(received[499]))  # a key occurs once


class Number(int):
    pass


def make_deep(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize('sent', [
    {1, 2}, [2**64], [1j], Number(3), [Number(3)], collections.OrderedDict(a=1), 'a\ud800',
    ['a\ud800'], np.ma.masked_array([1, 2]), np.rec.array([(1, 2.0)], dtype='i4,f8'),
    [np.array([None, 1])], np.zeros(2, [(('title', 'a'), 'i4')]),
    np.zeros(2, [('a', [('b', 'i4')])]), np.zeros(2, np.dtype('i4', metadata={'a': 1})),
], ids=lambda sent: str(type(sent)))
def test_what_else_there_is_goes_as_a_pickle(sent):
    assert not is_packed(sent)
    received = echo(sent)
    assert type(received) is type(sent)
    if isinstance(sent, np.ndarray):
        assert received.dtype == sent.dtype and np.array_equal(received, sent)
    else:
        assert str(received) == str(sent)


def test_what_is_the_same_stays_the_same():
    array, row = np.zeros(3), [1]
    received = echo([array, {'again': array}, row, row])
    assert received[0] is received[1]['again'] and received[2] is received[3]
    row.append(row)
    received = echo(row)
    assert received[1] is received
    deep = ()
    for _ in range(60):
        deep = deep, deep  # nobody has enough memory to write this out
    assert _payload.dump(deep, 'python').get_size() < 10_000
    text = 'x' * 1000
    assert _payload.dump([text] * 1000, 'python').get_size() < 10_000


def test_a_deep_value_is_refused_or_whole():
    value = make_deep(200)
    assert echo(value) == value
    with pytest.raises(BadPayload):
        _payload.dump(make_deep(100_000), 'python')


def test_names_of_fields_that_change():
    first = np.zeros(2, 'i4,f8')
    assert echo(first).dtype.names == ('f0', 'f1')
    first.dtype.names = ('a', 'b')
    received = echo(first)
    assert received.dtype.names == ('a', 'b')
    received.dtype.names = ('c', 'd')  # the receiver's own copy
    assert echo(first).dtype.names == ('a', 'b')
    assert echo(np.zeros(2, 'i4,f8')).dtype.names == ('f0', 'f1')


def test_many_dtypes():
    for _ in range(2):
        for i in range(1, 100):
            sent = [np.zeros(3, f'S{i}'), np.zeros(3, f'V{i}')]
            assert is_packed(sent)
            check_same(echo(sent), sent)


def test_numpy_is_not_imported_by_others():
    program = ('import sys, gmproc\nfrom gmproc import _payload\n'
               'value = {"a": (1, 2.5, [None])}\n'
               'assert _payload.load(_payload.dump(value, "python"), "python") == value\n'
               'assert "numpy" not in sys.modules\n')
    subprocess.run([sys.executable, '-c', program], check=True)


def test_between_processes():
    application = ClientServer(Echo)
    sent = (np.arange(4, dtype='f4'), 1.0, False, {'a': np.float32(2)}, np.zeros((84, 84, 4), 'u1'))
    application.new_worker(1, Once, sent)
    check_same(application.run()[1][1], sent)


# Untrusted bytes of any kind.

def pack(data, buffers=None):
    magic = _payload.dump((), 'python').get_bytes()[:8]
    if buffers is None:
        return Variant.from_bytes('(tay)', magic + data)
    return Variant('(tayaay)', (struct.unpack('=Q', magic)[0], data, buffers))


def header(dtype=b'<f4', order=b'C', dims=(2,), kind=b'A'):
    return (kind + struct.pack('=H', len(dtype)) + dtype + order + bytes([len(dims)])
            + b''.join(struct.pack('=q', size) for size in dims))


@pytest.mark.parametrize('data', [
    b'', b'?', b'NN', b'I123', b'S\xff\xff\xff\xff', b'S\2\0\0\0\xff\xff', b'B\4\0\0\0abc',
    b'L\xff\xff\xff\xff', b'U\1\0\0\0', b'M\1\0\0\0N', b'M\1\0\0\0L\0\0\0\0N', b'K\0',
    b'M\1\0\0\0K\0N',
    header() + bytes(7), header() + bytes(9), header(order=b'X') + bytes(8),
    header(dims=(-1,)), header(dims=(1 << 62, 1 << 62)), header(dims=(1 << 62,)),
    header(dims=(1,) * 65) + bytes(4), header(dims=(0, 1 << 62, 1 << 62)),
    header(b'|O', dims=(1,)) + bytes(8),
    header(b'S0'), header(b'nonsense'), header(b"{'names': ['a'], 'formats': ['O']}") + bytes(16),
    header(b'{' * 5000), header(b"__import__('os').abort()"), header(b'(1000000,)f8') + bytes(16),
    header(b'') + bytes(16), header(kind=b'V') + bytes(8), header(kind=b'a'), b'b' + bytes(8),
    b'L\1\0\0\0' * 1_000_000 + b'N',
])
def test_hostile_bytes(data):
    with pytest.raises(BadPayload):
        _payload.load(pack(data), 'python')


@pytest.mark.parametrize('buffers', [[], [b''], [b'', bytes(7)], [b'', bytes(9)]])
def test_hostile_buffers(buffers):
    with pytest.raises(BadPayload):
        _payload.load(pack(header(kind=b'a'), buffers), 'python')


def test_hostile_counts_take_no_memory():
    """Nested tuples, each of which announces as many members as there are bytes."""
    rest = bytes(100_000)
    data = (b'U' + struct.pack('=I', len(rest))) * 100 + rest
    value = pack(data)
    tracemalloc.start()
    try:
        with pytest.raises(BadPayload):
            _payload.load(value, 'python')
        assert tracemalloc.get_traced_memory()[1] < 20 * len(data)
    finally:
        tracemalloc.stop()


def test_bytes_that_are_almost_right():
    chance = random.Random(1)
    sent = {'a': (np.zeros((2, 3), 'f4'), np.float32(1), b'bytes', 'text', 2.5, None, [True, 7]),
            'b': {'a': np.zeros(3, SPREAD)}, (1, 2): np.array(['U2', 'xyz'])}
    good = _payload.dump(sent, 'python').get_bytes()[8:]
    n_refused = 0
    for _ in range(5000):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 5))):
            place = chance.randrange(len(bad))
            if chance.random() < 0.2:
                del bad[place:place + chance.randrange(1, 9)]
            else:
                bad[place] = chance.choice((0, 1, 0x7f, 0xff, chance.randrange(256)))
        try:
            _payload.load(pack(bytes(bad)), 'python')
        except (BadPayload, MemoryError):
            n_refused += 1
    assert n_refused > 1000


def test_others_get_no_packed_values():
    value = pack(b'N')
    assert _payload.load(value, 'gjs') == (value.unpack()[0], b'N')
    assert _gmproc.dump([np.zeros(2)], 'gjs', True).get_type_string() == 'av'
