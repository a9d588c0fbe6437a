# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Resource limits and time limits of workers, and the numbers of an error."""

import os
import resource
import signal
import subprocess
import sys

import pytest
from gmproc import ERROR_DOMAIN, ErrorCode, Executor, Workers, WorkerError


def describe_self(_params):
    return (os.getcwd(), os.environ.get('GMPROC_TEST'), 'HOME' in os.environ,
            os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0),
            resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def get_mark(_params):
    return getattr(os, 'mark', None), len(os.sched_getaffinity(0))


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


def get_affinity(_params):
    return os.sched_getaffinity(0)


def test_processors_in_an_array():
    numpy = pytest.importorskip('numpy')
    processors = [*os.sched_getaffinity(0)]
    workers = Workers()
    workers.add('w', get_affinity)
    for chosen in processors, processors[:1], processors, None:
        workers.affinity = None if chosen is None else numpy.array(chosen)
        assert workers.run() == {'w': set(chosen or processors)}


def test_a_time_limit():
    workers = Workers(run_timeout=1.5, stop_grace=0.01)
    workers.add('w', spin)
    error = fail(workers)
    assert "Worker 'w'" in str(error)
    assert 'it did not end within 1.5 seconds (run-timeout)' in str(error)
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.TIMED_OUT)
    assert error.signal == signal.SIGTERM and error.exit_status is None
    assert error.run_time >= 1.5


def test_a_module_that_hangs_in_a_kept_process(tmp_path):
    (tmp_path / 'hangs.py').write_text('import signal\nsignal.pause()\n')
    workers = Workers(reuse=True, startup_timeout=5, stop_grace=0.01)
    workers.add('first', 'python:builtins:repr')
    workers.add('w', f'python:{tmp_path}/hangs.py:run')
    workers.run(['first'])
    with pytest.raises(WorkerError) as caught:
        workers.run(['w'])
    assert "Worker 'w'" in str(caught.value)
    assert ('it was not ready within 5 seconds of its start (startup-timeout): its code was still '
            'being loaded') in str(caught.value)


def test_a_memory_limit():
    workers = Workers(memory_limit=512 << 20)
    workers.add('w', allocate)
    error = fail(workers)
    assert type(error.__cause__) is MemoryError
    assert 'Its memory is limited to 512.0 MiB (memory-limit)' in str(error)


def get_variable(name):
    return os.environ[name]


def test_an_allocator_does_not_reserve_data():
    """What mimalloc reserves would count. A value of the program's stays."""
    workers = Workers()
    workers.add('w', get_variable, 'MIMALLOC_ARENA_EAGER_COMMIT')
    assert workers.run() == {'w': '0'}
    workers.environment = {'MIMALLOC_ARENA_EAGER_COMMIT': '1'}
    assert workers.run() == {'w': '1'}


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


