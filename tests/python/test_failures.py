# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Errors of failed workers: one clear error each, with the user's own traceback."""

import atexit
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
import gmproc
from gmproc import (ERROR_DOMAIN, ClientServer, ClientWorker, ErrorCode, GError, ServerWorker,
                    Workers, WorkerError)
from test_client_server import Echo, Once


def same(value):
    return value


def run_one(function, params=None):
    workers = Workers()
    workers.add('w', function, params)
    with pytest.raises(WorkerError) as caught:
        workers.run()
    assert caught.value.id == 'w'
    assert list(caught.value.errors) == ['w']
    return caught.value


def check_clean(text):
    """Checks that no frame of the package itself is shown."""
    assert os.path.dirname(gmproc.__file__) not in text
    assert 'multiprocessing' not in text
    assert 'frozen' not in text


def deep(params):
    return deeper(params)


def deeper(params):
    raise ValueError(f'bad {params}')


def test_an_exception_comes_back_as_itself():
    error = run_one(deep, 3)
    assert type(error.__cause__) is ValueError
    assert error.__cause__.args == ('bad 3',)
    text = str(error)
    assert re.match(r"Worker 'w' \(pid \d+\): ValueError: bad 3\n", text)
    assert 'in deep\n' in text and 'in deeper\n' in text and __file__ in text
    check_clean(text)


def test_the_users_frames_only():
    workers = Workers()
    workers.add(1, deep)
    with pytest.raises(WorkerError) as caught:
        workers.run()
    own = [entry for entry in caught.traceback if 'gmproc' in str(entry.path).split(os.sep)[-2:]]
    assert len(own) == 1  # the method that the user called


def fail_twice(_params):
    try:
        {}['key']
    except KeyError as error:
        raise RuntimeError('second') from error


def test_the_chain_of_causes_is_in_the_text():
    error = run_one(fail_twice)
    assert "KeyError: 'key'" in str(error)
    assert 'direct cause' in str(error)
    assert isinstance(error.__cause__, RuntimeError)


class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.second = second


def raise_two_arguments(_params):
    raise TwoArguments('one', 'two')


def test_an_exception_that_breaks_when_unpickled():
    error = run_one(raise_two_arguments)
    assert type(error.__cause__) is TwoArguments
    assert error.__cause__.args == ('one',)
    assert error.__cause__.second == 'two'


class WithLock(Exception):
    def __init__(self):
        super().__init__('locked')
        self.lock = threading.Lock()


def raise_with_lock(_params):
    raise WithLock


def test_an_exception_with_a_state_that_cannot_be_pickled():
    error = run_one(raise_with_lock)
    assert type(error.__cause__) is WithLock
    assert str(error.__cause__) == 'locked'


def raise_with_lock_inside(_params):
    raise ValueError(threading.Lock())


def test_an_exception_that_cannot_be_pickled():
    error = run_one(raise_with_lock_inside)
    assert type(error.__cause__) is ValueError and '_thread.lock' in str(error.__cause__)
    assert 'in raise_with_lock_inside' in str(error)
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.FAILED)


def raise_os_error(_params):
    open('/not/there')


def test_an_os_error_has_its_attributes():
    error = run_one(raise_os_error)
    assert type(error.__cause__) is FileNotFoundError
    assert error.__cause__.filename == '/not/there'


def raise_gerror(_params):
    raise GError('no such thing', 'g-io-error-quark', 1)


def test_a_gerror_keeps_its_domain_and_code():
    error = run_one(raise_gerror)
    for each in (error.error, error.__cause__):
        assert type(each) is GError
        assert each.matches('g-io-error-quark', 1)
        assert not each.matches('g-io-error-quark', 2) and not each.matches(ERROR_DOMAIN, 1)
    assert error.__cause__.message == 'no such thing'
    assert 'in raise_gerror' in str(error)


def raise_odd_text(_params):
    raise ValueError('nul \0, half \udc80, line\nbreak')


