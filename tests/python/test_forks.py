# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Applications that fork after they have used gmproc."""

import asyncio
import itertools
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import numpy
import pytest

from gmproc import Cancellable, ClientServer, ClientWorker, ServerWorker, Workers, report


# Not all of them are looked at to find out that the value is large.
N_ARRAYS = 1500


class Doubler(ServerWorker):
    def process(self, id, msg):
        return 2 * msg


class Asker(ClientWorker):
    def start(self, params):
        self.n = params

    def process(self):
        return self.n

    def update(self, response):
        self.answer = response

    def done(self):
        return hasattr(self, 'answer')

    def finish(self):
        return self.answer


def run_workers(workers):
    assert workers.run() == {0: 1, 1: 2}


def run_client_server(application):
    assert application.run() == {'a': 6}


def make_workers(reuse):
    workers = Workers(reuse=reuse)
    workers.add(0, abs, -1)
    workers.add(1, abs, -2)
    return workers


def make_client_server(_):
    application = ClientServer(Doubler)
    application.new_worker('a', Asker, 3)
    return application


KINDS = [(make_workers, False, run_workers), (make_workers, True, run_workers),
         (make_client_server, None, run_client_server)]


def run_all(objects):
    for application, (make, argument, run) in zip(objects, KINDS):
        run(application)
        run(make(argument))


def make_objects():
    result = [make(argument) for make, argument, _ in KINDS]
    run_all(result)
    return result


def test_multiprocessing():
    """Objects created before the fork and after it run in both processes."""
    objects = make_objects()
    process = multiprocessing.get_context('fork').Process(target=run_all, args=(objects,))
    process.start()
    process.join()
    assert process.exitcode == 0
    run_all(objects)


def test_child_drops_what_is_kept():
    objects = make_objects()
    pid = os.fork()
    if pid == 0:
        try:
            objects.clear()
        finally:
            os._exit(0 if not objects else 1)
    assert os.waitpid(pid, 0)[1] == 0
    run_all(objects)


def run_large(workers, n_runs):
    for _ in range(n_runs):
        assert workers.run() == {0: N_ARRAYS}


def test_large_values():
    """Forks while the library serialises the parameters of a run in another thread, and frees the
    arrays that they were made of.
    """
    workers = Workers(reuse=True)
    workers.add(0, len, [numpy.full(20_000, i % 256, dtype='u1') for i in range(N_ARRAYS)])
    thread = threading.Thread(target=run_large, args=(workers, 5))
    thread.start()
    while thread.is_alive():
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    thread.join()


def test_child_exits():
    """The child ends normally, with everything that the interpreter does then."""
    program = textwrap.dedent('''
        import os, sys
        from gmproc import Workers

        if __name__ == '__main__':
            for reuse in False, True:
                workers = Workers(reuse=reuse)
                workers.add(0, abs, -1)
                workers.add(1, abs, -2)
                workers.run()
                workers.run()
                pid = os.fork()
                if pid == 0:
                    sys.exit(7)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
                print(workers.run())
    ''')
    # From 3.12 on, Python warns about a fork of a process with threads.
    output = subprocess.run([sys.executable, '-W', 'ignore:This process:DeprecationWarning', '-c',
                             program], capture_output=True, text=True, timeout=60)
    assert (output.returncode, output.stderr) == (0, '')
    assert output.stdout == '{0: 1, 1: 2}\n' * 2


class Follower(ClientServer):
    """Serves its client in an open run."""

    def __init__(self):
        super().__init__()
        self.new_worker('a', Asker, 3)


def wait_for_file(path):
    report(None)
    while not os.path.exists(path):
        time.sleep(0.01)


def make_waiting(path):
    """Workers that run until the file is there."""
    workers = Workers()
    workers.add(0, wait_for_file, path)
    return workers


def in_child(function, *args):
    """Calls a function in a forked child, which has to return True."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if function(*args) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def run_again(workers):
    workers.on_progress = None
    workers.set_params(0, '/')
    return workers.run() == {0: None}


def test_child_runs_what_is_running(tmp_path):
    started = threading.Event()
    workers = make_waiting(str(tmp_path / 'end'))
    workers.on_progress = lambda *_: started.set()
    thread = threading.Thread(target=workers.run)
    thread.start()
    assert started.wait(60)
    in_child(run_again, workers)
    (tmp_path / 'end').touch()
    thread.join()


def test_child_maps_what_is_mapping():
    workers = Workers(max_parallel=1)
    values = workers.imap(abs, itertools.count())
    assert next(values) == 0
    workers.add(0, abs, -3)
    in_child(lambda: workers.run() == {0: 3} and workers.map(abs, [-1, -2]) == [1, 2])
    in_child(lambda: workers.map(abs, [-1, -2]) == [1, 2] and workers.run() == {0: 3})
    assert next(values) == 1
    values.close()


def leave(run, is_raised):
    """Leaves the run of the parent, as the end of a ``with`` statement does."""
    with pytest.raises(RuntimeError, match='forked'):
        run.recv()
    with pytest.raises(RuntimeError, match='forked'):
        run.send(['a'], [0])
    run.__exit__(ValueError if is_raised else None, None, None)
    return run.close() == {}


@pytest.mark.parametrize('is_raised', [False, True])
def test_child_leaves_open_run(is_raised):
    application = Follower()
    with application.open() as run:
        ids, messages = run.recv()
        in_child(leave, run, is_raised)
        in_child(open_again, application)
        run.send(ids, messages)
    assert run.results == {'a': 3}


def open_again(application):
    application.new_worker('b', Asker, 4)
    with application.open() as run:
        ids, messages = run.recv()
        run.send(ids, messages)
    return sorted(messages) == [3, 4] and run.results == {'a': 3, 'b': 4}


def watch_descriptors(function):
    """Calls a function after the program has closed its inherited descriptors and has others of
    the same numbers. Returns True if nothing was written to those."""
    end, start = os.pipe()
    os.set_blocking(end, False)
    for each in os.listdir('/proc/self/fd'):
        if int(each) > 2 and int(each) not in (end, start) and os.path.exists(f'/dev/fd/{each}'):
            os.dup2(start, int(each))
    function()
    try:
        return os.read(end, 100) == b''
    except BlockingIOError:
        return True


def make_open_run(_path):
    run = Follower().open()
    run.recv()
    return [run]


def make_run(path):
    workers = make_waiting(path)
    return [workers, workers.run_async()]


def make_cancellable_run(path):
    cancellable = Cancellable()
    workers = make_waiting(path)
    return [cancellable, workers, workers.run_async(cancellable=cancellable)]


def make_iterator(_path):
    loop = asyncio.new_event_loop()
    values = Workers(max_parallel=1).imap_async(abs, range(1000))
    assert loop.run_until_complete(values.__anext__()) == 0
    return [values, loop]


@pytest.mark.parametrize('make', [make_open_run, make_run, make_cancellable_run, make_iterator])
@pytest.mark.parametrize('is_cancelled', [False, True])
def test_child_has_own_descriptors(make, is_cancelled, tmp_path):
    """A child that has closed what it inherited, like a daemon, drops or cancels the parent's
    runs."""
    program = multiprocessing.get_context('fork').Process(
        target=have_own_descriptors, args=(make, is_cancelled, str(tmp_path / 'end')))
    program.start()
    program.join()
    assert program.exitcode == 0


def have_own_descriptors(make, is_cancelled, path):
    objects = make(path)

    def end():
        for each in objects:
            if is_cancelled and hasattr(each, 'cancel'):
                each.cancel()
        objects.clear()

    in_child(watch_descriptors, end)
    os._exit(0)  # without waiting for the run
