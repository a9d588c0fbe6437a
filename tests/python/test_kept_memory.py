# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Arrays of Workers and map are mapped, not copied, and freed when their run has ended."""

import os
import time

import numpy as np
import pytest

from gmproc import WorkerError, Workers

N = 2**17  # numbers of 8 bytes


def find_mapping(array):
    """The permissions and the name of the mapping that holds an array's data."""
    address = array.ctypes.data
    with open('/proc/self/maps') as maps:
        for line in maps:
            begin, end = (int(part, 16) for part in line.split()[0].split('-'))
            if begin <= address < end:
                return line.split()[1], ' '.join(line.split()[5:])
    raise AssertionError('an array without memory')


def is_mapped(array):
    permissions, name = find_mapping(array)
    assert array.flags.writeable
    return permissions == 'rw-p' and name.startswith('/memfd:gmproc-payload')


def make(_params):
    return np.ones(N)


@pytest.mark.parametrize('reuse', [False, True])
@pytest.mark.parametrize('wrap', [lambda array: array, lambda array: [{'deep': (1, array)}]])
def test_arguments_are_mapped(reuse, wrap):
    with Workers(reuse=reuse) as workers:
        workers.add(0, is_mapped_inside)
        for _ in range(2):
            workers.set_params(0, wrap(np.ones(N)))
            assert workers.run() == {0: True}


def is_mapped_inside(value):
    while not isinstance(value, np.ndarray):
        value = value[0]['deep'][1]
    return is_mapped(value)


@pytest.mark.parametrize('reuse', [False, True])
def test_results_are_mapped(reuse):
    with Workers(reuse=reuse) as workers:
        workers.add(0, make)
        for _ in range(2):
            result = workers.run()[0]
            assert is_mapped(result) and (result == 1).all()


def test_items_of_map_and_their_values_are_mapped():
    with Workers(max_parallel=2) as workers:
        assert workers.map(is_mapped, [np.ones(N) for _ in range(3)]) == [True] * 3
        assert all(is_mapped(value) for value in workers.map(make, range(3)))


class Noted:
    """Notes in a file which process frees it."""

    def __init__(self, path):
        self.path = path
        self.array = np.ones(N)

    def __del__(self):
        with open(self.path, 'a') as file:
            file.write(f'{os.getpid()}\n')


def wait_for(condition):
    """Waits for a condition; the watchdog of all tests ends this."""
    while not condition():
        time.sleep(0.002)


def wait_until_freed(path, pid, n=1):
    """Checks that a process has freed this many, and holds no shared memory of values."""
    wait_for(lambda: path.exists() and path.read_text().split().count(str(pid)) >= n)
    wait_for(lambda: '/memfd:gmproc-payload' not in open(f'/proc/{pid}/maps').read())


def keep_nothing(_noted):
    return os.getpid()


def return_noted(path):
    return os.getpid(), Noted(path)


def fail_with(_noted):
    raise ValueError(os.getpid())


def test_a_kept_process_frees_its_argument(tmp_path):
    path = tmp_path / 'freed'
    with Workers(reuse=True) as workers:
        workers.add(0, keep_nothing, Noted(path))
        wait_until_freed(path, workers.run()[0])


def test_a_kept_process_frees_its_result(tmp_path):
    path = tmp_path / 'freed'
    with Workers(reuse=True) as workers:
        workers.add(0, return_noted, path)
        wait_until_freed(path, workers.run()[0][0])


def test_a_kept_process_frees_what_it_had_when_it_failed(tmp_path):
    path = tmp_path / 'freed'
    with Workers(reuse=True) as workers:
        workers.add(0, fail_with, Noted(path))
        with pytest.raises(WorkerError) as info:
            workers.run()
        wait_until_freed(path, info.value.__cause__.args[0])


def test_kept_processes_free_the_items_of_map(tmp_path):
    path = tmp_path / 'freed'
    with Workers(reuse=True, max_parallel=1) as workers:
        pids = workers.map(keep_nothing, [Noted(path) for _ in range(3)], chunksize=3)
        wait_until_freed(path, pids[0], 3)
