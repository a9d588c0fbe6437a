# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Ctrl-C, as a terminal sends it: to all processes of the program at once."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

WORK = '''
import os, signal, sys, time
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers

def nap(_):
    print('napping', os.getpid(), flush=True)
    while True:
        time.sleep(1000)

def spin(_):
    print('spinning', os.getpid(), flush=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass

class Server(ServerWorker):
    def process(self, id, msg):
        time.sleep(0.01)

class Client(ClientWorker):
    def start(self, params):
        print('living', os.getpid(), flush=True)
'''


def is_alive(pid):
    """True if a process runs; a zombie does not."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def wait_for_ends(pids):
    while any(is_alive(pid) for pid in pids):
        time.sleep(0.01)


def run_and_interrupt(script, text, n_lines, send):
    """Starts a program in its own process group, and calls send() when it has printed lines."""
    path = script.write(WORK + text)
    process = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        lines = [process.stdout.readline() for _ in range(n_lines)]
        pids = [int(line.split()[1]) for line in lines]
        send(process)
        out, err = process.communicate(timeout=60)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        print(process.communicate()[1])
        raise
    # An application waits for its workers before it exits.
    if send is interrupt:
        assert [pid for pid in pids if is_alive(pid)] == []
    wait_for_ends(pids)
    return process.returncode, out, err


def interrupt(process):
    os.killpg(process.pid, signal.SIGINT)


MAIN = '''
if __name__ == '__main__':
    workers = Workers()
    for i in range(3):
        workers.add(i, {function})
    {run}
'''


@pytest.mark.parametrize('function', ['nap', 'spin'])
def test_it_ends_all_workers(script, function):
    text = MAIN.format(function=function, run='workers.run()')
    status, out, err = run_and_interrupt(script, text, 3, interrupt)
    assert status == -signal.SIGINT
    assert out == ''
    assert err.count('Traceback') == 1
    assert err.endswith('KeyboardInterrupt\n')


def test_it_can_be_caught(script):
    status, out, err = run_and_interrupt(script, MAIN.format(function='nap', run='''
    try:
        workers.run()
    except KeyboardInterrupt:
        print('caught', signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    workers.add('again', len, 'ab')
    print(workers.run(['again']))
'''), 3, interrupt)
    assert (status, out, err) == (0, "caught True\n{'again': 2}\n", '')


@pytest.mark.parametrize('run', [
    'Workers(on_result=spin).map(len, ["a"])',
    'list(Workers(on_result=spin).imap(len, ["a"]))',
    'Workers().map(len, map(spin, "a"))',
    'Application().run()',
])
def test_callbacks_of_the_application_are_interrupted(script, run):
    # Also if the run has nothing left to wait for when they return.
    status, out, err = run_and_interrupt(script, f'''
def spin(*_):
    print('spinning', os.getpid(), flush=True)
    while True:
        pass

class Application(ClientServer):
    def process(self, id, msg):
        spin()

if __name__ == '__main__':
    Application.__init__ = lambda self: self.new_worker(1, ClientWorker)
    try:
        {run}
    except KeyboardInterrupt:
        print('caught')
''', 1, lambda process: os.kill(process.pid, signal.SIGINT))
    assert (status, out, err) == (0, 'caught\n', '')


def test_client_server(script):
    status, out, err = run_and_interrupt(script, '''
if __name__ == '__main__':
    cs = ClientServer(Server)
    cs.new_workers(3, Client)
    try:
        cs.run()
    except KeyboardInterrupt:
        print('caught')
''', 3, interrupt)
    assert (status, out, err) == (0, 'caught\n', '')


def test_a_program_with_a_handler_of_its_own(script):
    status, out, err = run_and_interrupt(script, '''
def answer(*_):
    print('handled')

def nap_once(_):
    print('napping', os.getpid(), flush=True)
    sys.stdin.read()
    while not os.path.exists(sys.argv[0] + '.go'):
        time.sleep(0.01)
    return 'slept'

if __name__ == '__main__':
    signal.signal(signal.SIGINT, answer)
    workers = Workers()
    workers.add(1, nap_once)
    print(workers.run())
    print(signal.getsignal(signal.SIGINT) is answer)
''', 1, lambda process: (interrupt(process), script.write('', 'script.py.go')))
    assert status == 0
    assert sorted(out.splitlines()) == ['True', 'handled', "{1: 'slept'}"]
    assert err == ''


def interrupt_alone(process):
    interrupt(process)


def test_in_another_thread_it_is_the_programs_business(script):
    status, out, err = run_and_interrupt(script, '''
import threading

def run():
    workers = Workers()
    workers.add(1, nap)
    workers.run()

if __name__ == '__main__':
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        print('interrupted')
''', 1, interrupt_alone)
    assert (status, out, err) == (0, 'interrupted\n', '')


def test_the_application_is_killed(script):
    text = MAIN.format(function='nap', run='workers.run()')
    status, _out, err = run_and_interrupt(script, text, 3, subprocess.Popen.kill)
    assert status == -signal.SIGKILL
    assert err == ''


def test_an_application_that_is_the_server_answers_no_more(script):
    """It is busy at Ctrl-C, and all its clients wait."""
    done = script.run('''
import os, signal, time
from gmproc import ClientServer, ClientWorker

class Application(ClientServer):
    n_calls = 0

    def process(self, id, msg):
        self.n_calls += 1
        if self.n_calls == 10:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)

class Client(ClientWorker):
    pass

if __name__ == '__main__':
    application = Application()
    application.new_workers(4, Client)
    try:
        application.run()
    except KeyboardInterrupt:
        print(application.n_calls)
''')
    assert (done.stdout, done.stderr) == ('10\n', '')
