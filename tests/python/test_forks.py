# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Applications that fork after they have used gmproc."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading

import numpy

from gmproc import ClientServer, ClientWorker, ServerWorker, Workers


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
