# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The policy server of examples/reinforcement learns, also if environments crash."""

import pathlib
import re
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).parents[2] / 'examples' / 'reinforcement' / 'policy_server.py'


def play(*arguments):
    done = subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True,
                          timeout=80)
    assert done.returncode == 0, done.stderr
    returns = [float(found) for found in re.findall(r'episodes: mean return +(-?[\d.]+)\n',
                                                    done.stdout)]
    assert len(returns) == 8, done.stdout
    restarts = re.findall(r'^(\d+) environments were killed and restarted$', done.stdout, re.M)
    assert ('--crash' in arguments) == bool(restarts) and '0' not in restarts
    return returns


def test_few_episodes():
    for episodes in '0', '3':
        done = subprocess.run([sys.executable, PROGRAM, 'catch', episodes], capture_output=True,
                              text=True, timeout=80)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count('mean return') >= int(episodes)


def test_it_balances_poles():
    returns = play('--crash', 'cartpole')
    assert returns[0] < 60 and max(returns[5:]) > 120


def test_it_catches_balls():
    returns = play('--open', 'catch', '4800')
    assert returns[0] < 0 < 0.3 < max(returns[5:])
