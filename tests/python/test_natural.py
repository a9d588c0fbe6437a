# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Values between Python and other languages, without another process."""

import datetime
import decimal
import math
import pickle

import numpy as np
import pytest

from gmproc import Variant, _natural, _payload
from gmproc._errors import BadPayload


@pytest.mark.parametrize('value, signature', [
    (True, 'b'), (0, 'i'), (-2**31, 'i'), (2**31, 'x'), (-2**63, 'x'), (2**63, 't'),
    (2**64 - 1, 't'), (1.5, 'd'), (math.inf, 'd'), ('', 's'), ('hällo', 's'),
    (b'', 'ay'), (b'a\0b', 'ay'), ([], 'av'),
    ([1, 'a', None, [2]], 'av'), ((), '()'), ((1, (2.5,)), '(i(d))'), ({}, 'a{sv}'),
    ({'a': 1, 'b': None}, 'a{sv}'), ({1: {'x': b'y'}, -2**62: 2}, 'a{xv}'),
])
def test_there_and_back(value, signature):
    packed = _natural.dump(value)
    assert packed.get_type_string() == signature
    back = _natural.load(packed)
    assert back == value
    assert type(back) is type(value)


def test_none():
    assert _natural.dump(None) is None
    assert _natural.load(None) is None
    assert _natural.load(_natural.dump((None,))) == (None,)


@pytest.mark.parametrize('value, signature, back', [
    (bytearray(b'ab'), 'ay', b'ab'), (memoryview(b'ab'), 'ay', b'ab'), (np.float32(0.5), 'd', 0.5),
    (np.int64(3), 'i', 3), (np.bool_(True), 'b', True), (np.array([1, 2], 'i4'), 'ai', [1, 2]),
    (np.array([1, 2], '>i8'), 'ax', [1, 2]), (np.arange(4)[::2].astype('u1'), 'ay', b'\0\2'),
    (np.array([True, False]), 'ab', [True, False]), (np.array([0.5], 'f4'), 'ad', [0.5]),
    (np.array([], 'u2'), 'aq', []), (np.array([-1], 'i1'), 'an', [-1]),
    (np.arange(6.0).reshape(2, 3).T, 'aad', [[0, 3], [1, 4], [2, 5]]),
    (np.zeros((0, 2)), 'aad', []), (np.zeros((1, 2, 2), 'u8'), 'aaat', [[[0, 0], [0, 0]]]),
    (np.array(2.5), 'd', 2.5), (np.matrix([[1, 2]], 'i4'), 'aai', [[1, 2]]),
    (Variant('(sas)', ('a', ['b'])), '(sas)', ('a', ['b'])), (Variant('n', 5), 'n', 5),
    (Variant('a{si}', {'a': 1}), 'a{si}', {'a': 1}), (Variant('ms', None), 'ms', None),
    (Variant('v', Variant('y', 3)), 'v', 3), (Variant('as', ['x']), 'as', ['x']),
])
def test_one_way(value, signature, back):
    packed = _natural.dump(value)
    assert packed.get_type_string() == signature
    assert Variant.from_bytes(signature, packed.get_bytes()) == packed
    assert _natural.load(packed) == back


@pytest.mark.parametrize('value, text', [
    (2**64, "'int' of 65 bits is too big"), (-2**63 - 1, 'from -2**63 to 2**64 - 1'),
    ('a\0b', "'str' with a NUL"),
    ('\udc80', 'no valid Unicode'), ({1, 2}, "'set' has no equivalent"), (1j, "'complex'"),
    (decimal.Decimal(1), "'decimal.Decimal'"), ([object()], "'object'"), ({'a': {2, 3}}, "'set'"),
    ({1: 1, 'a': 2}, "'dict'"), ({(1,): 1}, "'dict'"), ({2**63: 1}, 'from -2**63 to 2**63 - 1'),
    (np.array(['a']), "numpy '<U1'"), (np.array([1j]), "numpy 'complex128'"),
    (np.array([None]), "numpy 'object'"), (np.longdouble(1), 'has no equivalent'),
    (lambda: 1, "'function'"), (decimal, "'module'"),
])
def test_what_has_no_like(value, text):
    with pytest.raises(BadPayload) as caught:
        _natural.dump(value)
    assert text in str(caught.value)


@pytest.mark.parametrize('text, expected', [
    ("('gmproc.js.Date', <int64 1500>)",
     datetime.datetime(1970, 1, 1, 0, 0, 1, 500000, datetime.timezone.utc)),
    ("('gmproc.js.Set', <[<1>, <'a'>]>)", {1, 'a'}),
    ("('gmproc.js.Set', <[<[<1>]>]>)", [[1]]),
    ("('gmproc.js.Map', <[<1>, <'one'>, <'b'>, <2>]>)", {1: 'one', 'b': 2}),
    ("('gmproc.js.Map', <{'a': <1>}>)", {'a': 1}),
    ("('gmproc.js.BigInt', <5>)", 5),
    ("('gmproc.js.RegExp', <['a', 'g']>)", ['a', 'g']),
    ("('somebody', <5>)", ('somebody', 5)),
])
def test_objects_of_javascript(text, expected):
    assert _natural.load(Variant.parse(text)) == expected


