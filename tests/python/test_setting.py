# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers get modules, folder, environment and initializer from their application."""

import os
import sys

import pytest
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers, WorkerError
from test_failures import run_one

STRAYS = '''
import importlib.util, os, sys
from gmproc import Workers, WorkerError

def write(name, text):
    os.makedirs(os.path.dirname(name) or '.', exist_ok=True)
    with open(name, 'w') as file:
        file.write(text)

def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

if __name__ == '__main__':
    write('gone/first.py', 'import helper\\nfrom pack.inner import g\\ndef f(x): return g(x)\\n')
    write('gone/helper.py', '')
    write('gone/pack/__init__.py', '')
    write('gone/pack/inner.py', 'def g(x): return x + 1\\n')
    write('gone/space/inside.py', 'class Value: number = 5\\n')
    write('plugins/os_plugin.py', 'def f(x): return "plug-in"\\n')
    write('plugins/json.py', 'def f(x): return "not the library"\\n')
    sys.path.insert(0, os.path.abspath('gone'))
    import first, space.inside
    sys.path.remove(os.path.abspath('gone'))
    for name in 'a', 'a.test':
        sys.modules[name] = type(sys)(name)  # as pytest makes them for its importlib mode
    functions = [first.f, load('a.test.of_plugins', 'plugins/os_plugin.py').f,
                 load('shelve', 'plugins/json.py').f]
    workers = Workers()
    for number, function in enumerate(functions):
        workers.add(number, function, number)
    workers.add('class', str, space.inside.Value)
    for _turn in range(2):
        print(workers.run())
    os.remove('plugins/os_plugin.py')
    try:
        workers.run([1])
    except WorkerError as error:
        print(str(error.__cause__).replace(os.getcwd(), ''))
    made = type(sys)('made')
    exec('def f(x): return x', vars(made))
    sys.modules['made'] = made
    workers.add('made', made.f)
    try:
        workers.run(['made'])
    except WorkerError as error:
        print(error.__cause__)
'''


def test_modules_that_are_not_on_the_path(script):
    lines = script.output(STRAYS).splitlines()
    expected = ("{0: 1, 1: 'plug-in', 2: 'not the library', "
                '\'class\': "<class \'space.inside.Value\'>"}')
    assert lines[:2] == [expected] * 2
    assert lines[2] == ("No module named 'a.test.of_plugins': the application has loaded it from "
                        "'/plugins/os_plugin.py', which no longer exists")
    assert lines[3].startswith("No module named 'made': workers import a module by its name")


IMPORTED = '''
import sys
from gmproc import Workers

if __name__ == '__main__':
    # With newer PyGObject (3.58), its modules look like packages without a file.
    sys.modules['like_it'] = type(sys)('like_it')
    sys.modules['like_it'].__path__ = [__file__]
    workers = Workers()
    workers.add(1, __import__, 'like_it')
    workers.run([1])
'''


def test_modules_that_an_importer_makes(script):
    done = script.run(IMPORTED)
    assert "No module named 'like_it'" in done.stderr


calls = []


def initialize(*args):
    calls.append(args)


def get_calls(_params):
    return calls


class Server(ServerWorker):
    def process(self, id, msg):
        return calls


class Client(ClientWorker):
    response = None

    def update(self, response):
        self.response = response

    def done(self):
        return self.response is not None

    def finish(self):
        return calls, self.response


def test_an_initializer_is_called_once_in_each_process():
    with Workers(initializer=initialize, initargs=[1, 'two'], max_parallel=1) as workers:
        assert workers.map(get_calls, range(3), chunksize=1) == [[(1, 'two')]] * 3
        assert workers.map(get_calls, [0]) == [[(1, 'two')]]
        workers.initargs = [3]
        assert workers.map(get_calls, [0]) == [[(1, 'two'), (3,)]]
    cs = ClientServer(Server, initializer=initialize)
    cs.new_workers(2, Client)
    assert cs.run() == dict.fromkeys(range(2), ([()], [()]))
    assert calls == []


class NeedsSetup:
    """Can be unpickled only after the initializer was called."""

    def __reduce__(self):
        return is_set_up, ()


def is_set_up():
    return bool(calls)


def test_an_initializer_is_called_before_parameters_are_read():
    workers = Workers(initializer=initialize)
    workers.add(1, bool, NeedsSetup())
    assert workers.run() == {1: True}


def raise_initially():
    raise LookupError('no setup')


def test_an_initializer_that_fails():
    workers = Workers(initializer=raise_initially)
    workers.add(1, get_calls)
    with pytest.raises(WorkerError, match='no setup') as caught:
        workers.run()
    assert type(caught.value.__cause__) is LookupError


