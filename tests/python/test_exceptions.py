# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions of workers arrive with their types, values and causes."""

import concurrent.futures.process
import os
import pickle
import signal
import sys
import threading
from functools import partial

import pytest
import gmproc
from gmproc import (ClientServer, ClientWorker, Executor, Workers, WorkerDied, WorkerError,
                    WorkerTimeout)
from test_client_server import Echo
from test_failures import run_one


class Doubling(Exception):
    """Passes other arguments to its base class than it was created with."""

    def __init__(self, code):
        super().__init__(f'Error {code}')
        self.code = code


class Gone(OSError):
    def __init__(self, path):
        super().__init__(2, 'gone', path)
        self.path = path


class Undecodable(UnicodeDecodeError):
    def __init__(self, data):
        super().__init__('utf-8', data, 1, 2, 'bad')


class Slotted(ValueError):
    __slots__ = ('place',)

    def __init__(self, place):
        super().__init__('at', place)
        self.place = place


class OwnWay(Exception):
    def __init__(self, first, second):
        super().__init__(f'{first} and {second}')
        self.values = first, second

    def __reduce__(self):
        return OwnWay, self.values


class MixedState(Exception):
    def __init__(self):
        super().__init__('mixed')
        self.lock = threading.Lock()
        self.number = 7


MADE = {
    'doubling': lambda: Doubling(5),
    'os error': lambda: Gone('/x'),
    'two paths': lambda: OSError(18, 'across', '/a', None, '/b'),
    'unicode': lambda: Undecodable(b'a\xff'),
    'key': lambda: KeyError('key'),
    'import': lambda: ImportError('no', name='n', path='/p'),
    'syntax': lambda: SyntaxError('bad', ('file.py', 3, 4, 'text')),
    'name': lambda: NameError('no name', name='thing'),
    'slotted': lambda: Slotted(3),
    'own way': lambda: OwnWay(1, 2),
    'gerror': lambda: gmproc.GError('odd', 'my-domain', 3),
    'nothing': lambda: Exception(),
}

ATTRIBUTES = 'code', 'errno', 'filename', 'filename2', 'path', 'reason', 'start', 'lineno', \
    'name', 'place', 'values', 'msg', 'domain'


def raise_made(name):
    raise MADE[name]()


def test_text_and_attributes_are_the_original_ones():
    workers = Workers()
    for name in MADE:
        workers.add(name, raise_made, name)
    with pytest.raises(WorkerError) as caught:
        workers.run()
    for name, make in MADE.items():
        original, cause = make(), caught.value.errors[name].__cause__
        assert type(cause) is type(original)
        assert (str(cause), cause.args) == (str(original), original.args)
        for each in ATTRIBUTES:
            assert getattr(cause, each, None) == getattr(original, each, None)


def raise_mixed(_params):
    raise MixedState


def test_attributes_that_can_be_sent_are_kept():
    cause = run_one(raise_mixed).__cause__
    assert (type(cause), str(cause), cause.number) == (MixedState, 'mixed', 7)
    assert not hasattr(cause, 'lock')


class Unreadable(Exception):
    """Nothing can be asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError


class UnreadableClass(type):
    def __getattribute__(cls, name):
        raise RuntimeError


class OfUnreadableClass(Exception, metaclass=UnreadableClass):
    pass


UNREADABLE = {'object': Unreadable, 'class': OfUnreadableClass}


def raise_unreadable(name):
    raise UNREADABLE[name]('text')


def raise_from_unreadable(name):
    try:
        raise_unreadable(name)
    except BaseException as error:
        raise ValueError('outer') from error


def yield_and_raise(name):
    yield 'item'
    raise_unreadable(name)


class UnreadableServer(ClientServer):
    def process(self, id, msg):
        raise_unreadable(msg)


class Sender(ClientWorker):
    def start(self, params):
        self.params = params

    def process(self):
        return self.params


@pytest.mark.parametrize('name', UNREADABLE)
def test_one_that_cannot_be_read(name):
    """It comes out of the call in this process, and its text out of a worker's."""
    for function, text in (raise_unreadable, 'text'), (raise_from_unreadable, 'ValueError: outer'):
        workers = Workers()
        workers.add(1, function, name)
        for run in workers.run, partial(workers.map, function, [name]):
            with pytest.raises(WorkerError, match=text):
                run()
    server = UnreadableServer()
    server.new_worker(1, Sender, name)
    for run in (lambda: Workers(on_result=lambda *_: raise_unreadable(name)).map(len, ['item']),
                lambda: Workers().map(len, yield_and_raise(name)), server.run):
        try:
            run()
            raised = None
        except BaseException as error:
            raised = type(error)
        assert raised is UNREADABLE[name]
    with Executor(1) as executor, pytest.raises(WorkerError, match='text'):
        executor.submit(raise_unreadable, name).result()


