# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""SharedArray: all processes see what one writes, and nothing is copied."""

import gc
import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from gmproc import (ClientServer, ClientWorker, ServerWorker, SharedArray, Variant, WorkerError,
                    Workers, _payload)
from gmproc._errors import BadPayload


def fill(params):
    array, i = params
    array[i] = i + 1
    return type(array).__name__, os.getpid()


def test_workers_write_and_the_application_sees_it():
    rows = SharedArray((4, 1000), 'f4')
    assert rows.shape == (4, 1000) and rows.dtype == np.float32 and not rows.any()
    with Workers() as workers:
        for i in range(3):
            workers.add(i, fill, (rows, i))
        results = workers.run()
        assert {name for name, _ in results.values()} == {'SharedArray'}
        assert [row.tolist() == [i + 1] * 1000 for i, row in enumerate(rows)] == [True] * 3 + [
            False]
        workers.map(fill, [(rows, i) for i in range(4)])
        assert rows[3, 999] == 4
        workers.reuse = True
        for n in range(3):
            rows[:] = 0
            workers.run([0, 1])
            assert rows[:2, 0].tolist() == [1, 2]


def set_all(array):
    array[...] = 9
    return array


def test_views_are_shared_and_copies_are_not():
    whole = SharedArray((6, 4), '>i4', order='F')
    with Workers() as workers:
        workers.add('part', set_all, whole[::2, 1:3])
        workers.add('reversed', set_all, whole[5, ::-1])
        workers.add('copy', set_all, whole.copy())
        workers.add('sum', set_all, whole + 1)
        results = workers.run()
    expected = np.zeros((6, 4), int)
    expected[::2, 1:3] = expected[5] = 9
    assert whole.tolist() == expected.tolist()
    # The returned array is the application's own memory.
    assert np.shares_memory(results['part'], whole) and isinstance(results['part'], SharedArray)
    assert type(results['copy']) is type(results['sum']) is np.ndarray
    assert type(whole + 1) is np.ndarray and type(whole.sum()) is type(np.zeros(1, '>i4').sum())
    whole += 1
    assert isinstance(whole, SharedArray) and whole[0, 0] == 1


def test_read_only_views_are_shared_beside_other_read_only_arrays():
    whole = SharedArray(3)
    view, other, copy = whole[1:], np.arange(2), whole.copy()
    for array in view, other, copy:
        array.flags.writeable = False
    sent = _payload.load(_payload.dump([view, other, copy], 'python'), 'python')
    assert [np.shares_memory(array, whole) for array in sent] == [True, False, False]
    # What a worker has for itself may be written to.
    assert [array.flags.writeable for array in sent] == [False, True, True]


def test_what_is_not_shared_goes_to_other_languages_as_an_array():
    whole = SharedArray((2, 2), 'i4')
    for array in whole.copy(), whole[[0, 1]], whole.astype('i4'):
        assert _payload.dump(array, 'native').unpack() == [[0, 0], [0, 0]]
    with pytest.raises(BadPayload, match='send the whole array'):
        _payload.dump(whole[1], 'native')
    with pytest.raises(BadPayload, match='is not shared memory'):
        whole.copy().to_variant()


@pytest.mark.parametrize('shape, dtype', [
    ((), 'f8'), (0, 'f4'), ((3, 0), 'u1'), (5, [('a', 'i4'), ('b', 'f8')]), ((2, 3), 'M8[s]'),
])
def test_shapes_and_dtypes(shape, dtype):
    array = SharedArray(shape, dtype)
    again = pickle.loads(pickle.dumps(array, 5))
    assert again.shape == array.shape and again.dtype == array.dtype
    assert again.size == 0 or np.shares_memory(again, array)


def test_what_it_refuses():
    with pytest.raises(TypeError, match='objects'):
        SharedArray(3, object)
    with pytest.raises(ValueError, match='shape'):
        SharedArray((2, -1))
    for size in 1 << 60, 1 << 80:
        with pytest.raises(ValueError, match=f'{size * 8} bytes'):
            SharedArray(size)
    with pytest.raises(ValueError, match='not shared memory'):
        SharedArray.open(('x', 1, 2, 3, 4), 1)
    with pytest.raises(ValueError, match='not shared memory'):
        SharedArray.open(None, 1)
    array = SharedArray(4)
    with pytest.raises(TypeError, match='objects'):
        SharedArray.open(array.to_variant(), 4, object)
    with pytest.raises(ValueError, match='has 32 bytes'):
        SharedArray.open(array.to_variant(), 5)


