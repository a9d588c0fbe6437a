# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The client of the published package ai4u runs unchanged in each client of a ClientServer."""

import pathlib
import subprocess
import sys

from test_unityremote import find_ports

EXAMPLE = pathlib.Path(__file__).parents[2] / 'examples' / 'unityremote' / 'ai4u_players.py'


def test_players():
    port, _ = find_ports(2)
    done = subprocess.run([sys.executable, EXAMPLE, str(port)], capture_output=True, text=True,
                          timeout=100)
    assert (done.stderr, done.returncode) == ('', 0)
    for player in range(2):
        assert f'player {player}: episodes of [4, 4, 4] steps\n' in done.stdout


def test_the_old_names_beside_the_new_package():
    program = '''
import unityremote.ai4u
from ai4u.gmproc import ClientServer
from ai4u.core import RemoteEnv
from ai4u.appserver import startasdaemon
import ai4u, gmproc
assert ClientServer is gmproc.ClientServer
print(ai4u.__file__ is not None)
'''
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ('True\n', '')