def raise_large(_params):
    error = KeyError('large')
    error.data = bytes(20_000_000)
    raise error


def test_one_with_too_large_attributes_arrives_without_them():
    cause = run_one(raise_large).__cause__
    assert (type(cause), str(cause)) == (KeyError, repr('large')) and not hasattr(cause, 'data')


class Text:
    """It can be printed, but not pickled."""

    def __init__(self):
        self.lock = threading.Lock()

    def __str__(self):
        return 'a note'


def raise_noted(_params):
    error = ValueError('noted')
    error.__notes__ = ['first', Text()]
    raise error


def test_notes_are_kept_as_they_are_printed():
    cause = run_one(raise_noted).__cause__
    assert (str(cause), cause.__notes__) == ('noted', ['first', 'a note'])


class Delegating(Exception):
    """All its attributes are those of another object, which is not there."""

    def __getattr__(self, name):
        return getattr(self.inner, name)


class WithoutNotes(Exception):
    @property
    def __notes__(self):
        raise ValueError('no notes')


def raise_without_attributes(kind):
    raise kind('told') from KeyError('why')


class Delegator(ClientWorker):
    def start(self, kind):
        raise_without_attributes(kind)


@pytest.mark.parametrize('kind', [Delegating, WithoutNotes])
@pytest.mark.parametrize('way', ['run', 'map', 'client', 'executor'])
def test_one_whose_attributes_cannot_be_read(kind, way):
    """The module traceback cannot format such exceptions."""
    with pytest.raises((WorkerError, kind)) as caught, gmproc.Executor(1) as executor:
        if way == 'run':
            workers = Workers()
            workers.add(1, raise_without_attributes, kind)
            workers.run()
        elif way == 'map':
            Workers().map(raise_without_attributes, [kind])
        elif way == 'client':
            application = ClientServer(Echo)
            application.add_client(1, Delegator, kind)
            application.run()
        else:
            executor.submit(raise_without_attributes, kind).result()
    text = str(caught.value.__cause__ if way == 'executor' else caught.value)
    cause = caught.value if way == 'executor' else caught.value.__cause__
    assert type(cause) is kind and cause.args == ('told',)
    assert f'{kind.__name__}: told' in text and 'raise_without_attributes' in text


class Mute(Exception):
    def __str__(self):
        raise ValueError('mute')


def raise_mute():
    raise Mute


class MuteWhenPickled:
    def __reduce__(self):
        raise_mute()


class MuteWhenLoaded:
    def __reduce__(self):
        return raise_mute, ()


def make_mute(_params):
    return MuteWhenLoaded()


def test_one_without_a_text_is_still_the_reason():
    """Of a value that cannot be sent, or cannot be loaded."""
    workers = Workers()
    workers.add(1, str, MuteWhenPickled())
    with pytest.raises(WorkerError, match=r'cannot be pickled: <exception str\(\) failed>'):
        workers.run()
    workers = Workers()
    workers.add(1, make_mute)
    with pytest.raises(WorkerError, match=r'taken: Mute: <exception str\(\) failed>') as caught:
        workers.run()
    assert caught.value.id == 1 and type(caught.value.__cause__) is Mute
    with gmproc.Executor(1) as executor:
        assert type(executor.submit(str, MuteWhenPickled()).exception()) is Mute


def raise_chain(_params):
    try:
        try:
            raise Doubling(1)
        except Doubling as first:
            first.add_note('a note')
            raise Gone('/second') from first
    except Gone:
        raise ValueError('third')


def test_a_chain_is_kept():
    third = run_one(raise_chain).__cause__
    assert repr(third) == "ValueError('third')"
    second = third.__context__
    assert (type(second), second.filename) == (Gone, '/second')
    assert (str(second.__cause__), second.__cause__.__notes__) == ('Error 1', ['a note'])


def raise_from_none(_params):
    try:
        raise KeyError('hidden')
    except KeyError:
        raise ValueError('shown') from None


def test_a_context_that_was_hidden_stays_hidden():
    assert run_one(raise_from_none).__cause__.__context__ is None


def raise_group(_params):
    try:
        raise Gone('/inside')
    except Gone as gone:
        first = gone
    first.add_note('noted')
    raise ExceptionGroup('many', [first, ExceptionGroup('inner', [Doubling(2)]),
                                  type('Nameless', (Exception,), {'__reduce__': refuse})('lost')])


def refuse(_self):
    raise TypeError('not to be pickled')


def test_a_group_keeps_what_can_be_rebuilt():
    group = run_one(raise_group).__cause__
    assert type(group) is ExceptionGroup and group.message == 'many'
    first, inner, lost = group.exceptions
    assert (first.filename, first.__notes__) == ('/inside', ['noted'])
    assert str(inner.exceptions[0]) == 'Error 2'
    assert 'lost' in str(lost)