@pytest.mark.parametrize('name, value, words', [
    ('run_timeout', 'soon', "run_timeout: it should be a number, not 'soon'"),
    ('run_timeout', [], "run_timeout: it should be a number, not []"),
    ('run_timeout', '5', "run_timeout: it should be a number, not '5'"),
    ('run_timeout', -1, 'run_timeout is -1: it should be at least 0'),
    ('stop_grace', float('nan'), 'stop_grace is nan'),
    ('nice', 100, 'nice is 100: it should be from -40 to 40'),
    ('memory_limit', '1G', "memory_limit: it should be a number, not '1G'"),
    ('memory_limit', 1.5, 'memory_limit: it should be a whole number, not 1.5'),
    ('memory_limit', 2 ** 64, 'memory_limit is 18446744073709551616'),
    ('inner_threads', -1, 'inner_threads is -1'),
    ('max_parallel', -1, 'max_parallel is -1'),
    ('max_parallel', 'all', 'max_parallel: '),
    ('capture_output', 'no', "capture_output: it should be True or False, not 'no'"),
    ('reuse', 'no', "reuse: it should be True or False, not 'no'"),
    ('warm_start', 'no', "warm_start: it should be True or False, not 'no'"),
    ('affinity', 1, 'affinity: it should be a list of processors'),
    ('affinity', '0,x', "affinity: '0,x' is not a list of processors: write it as 0 or 0,2-3"),
    ('affinity', [0, -1], "affinity: '0,-1' is not a list of processors"),
    ('environment', ['A=1'], 'environment: it should map names to values'),
    ('environment', {'A=1': 'x'}, "environment: 'A=1' is not a valid name of a variable"),
    ('working_directory', 5, 'working_directory: '),
    ('working_directory', '\ud800', "working_directory: 'utf-8' codec can't encode"),
    ('environment', {'A': '\ud800'}, "environment: 'utf-8' codec can't encode"),
    ('run_timeout', 10 ** 400, 'run_timeout: int too large'),
    ('launcher', 3, "launcher: it should be a text such as 'local' or 'slurm', not 3"),
    ('launcher', 'slrum', "launcher: The launcher 'slrum' is unknown"),
    ('launcher', 'command:ssh "', "has no valid command"),
    ('launcher', 'command:', "has no valid command"),
    ('restart', 'now', "restart: it should be 'never', 'on-failure' or 'always', not 'now'"),
    ('environment', {5: 'x'}, 'environment: 5 is not a valid name of a variable'),
    ('fresh_modules', 'numpy', "fresh_modules: it should be a list of names, as in ['numpy']"),
    ('fresh_modules', 5, "fresh_modules: it should be a list of names, as in ['numpy']"),
    ('fresh_modules', [5], 'fresh_modules: '),
    ('import_main', 'no', "import_main: it should be True or False, not 'no'"),
    ('forward_logs', 'no', "forward_logs: it should be True or False, not 'no'"),
    ('initargs', 5, 'initargs: it should be a list of arguments, not 5'),
])
def test_an_option_that_cannot_be(name, value, words):
    """It is refused where it is given."""
    workers = Workers()
    workers.add('w', abs, 1)
    for give in (lambda: Workers(**{name: value}), lambda: setattr(workers, name, value),
                 lambda: type('Mine', (Workers,), {name: value})):
        with pytest.raises((TypeError, ValueError)) as caught:
            give()
        assert words in str(caught.value)
    assert workers.run() == {'w': 1}


def test_an_option_that_cannot_be_from_its_change_on():
    environment = {'A': '1'}
    workers = Workers(environment=environment)
    workers.add('w', abs, 1)
    environment['A=1'] = 'x'
    with pytest.raises(ValueError, match="environment: 'A=1' is not a valid name"):
        workers.run()


def test_an_attribute_that_is_no_option():
    class Mine(Workers):
        batch_size = 'an option of ClientServer'

        @property
        def nice(self):
            return 1
    workers = Mine()
    workers.batch_timeout = 'another'
    workers.add('w', os.nice, 0)
    assert workers.run() == {'w': 1 + os.nice(0)}


def test_options_that_can_be_iterated_once():
    """Each run has all of them."""
    workers = Workers(initializer=setattr, initargs=iter([os, 'mark', 3]))
    workers.affinity = iter(sorted(os.sched_getaffinity(0))[:1])
    workers.add('w', get_mark)
    for _run in range(2):
        assert workers.run() == {'w': (3, 1)}


def test_an_option_of_an_executor_that_cannot_be():
    with pytest.raises(TypeError, match='launcher: it should be a text'):
        Executor(launcher=3)
    with pytest.raises(TypeError, match='import_main: it should be True or False'):
        Executor(import_main='no')
    with pytest.raises(TypeError, match='fresh_modules: it should be a list of names'):
        Executor(fresh_modules=5)


SCARCE = '''
import os, resource, sys
import gmproc
if __name__ == '__main__':
    executor = gmproc.Executor(2)
    lowest = os.dup(2)
    os.close(lowest)
    limits = (lowest + int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    for future in [executor.submit(pow, 2, 3) for _ in range(3)]:
        try:
            assert future.result() == 8
        except (gmproc.WorkerError, OSError):
            pass
'''


@pytest.mark.parametrize('left', [0, 1, 3, 5, 9, 20, 40])
def test_an_executor_without_descriptors(tmp_path, left):
    """Each call ends, with its value or an error."""
    (tmp_path / 'scarce.py').write_text(SCARCE)
    subprocess.run([sys.executable, tmp_path / 'scarce.py', str(left)], check=True,
                   timeout=100)