def test_a_text_that_is_no_c_string():
    error = run_one(raise_odd_text)
    assert 'break' in str(error) and 'half ?' in str(error)
    assert error.__cause__.args == ('nul \0, half \udc80, line\nbreak',)


@pytest.mark.parametrize('status', [0, 3, None, 'why'])
def test_sys_exit(status):
    error = run_one(sys.exit, status)
    assert type(error.__cause__) is SystemExit
    assert error.__cause__.code == status
    assert 'SystemExit' in str(error)


def interrupt(_params):
    raise KeyboardInterrupt


def test_keyboard_interrupt_in_a_worker():
    assert type(run_one(interrupt).__cause__) is KeyboardInterrupt


def recurse(params):
    return recurse(params) + 1


def test_endless_recursion():
    assert type(run_one(recurse).__cause__) is RecursionError


def kill(number):
    print('last words', file=sys.stderr, flush=True)
    os.kill(os.getpid(), number)
    signal.pause()


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_killed(number):
    error = run_one(kill, int(number))
    assert re.match(rf"Worker 'w' \(pid \d+\) was killed by signal {int(number)} ", str(error))
    assert 'last words' in str(error)
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.CRASHED)
    assert error.__cause__ is None


def test_exit_without_a_word():
    error = run_one(os._exit, 7)
    assert 'exited with status 7' in str(error)
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.CRASHED)
    assert error.__cause__ is None


IGNORING = '''
import os, signal
from gmproc import WorkerError, Workers

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
workers = Workers(warm_start=False)
workers.add('w', os._exit, 7)
try:
    workers.run()
except WorkerError as error:
    print(error)
'''


def test_an_exit_status_that_the_program_ignores():
    """The error names the reason, although no fork server was there to die."""
    output = subprocess.run([sys.executable, '-c', IGNORING], capture_output=True, text=True,
                            check=True).stdout
    assert 'unknown status' in output
    assert 'SIGCHLD' in output


def read_nowhere(_params):
    ctypes.string_at(0)


def test_a_crash_shows_where_python_was():
    error = run_one(read_nowhere)
    assert 'was killed by signal 11' in str(error)
    assert 'in read_nowhere' in str(error)


def test_several_fail():
    workers = Workers(max_parallel=1)
    for id, function in (('a', deep), (2, same), ('c', interrupt), ('d', os._exit)):
        workers.add(id, function, 1)
    with pytest.raises(WorkerError) as caught:
        workers.run()
    error = caught.value
    assert error.id == 'a'
    assert error.results == {2: 1}
    assert {id: type(each.__cause__) for id, each in error.errors.items()} == {
        'a': ValueError, 'c': KeyboardInterrupt, 'd': type(None)}
    assert str(error).endswith("\n2 more failed: 'c', 'd'")
    workers.set_params(2, 5)
    assert workers.run([2]) == {2: 5}


def test_parameters_that_cannot_be_pickled():
    error = run_one(same, [threading.Lock()])
    assert re.search("The parameters of worker 'w' cannot be sent: a Python 'list' cannot be "
                     "pickled", str(error))
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD)


def test_a_function_that_cannot_be_pickled():
    lock = threading.Lock()
    error = run_one(lambda _: lock)
    assert ("The function or class of worker 'w' cannot be sent: a Python 'function' cannot be "
            'pickled') in str(error)


def return_lock(_params):
    return threading.Lock()


def test_a_result_that_cannot_be_pickled():
    error = run_one(return_lock)
    assert re.search(r"Worker 'w' \(pid \d+\): Its result cannot be sent: a Python '_thread.lock'",
                     str(error))
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD)


class Unloadable:
    def __reduce__(self):
        return rebuild_in, (os.getpid(),)


def rebuild_in(pid):
    if os.getpid() != pid:
        raise LookupError('not in this process')
    return Unloadable()


def return_unloadable(_params):
    return Unloadable()


def test_parameters_that_cannot_be_unpickled():
    error = run_one(same, Unloadable())
    assert type(error.__cause__) is LookupError
    assert 'in rebuild_in' in str(error)


