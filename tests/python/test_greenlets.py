# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Programs whose threads gevent or eventlet has replaced by greenlets."""

import importlib.util
import subprocess
import sys

import pytest

PATCHES = {'gevent': 'import gevent.monkey; gevent.monkey.patch_all({})',
           'eventlet': 'import eventlet; eventlet.monkey_patch({})'}


@pytest.fixture(params=PATCHES)
def run_patched(request, script):
    """Runs a program in which a library has replaced threads, and returns what it printed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f'there is no {request.param}')

    def run(text, arguments=''):
        path = script.write(f'{PATCHES[request.param].format(arguments)}\n{text}')
        done = subprocess.run([sys.executable, '-W', 'ignore', path], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()
    return run


def test_executor(run_patched):
    # The thread that reports results is one of C.
    assert run_patched('''
import time
from gmproc import Executor

if __name__ == '__main__':
    executor = Executor(2)
    slow = executor.submit(time.sleep, 0.1)
    slow.add_done_callback(lambda _: print('called'))
    print(executor.submit(abs, -1).result(), slow.result(), *executor.map(abs, [-2, 3]))
    executor.submit(time.sleep, 0.1)
    executor.shutdown()
''') == ['called', '1', 'None', '2', '3']


def test_runs(run_patched):
    assert run_patched('''
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers

class Server(ServerWorker):
    def process(self, id, msg):
        return msg + 1

class Client(ClientWorker):
    response = 0

    def process(self):
        return self.response

    def update(self, response):
        self.response = response

    def done(self):
        return self.response == 5

    def finish(self):
        return self.response

if __name__ == '__main__':
    with Workers() as workers:
        workers.add(0, abs, -1)
        print(workers.run()[0], *workers.map(abs, [-2, 3]))
    clients = ClientServer(Server)
    clients.new_workers(2, Client)
    print(*clients.run().values())
''') == ['1', '2', '3', '5', '5']


def test_what_needs_a_thread(run_patched):
    # It is refused; to wait for a greenlet would be to wait forever.
    assert run_patched('''
import asyncio
from gmproc import Workers

async def run():
    workers.add(0, abs, -1)
    return await workers.run_async()

if __name__ == '__main__':
    workers = Workers()
    for use in (lambda: workers.map(abs, iter([1])), lambda: next(workers.imap(abs, [1])),
                lambda: asyncio.run(run())):
        try:
            use()
        except RuntimeError as error:
            print('(thread=False)' in str(error), str(error).count('ulimit'))
''') == ['True', '0'] * 3


def test_threads_that_are_kept(run_patched):
    assert run_patched('''
from gmproc import Workers

if __name__ == '__main__':
    with Workers() as workers:
        print(*workers.map(abs, iter([1, -2])), *workers.imap(abs, [-3, 4]))
''', 'thread=False') == ['1', '2', '3', '4']
