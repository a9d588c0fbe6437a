# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers that are forked from a process with loaded modules."""

from __future__ import annotations

import itertools
import os
import re
import sys

import pytest
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError, Workers

# Modules in a folder of this name count as installed.
SITE = '''
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages'))
'''

HEAD = '''
import os, sys
from gmproc import Workers, get_cold_start_reason

def ids(_):
    return os.getpid(), os.getppid()

def warm_up(workers):
    """Until workers are forks; returns their parent's pid."""
    workers.add('warm-up', ids)
    parents = [workers.run(['warm-up'])['warm-up'][1] for _ in range(3)]
    return parents[2] if parents[2] != os.getpid() else None
'''


def ids(_):
    return os.getpid(), os.getppid()


def surroundings(_):
    environment = {name: value for name, value in os.environ.items() if name != 'GMPROC_WARM'}
    return (os.getcwd(), environment, sys.argv, sys.path, str(sys.flags), sys.stdout.line_buffering,
            sys.stdin.name, __name__, os.readlink('/proc/self/exe'), get_oom_score())


def get_oom_score():
    """What the kernel adds to when it chooses a process to kill for lack of memory."""
    with open('/proc/self/oom_score_adj') as file:
        return int(file.read())


def set_oom_score(score):
    with open('/proc/self/oom_score_adj', 'w') as file:
        file.write(str(score))


def environment(_):
    variables = dict(os.environ)
    assert variables == dict(each.split('=', 1) for each in list_variables())
    return os.getppid(), variables.get('PYTEST_CURRENT_TEST'), variables.get('ANOTHER')


def list_variables():
    """Of the process, as the C library has them."""
    import ctypes

    strings = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')
    return map(os.fsdecode, itertools.takewhile(bool, strings))


def fail(number):
    deep = [number]
    return deep[number]


def random_numbers(_):
    import random

    import numpy
    return random.random(), numpy.random.random(), numpy.random.default_rng().random()


class Server(ServerWorker):
    def process(self, id, msg):
        return os.getppid()


class Client(ClientWorker):
    parent = None

    def update(self, response):
        self.parent = response

    def done(self):
        return self.parent is not None

    def finish(self):
        return self.parent


def native_ids(_):
    import threading

    return os.getpid(), threading.main_thread().native_id


def test_forks_know_their_main_thread():
    workers = Workers()
    workers.add(1, native_ids)
    for _ in range(4):
        pid, native_id = workers.run()[1]
        assert pid == native_id


def test_forks_of_one_process():
    workers = Workers(environment={'KIND': 'of one process'})
    workers.add(1, ids)
    pairs = [workers.run()[1] for _ in range(5)]
    assert len({pid for pid, _parent in pairs}) == 5
    assert pairs[0][1] == os.getpid()
    assert pairs[2][1] == pairs[3][1] == pairs[4][1] != os.getpid()


def test_the_first_workers_are_forks_where_there_are_several():
    workers = Workers(environment={'KIND': 'of its own'})
    for number in range(4):
        workers.add(number, ids)
    parents = {parent for _pid, parent in workers.run().values()}
    assert len(parents) == 1
    assert parents != {os.getpid()}


def test_runs_of_a_client_server():
    application = ClientServer(Server)
    application.new_worker(1, Client)
    parents = [application.run()[1] for _ in range(3)]
    assert parents[0] == parents[1] == parents[2] != os.getpid()


@pytest.fixture
def oom_score():
    """May be set to more in the test."""
    score = get_oom_score()
    yield score
    set_oom_score(score)


def test_surroundings(monkeypatch, tmp_path, oom_score):
    workers = Workers()
    workers.add(1, surroundings)
    for turn in range(3):
        monkeypatch.setenv('GMPROC_WARM', '0')
        cold = workers.run()[1]
        monkeypatch.delenv('GMPROC_WARM')
        for _ in range(4):
            assert workers.run()[1] == cold
        monkeypatch.setenv('GMP_TEST_WARM', str(turn))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', ['one', str(turn)])
        set_oom_score(min(oom_score + 100 * (turn + 1), 1000))


def test_errors():
    workers = Workers()
    workers.add(1, fail, params=3)
    texts = []
    for _ in range(4):
        with pytest.raises(WorkerError) as caught:
            workers.run()
        assert type(caught.value.__cause__) is IndexError
        texts.append(str(caught.value).split(':', 1)[1])
    assert 'return deep[number]' in texts[0]
    assert len(set(texts)) == 1


def test_random_numbers():
    workers = Workers()
    for id in range(3):
        workers.add(id, random_numbers)
    numbers = [number for _ in range(3) for each in workers.run().values() for number in each]
    assert len(set(numbers)) == len(numbers)


