# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The guide's programs, byte for byte."""

import collections
import pathlib
import subprocess
import sys

SEED = pathlib.Path(__file__).parents[2] / 'examples' / 'python'


def run(name):
    done = subprocess.run([sys.executable, SEED / name], capture_output=True, text=True, timeout=80)
    assert (done.returncode, done.stderr) == (0, '')
    return done.stdout.splitlines()


def test_workers():
    assert run('workers.py') == [str(n) for n in range(1, 11)]


def test_client_server():
    lines = run('client_server.py')
    expected = ['starting server myserver']
    for id, state in ('par', 2), ('impar', 1):
        expected.append(f'starting client {id} with state {state}')
        expected += [f'Msg from client {id} is {state + 2 * turn}' for turn in range(1, 12)]
        expected += [f'Client {id} waiting'] * 11
        expected.append(f'Client {id} is finishing...')
        own = [line for line in lines if f'lient {id} ' in line]
        assert own[0] == f'starting client {id} with state {state}'
        assert own[-1] == f'Client {id} is finishing...'
        messages = [line for line in own if line.startswith('Msg')]
        assert messages == [f'Msg from client {id} is {state + 2 * turn}' for turn in range(1, 12)]
    assert collections.Counter(lines) == collections.Counter(expected)
