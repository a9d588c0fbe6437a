# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs whose loop is the program's."""

import contextlib
import copy
import gc
import inspect
import itertools
import linecache
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

import gmproc
from gmproc import ClientServer, ClientWorker, WorkerError
from test_requests import Asker, BatchesServerWorker, Dying


class Hanging(ClientWorker):
    def process(self):
        time.sleep(1000)


class Raising(Asker):
    def finish(self):
        raise LookupError('at the end')


class ReportingPid(Asker):
    def start(self, params):
        gmproc.report(os.getpid())
        super().start(params)


def test_all_until_none_is_left():
    cs = ClientServer()
    for id in ('a', 'b'):
        cs.add_client(id, Asker, params=1 if id == 'a' else 2)
    seen = []
    with cs.open() as run:
        while True:
            ids, messages = run.recv()
            if not ids:
                break
            assert ids == messages
            seen.append(sorted(ids))
            run.send(ids, [f'to {id}' for id in ids])
    assert seen == [['a', 'b'], ['b']]
    assert run.results == {'a': ['to a'], 'b': ['to b', 'to b']}
    assert run.failures == {}


def test_some():
    cs = ClientServer()
    cs.add_clients(3, Asker, params=1)
    with cs.open() as run:
        first, _ = run.recv(1)
        second, _ = run.recv(2)
        assert sorted(first + second) == [0, 1, 2]
        assert run.recv(1) == ([], [])
        run.send(second[:1], ['early'])
        run.send([second[1], *first], ['late', 'last'])
    assert run.results == {second[0]: ['early'], second[1]: ['late'], first[0]: ['last']}


def test_what_is_not_answered_ends_with_the_run():
    cs = ClientServer()
    cs.add_clients(2, Asker, params=1)
    with cs.open() as run:
        run.recv()
    assert run.results == {0: [], 1: []}


def test_a_time_limit_loses_nothing():
    cs = ClientServer()
    cs.add_client(0, Asker, params=1)
    cs.add_client(1, Hanging)
    with pytest.raises(ZeroDivisionError):
        with cs.open() as run:
            for timeout in (0, 0.05):
                with pytest.raises(TimeoutError):
                    run.recv(timeout=timeout)
            assert run.recv(1) == ([0], [0])
            1 / 0
    with pytest.raises(RuntimeError, match='closed'):
        run.recv()


def test_a_client_that_dies():
    cs = ClientServer()
    cs.add_client('dies', Dying, params=9)
    cs.add_client('lives', Asker, params=2)
    with cs.open() as run:
        ids, _ = run.recv()
        run.send(ids, ids)
        ids, _ = run.recv()
        assert ids == ['lives']
        assert isinstance(run.failures['dies'], WorkerError)
        assert run.failures['dies'].signal == signal.SIGKILL
        run.send(ids, ids)
    assert run.results == {'lives': ['lives', 'lives']}


def test_a_client_that_fails_when_nobody_looks():
    cs = ClientServer()
    cs.add_client(0, Raising, params=1)
    cs.add_client(1, Asker, params=1)
    with pytest.raises(WorkerError, match='at the end') as caught:
        with cs.open() as run:
            run.recv()
    assert caught.value.id == 0
    assert run.results == {1: []}


def test_failing_a_client():
    cs = ClientServer()
    cs.add_clients(2, Asker, params=1)
    with cs.open() as run:
        run.recv()
        run.fail(0, ValueError('not you'))
        run.send([1], ['you'])
        assert run.recv() == ([], [])
        assert 'not you' in str(run.failures[0])
    assert run.results == {1: ['you']}


def test_a_failure_that_is_no_exception_leaves_the_request():
    cs = ClientServer()
    cs.add_client(0, Asker, params=1)
    with cs.open() as run:
        run.recv()
        with pytest.raises(TypeError, match='takes an exception'):
            run.fail(0, 'not you')
        run.send([0], ['you'])
    assert run.results == {0: ['you']}


class Waiting(Asker):
    """Reports its process where another one can kill it."""

    def process(self):
        return os.getpid()


