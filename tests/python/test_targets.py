# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions and classes of other languages, and Python's for programs in other languages.

A program in another language has the C library: here that is Gmp without the package gmproc.
"""

import os
import re

import pytest

import plain
from gi.repository import Gio, GLib, Gmp
import gmproc
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers, WorkerError
from test_client_server import Application, Echo, Once

LIBRARY = os.environ.get('GMPROC_TEST_LIBRARY', '')
NATIVE = f'native:{LIBRARY}:native_'


def run_target(target, params=None):
    workers = Workers()
    workers.add('w', target, params)
    return workers.run()['w']


@pytest.mark.parametrize('params, expected', [
    (None, None), (5, ('i', '5')), ('x', ('s', "'x'")), ((1, 2.5), ('(id)', '(1, 2.5)')),
    ({'a': [1]}, ('a{sv}', "{'a': <[<1>]>}")), (GLib.Variant('u', 3), ('u', '3'))])
def test_a_function_in_c(params, expected):
    assert run_target(NATIVE + 'describe', params) == expected


def test_a_function_in_c_fails():
    with pytest.raises(WorkerError, match=r"Worker 'w' \(pid \d+\): It is full") as caught:
        run_target(NATIVE + 'fail')
    assert caught.value.__cause__.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE)


def test_a_function_in_c_that_is_not_there():
    with pytest.raises(WorkerError, match='native_nothing') as caught:
        run_target(NATIVE + 'nothing')
    assert caught.value.error.matches(Gmp.error_quark(), Gmp.Error.NOT_FOUND)


def test_parameters_that_c_does_not_know():
    with pytest.raises(WorkerError, match="Worker 'w' cannot be sent: there is nothing like a "
                       "Python 'set'") as caught:
        run_target(NATIVE + 'describe', {1})
    assert caught.value.error.matches(Gmp.error_quark(), Gmp.Error.BAD_PAYLOAD)


def test_a_pickle_from_c_is_not_opened():
    with pytest.raises(WorkerError, match='not unpickled') as caught:
        run_target(NATIVE + 'forge')
    assert caught.value.error.matches(Gmp.error_quark(), Gmp.Error.BAD_PAYLOAD)


@pytest.mark.parametrize('target', ['', 'x', 'python:', ':x', 'nothing'])
def test_not_a_target(target):
    with pytest.raises(WorkerError, match='is not a target'):
        Workers().add(1, target)
    with pytest.raises(WorkerError, match='is not a target'):
        ClientServer(Echo).new_worker(1, target)
    with pytest.raises(WorkerError, match='is not a target'):
        ClientServer(target)


def test_a_runtime_that_is_not_there():
    with pytest.raises(WorkerError, match="no runtime 'cobol'"):
        run_target('cobol:x')


def test_a_python_function_by_name():
    assert run_target('python:plain:double', 4) == 8
    assert run_target('python:plain:describe') == 'None'
    assert run_target('python:os.path:basename', '/a/b') == 'b'
    assert run_target('python:plain:Namespace.inside') == 'inside'


@pytest.mark.parametrize('target, text', [
    ('python:nowhere:x', "no Python module 'nowhere'"),
    ('python:plain:x', "no 'x' in the Python module"),
    ('python:os.nothing:x', "no Python module 'os.nothing'"), ('python:x', 'is not a target')])
def test_a_python_function_that_is_not_there(target, text):
    with pytest.raises(WorkerError, match=text) as caught:
        run_target(target)
    assert caught.value.error.matches(Gmp.error_quark(), Gmp.Error.NOT_FOUND)


def test_the_server_in_c():
    cs = ClientServer(NATIVE + 'server_get_type')
    cs.new_worker(1, Once, params=[1])
    cs.new_worker('c', NATIVE + 'client_get_type', params=2.5)
    assert cs.run() == {1: (1, ('1', 'python', [1])), 'c': ('c', 'native', 2.5)}


def test_clients_in_c():
    cs = ClientServer(Echo)
    cs.new_worker('c', NATIVE + 'client_get_type', params={'a': 1})
    cs.new_worker('p', Once, params={1})
    assert cs.run() == {'c': {'a': 1}, 'p': ('p', {1})}


def test_clients_in_c_of_an_application_that_is_the_server():
    application = Application()
    application.new_worker(1, NATIVE + 'client_get_type', params='hello')
    assert application.run() == {1: ['hello', 'hello']}


class SetServer(ServerWorker):
    def process(self, id, msg):
        return {1, 2}


def test_a_response_that_c_does_not_know():
    cs = ClientServer(SetServer)
    cs.new_worker('c', NATIVE + 'client_get_type')
    with pytest.raises(WorkerError, match="What should go to 'c' cannot be sent: there is nothing "
                       "like a Python 'set' in other languages") as caught:
        cs.run()
    assert caught.value.error.matches(Gmp.error_quark(), Gmp.Error.BAD_PAYLOAD)


def test_a_request_that_c_does_not_know():
    cs = ClientServer(NATIVE + 'server_get_type')
    cs.new_worker(1, Once, params={1})
    with pytest.raises(WorkerError, match="What should go to 'server' cannot be sent: .*'set'"):
        cs.run()


def test_pickles_from_clients_in_c_are_not_opened():
    cs = ClientServer(Echo)
    cs.new_worker('c', NATIVE + 'client_get_type', params='forge')
    with pytest.raises(WorkerError, match="The server.*What 'c' sent cannot be read: .*not "
                       'unpickled'):
        cs.run()


def test_pickles_from_a_server_in_c_are_not_opened():
    cs = ClientServer(NATIVE + 'server_get_type')
    cs.new_worker(1, Once, params='forge')
    with pytest.raises(WorkerError, match="What 'server' sent cannot be read: .*not unpickled"):
        cs.run()


def run_plain(server, client, params):
    application = Gmp.ClientServer(server_target=server)
    application.new_worker_target('c', client, params)
    return application.run(None, None).unpack()


def test_gobject_classes_by_name():
    assert run_plain('python:plain:Server', 'python:plain:Client',
                     GLib.Variant('i', 21)) == {'c': ('c', 42)}


@pytest.mark.parametrize('client, domain, code, text', [
    ('BrokenClient', 'gmp-error-quark', 0, 'ValueError: plain and broken'),
    ('ErrorClient', 'g-io-error-quark', int(Gio.IOErrorEnum.BUSY), 'busy')])
def test_exceptions_of_gobject_classes_arrive(client, domain, code, text):
    with pytest.raises(GLib.Error) as caught:
        run_plain('python:plain:Server', 'python:plain:' + client, GLib.Variant('i', 1))
    assert (caught.value.domain, caught.value.code) == (domain, code)
    assert text in caught.value.message


class PickyServer(ServerWorker):
    """Tells what it gets from whom."""

    def process(self, id, msg):
        return f'{id!r} {msg!r}'


class PickyClient(ClientWorker):
    def __init__(self, id):
        super().__init__(id)

    def start(self, params):
        self.params = params

    def process(self):
        return self.params, self.id

    def update(self, response):
        self.response = response

    def done(self):
        return hasattr(self, 'response')

    def finish(self):
        return self.response


def test_classes_of_the_package_by_name():
    assert run_plain('python:test_targets:PickyServer', 'python:test_targets:PickyClient',
                     GLib.Variant('as', ['x'])) == {'c': "'c' (['x'], 'c')"}


def test_a_class_that_is_no_worker():
    with pytest.raises(GLib.Error, match='neither a ServerWorker nor a ClientWorker'):
        run_plain('python:plain:Server', 'python:plain:Namespace', None)


def test_exceptions_for_other_languages():
    workers = Gmp.Workers()
    workers.add_target(5, 'python:plain:fail', GLib.Variant('s', 'x'))
    with pytest.raises(GLib.Error) as caught:
        workers.run()
    assert caught.value.matches(Gmp.error_quark(), Gmp.Error.FAILED)
    assert re.match(r"Worker '5' \(pid \d+\): KeyError: 'x'\n\nTraceback", caught.value.message)
    assert os.path.dirname(gmproc.__file__) not in caught.value.message


def test_results_for_other_languages():
    workers = Gmp.Workers()
    workers.add_target(5, 'python:builtins:set', GLib.Variant('as', ['x']))
    with pytest.raises(GLib.Error, match="Its result cannot be sent: there is nothing like a "
                       "Python 'set'") as caught:
        workers.run()
    assert caught.value.matches(Gmp.error_quark(), Gmp.Error.BAD_PAYLOAD)


def test_python_functions_for_plain_pygobject():
    workers = Gmp.Workers()
    workers.add(3, plain.double, GLib.Variant('i', 4))
    assert workers.run([3]).unpack() == {3: 8}
    assert workers.run([]).unpack() == {}
    assert workers.run(None).unpack() == {3: 8}
    with pytest.raises(TypeError, match='not at the top of a module'):
        workers.add(4, lambda params: None)


def test_a_plain_script(script):
    assert script.output('''
import gi
gi.require_version('Gmp', '1')
from gi.repository import GLib, Gmp

class Server(Gmp.ServerWorker):
    def do_process(self, client_id, request):
        return GLib.Variant('s', client_id + request.get_string())

class Client(Gmp.ClientWorker):
    answer = None

    def do_start(self, params):
        self.params = params

    def do_process(self):
        return self.params

    def do_update(self, response):
        self.answer = response

    def do_done(self):
        return self.answer is not None

    def do_finish(self):
        return self.answer

class Monitor(Gmp.ClientServer):
    def do_update(self, client_id, progress):
        print(client_id, progress)

def square(n):
    return n * n

if __name__ == '__main__':
    monitor = Monitor(Server)
    monitor.new_worker('a', Client, GLib.Variant('s', '!'))
    monitor.new_workers(2, Client, GLib.Variant('s', '?'))
    print(monitor.run(None, None).unpack())
    workers = Gmp.Workers()
    workers.add(1, square, GLib.Variant('i', 7))
    print(workers.run().unpack())
''') == "{'a': 'a!', '0': '0?', '1': '1?'}\n{1: 49}\n"
