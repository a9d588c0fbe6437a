# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions and classes of other languages; for Python's in such programs see test_pygobject."""

import os

import pytest

from gmproc import (ERROR_DOMAIN, ClientServer, ErrorCode, ServerWorker, Variant, Workers,
                    WorkerError)
from test_client_server import Application, Echo, Once

LIBRARY = os.environ.get('GMPROC_TEST_LIBRARY', '')
NATIVE = f'native:{LIBRARY}:native_'


def run_target(target, params=None):
    workers = Workers()
    workers.add('w', target, params)
    return workers.run()['w']


@pytest.mark.parametrize('params, expected', [
    (None, None), (5, ('i', '5')), ('x', ('s', "'x'")), ((1, 2.5), ('(id)', '(1, 2.5)')),
    ({'a': [1]}, ('a{sv}', "{'a': <[<1>]>}")), (Variant('u', 3), ('u', '3'))])
def test_a_function_in_c(params, expected):
    assert run_target(NATIVE + 'describe', params) == expected


def test_a_function_in_c_fails():
    with pytest.raises(WorkerError, match=r"Worker 'w' \(pid \d+\): It is full") as caught:
        run_target(NATIVE + 'fail')
    assert caught.value.__cause__.matches('g-io-error-quark', 12)


def test_a_function_in_c_that_is_not_there():
    with pytest.raises(WorkerError, match='native_nothing') as caught:
        run_target(NATIVE + 'nothing')
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.NOT_FOUND)


def test_parameters_that_c_does_not_know():
    with pytest.raises(WorkerError, match="The parameters of worker 'w' cannot be sent: a "
                       "Python 'set' has no equivalent") as caught:
        run_target(NATIVE + 'describe', {1})
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD)


def test_a_pickle_from_c_is_not_opened():
    with pytest.raises(WorkerError, match='not unpickled') as caught:
        run_target(NATIVE + 'forge')
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD)


@pytest.mark.parametrize('target', ['', 'x', 'python:', ':x', 'nothing'])
def test_not_a_target(target):
    with pytest.raises(WorkerError, match='is not a target'):
        Workers().add(1, target)
    with pytest.raises(WorkerError, match='is not a target'):
        ClientServer(Echo).new_worker(1, target)
    with pytest.raises(WorkerError, match='is not a target'):
        ClientServer(target)


def test_a_runtime_that_is_not_there():
    with pytest.raises(WorkerError, match="Unknown runtime 'cobol'"):
        run_target('cobol:x')


def test_a_python_function_by_name():
    assert run_target('python:named:double', 4) == 8
    assert run_target('python:named:describe') == 'None'
    assert run_target('python:os.path:basename', '/a/b') == 'b'
    assert run_target('python:named:Namespace.inside') == 'inside'


@pytest.mark.parametrize('target, text', [
    ('python:nowhere:x', "no Python module 'nowhere'"),
    ('python:named:x', "no 'x' in the Python module"),
    ('python:os.nothing:x', "no Python module 'os.nothing'"), ('python:x', 'is not a target')])
def test_a_python_function_that_is_not_there(target, text):
    with pytest.raises(WorkerError, match=text) as caught:
        run_target(target)
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.NOT_FOUND)


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
    with pytest.raises(WorkerError, match="The message to 'c' cannot be sent: a Python "
                       "'set' has no equivalent in other languages") as caught:
        cs.run()
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD)


def test_a_request_that_c_does_not_know():
    cs = ClientServer(NATIVE + 'server_get_type')
    cs.new_worker(1, Once, params={1})
    with pytest.raises(WorkerError, match="The message to 'server' cannot be sent: .*'set'"):
        cs.run()


def test_pickles_from_clients_in_c_are_not_opened():
    cs = ClientServer(Echo)
    cs.new_worker('c', NATIVE + 'client_get_type', params='forge')
    with pytest.raises(WorkerError,
                       match="Client 'c'.*Its request cannot be read: .*not unpickled"):
        cs.run()


def test_pickles_from_a_server_in_c_are_not_opened():
    cs = ClientServer(NATIVE + 'server_get_type')
    cs.new_worker(1, Once, params='forge')
    with pytest.raises(WorkerError, match="The message from 'server' cannot be read: .*not "
                       'unpickled'):
        cs.run()


@pytest.mark.parametrize('wrap, n', [(lambda value: [value], 63),
                                     (lambda value: {'key': value}, 42),
                                     (lambda value: (value,), 127)], ids=['list', 'dict', 'tuple'])
def test_the_deepest_value(wrap, n):
    """It is as the errors say."""
    value = 1
    for _ in range(n):
        value = wrap(value)
    run_target(NATIVE + 'describe', value)
    with pytest.raises(WorkerError, match='nested too deeply'):
        run_target(NATIVE + 'describe', wrap(value))


@pytest.mark.parametrize('target, text', [
    ('python:math:nothing', "There is no 'nothing' in the Python module 'math'"),
    ('python:nowhere:name', "There is no Python module 'nowhere'")])
def test_an_error_of_the_library_is_said_once(target, text):
    with pytest.raises(WorkerError) as caught:
        run_target(target)
    assert str(caught.value).count(text) == 1
    assert caught.value.error.matches(ERROR_DOMAIN, ErrorCode.NOT_FOUND)