def test_random_numbers_of_targets():
    """They have no seed, so forks must not share their numbers."""
    import numpy  # noqa: F401: then the workers' server has it

    workers = Workers()
    for id in range(3):
        workers.add(id, 'python:numpy.random:random')
    numbers = [number for _ in range(3) for number in workers.run().values()]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize('fresh', [[], ['stamp']])
def test_installed_modules_are_loaded_once(script, fresh):
    script.write('import os\nPID = os.getpid()\n', 'site-packages/stamp.py')
    script.write('import stamp\n', 'site-packages/user.py')
    text = SITE + HEAD + f'''
import user, stamp

def work(_):
    return os.getpid(), os.getppid(), stamp.PID

if __name__ == '__main__':
    workers = Workers(fresh_modules={fresh})
    workers.add(1, work)
    found = [workers.run()[1] for _ in range(3)]
    assert found[1][1] == found[2][1] != os.getpid()
    print([stamp_pid == parent for _, parent, stamp_pid in found[1:]],
          [stamp_pid == pid for pid, _, stamp_pid in found[1:]])
'''
    is_shared = not fresh
    assert script.output(text) == f'{[is_shared] * 2} {[not is_shared] * 2}\n'


def test_forks_have_the_modules_of_gmproc(script):
    text = 'import sys; had = "gmproc.executor" in sys.modules' + HEAD + '''
from gmproc import Executor

def work(_):
    return had

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work)
    print([workers.run() for _ in range(3)][1:])
'''
    assert script.output(text) == '[{1: True}, {1: True}]\n'


def test_what_loads_modules_is_not_loaded_in_workers(script):
    """pytest puts itself into each module of tests, for its loader and its assertions."""
    script.write('class Loader: pass\n', 'site-packages/loading.py')
    text = SITE + HEAD + '''
def work(_):
    return 'loading' in sys.modules

if __name__ == '__main__':
    loading = __import__('loading')
    globals().update({'__loader__': loading.Loader(), '@loading': loading})
    del loading
    workers = Workers()
    for id in 1, 2:
        workers.add(id, work)
    print(workers.run())
'''
    assert script.output(text) == '{1: False, 2: False}\n'


def test_fresh_modules_are_one_objects(script):
    """Also if another object runs before its last worker has started."""
    script.write('import os\nPID = os.getpid()\n', 'site-packages/stamp.py')
    text = SITE + HEAD + '''
import stamp

def is_fresh(_):
    return stamp.PID == os.getpid()

def run_other(_id, _value):
    other.run()

if __name__ == '__main__':
    fresh = Workers(fresh_modules=['stamp'], max_parallel=1)
    other = Workers()
    for workers in fresh, other:
        for id in range(4):
            workers.add(id, is_fresh)
        workers.run()
    fresh.on_result = run_other
    print(set(fresh.run().values()))
'''
    assert script.output(text) == '{True}\n'


def test_what_only_workers_import_is_learned(script):
    """No name in the program shows that its workers need this module."""
    script.write('import os\nPID = os.getpid()\n', 'site-packages/stamp.py')
    text = SITE + '__import__("stamp")' + HEAD + '''
def is_fresh(_):
    return sys.modules['stamp'].PID == os.getpid()

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, is_fresh)
    print([workers.run()[1] for _ in range(3)])
'''
    assert script.output(text) == '[True, False, False]\n'


MADE_AT_IMPORT = '''
import atexit, os, random, secrets, shutil, tempfile, uuid
import numpy

PID = os.getpid()
TOKEN = secrets.token_hex(8), uuid.uuid4().hex, random.random(), numpy.random.random()
FOLDER = tempfile.mkdtemp(prefix=f'gmproc-test-{PID}-')
atexit.register(shutil.rmtree, FOLDER)
'''


@pytest.mark.parametrize('where', ['main', 'module'])
def test_what_the_program_makes_at_import_is_each_workers_own(script, where):
    script.write(MADE_AT_IMPORT, 'made.py')
    text = HEAD + (MADE_AT_IMPORT if where == 'main' else 'from made import *') + '''
def work(_):
    with open(os.path.join(FOLDER, 'part'), 'x'):
        return PID == os.getpid(), TOKEN, FOLDER

if __name__ == '__main__':
    workers = Workers()
    for id in range(3):
        workers.add(id, work)
    found = [made for _ in range(3) for made in workers.run().values()]
    assert all(is_own for is_own, _token, _folder in found)
    print([len(set(each)) for each in zip(*((*token, folder) for _, token, folder in found))],
          [folder for _, _, folder in found if os.path.exists(folder)])
'''
    assert script.output(text) == '[9, 9, 9, 9, 9] []\n'