def raise_circle(_params):
    first, second = ValueError('first'), ValueError('second')
    first.__cause__, second.__cause__ = second, first
    raise first


def test_a_circle_of_causes():
    first = run_one(raise_circle).__cause__
    assert first.__cause__.__cause__ is first


def return_lock(_params):
    return threading.Lock()


class LockClient(ClientWorker):
    def process(self):
        return threading.Lock()


def test_what_cannot_be_sent_is_known_as_the_cause():
    assert type(run_one(return_lock).__cause__) is TypeError
    assert type(run_one(len, threading.Lock()).__cause__) is TypeError
    cs = ClientServer(Echo)
    cs.new_worker(1, LockClient)
    with pytest.raises(WorkerError) as caught:
        cs.run()
    assert type(caught.value.__cause__) is TypeError
    with pytest.raises(WorkerError) as caught, Workers() as workers:
        workers.map(len, [[], threading.Lock()])
    assert type(caught.value.__cause__) is TypeError


def wait(_params):
    signal.pause()


def test_a_time_out_is_a_timeout_error():
    workers = Workers(run_timeout=0.1, stop_grace=0)
    workers.add('w', wait)
    with pytest.raises(TimeoutError) as caught:
        workers.run()
    assert type(caught.value) is WorkerTimeout and caught.value.id == 'w'


def kill(_params):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_death_is_a_broken_pool():
    error = run_one(kill)
    assert type(error) is WorkerDied is gmproc.WorkerDied
    assert isinstance(error, concurrent.futures.process.BrokenProcessPool)
    with pytest.raises(WorkerDied), Workers() as workers:
        workers.map(kill, [1])


def test_a_program_loads_no_pool_before_it_needs_one(script):
    assert script.output('import gmproc, sys\n'
                         "print('concurrent.futures.process' in sys.modules)\n"
                         'print(gmproc.WorkerDied.__mro__[2])\n') == \
        "False\n<class 'concurrent.futures.process.BrokenProcessPool'>\n"


def test_a_death_is_reported_where_the_base_class_cannot_be_loaded(script):
    """For example because the program has no descriptor left."""
    assert script.output('''
import os, signal, sys
import gmproc

def kill(_params):
    os.kill(os.getpid(), signal.SIGKILL)

def fail(_params):
    raise KeyError('mine')

if __name__ == '__main__':
    sys.modules['concurrent.futures.process'] = None
    with gmproc.Executor(1) as executor:
        print(repr(executor.submit(fail, 1).exception()))
        print('signal 9' in str(executor.submit(kill, 1).exception()))
    workers = gmproc.Workers()
    workers.add('w', kill)
    try:
        workers.run()
    except gmproc.WorkerError as error:
        print(error.id, error.signal)
''') == "KeyError('mine')\nTrue\nw 9\n"


def test_a_pickled_copy_names_the_users_id():
    workers = Workers()
    for id in ('text', ('a', 1), 2**40):
        workers.add(id, kill)
    with pytest.raises(WorkerError) as caught:
        workers.run()
    for id, error in caught.value.errors.items():
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.id, copy.signal) == (WorkerDied, id, signal.SIGKILL)
        assert str(copy).startswith(f'Worker {id!r} (pid ')
        assert copy.error.message.startswith(f'Worker {id!r} (pid ')


class Leaving(Exception):
    """Cannot be unpickled in another process than its own, which is told to exit."""

    def __reduce__(self):
        return leave_elsewhere, (os.getpid(),)


def leave_elsewhere(pid):
    if os.getpid() != pid:
        raise SystemExit(7)
    return Leaving()


def fail_leaving(_params):
    raise Leaving


def test_an_exception_that_leaves_when_unpickled():
    with Executor(1) as executor:
        failed = executor.submit(fail_leaving, None)
        assert type(failed.exception(60)) is SystemExit
        assert executor.submit(abs, -1).result() == 1


def hide_modules(way):
    """As a program that unloads or replaces modules of the standard library."""
    if way == 'emptied':
        sys.modules.clear()
    else:
        sys.modules.update(dict.fromkeys(['traceback', 'inspect', 'pickle', 'random']))


def hide_and_raise(way):
    hide_modules(way)
    raise ValueError('the reason')


@pytest.mark.parametrize('way', ['emptied', 'replaced'])
def test_one_without_the_modules_of_the_standard_library(way):
    workers = Workers()
    workers.add(1, hide_and_raise, way)
    with pytest.raises(WorkerError, match='ValueError: the reason'):
        workers.run()
    with gmproc.Executor(1) as executor:
        assert 'the reason' in str(executor.submit(hide_and_raise, way).exception())
