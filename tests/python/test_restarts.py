# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Restarted workers, and servers that receive the failures of clients."""

import os
import pathlib
import signal
import subprocess
import time

import pytest
from gmproc import (ERROR_DOMAIN, ClientServer, ClientWorker, ErrorCode, ServerWorker, Workers,
                    WorkerError, report)


def is_first(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def die_once(path):
    if is_first(path):
        os.kill(os.getpid(), signal.SIGKILL)
    return 'lives'


class Informed(ServerWorker):
    def start(self, params):
        self.path = params
        self.received = []

    def process(self, id, msg):
        if self.path is not None and is_first(self.path):
            os._exit(3)
        return msg

    def client_failed(self, id, error):
        assert isinstance(error, WorkerError)
        self.received.append((id, str(error).split('\n')[0]))

    def finish(self):
        return self.received


class Client(ClientWorker):
    def start(self, params):
        self.path = params
        self.n = 0

    def process(self):
        self.n += 1
        if self.n == 2 and self.path is not None and is_first(self.path):
            raise ValueError('only once')
        return self.n

    def done(self):
        return self.n == 3

    def finish(self):
        return self.n


class ServesOnce(ServerWorker):
    """Is done when it has answered each of its clients."""

    def start(self, params):
        self.path, self.n_left = params

    def process(self, id, msg):
        self.n_left -= 1
        return msg

    def done(self):
        return self.n_left == 0

    def finish(self):
        pathlib.Path(self.path).touch()


class ApplicationServesOnce(ClientServer):
    start, process, done, finish = (ServesOnce.start, ServesOnce.process, ServesOnce.done,
                                    ServesOnce.finish)


class DiesLate(ClientWorker):
    """Is killed once, after the server has finished."""

    def start(self, params):
        self.server_path, self.own_path = params

    def process(self):
        return self.id

    def update(self, response):
        if is_first(self.own_path):
            while not os.path.exists(self.server_path):
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGKILL)

    def finish(self):
        return 'finished'


class Application(ClientServer):
    def __init__(self, **options):
        super().__init__(**options)
        self.received = []

    def process(self, id, msg):
        return msg

    def client_failed(self, id, error):
        self.received.append((id, type(error)))


def test_a_worker_is_restarted(tmp_path):
    restarted = []
    workers = Workers(restart='on-failure',
                      on_restarted=lambda id, error: restarted.append((id, error.signal)))
    workers.add('w', die_once, str(tmp_path / 'w'))
    assert workers.run() == {'w': 'lives'}
    assert restarted == [('w', signal.SIGKILL)]


def test_it_gives_up():
    workers = Workers(restart='on-failure', max_restarts=1)
    workers.add('w', int, 'no number')
    with pytest.raises(WorkerError, match='Restarts: 1') as caught:
        workers.run()
    assert caught.value.n_restarts == 1
    assert type(caught.value.__cause__) is ValueError


def fail_differently(path):
    if is_first(path):
        raise KeyError('first')
    raise ValueError('second')


def test_the_exception_is_that_of_the_failure_that_is_reported(tmp_path):
    """The first one, for the next may only follow from it."""
    workers = Workers(restart='on-failure', max_restarts=1)
    workers.add('w', fail_differently, str(tmp_path / 'w'))
    with pytest.raises(WorkerError, match="KeyError: 'first'") as caught:
        workers.run()
    assert type(caught.value.__cause__) is KeyError


def test_a_server_is_informed(tmp_path):
    cs = ClientServer(Informed)
    cs.new_worker(1, Client, str(tmp_path / 'one'))
    cs.new_worker(2, Client)
    with pytest.raises(WorkerError, match='only once') as caught:
        cs.run()
    assert caught.value.id == 1 and caught.value.results == {2: 3}
    [(id, text)] = cs.server_result
    assert id == 1 and 'ValueError: only once' in text


def test_an_application_as_server_is_informed(tmp_path):
    cs = Application(restart='on-failure')
    cs.new_worker(1, Client, str(tmp_path / 'one'))
    cs.new_worker(2, Client)
    assert cs.run() == {1: 3, 2: 3}
    assert cs.received == [(1, WorkerError)]


def test_a_server_is_restarted(tmp_path):
    restarted = []
    cs = ClientServer(Informed, restart='on-failure', resend_requests=True,
                      on_restarted=lambda id, error: restarted.append(id))
    cs.new_workers(2, Client)
    assert cs.run(params=str(tmp_path / 'server')) == {0: 3, 1: 3}
    assert restarted == ['server']


@pytest.mark.parametrize('server', [ServesOnce, None])
def test_a_client_is_restarted_after_the_server_has_finished(tmp_path, server):
    cs = ClientServer(server, restart='on-failure') if server else \
        ApplicationServesOnce(restart='on-failure')
    restarted = []
    cs.on_restarted = lambda id, error: restarted.append((id, error.signal))
    path = str(tmp_path / 'server')
    for i in range(4):
        cs.new_worker(i, DiesLate, (path, str(tmp_path / str(i))))
    assert cs.run(params=(path, 4)) == {i: 'finished' for i in range(4)}
    assert sorted(restarted) == [(i, signal.SIGKILL) for i in range(4)]


def test_a_request_has_a_limit():
    cs = ClientServer(Sleeper, request_timeout=0.3)
    cs.new_workers(1, Client)
    with pytest.raises(WorkerError) as caught:
        cs.run()
    error = caught.value.errors[0]
    assert error.error.matches(ERROR_DOMAIN, ErrorCode.TIMED_OUT)
    assert '(request-timeout)' in str(error)
    assert caught.value.id == 'server'


class Stopping(ServerWorker):
    def process(self, id, msg):
        report((msg, os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
        return 'answer'


class Waiting(ClientWorker):
    answer = None

    def process(self):
        return os.getpid()

    def update(self, response):
        self.answer = response

    def done(self):
        return self.answer is not None

    def finish(self):
        return self.answer


def wait_until_stopped(pid):
    while pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'T':
        time.sleep(0.01)


def stop_both(_id, pids):
    client, server = pids
    os.kill(client, signal.SIGSTOP)
    for pid in pids:
        wait_until_stopped(pid)
    time.sleep(2.2)
    os.kill(client, signal.SIGCONT)
    time.sleep(0.2)
    os.kill(server, signal.SIGCONT)


def test_time_in_which_a_client_was_stopped_does_not_count():
    cs = ClientServer(Stopping, request_timeout=2, on_progress=stop_both)
    cs.new_worker(1, Waiting)
    assert cs.run() == {1: 'answer'}


class StopsApplication(ClientWorker):
    """Stops the application before its request for longer than the limit."""

    answer = None

    def start(self, application):
        self.application = application

    def process(self):
        self.stopper = subprocess.Popen(['sh', '-c', 'kill -STOP $0; sleep 1.5; kill -CONT $0',
                                         str(self.application)])
        wait_until_stopped(self.application)
        return 'request'

    def update(self, response):
        self.answer = response

    def done(self):
        return self.answer is not None

    def finish(self):
        self.stopper.wait()
        return self.answer


class Echo(ClientServer):
    def process(self, id, msg):
        return msg


def test_time_in_which_the_application_was_stopped_does_not_count():
    cs = Echo(request_timeout=0.7)
    cs.new_worker(1, StopsApplication, os.getpid())
    assert cs.run() == {1: 'request'}


class Sleeper(ServerWorker):
    def process(self, id, msg):
        signal.pause()