@pytest.mark.parametrize('folder', ['.', 'site-packages'])
def test_reloaded_modules(script, folder):
    text = SITE + f'FOLDER = {folder!r}' + HEAD + '''
import importlib, pathlib
sys.path.insert(0, FOLDER)
sys.dont_write_bytecode = True

if __name__ == '__main__':
    for version in range(3):
        path = pathlib.Path(FOLDER, 'edited.py')
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'def get(_): return {version}' + version * '#')
        if version == 0:
            import edited
        else:
            importlib.reload(edited)
        workers = Workers()
        workers.add(1, edited.get)
        print([workers.run()[1] for _ in range(3)], workers.map(edited.get, [1]))
'''
    assert script.output(text) == ''.join(f'{[version] * 3} [{version}]\n' for version in range(3))


def test_many_modules_and_changing_arguments(script):
    for number in range(7):
        script.write(f'import os\ndef parent(_): return {number}, os.getppid()', f'm{number}.py')
    text = HEAD + '''
import importlib
functions = [importlib.import_module(f'm{number}').parent for number in range(7)]

if __name__ == '__main__':
    keep = Workers()
    server = warm_up(keep)
    assert server is not None
    for number, function in enumerate(functions):
        sys.argv[1:] = [str(number)]
        workers = Workers()
        workers.add(1, function)
        assert workers.run()[1] == (number, server)
    print('done')
'''
    assert script.output(text) == 'done\n'


def test_objects_that_are_made_for_each_call(script, monkeypatch):
    monkeypatch.delenv('GMPROC_LINGER')
    text = HEAD + '''
def run():
    with Workers() as workers:
        workers.add(1, ids)
        return workers.run()[1][1]

if __name__ == '__main__':
    parents = [run() for _ in range(4)]
    print(len(set(parents)), parents[1] == parents[3])
'''
    assert script.output(text) == '2 True\n'


def test_the_name_of_the_current_test(monkeypatch):
    """pytest puts it into the environment, so it is another one in each test."""
    workers = Workers()
    for i in range(2):
        workers.add(i, environment)

    def run():
        results = workers.run()
        expected = os.environ.get('PYTEST_CURRENT_TEST'), os.environ.get('ANOTHER')
        assert [each[1:] for each in results.values()] == [expected] * 2
        return {each[0] for each in results.values()}
    first = run()
    monkeypatch.setenv('PYTEST_CURRENT_TEST', 'another')
    assert run() == first
    monkeypatch.delenv('PYTEST_CURRENT_TEST')
    assert run() == first
    monkeypatch.setenv('ANOTHER', 'variable')
    assert run() != first


def test_a_refusal_is_told(script, monkeypatch):
    """An interpreter that starts a thread before it runs anything."""
    script.write('import threading\n'
                 'threading.Thread(target=threading.Event().wait, daemon=True).start()\n',
                 'sitecustomize.py')
    monkeypatch.setenv('PYTHONPATH', f'{script.folder}:{os.environ.get("PYTHONPATH", "")}')
    text = HEAD + '''
from gmproc import get_cold_start_reason
if __name__ == '__main__':
    print(get_cold_start_reason())
    workers = Workers()
    workers.add(1, ids)
    for _ in range(5):
        workers.run()
    print(get_cold_start_reason())
'''
    done = script.run(text)
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first == 'None' and 'thread' in second
    assert done.stderr.count('start slowly') == 1 and second in done.stderr


def test_a_lack_of_descriptors_is_told(script):
    """There are enough for one worker after the other, but none are left for a fork server."""
    text = HEAD + '''
import resource
from gmproc import get_cold_start_reason
if __name__ == '__main__':
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
    workers = Workers()
    workers.add(1, ids)
    for _ in range(4):
        workers.run()
    print(get_cold_start_reason())
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parents = [workers.run()[1][1] for _ in range(3)]
    print(parents[1] == parents[2] != os.getpid(), get_cold_start_reason())
'''
    done = script.run(text)
    assert done.stdout == 'too few file descriptors are free\nTrue None\n'
    assert done.stderr.count('start slowly') == 1 and 'ulimit -n' in done.stderr


def test_a_server_that_dies_while_it_loads_is_replaced(script):
    """It is the third process that loads the module, after the application and a worker."""
    script.write('import os, signal\n'
                 'with open(__file__ + ".log", "a+") as log:\n'
                 '    log.write("x")\n'
                 '    if log.tell() == 3:\n'
                 '        os.kill(os.getpid(), signal.SIGKILL)\n', 'site-packages/deadly.py')
    text = SITE + HEAD + '''
import deadly
from gmproc import get_cold_start_reason

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, ids)
    parents = [workers.run()[1][1] for _ in range(5)]
    print(parents[1] == os.getpid(), parents[3] == parents[4] != os.getpid(),
          get_cold_start_reason())
'''
    done = script.run(text)
    assert (done.returncode, done.stdout) == (0, 'True True None\n')
    assert 'start slowly' not in done.stderr


