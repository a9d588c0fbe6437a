# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Environments that fail, in each of their methods and in each way."""

import os
import signal
import sys
import threading
import time
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from gmproc import WorkerDied, WorkerError, WorkerTimeout
from gmproc.gymnasium import VectorEnv


class Failing(gymnasium.Env):
    """Fails in one of its methods; with ``once``, the name of a file, only the first time."""

    observation_space = Box(0, np.inf, (1,), np.float32)
    action_space = Discrete(2)
    mood = 'good'

    def __init__(self, place=None, way=None, once=None):
        self.place, self.way, self.once = place, way, once
        self.pass_through('init')

    def pass_through(self, place):
        if place != self.place or (self.once is not None and os.path.exists(self.once)):
            return
        if self.once is not None:
            open(self.once, 'w').close()
        print('100% about to fail in', place, file=sys.stderr, flush=True)
        WAYS[self.way][0]()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n = 0
        self.pass_through('reset')
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.n += 1
        self.pass_through('step')
        return np.array([self.n], np.float32), 1.0, False, False, {}

    def work(self, number):
        self.pass_through('call')
        return number

    def close(self):
        self.pass_through('close')


def do_raise():
    raise KeyError('100% told to raise')


def do_segfault():
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(1000)


def do_hang():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)


# The action, and its outcome.
WAYS = {
    'raise': (do_raise, KeyError, 'told to raise'),
    'segfault': (do_segfault, WorkerDied, r'signal 11'),
    'leave': (lambda: os._exit(0), WorkerDied, 'exited with status 0'),
    'exit': (lambda: sys.exit(3), WorkerError, 'SystemExit: 3'),
    'hang': (do_hang, WorkerTimeout, r'within 1 seconds after a response \(step_timeout\)'),
}
PLACES = 'init', 'reset', 'step', 'call', 'close'
LIMITS = {'step_timeout': 1, 'startup_timeout': 5}


@pytest.fixture
def make():
    made = []

    def make(*arguments, **kwargs):
        made.append(VectorEnv([Failing, lambda: Failing(*arguments), Failing], **kwargs))
        return made[-1]
    yield make
    while made:
        made.pop().close(terminate=True)


def use(envs):
    """Calls all methods. Returns the steps that were truncated."""
    envs.reset(seed=1)
    truncated = [envs.step(np.zeros(3, int))[3].tolist() for _ in range(2)]
    assert envs.call('work', 5) == (5, 5, 5)
    truncated.append(envs.step(np.zeros(3, int))[3].tolist())
    return truncated


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('place', PLACES[:4])
def test_without_restarts_it_is_an_error(make, place, way):
    _, kind, text = WAYS[way]
    if (place, way) == ('init', 'hang'):
        kind, text = WorkerDied, 'Timeout'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with pytest.raises(kind, match=text) as caught:
            use(make(place, way, **(LIMITS if way == 'hang' else {})))
    if kind is not KeyError:
        assert caught.value.id == 1
        if (place, way) != ('init', 'hang') and way != 'segfault':  # Python writes more than this
            assert f'about to fail in {place}' in str(caught.value)


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('place', PLACES[:4])
def test_with_restarts_the_others_go_on(make, tmp_path, place, way):
    with pytest.warns(UserWarning, match='Environment 1 is restarted: Client 1'):
        envs = make(place, way, tmp_path / 'once', restart='on-failure',
                    **(LIMITS if way == 'hang' else {}))
        truncated = use(envs)
    # After a failed call the next one succeeds, with a new environment.
    cut_off = {'step': 0, 'call': 2}.get(place)
    assert truncated == [[False, i == cut_off, False] for i in range(3)]
    envs.close()


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('restart', ['never', 'on-failure'])
def test_closing_ends_all_and_warns(make, way, restart):
    envs = make('close', way, restart=restart, **(LIMITS if way == 'hang' else {}))
    use(envs)
    with pytest.warns(UserWarning, match='Environment 1 failed in close'):
        envs.close()


def test_closing_has_a_time_limit(make):
    envs = make('close', 'hang')
    envs.reset()
    envs.close(timeout=0.5)


def test_attributes_are_set_again_after_a_restart(make, tmp_path):
    envs = make('step', 'leave', tmp_path / 'once', restart='on-failure')
    envs.reset()
    envs.set_attr('mood', ['one', 'two', 'three'])
    with pytest.warns(UserWarning, match='is restarted'):
        assert envs.step(np.zeros(3, int))[3].tolist() == [False, True, False]
    assert envs.get_attr('mood') == ('one', 'two', 'three')


def test_a_value_that_cannot_be_sent_is_not_set(make, tmp_path):
    """It would otherwise be sent to the next process too."""
    envs = make('step', 'segfault', tmp_path / 'failed', restart='on-failure', **LIMITS)
    envs.set_attr('mood', 'bad')
    with pytest.raises(ValueError, match='cannot be pickled'):
        envs.set_attr('mood', threading.Lock())
    envs.reset()
    with pytest.warns(UserWarning, match='Environment 1 is restarted'):
        assert envs.step(np.zeros(3, int))[3].tolist() == [False, True, False]
    assert envs.get_attr('mood') == ('bad',) * 3
