# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers that are forks of a process that has loaded what they need."""

from __future__ import annotations

import os
import sys

import pytest
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError, Workers

HEAD = '''
import os, sys
from gmproc import *

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
            sys.stdin.name, __name__, os.readlink('/proc/self/exe'))


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


def test_forks_of_one_process():
    workers = Workers()
    workers.add(1, ids)
    pairs = [workers.run()[1] for _ in range(5)]
    assert len({pid for pid, _parent in pairs}) == 5
    assert pairs[0][1] == os.getpid()
    assert pairs[2][1] == pairs[3][1] == pairs[4][1] != os.getpid()


def test_runs_of_a_client_server():
    application = ClientServer(Server)
    application.new_worker(1, Client)
    parents = [application.run()[1] for _ in range(3)]
    assert parents[1] == parents[2] != os.getpid()


def test_surroundings(monkeypatch, tmp_path):
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
    """Nobody seeds them: so forks, too, have none in common."""
    import numpy  # noqa: F401: then the workers' server has it

    workers = Workers()
    for id in range(3):
        workers.add(id, 'python:numpy.random:random')
    numbers = [number for _ in range(3) for number in workers.run().values()]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize('fresh', [[], ['stamp']])
def test_modules_are_kept_out(script, fresh):
    script.write('import os\nPID = os.getpid()\n', 'stamp.py')
    text = HEAD + f'''
import stamp

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


@pytest.mark.parametrize('line', [
    "print('loading')",
    "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
    "import random; GENERATOR = random.Random()",
    "import numpy; GENERATOR = numpy.random.default_rng()",
    "FILE = open(__file__)",
])
def test_what_cannot_be_forked_is_started_as_ever(script, line):
    text = HEAD + line + '''

if __name__ == '__main__':
    print(warm_up(Workers()) is None)
'''
    assert script.run(text).stdout.splitlines()[-1] == 'True'


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