@pytest.mark.parametrize('view', [
    lambda array: array[::-1, 1::2], lambda array: array['b'].T, lambda array: array[3:],
    lambda array: sliding_window_view(array, (2, 2), subok=True), lambda array: array.view('u1'),
    lambda array: np.broadcast_to(array['a'], (2, 3, 4), subok=True),
])
def test_views_of_all_kinds(view):
    part = view(SharedArray((3, 4), [('a', 'i4'), ('b', 'f8', (2,))]))
    again = pickle.loads(pickle.dumps(part, 5))
    assert type(again) is SharedArray and again.flags.writeable == part.flags.writeable
    assert (again.shape, again.strides, again.dtype) == (part.shape, part.strides, part.dtype)
    assert part.size == 0 or np.shares_memory(again, part)


class Writer(ClientWorker):
    def start(self, params):
        self.row = params
        self.n = 0

    def process(self):
        self.n += 1
        self.row[:] = self.n
        return self.n

    def done(self):
        return self.n == 200


class Reader(ServerWorker):
    def start(self, params):
        self.rows = params

    def process(self, id, msg):
        assert (self.rows[id] == msg).all()  # written before the message


def test_messages_are_barriers():
    rows = SharedArray((2, 3000))
    application = ClientServer(Reader)
    for i in range(2):
        application.new_worker(i, Writer, rows[i])
    application.run(params=rows)
    assert (rows == 200).all()


def crash(array):
    array[:] = 1
    os.kill(os.getpid(), signal.SIGKILL)


def count_memfds():
    found = 0
    for name in os.listdir('/proc/self/fd'):
        try:
            found += 'gmproc-shared' in os.readlink(f'/proc/self/fd/{name}')
        except OSError:
            pass
    return found


def test_it_is_freed_with_its_last_holder():
    array = SharedArray(1000)
    workers = Workers()
    workers.add(1, crash, array)
    with pytest.raises(WorkerError):
        workers.run()
    assert array.all() and count_memfds() == 1
    part = array[3:5]
    del array, workers
    gc.collect()
    assert part.all() and count_memfds() == 1
    del part
    gc.collect()
    assert count_memfds() == 0


def test_one_that_is_gone_is_an_error_that_says_so():
    program = ('import gmproc, os, pickle\n'
               'array = gmproc.SharedArray(5)\n'
               'os.write(1, pickle.dumps(array, 5))\n')
    gone = subprocess.run([sys.executable, '-c', program], check=True,
                          stdout=subprocess.PIPE).stdout
    with pytest.raises(ValueError, match='^The shared memory .*cannot be opened: keep it in the '
                                         'sender'):
        pickle.loads(gone)


def make_own(_params):
    return SharedArray(5)


def test_a_worker_cannot_return_its_own_memory():
    workers = Workers()
    workers.add(1, make_own)
    with pytest.raises(WorkerError, match='result could not be taken: ValueError: The shared '
                                          'memory .*keep it in the sender'):
        workers.run()


def test_another_file_with_that_number_is_not_opened(tmp_path):
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    plain = os.open(tmp_path / 'file', os.O_RDWR | os.O_CREAT)
    os.ftruncate(plain, 100)
    for number in fd, plain, 1000:
        inode = os.fstat(number).st_ino if number < 1000 else 1
        with pytest.raises(ValueError, match='cannot be opened'):
            SharedArray.open(('gmproc.shared-memory', os.getpid(), number, inode, 100), 1)
    os.close(fd)
    os.close(plain)


def test_workers_in_c_share_it_too():
    array = SharedArray((2, 3), 'i4')
    workers = Workers()
    library = os.environ['GMPROC_TEST_LIBRARY']
    workers.add(1, f'native:{library}:native_fill_shared', array)
    assert workers.run() == {1: 24}
    assert (array == 0x07070707).all()
    workers.add(2, f'native:{library}:native_fill_shared', array[:, 1:])
    workers.add(3, f'native:{library}:native_fill_shared', Variant('i', 3))
    with pytest.raises(WorkerError, match='send the whole array'):
        workers.run([2])
    with pytest.raises(WorkerError, match="type 'i' is not shared memory"):
        workers.run([3])


@pytest.mark.parametrize('dtype', ['U', 'S', 'U0', str, bytes, 'U5', 'V'])
def test_text_has_the_size_that_it_has_in_numpy(dtype):
    array = SharedArray(3, dtype)
    assert array.dtype == np.zeros(3, dtype).dtype
    if array.dtype.kind != 'V':
        array[0] = 'x'
        assert list(array == np.array('x', array.dtype)) == [True, False, False]
