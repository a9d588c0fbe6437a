# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers on two nodes, which are agents on this machine. The program has its own process, because
agents live as long as it does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = '''
import os
import signal
import numpy as np
from gmproc import (ClientServer, ClientWorker, Executor, ServerWorker, Workers, WorkerError,
                    report, worker_node)

def square(x):
    return x * x, worker_node()

def scale(array):
    array *= 2
    return array

def fail(x):
    raise LookupError(f'no {x}')

def die(x):
    os.kill(os.getpid(), signal.SIGKILL)

def report_node(x):
    report(x)
    return x

def speak(x):
    print(worker_node())

class Server(ServerWorker):
    def process(self, id, message):
        return message * 2

class Batches(ServerWorker):
    def process_batch(self, ids, messages):
        return [message * 2 for message in messages]

class Client(ClientWorker):
    def start(self, params):
        self.n = 0
    def process(self):
        return np.full(100_000, self.n)
    def update(self, response):
        assert (response == 2 * self.n).all()
        self.n += 1
    def done(self):
        return self.n == 10
    def finish(self):
        return self.get_node()

def failure(method):
    workers = Workers()
    workers.add(1, method, 7)
    try:
        workers.run()
    except WorkerError as error:
        return error

if __name__ == '__main__':
    squares = Workers().map(square, range(20), chunksize=1)
    assert [value for value, node in squares] == [x * x for x in range(20)]
    assert {node for value, node in squares} == {'alpha', 'beta'}

    workers = Workers(on_progress=lambda id, value: reports.append((id, value)))
    workers.add('big', scale, np.ones(3_000_000))
    workers.add('report_node', report_node, 5)
    reports = []
    results = workers.run()
    assert results['big'].sum() == 6_000_000 and results['big'].flags.writeable
    assert results['report_node'] == 5 and reports == [('report_node', 5)]

    error = failure(fail)
    assert isinstance(error.__cause__, LookupError) and 'in fail' in str(error)
    assert error.node in ('alpha', 'beta') and error.node in str(error)
    error = failure(die)
    assert error.signal == signal.SIGKILL and not error.out_of_memory

    spoken = []
    speakers = Workers()
    speakers.on_output = lambda id, stream, line: spoken.append((line, speakers.get_node(id)))
    speakers.add('x', speak, 1)
    speakers.run()
    assert spoken in ([('alpha', 'alpha')], [('beta', 'beta')]), spoken
    assert speakers.get_node('x') is None

    here = Workers(launcher='local')
    here.add(1, square, 5)
    assert here.run() == {1: (25, None)}

    for server in Server, Batches:
        clients = ClientServer(server)
        clients.new_workers(3, Client)
        assert set(clients.run().values()) == {'alpha', 'beta'}

    clients = ClientServer()
    clients.new_workers(3, Client)
    with clients.open() as run:
        while True:
            ids, messages = run.recv()
            if not ids:
                break
            run.send(ids, [2 * message for message in messages])
    assert set(run.results.values()) == {'alpha', 'beta'}

    with Executor() as executor:
        values = list(executor.map(square, range(20)))
    assert [value for value, node in values] == [x * x for x in range(20)]
    assert {node for value, node in values} <= {'alpha', 'beta'}
    print('passed')
'''


SHORT_PROGRAM = '''
from gmproc import Workers, worker_node

def tell_node(params):
    return worker_node()

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, tell_node)
    print(workers.run())
'''


LOSING_PROGRAM = '''
import os
import signal
import sys
import time
from pathlib import Path
from gmproc import WorkerError, Workers

def lose_node(times):
    """Returns how often it was called; its node is lost in the first calls."""
    path = Path(sys.argv[1])
    n = len(path.read_text()) if path.exists() else 0
    if n < times:
        path.write_text('x' * (n + 1))
        pid = os.getpid()
        while '(gmproc-agent)' not in (stat := Path(f'/proc/{pid}/stat').read_text()):
            pid = int(stat.rpartition(')')[2].split()[1])
        os.kill(pid, signal.SIGKILL)
        time.sleep(1000)
    return n

if __name__ == '__main__':
    print(Workers().map(lose_node, [0, 2], chunksize=1)[1])
    try:
        Workers().map(lose_node, [100], chunksize=1)
    except WorkerError as error:
        print(error.id, len(Path(sys.argv[1]).read_text()))
'''


@pytest.mark.skipif('GMPROC_AGENT' not in os.environ, reason='there is no agent')
def test_losses(tmp_path: Path) -> None:
    """An item whose node is lost is executed elsewhere; but if it is always lost, it fails."""
    program = tmp_path / 'program.py'
    program.write_text(LOSING_PROGRAM, encoding='utf-8')
    environment = os.environ | {'GMPROC_LAUNCHER': 'command:{agent}', 'GMPROC_NODES': 'alpha beta'}
    run = subprocess.run([sys.executable, str(program), str(tmp_path / 'calls')], text=True,
                         env=environment, timeout=60, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert run.stdout == '2\n0 6\n', run.stderr


@pytest.mark.skipif('GMPROC_AGENT' not in os.environ, reason='there is no agent')
def test_end(tmp_path: Path) -> None:
    """A program that ends while a node has not come says nothing about that."""
    program = tmp_path / 'program.py'
    program.write_text(SHORT_PROGRAM, encoding='utf-8')
    launcher = "command:sh -c 'test {node} = alpha || exec sleep 60; exec {agent}'"
    environment = os.environ | {'GMPROC_LAUNCHER': launcher, 'GMPROC_NODES': 'alpha beta'}
    run = subprocess.run([sys.executable, str(program)], env=environment, text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (run.stdout, run.stderr) == ("{1: 'alpha'}\n", '')


KILLED_PROGRAM = '''
import os
import signal
import time
from gmproc import Workers, report

def sit(_params):
    report(None)
    time.sleep(1000)

def kill_self(id, _report):
    ready.add(id)
    if len(ready) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == '__main__':
    ready = set()
    workers = Workers(on_progress=kill_self)
    for i in range(4):
        workers.add(i, sit)
    workers.run()
'''


@pytest.mark.skipif('GMPROC_AGENT' not in os.environ, reason='there is no agent')
def test_killed(tmp_path: Path) -> None:
    """Workers whose program is killed end, and say nothing: all of them would."""
    program = tmp_path / 'program.py'
    program.write_text(KILLED_PROGRAM, encoding='utf-8')
    environment = os.environ | {'GMPROC_LAUNCHER': 'command:{agent}', 'GMPROC_NODES': 'alpha beta'}
    run = subprocess.run([sys.executable, str(program)], env=environment, text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (run.returncode, run.stderr) == (-signal.SIGKILL, '')


@pytest.mark.skipif('GMPROC_AGENT' not in os.environ, reason='there is no agent')
def test_cluster(tmp_path: Path) -> None:
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM, encoding='utf-8')
    environment = os.environ | {'GMPROC_LAUNCHER': 'command:env SLURM_CPUS_ON_NODE=2 {agent}',
                                'GMPROC_NODES': 'alpha beta'}
    run = subprocess.run([sys.executable, str(program)], env=environment, text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout == 'passed\n', run.stderr