def test_switched_off(script):
    text = HEAD + '''
if __name__ == '__main__':
    workers = Workers(warm_start=False)
    print(warm_up(workers))
    workers.warm_start = True
    print(warm_up(workers) is not None)
'''
    text = text.replace("workers.add('warm-up', ids)", "'warm-up' in workers._gmproc.entries or "
                        "workers.add('warm-up', ids)")
    assert script.output(text) == 'None\nTrue\n'


def test_the_end_of_a_process(script, tmp_path):
    text = HEAD + '''
import atexit, threading, time

def work(path):
    global file
    atexit.register(lambda: print('at exit'))
    threading.Thread(target=lambda: (time.sleep(0), print('thread'))).start()
    file = open(path, 'w')
    file.write('not closed')
    print('work')

if __name__ == '__main__':
    workers = Workers()
    assert warm_up(workers) is not None
    workers.add(1, work, params=PATH)
    workers.run([1])
    print(open(PATH).read())
'''.replace('PATH', repr(str(tmp_path / 'file')))
    lines = script.output(text).splitlines()
    assert sorted(lines[:2]) == ['thread', 'work']
    assert lines[2:] == ['at exit', 'not closed']


def test_the_end_of_a_process_with_files_that_cannot_be_asked(script, tmp_path):
    # They do not keep others from being written, and are no failure.
    text = HEAD + '''
import io

class Odd(io.RawIOBase):
    @property
    def closed(self):
        raise RuntimeError('odd')

def work(path):
    global files
    files = [Odd(), io.BufferedWriter(io.FileIO(path, 'w')), open(path, 'w')]
    files[1].detach()
    files[2].write('not closed')

if __name__ == '__main__':
    workers = Workers()
    assert warm_up(workers) is not None
    workers.add(1, work, params=PATH)
    workers.run([1])
    print(open(PATH).read())
'''.replace('PATH', repr(str(tmp_path / 'file')))
    done = script.run(text)
    assert (done.stdout, done.stderr) == ('not closed\n', '')


def test_what_is_printed_comes_once(script):
    text = HEAD + '''
def work(_):
    print('from the worker')

if __name__ == '__main__':
    workers = Workers()
    warm_up(workers)
    print('from the application')
    workers.add(1, work)
    for _ in range(3):
        workers.run([1])
'''
    assert script.output(text) == 'from the application\n' + 3 * 'from the worker\n'


NOTE_COMPILING = '''
compiled = []
sys.addaudithook(lambda event, args: event == 'compile' and compiled.append(args[1]))
'''


def test_own_modules_are_compiled_once(script):
    """They are executed in each worker, although Python stores no bytecode of them."""
    path = script.write('import os\nPID = os.getpid()\n', 'own.py')
    text = HEAD + NOTE_COMPILING + f'''
import own

def work(_):
    return {str(path)!r} in compiled, own.PID == os.getpid()

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work)
    print([workers.run()[1] for _ in range(3)][1:])
'''
    done = script.run(text, '-B')
    assert (done.stdout, done.stderr) == ('[(False, True), (False, True)]\n', '')


def test_an_edited_module_is_compiled_anew(script):
    """Also if the file looks the same, because size and time prove nothing."""
    path = script.write('VALUE = 1\n', 'own.py')
    text = HEAD + f'''
import own

def work(_):
    return own.VALUE, VALUE

VALUE = 1

def edit(path):
    with open(path) as file:
        text = file.read()
    times = os.stat(path)
    with open(path, 'w') as file:
        file.write(text.replace('VALUE = 1', 'VALUE = 2'))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work)
    found = [workers.run()[1] for _ in range(3)]
    edit({str(path)!r})
    edit(__file__)
    print(found, workers.run()[1])
'''
    done = script.run(text, '-B')
    assert (done.stdout, done.stderr) == ('[(1, 1), (1, 1), (1, 1)] (2, 2)\n', '')


def test_a_module_that_warns_and_one_that_is_no_python(script):
    """A worker gives the same answers as without a fork server."""
    script.write('assert 1 is 1\n', 'warns.py')
    script.write('this is no Python\n', 'broken.py')
    text = HEAD + '''
import warns

def work(_):
    try:
        import broken
    except SyntaxError as error:
        return error.filename

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work)
    print(len({workers.run()[1] for _ in range(3)}))
'''
    done = script.run(text, '-B')
    warnings = re.findall(r'SyntaxWarning: "is" with (?:a|\'int\') literal', done.stderr)
    assert (done.stdout, len(warnings)) == ('1\n', 4)