def lose(run, pids, id):
    """Kills a client that waits for an answer, and receives its failure."""
    os.kill(pids[id], signal.SIGKILL)
    while id not in run.failures:
        assert run.recv(1) == ([], [])


def test_answers_to_a_client_that_has_failed_are_dropped():
    """Also where recv has returned its failure since, and those to others are not."""
    cs = ClientServer()
    cs.add_clients(3, Waiting, params=1)
    with cs.open() as run:
        ids, messages = run.recv()
        pids = dict(zip(ids, messages))
        lose(run, pids, 0)
        run.send([0, 1], ['dropped', 'to 1'])
        with pytest.raises(ValueError, match='Client 0 does not wait'):
            run.send([0], ['a second one'])
        lose(run, pids, 2)
        run.fail(2, ValueError('dropped too'))
        with pytest.raises(ValueError, match='Client 2 does not wait'):
            run.fail(2, ValueError('a second one'))
    assert run.results == {1: ['to 1']}


@pytest.mark.parametrize('responses', [{0: 'a', 1: 'b'}, {'a', 'b'}])
def test_responses_without_an_order(responses):
    cs = ClientServer()
    cs.add_clients(2, Asker, params=1)
    with cs.open() as run:
        ids, _ = run.recv()
        with pytest.raises(ValueError, match='one for each message'):
            run.send(ids, responses)
        run.send(ids, ids)
    assert run.results == {0: [0], 1: [1]}


def test_more_messages_than_can_be():
    cs = ClientServer()
    cs.add_clients(2, Asker, params=1)
    with cs.open() as run:
        ids, _ = run.recv(2 ** 32 + 1)
        run.send(ids, ids)
    assert run.results == {0: [0], 1: [1]}


def test_clients_that_are_added():
    cs = ClientServer()
    with cs.open() as run:
        assert run.recv() == ([], [])
        cs.add_client('one', Asker, params=2)
        assert run.recv() == (['one'], ['one'])
        cs.add_client('two', Asker, params=1)
        assert run.recv(1) == (['two'], ['two'])
        run.send(['one', 'two'], [1, 2])
        assert run.recv() == (['one'], ['one'])
        with pytest.raises(WorkerError, match='There is a client'):
            cs.add_client('one', Asker)
    assert run.results == {'one': [1], 'two': [2]}


def test_restarted():
    cs = ClientServer(restart='on-failure', max_restarts=1)
    cs.add_client(0, Dying, params=1)
    with cs.open() as run:
        for _ in range(2):
            assert run.recv() == ([0], [0])
            run.send([0], [None])
        assert run.recv() == ([], [])
        assert list(run.failures) == [0]


def test_what_is_wrong():
    cs = ClientServer(BatchesServerWorker)
    with pytest.raises(WorkerError, match='without a server'):
        cs.open()
    cs = ClientServer()
    cs.add_clients(2, Asker, params=1)
    with cs.open() as run:
        with pytest.raises(RuntimeError, match='already'):
            cs.run()
        with pytest.raises(ValueError, match='n is 0'):
            run.recv(0)
        with pytest.raises(ValueError, match='timeout is -1'):
            run.recv(timeout=-1)
        ids, _ = run.recv()
        with pytest.raises(ValueError, match='2 ids and 1 responses'):
            run.send(ids, [1])
        with pytest.raises(ValueError, match='twice'):
            run.send([0, 0], [1, 1])
        with pytest.raises(ValueError, match="Client 7 does not wait"):
            run.send([7], [1])
        with pytest.raises(ValueError, match=r'send takes 1 responses, .*, not \{0: 1\}'):
            run.send([0], {0: 1})
        with pytest.raises(ValueError, match='lock'):
            run.send([0], [threading.Lock()])
        run.send(ids, ids)
        with pytest.raises(ValueError, match='does not wait'):
            run.send([0], [1])
    assert run.results == {0: [0], 1: [1]}
    assert cs.open().close() == {0: [], 1: []}


def test_methods_of_a_subclass():
    class Application(ClientServer):
        def start(self, params):
            self.log = [params]

        def client_failed(self, id, error):
            self.log.append(id)

        def finish(self):
            return self.log

    cs = Application()
    cs.add_client(0, Dying, params=1)
    with cs.open('params') as run:
        ids, _ = run.recv()
        run.send(ids, ids)
        run.recv()
    assert cs.server_result == ['params', 0]