def test_a_result_that_cannot_be_unpickled():
    error = run_one(return_unloadable)
    assert type(error.__cause__) is LookupError
    assert 'not in this process' in str(error)


class LockClient(Once):
    def process(self):
        return threading.Lock()


def test_a_message_that_cannot_be_pickled():
    cs = ClientServer(Echo)
    cs.new_worker(1, LockClient)
    with pytest.raises(WorkerError, match="The message to 'server' cannot be sent: a Python "
                       "'_thread.lock'") as caught:
        cs.run()
    assert caught.value.id == 1


class LockServer(ServerWorker):
    def process(self, id, msg):
        return threading.Lock()


def test_a_response_that_cannot_be_pickled():
    cs = ClientServer(LockServer)
    cs.new_worker(1, Once)
    with pytest.raises(WorkerError, match="The server.*The message to '1' cannot be sent"):
        cs.run()


class Killed(ClientWorker):
    def process(self):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_client_is_killed_and_the_others_go_on():
    cs = ClientServer(Echo)
    cs.new_worker('dead', Killed)
    cs.new_worker('alive', Once, 1)
    with pytest.raises(WorkerError, match="Client 'dead'.*signal 9") as caught:
        cs.run()
    assert caught.value.results == {'alive': ('alive', 1)}


class KilledServer(ServerWorker):
    def process(self, id, msg):
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_server_is_killed():
    cs = ClientServer(KilledServer)
    cs.new_workers(2, Once)
    with pytest.raises(WorkerError, match='The server.*signal 9') as caught:
        cs.run()
    assert caught.value.id == 'server'


def raise_ten(params):
    raise ZeroDivisionError(params)


def test_failing_in_kept_processes_many_times():
    with Workers(reuse=True, max_parallel=2) as workers:
        for i in range(10):
            workers.add(i, raise_ten, i)
        with pytest.raises(WorkerError) as caught:
            workers.run()
    assert {id: each.__cause__.args for id, each in caught.value.errors.items()} == {
        i: (i,) for i in range(10)}


def test_uncaught_it_reads_well(script):
    done = script.run('''
from gmproc import Workers

def work(n):
    return 1 / n

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work, 0)
    workers.run()
''')
    assert done.returncode == 1
    assert done.stderr.startswith('ZeroDivisionError: division by zero\n\nThe above exception was '
                                  'the direct cause of the following exception:\n\nTraceback')
    assert 'in work\n    return 1 / n' in done.stderr
    assert done.stderr.count(os.path.dirname(gmproc.__file__)) == 1
    assert '__mp_main__' not in done.stderr


def test_the_program_of_an_embedded_interpreter(monkeypatch):
    """It is no interpreter, unless it says otherwise in sys.executable."""
    monkeypatch.setattr(sys, 'executable', '/bin/true')
    workers = Workers()
    workers.add(1, abs, -1)
    with pytest.raises(WorkerError, match="can '/bin/true' run workers of python"):
        workers.run()


def warn(_params):
    glib = ctypes.CDLL('libglib-2.0.so.0')
    glib.g_log(b'test', 1 << 4, b'%s', b'take care')  # G_LOG_LEVEL_WARNING
    atexit.register(os._exit, 3)
    return 'done'


@pytest.mark.parametrize('id, name', [('a.png', "'a.png'"), (('a', 1), "('a', 1)"), (7, "'7'")])
def test_messages_name_a_worker_by_its_id(capfd, id, name):
    """Those that the C library logs too, which has numbers for workers."""
    workers = Workers()
    workers.add(id, warn)
    assert workers.run() == {id: 'done'}
    messages = capfd.readouterr().err
    assert re.search(rf"worker '?{re.escape(name)}'?: take care", messages), messages
    assert re.search(rf"Worker '?{re.escape(name)}'? \(pid \d+\) had returned its result, "
                     r'but then exited with status 3$', messages, re.M), messages
