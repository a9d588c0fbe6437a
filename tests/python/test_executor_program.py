# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""gmproc.Executor in a program that ends, forks, or changes its modules and its surroundings."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import types

import gmproc
import pytest
from gmproc import Executor
from test_executor import call, get_pid


def run_program(text, **options):
    # Newer Pythons warn about each fork of a process that has threads.
    command = [sys.executable, '-W', 'ignore:This process:DeprecationWarning', '-c',
               textwrap.dedent(text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_left_at_exit():
    # Submitted calls are executed without a shutdown.
    done = run_program('''
        from gmproc import Executor
        executor = Executor(2)
        futures = [executor.submit(print, n) for n in range(20)]
    ''')
    assert done.stderr == ''
    assert sorted(int(line) for line in done.stdout.split()) == list(range(20))


def test_forked():
    done = run_program('''
        import os
        from gmproc import Executor
        executor = Executor(1)
        print(executor.submit(abs, -1).result(), flush=True)
        pid = os.fork()
        if pid == 0:
            with Executor(1) as other:
                print(other.submit(abs, -2).result(), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(executor.submit(abs, -3).result())
    ''')
    assert (done.stdout.split(), done.stderr) == (['1', '2', '3'], '')


def test_forked_with_pending_calls():
    # Pending calls belong to the parent: a child neither waits for them nor has its callbacks
    # called.
    done = run_program('''
        import os, sys, time
        from concurrent import futures
        from gmproc import Executor
        executor = Executor(1)
        running = executor.submit(time.sleep, 60)
        pending = executor.submit(abs, -1)
        pending.add_done_callback(lambda _: print('called back', flush=True))
        # A child of a program whose threads allocate memory meanwhile can hang in GLib 2.74.
        while not running.running():
            time.sleep(0.001)
        if os.fork() == 0:
            print(futures.wait([running, pending]).not_done, flush=True)
            print(pending.exception(), pending.cancel(), flush=True)
            print(executor.submit(abs, -2).result(), flush=True)
            sys.exit(0)
        print('child', os.wait()[1], flush=True)
        running.cancel()
        executor.shutdown()
        print(pending.result())
    ''')
    assert (done.stdout.splitlines(), done.stderr) == (
        ['set()', 'The call is that of the process that this one was forked from False', '2',
         'child 0', 'called back', '1'], '')


def test_interrupted():
    done = run_program('''
        import os, signal, threading, time
        from gmproc import Executor
        with Executor(1) as executor:
            future = executor.submit(time.sleep, 60)
            while not future.running():
                pass
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                future.result()
            except KeyboardInterrupt:
                print('interrupted', future.cancel())
    ''')
    assert (done.stdout, done.stderr) == ('interrupted True\n', '')


interruptions = []  # for each reading of a Touchy in this process, whether a signal comes


def read_touchy():
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and interruptions and interruptions.pop():
        signal.raise_signal(signal.SIGUSR1)
    return 'read'


class Touchy:
    def __reduce__(self):
        return read_touchy, ()


@pytest.mark.parametrize('n', [1, 2, 5])
def test_interrupted_while_a_result_is_read(n):
    """The handler's exception comes out of the call that waits, and the future has its result."""
    def interrupt(_number, _frame):
        raise InterruptedError
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with Executor(1) as executor:
            executor.submit(abs, 1).result()
            for _turn in range(20):
                interruptions[:] = [True] * n
                future = executor.submit(Touchy)
                results = []
                for _ in range(n + 1):
                    with contextlib.suppress(InterruptedError):
                        results.append(future.result())
                assert 'read' in results
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_modules_and_settings_that_change(tmp_path, monkeypatch):
    def write(text):
        # With another size: Python does not read a file again that is no newer.
        (tmp_path / 'changing.py').write_text(text)
        importlib.invalidate_caches()

    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    with Executor(1) as executor:
        first = executor.submit(get_pid).result()
        # Workers find modules that the application can import by now.
        monkeypatch.syspath_prepend(tmp_path)
        write('def get(): return 1')
        changing = importlib.import_module('changing')
        assert executor.submit(changing.get).result() == 1
        write('def get(): return 22')
        importlib.reload(changing)
        assert executor.submit(changing.get).result() == 22
        # A process that others keep behaves in the same way.
        with gmproc.Workers(max_parallel=1) as workers:
            assert workers.map(call, [changing.get]) == [22]
            write('def get(): return 333')
            importlib.reload(changing)
            assert workers.map(call, [changing.get]) == [333]
        del sys.modules['changing']
        write('def get(): return 4444')
        changing = importlib.import_module('changing')
        assert executor.submit(changing.get).result() == 4444
        second = executor.submit(get_pid).result()
        assert second != first
        # Changes that do not concern workers leave them alone.
        monkeypatch.setitem(sys.modules, 'not_a_file', types.ModuleType('not_a_file'))
        assert executor.submit(get_pid).result() == second
        del sys.modules['changing']


def test_thread_local_of_callbacks(tmp_path):
    """Objects that a callback stores in its thread live until the thread ends, an executor too."""
    gate = tmp_path / 'gate'
    os.mkfifo(gate)
    done = run_program(f'''
        import pathlib, threading
        from gmproc import Executor

        local = threading.local()
        gate = pathlib.Path({str(gate)!r})

        def first(_future):
            local.executor = Executor(1)
            local.future = local.executor.submit(abs, -2)

        def second(_future):
            print('second', local.future.result(), flush=True)

        with Executor(1) as executor:
            for callback in first, second:
                called = threading.Event()
                future = executor.submit(gate.read_text)
                future.add_done_callback(callback)
                future.add_done_callback(lambda _future: called.set())
                gate.write_text('go on')
                called.wait()
        print('end')
    ''')
    assert (done.stdout, done.stderr) == ('second 2\nend\n', '')


def get_surroundings(_=None):
    return os.getpid(), os.getcwd(), os.environ.get('GMP_TEST_KEPT')


def test_calls_find_the_folder_and_the_environment_of_the_program(tmp_path, monkeypatch):
    with Executor(1) as executor:
        pids = []
        for value in (None, '1', '2'):
            if value is not None:
                monkeypatch.setenv('GMP_TEST_KEPT', value)
            for folder in (tmp_path, tmp_path.parent):
                monkeypatch.chdir(folder)
                found = [executor.submit(get_surroundings).result(),
                         *executor.map(get_surroundings, range(3))]
                assert found == [(found[0][0], str(folder), value)] * 4
                pids.append(found[0][0])
    assert len(set(pids)) == 6


def test_calls_print_where_the_program_prints(tmp_path):
    with Executor(1) as executor:
        executor.submit(print, 'before', flush=True).result()
        kept = os.dup(1)
        with open(tmp_path / 'output', 'w') as output:
            os.dup2(output.fileno(), 1)
        try:
            for number in range(2):
                executor.submit(print, number, flush=True).result()
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        executor.submit(print, 'after', flush=True).result()
    assert (tmp_path / 'output').read_text() == '0\n1\n'