class Signalling(Hanging):
    """Sends a signal to the application, and sends a request once it has arrived, if ever."""

    def start(self, params):
        self.path, number, pid = params
        os.kill(pid, number)

    def process(self):
        while not os.path.exists(self.path):
            time.sleep(0.01)


def test_interrupted(tmp_path):
    cs = ClientServer()
    cs.add_client(0, Signalling, (tmp_path / 'seen', signal.SIGINT, os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        with cs.open() as run:
            run.recv()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


interruptions = []  # for each reading of a Touchy in the application, whether a signal comes


def read_touchy(value):
    if interruptions and interruptions.pop():
        signal.raise_signal(signal.SIGUSR1)
    return value


class Touchy(Asker):
    def process(self):
        return Pickled(read_touchy, super().process())


class Pickled:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize('n_interruptions, n_lost', [(1, 0), (2, 0), (8, 1)])
def test_interrupted_while_messages_are_read(n_interruptions, n_lost):
    """Nothing of what has arrived is lost. A client whose message is never read has failed."""
    before = signal.signal(signal.SIGUSR1, raise_late)
    try:
        cs = ClientServer()
        cs.add_clients(3, Touchy, 1)
        with cs.open() as run:
            interruptions[:] = [*[True] * n_interruptions, False]
            with pytest.raises(Late):
                run.recv()
            interruptions.clear()
            ids, messages = run.recv()
            assert ids == messages and len(ids) == 3 - n_lost
            run.send(ids, messages)
            assert run.recv() == ([], [])
        assert run.results == {id: [id] for id in ids}
        assert all('Its request cannot be read' in str(e) for e in run.failures.values())
        assert len(run.failures) == n_lost
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_interrupted_when_messages_have_arrived():
    """No program can hit the moment between the library's return and recv's own from outside."""
    class Interrupted:
        def __init__(self, native):
            self.native = native

        def __getattr__(self, name):
            return getattr(self.native, name)

        def receive(self, *arguments):
            self.native.receive(*arguments)
            raise LookupError('from a handler')

    cs = ClientServer()
    cs.add_client(0, Dying, params=1)
    with cs.open() as run:
        native, run._native = run._native, Interrupted(run._native)
        with pytest.raises(LookupError):
            run.recv()
        run._native = native
        ids, messages = run.recv()
        assert ids == [0] and len(messages) == 1
        run.send(ids, messages)
        run.recv()


@pytest.mark.parametrize('raises', [False, True])
def test_signal_handlers_run_while_it_waits(tmp_path, raises):
    """recv raises the exception of a signal handler, and the run stays open."""
    def handle(*_):
        (tmp_path / 'seen').touch()
        if raises:
            raise LookupError('from the handler')

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        cs = ClientServer()
        cs.add_client(0, Signalling, (tmp_path / 'seen', signal.SIGUSR1, os.getpid()))
        with cs.open() as run:
            if raises:
                with pytest.raises(LookupError, match='from the handler'):
                    run.recv()
            assert run.recv() == ([0], [None])
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_signals_that_arrive_when_recv_begins():
    def handle(*_):
        raise LookupError('from the handler')

    before = signal.signal(signal.SIGALRM, handle)
    cs = ClientServer()
    cs.add_client(0, Hanging)
    try:
        with pytest.raises(CancelledError), cs.open() as run:
            for microseconds in range(1, 500):
                with pytest.raises(LookupError, match='from the handler'):
                    signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6)
                    run.recv(timeout=20)
            raise CancelledError
    finally:
        signal.signal(signal.SIGALRM, before)


def test_cancelled():
    cs = ClientServer()
    cs.add_client(0, Hanging)
    cancellable = gmproc.Cancellable()
    with pytest.raises(CancelledError):
        with cs.open(cancellable=cancellable) as run:
            threading.Timer(0.05, cancellable.cancel).start()
            run.recv()


def test_calls_of_two_threads():
    """The second thread's are errors at once; the first thread's continues."""
    cs = ClientServer()
    cs.add_client('a', ReportingPid, params=1)
    errors = []

    def call():
        for function in (run.recv, run.close, lambda: cs.add_client('b', Asker, params=1)):
            try:
                function()
            except (RuntimeError, WorkerError) as error:
                errors.append((type(error), str(error)))

    def on_progress(_id, _pid):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    cs.on_progress = on_progress
    with cs.open() as run:
        ids, _ = run.recv()
        while not errors:
            with contextlib.suppress(TimeoutError):
                run.recv(timeout=0.05)
        run.send(ids, ['to a'])
    assert run.results == {'a': ['to a']}
    text = ('Another thread is in a call of this run: call its methods in one thread at a '
            'time')
    assert errors == [(RuntimeError, text)] * 3


def test_a_client_that_cannot_be_added():
    cs = ClientServer()
    cs.add_client('a', Asker, params=1)
    with cs.open() as run:
        with pytest.raises(WorkerError, match='cannot be sent'):
            cs.add_client('b', Asker, params=threading.Lock())
        ids, _ = run.recv()
        run.send(ids, ['to a'])
        cs.add_client('b', Asker, params=1)
        assert run.recv() == (['b'], ['b'])
        run.send(['b'], ['to b'])
    assert run.results == {'a': ['to a'], 'b': ['to b']}


def test_clients_that_are_added_when_the_run_has_ended():
    cs = ClientServer()
    cs.add_client('a', Asker, params=1)
    with cs.open() as run:
        run.recv()
        cs.stop()
        while 'a' not in run.results:
            run.recv()
        with pytest.raises(WorkerError, match='has ended'):
            cs.add_client('b', Asker, params=1)
    assert run.results == {'a': []}
    cs.add_client('b', Asker, params=1)
    with cs.open() as run:
        run.send(*run.recv())
    assert run.results == {'a': ['a'], 'b': ['b']}


def test_a_client_that_is_added_while_the_run_closes():
    cs = ClientServer(on_result=lambda id, result: cs.add_client('b', Asker, params=1))
    cs.add_client('a', Asker, params=1)
    with cs.open() as run:
        run.recv()
    assert run.results == {'a': []}
    cs.on_result = None
    with cs.open() as run:
        run.send(*run.recv())
    assert run.results == {'a': ['a'], 'b': ['b']}


def test_in_a_thread():
    results = []

    def work():
        cs = ClientServer()
        cs.add_clients(2, Asker, params=1)
        with cs.open() as run:
            ids, _ = run.recv()
            run.send(ids, ids)
        results.append(run.results)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [{0: [0], 1: [1]}]


def test_dropped():
    pids = []
    cs = ClientServer(on_progress=lambda id, pid: pids.append(pid))
    cs.add_client(0, ReportingPid, params=1)
    run = cs.open()
    assert run.recv() == ([0], [0])
    while not pids:
        with contextlib.suppress(TimeoutError):
            run.recv(timeout=0.05)
    del run
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    cs.add_client(1, Asker, params=1)
    with cs.open() as run:
        assert sorted(run.recv()[0]) == [0, 1]


@pytest.mark.parametrize('duplicate', [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(duplicate):
    """A copy that is dropped would kill the clients."""
    cs = ClientServer()
    cs.add_client(0, Asker, params=1)
    with cs.open() as run:
        with pytest.raises(TypeError, match='cannot be pickled or copied'):
            duplicate(run)
        run.send(*run.recv())
    assert run.results == {0: [0]}


def test_counts_that_are_no_whole_numbers():
    with pytest.raises(TypeError, match="n should be a whole number, not '3'"):
        ClientServer().add_clients('3', Asker)
    with ClientServer().open() as run:
        with pytest.raises(TypeError, match="n should be a whole number, not 'a'"):
            run.recv('a')


def test_a_callback_does_not_wait_for_its_own_run():
    """It would wait forever, because the run waits for the callback."""
    refused = []

    def on_progress(_id, _value):
        for call in run.close, run.recv:
            with pytest.raises(RuntimeError, match='handler of the same run'):
                call()
            refused.append(call)

    cs = ClientServer(on_progress=on_progress)
    cs.add_client(0, ReportingPid, params=1)
    with cs.open() as run:
        run.send(*run.recv())
        assert run.recv() == ([], [])
    assert run.results == {0: [0]} and len(refused) == 2


class Late(Exception):
    pass


def raise_late(_number, _frame):
    raise Late


class Interrupting:
    """Sends a signal when the n-th line of the package is executed. No handler runs before a call
    of complete() in C, as it would here."""

    def __init__(self, n):
        self.n = n
        self.was_sent = False

    def trace(self, frame, _event, _arg):
        return self.trace_lines if frame.f_code.co_filename.startswith(FOLDER) else None

    def trace_lines(self, frame, event, _arg):
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == 'line' and '_gmproc.complete(' not in line:
            self.n -= 1
            if self.n == 0:
                self.was_sent = True
                os.kill(os.getpid(), signal.SIGUSR1)
        return self.trace_lines


FOLDER = os.path.dirname(gmproc.__file__)


def test_the_end_is_interrupted_at_any_moment():
    """Whatever a handler raises in between, the next run can begin."""
    before = signal.signal(signal.SIGUSR1, raise_late)
    cs = ClientServer()
    try:
        for n in itertools.count(1):
            interrupting = Interrupting(n)
            run = cs.open()
            with contextlib.suppress(Late):
                with run:
                    sys.settrace(interrupting.trace)
            sys.settrace(None)
            del run
            if not interrupting.was_sent:
                break
    finally:
        sys.settrace(None)
        signal.signal(signal.SIGUSR1, before)
    assert n > 10


class InterruptingCalls:
    """Sends a signal at the n-th place where Python runs handlers: where a function of the package
    begins, or has called one in C. A generator may also be called to be closed, and then runs none.
    """

    def __init__(self, n):
        self.n = n
        self.was_sent = False

    def profile(self, frame, event, _arg):
        is_place = event == 'c_return' or \
            event == 'call' and not frame.f_code.co_flags & inspect.CO_GENERATOR
        if is_place and frame.f_code.co_filename.startswith(FOLDER):
            self.n -= 1
            if self.n == 0:
                self.was_sent = True
                os.kill(os.getpid(), signal.SIGUSR1)


def test_messages_are_interrupted_at_any_moment():
    """recv loses no message, and send answers all clients or none."""
    before = signal.signal(signal.SIGUSR1, raise_late)
    cs = ClientServer()
    cs.add_clients(2, Asker, params=10**6)
    run = cs.open()
    try:
        for n in itertools.count(1):
            interrupting = InterruptingCalls(n)
            sys.setprofile(interrupting.profile)  # until it raises
            try:
                ids, messages = run.recv()
            except Late:
                ids, messages = run.recv()
            assert sorted(ids) == sorted(messages) == [0, 1]
            try:
                run.send(ids, messages)
            except Late:
                with contextlib.suppress(ValueError):  # They were answered.
                    run.send(ids, messages)
            sys.setprofile(None)
            if not interrupting.was_sent:
                break
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGUSR1, before)
        run.close()
    assert n > 10


class InterruptingFailures(InterruptingCalls):
    """Does so where recv takes a failure."""

    def profile(self, frame, event, arg):
        if frame.f_code.co_name == '_take_failure':
            super().profile(frame, event, arg)


def test_a_failure_is_interrupted_at_any_moment():
    """recv loses no failure, so answers to its client are dropped."""
    before = signal.signal(signal.SIGUSR1, raise_late)
    cs = ClientServer()
    cs.add_client(0, Waiting, params=1)
    try:
        for n in itertools.count(1):
            interrupting = InterruptingFailures(n)
            with cs.open() as run:
                ids, pids = run.recv()
                sys.setprofile(interrupting.profile)
                with contextlib.suppress(Late):
                    lose(run, pids, 0)
                sys.setprofile(None)
                assert run.recv(1) == ([], [])
                run.send(ids, pids)
            assert 0 in run.failures
            if not interrupting.was_sent:
                break
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGUSR1, before)
    assert n > 3