def test_what_contains_itself():
    endless = []
    endless.append(endless)
    with pytest.raises(BadPayload, match='contains itself'):
        _payload.dump(endless, 'native')
    deep = []
    for _ in range(100000):
        deep = [deep]
    with pytest.raises(BadPayload, match='nested too deeply'):
        _payload.dump(deep, 'native')


def test_big_arrays_are_quick():
    data = bytes(2**24)
    assert _natural.load(_natural.dump(data)) == data
    array = np.arange(10**6)
    assert _natural.load(_natural.dump(array)) == array.tolist()


@pytest.mark.parametrize('runtime', ['native', 'gjs', None, 'Python'])
def test_a_pickle_of_another_language_is_not_opened(runtime):
    forged = _payload.dump(Bomb(), 'python')
    with pytest.raises(BadPayload, match='not unpickled'):
        _payload.load(forged, runtime)
    with pytest.raises(RuntimeError, match='bang'):
        _payload.load(forged, 'python')


class Bomb:
    def __reduce__(self):
        return explode, ()


def explode():
    raise RuntimeError('bang')


def test_values_between_python_workers():
    for value in ({1, 2}, 2**70, 'a\udc80', 1j, {(1,): {2}}, [2**64], ..., int):
        packed = _payload.dump(value, 'python')
        assert packed.get_type_string() == '(sayaay)'
        assert _payload.load(packed, 'python') == value
    variant = Variant('i', 3)
    assert _payload.dump(variant, 'python') == variant
    assert _payload.load(variant, 'python') == 3
    assert _payload.dump(None, 'python') is None


class Number(int):
    pass


@pytest.mark.parametrize('value', [
    0, -1, 2**63 - 1, -2**63, 2**63, -2**63 - 1, True, False, 0.0, -0.0, math.inf, '', 'a',
    'h\u00e4', 'a\0', '\udc80', 'x' * 4097, b'', b'\0', b'y' * 5000, bytearray(b'ab'), None,
    Number(3), (), [], np.float64(1.5), np.bool_(True), np.str_('a'),
])
def test_exactly_the_same_between_python_workers(value):
    back = _payload.load(_payload.dump(value, 'python'), 'python')
    assert type(back) is type(value) and back == value
    assert repr(back) == repr(value)


def test_simple_values_are_no_pickles():
    for value, signature in ((1, 'x'), (1.5, 'd'), (True, 'b'), ('a', 's'), (b'a', 'ay')):
        assert _payload.dump(value, 'python').get_type_string() == signature


@pytest.mark.parametrize('signature, value, text', [
    ('y', 255, '0xff'), ('n', -2**15, '-32768'), ('t', 2**64 - 1, '18446744073709551615'),
    ('o', '/a/b', "'/a/b'"), ('ay', b'ab', "[0x61, 0x62]"), ('ay', [1, 2], '[0x01, 0x02]'),
    ('a{sv}', {'a': 1, 'b': None}, "{'a': <1>, 'b': <@mv nothing>}"),
    ('a{iu}', {1: 2}, '{1: 2}'), ('(sa(bd))', ('x', [(1, 2)]), "('x', [(true, 2.0)])"),
    ('ams', ['x', None], "['x', nothing]"), ('v', Variant('u', 3), '<uint32 3>'),
    ('{sq}', ('a', 3), "{'a', 3}"),
])
def test_variants_of_a_given_type(signature, value, text):
    variant = Variant(signature, value)
    assert (variant.get_type_string(), str(variant)) == (signature, text)
    assert pickle.loads(pickle.dumps(variant)) == variant
    assert hash(pickle.loads(pickle.dumps(variant))) == hash(variant)
    assert repr(variant).startswith('<gmproc.Variant ')


@pytest.mark.parametrize('signature, value, error', [
    ('i', 2**31, 'does not fit'), ('y', -1, 'does not fit'), ('t', 2**64, 'does not fit'),
    ('u', 1.5, ''),
    ('s', 5, 'should be a str'), ('s', 'a\0b', 'cannot be'), ('o', 'x', 'cannot be'), ('ai', 5, ''),
    ('(ii)', (1,), 'has 2 members, not 1'), ('x', Variant('i', 1), 'not of the type'),
    ('a', 1, 'not the type of a value'), ('*', 1, 'not the type of a value'),
    ('av', [{1, 2}], "'set' has no equivalent"),
])
def test_values_that_are_not_of_the_type(signature, value, error):
    with pytest.raises((TypeError, ValueError, OverflowError, BadPayload), match=error):
        Variant(signature, value)


def test_variants_differ():
    assert Variant('i', 3) != Variant('u', 3) and Variant('i', 3) != 3
    with pytest.raises(ValueError):
        Variant.parse('[1,')
    with pytest.raises(ValueError):
        Variant.from_bytes('s', b'no end')
