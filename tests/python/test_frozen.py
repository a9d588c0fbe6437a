# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Programs that PyInstaller or cx_Freeze has frozen: there is no interpreter beside them, and the
file of their main module is in an archive."""

from __future__ import annotations

import sys

import pytest

# What the frozen program executes: it is the interpreter of itself.
BOOT = '''\
import os
import sys
code = compile(open({app!r}).read(), 'app.py', 'exec')
if {is_packed}:
    del os.__file__
sys.frozen = True
sys.executable = {program!r}
sys.argv[0] = sys.executable
__file__ = '/nowhere/app.py'
exec(code)
'''

APP = '''\
import uuid
import gmproc
from gmproc import ClientServer, ClientWorker, Executor, ServerWorker, Workers

NAME = uuid.uuid4()

def square(n):
    return n * n

def get_name(_n):
    return NAME

def map_here(n):
    return Workers().map(square, range(n))

class Server(ServerWorker):
    def process(self, id, request):
        return square(request)

class Client(ClientWorker):
    def process(self):
        return self.params

    def start(self, params):
        self.params = params

    def update(self, response):
        self.response = response

    def done(self):
        return hasattr(self, 'response')

    def finish(self):
        return self.response

if __name__ == '__main__':
    {support}
    print('the main part')
    workers = Workers(max_parallel=2)
    for n in range(3):
        workers.add(n, square, params=n)
    print(workers.run(), workers.run())
    print(workers.map(square, range(4)))
    names = *workers.map(get_name, [1]), *workers.map(get_name, [2]), NAME
    print(len(set(names)))
    application = ClientServer(Server)
    application.add_client('a', Client, 5)
    print(application.run())
    with Executor(1) as executor:
        print(executor.submit(map_here, 3).result())
'''


@pytest.fixture
def frozen(script):
    """Runs a frozen program. If it is packed, as by cx_Freeze, not even Python's modules have
    files."""
    def run(support, is_packed=False):
        app = script.write(APP.format(support=support), 'source.txt')
        program = script.folder / 'program'
        boot = script.write(BOOT.format(app=str(app), program=str(program), is_packed=is_packed),
                            'boot.py')
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -B {boot} "$@"\n')
        program.chmod(0o755)
        return script.python('-c', f'import os; os.execv({str(program)!r}, ["program", "x"])')
    return run


@pytest.mark.parametrize('is_packed', [False, True])
def test_its_workers_execute_the_program(frozen, is_packed):
    done = frozen('gmproc.freeze_support()', is_packed)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == '''\
the main part
{0: 0, 1: 1, 2: 4} {0: 0, 1: 1, 2: 4}
[0, 1, 4, 9]
3
{'a': 25}
[0, 1, 4]
'''


def test_a_program_without_support_starts_no_process(frozen):
    """Each worker would execute the main part, and start workers in turn."""
    done = frozen('pass')
    assert done.returncode == 1
    assert done.stdout == 'the main part\n'
    assert 'RuntimeError' in done.stderr
    assert 'call gmproc.freeze_support() first in its main part' in done.stderr


def test_it_does_nothing_elsewhere(script):
    assert script.output('''
import os
import gmproc

def get_pid(_n):
    return os.getpid()

if __name__ == '__main__':
    gmproc.freeze_support()
    print(gmproc.Workers().map(get_pid, [1]) != [os.getpid()], os.environ.get('GMPROC_WARM'))
''') == 'True None\n'
