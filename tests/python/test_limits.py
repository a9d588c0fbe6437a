# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What workers may use and how long they may take, and what an error says in numbers."""

import os
import resource
import signal

import pytest
from gi.repository import Gmp
from gmproc import Workers, WorkerError


def describe_self(_params):
    return (os.getcwd(), os.environ.get('GMPROC_TEST'), 'HOME' in os.environ,
            os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0),
            resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def spin(_params):
    while True:
        pass


def allocate(_params):
    return len(bytearray(1 << 30))


def kill_self(_params):
    print('the last words', file=__import__('sys').stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def fail(workers):
    with pytest.raises(WorkerError) as caught:
        workers.run()
    return caught.value


def test_surroundings():
    workers = Workers(environment={'GMPROC_TEST': 'a=b', 'HOME': None}, working_directory='/usr',
                      nice=2, affinity=[0], open_files_limit=99)
    workers.add('w', describe_self)
    nice = os.getpriority(os.PRIO_PROCESS, 0) + 2
    assert workers.run()['w'] == ('/usr', 'a=b', False, nice, {0}, 99)


def test_a_time_limit():
    workers = Workers(run_timeout=1.5, stop_grace=0.01)
    workers.add('w', spin)
    error = fail(workers)
    assert "Worker 'w'" in str(error)
    assert 'it had not ended within 1.5 seconds (run-timeout)' in str(error)
    assert error.error.matches(Gmp.error_quark(), Gmp.Error.TIMED_OUT)
    assert error.signal == signal.SIGTERM and error.exit_status is None
    assert error.run_time >= 1.5


def test_a_memory_limit():
    workers = Workers(memory_limit=512 << 20)
    workers.add('w', allocate)
    error = fail(workers)
    assert type(error.__cause__) is MemoryError
    assert 'Its memory is limited to 512.0 MiB (memory-limit)' in str(error)


def test_a_death_in_numbers():
    workers = Workers()
    workers.add('w', kill_self)
    error = fail(workers)
    assert error.signal == signal.SIGKILL and not error.out_of_memory
    assert error.pid > 0 and error.exit_status is None
    assert error.run_time > 0 and error.peak_memory > 1 << 20
    assert error.last_lines == ['the last words']


def test_an_exception_in_numbers():
    workers = Workers()
    workers.add('w', int, 'no number')
    error = fail(workers)
    assert type(error.__cause__) is ValueError
    assert error.pid > 0 and error.signal is None and error.exit_status == 0


def test_no_such_rule():
    with pytest.raises(ValueError, match="restart is 'never'"):
        Workers(restart='sometimes').run()