UNGUARDED = '''
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers, WorkerError

class Number:
    value = 3

class Server(ServerWorker):
    def process(self, id, msg):
        return Number()

class Client(ClientWorker):
    response = None
    def update(self, response):
        self.response = response
    def done(self):
        return self.response is not None
    def finish(self):
        return self.response

def work(number):
    return number, __name__

print('once')
workers = Workers(import_main=False)
workers.add(1, work, Number())
for _turn in range(2):
    number, name = workers.run()[1]
    print(type(number) is Number, name)
print(workers.map(lambda number: number.value, [Number()] * 2))
cs = ClientServer(Server, import_main=False)
cs.new_worker(1, Client)
print(cs.run()[1].value)
'''


def test_a_main_module_without_a_guard_sent_by_value(script):
    pytest.importorskip('cloudpickle')
    assert script.output(UNGUARDED) == 'once\nTrue __main__\nTrue __main__\n[3, 3]\n3\n'


def test_without_cloudpickle_it_is_refused(script):
    done = script.run("import sys\nsys.modules['cloudpickle'] = None\n" + UNGUARDED)
    assert 'install cloudpickle' in done.stderr and done.stdout == 'once\n'


CLOSED = '''
import os, sys
from gmproc import Executor, Workers

def work(n):
    os.write(1, b'written')
    os.write(2, b'written')
    print('printed', flush=True)
    return n

if __name__ == '__main__':
    path = sys.argv[1]
    for fd in 0, 1, 2:
        os.close(fd)
    file = open(path, 'x'), open(path + '.2', 'x'), open(path + '.3', 'x')
    workers = Workers()
    workers.add(1, work, 1)
    results = [workers.run(), workers.run()]
    with Executor(1) as executor:
        results.append(executor.submit(work, 2).result())
    print(results, file=file[0])
'''


def test_a_program_without_standard_streams(script, tmp_path):
    # Files that the program opens get these numbers, and workers must not print into them.
    path = tmp_path / 'file'
    script.python(script.write(CLOSED), path)
    assert [each.read_text() for each in (path, tmp_path / 'file.2', tmp_path / 'file.3')] == [
        '[{1: 1}, {1: 1}, 2]\n', '', '']


def where(_params):
    return os.getpid(), os.getcwd(), os.environ.get('GMPROC_TEST_KEPT')


def test_kept_processes_follow_folder_and_environment(monkeypatch, tmp_path):
    with Workers(reuse=True) as workers:
        workers.add(1, where)
        first = workers.run()[1]
        assert workers.run()[1] == first
        monkeypatch.setenv('GMPROC_TEST_KEPT', 'now')
        second = workers.run()[1]
        assert second[1:] == (first[1], 'now') and second[0] != first[0]
        monkeypatch.chdir(tmp_path)
        assert workers.run()[1][1:] == (str(tmp_path), 'now')
        assert workers.map(where, [0])[0][1:] == (str(tmp_path), 'now')


VARIABLES = '''
from gmproc import ClientServer, ClientWorker, ServerWorker

class Server(ServerWorker):
    def process(self, client_id, message):
        return message + 1

class Client(ClientWorker):
    def process(self):
        return 1
    def update(self, response):
        self.response = response
    def done(self):
        return hasattr(self, 'response')
    def finish(self):
        return self.response

if __name__ == '__main__':
    for _ in range(2):
        pair = ClientServer(Server)
        pair.new_worker('a', Client)
        print(pair.run())
'''


@pytest.mark.parametrize('setting', ['GMPROC_DEBUG=0', 'GMPROC_WARM=1', *(
    f'GMPROC_{name}=' for name in (
        'CHANNEL', 'CONTROL', 'DEBUG', 'FRESH_MODULES', 'LAUNCHER', 'LINGER', 'WARM', 'WRAP'))])
def test_variables_that_change_nothing(script, monkeypatch, setting):
    monkeypatch.setenv(*setting.split('='))
    assert script.output(VARIABLES) == "{'a': 2}\n" * 2


@pytest.mark.parametrize('setting, choices', [
    ('GMPROC_CHANNEL=shm', 'use dbus, or unset it'),
    ('GMPROC_CONTROL=dbus', 'use gdbus, or unset it'),
    ('GMPROC_LINGER=5s', 'use a number of seconds, 0 or more, or unset it'),
    ('GMPROC_LINGER=-1', 'use a number of seconds, 0 or more, or unset it'),
    ('GMPROC_LINGER=nan', 'use a number of seconds, 0 or more, or unset it'),
    ('GMPROC_WARM=no', 'use 0 or 1, or unset it'),
])
def test_variables_with_a_wrong_value_are_reported_once(script, monkeypatch, setting, choices):
    name, value = setting.split('=')
    monkeypatch.setenv(name, value)
    done = script.run(VARIABLES)
    assert (done.returncode, done.stdout) == (0, "{'a': 2}\n" * 2)
    assert done.stderr.count(f'The variable {name} is ignored, because it is “{value}”: {choices}'
                             ) == 1, done.stderr


def fault(_params):
    import ctypes

    ctypes.string_at(0)


def test_the_last_lines_of_a_crash_are_those_of_python():
    error = run_one(fault)
    assert any('in fault' in line for line in error.last_lines)
    assert not any('C stack' in line for line in error.last_lines), sys.version
