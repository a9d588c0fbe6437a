# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Handlers of signals that raise, at each moment of a call of a vector environment."""

import contextlib
import itertools
import os
import signal
import sys
import traceback

import gymnasium
import numpy as np
import pytest
from gymnasium.error import NoAsyncCallError
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import SyncVectorEnv
from test_open_run import InterruptingCalls, Late, raise_late

from gmproc.gymnasium import VectorEnv

CRASH = 3
IN_RECV = '_check_open', '_get_catch', '_take_failure'
pytestmark = pytest.mark.filterwarnings('ignore:.*is restarted')


class Random(gymnasium.Env):
    """Counts its steps, returns random observations, and has a memory."""

    observation_space = Box(0, 1, (2,), np.float32)
    action_space = Discrete(4)
    memory = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n = 0
        return self.np_random.random(2, np.float32), {'seed': seed}

    def step(self, action):
        if action == CRASH:
            os.kill(os.getpid(), signal.SIGKILL)
        self.n += 1
        return self.np_random.random(2, np.float32), float(self.n), False, False, {'n': self.n}


class InterruptingOutside(InterruptingCalls):
    """Interrupts no callback: a callback that raises ends a run."""

    def profile(self, frame, event, arg):
        frames = [each for each, _ in traceback.walk_stack(frame)]
        names = [each.f_code.co_name for each in frames]
        if 'recv' not in names or names[0] == 'recv' or names[names.index('recv') - 1] in IN_RECV:
            super().profile(frame, event, arg)


@pytest.fixture
def interrupted():
    """Calls a function once for each moment, until it is not interrupted any more."""
    def repeat(function, then):
        for n in itertools.count(1):
            interrupting = InterruptingOutside(n)
            with contextlib.suppress(Late):
                sys.setprofile(interrupting.profile)
                function()
            sys.setprofile(None)
            then()
            if not interrupting.was_sent:
                break
        assert n > 10

    before = signal.signal(signal.SIGUSR1, raise_late)
    yield repeat
    sys.setprofile(None)
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def make():
    made = []

    def make(**options):
        made.append(VectorEnv([Random] * 3, **options))
        return made[-1]
    yield make
    while made:
        made.pop().close(terminate=True)


CALLS = {
    'reset': lambda envs: envs.reset(seed=1),
    'step': lambda envs: envs.step(np.zeros(3, int)),
    'step a list': lambda envs: envs.step([0, 0, 0]),
    'call': lambda envs: envs.call('has_wrapper_attr', 'n'),
    'set_attr': lambda envs: envs.set_attr('memory', [1, 2, 3]),
}


def check_against(envs, others):
    """Both do the same from here on."""
    results = []
    for each in envs, others:
        results.append([each.reset(seed=5), each.step(np.ones(3, int)), each.step([0, 1, 2])])
    np.testing.assert_equal(*results)


@pytest.mark.parametrize('name', CALLS)
def test_what_was_interrupted_leaves_nothing_behind(make, interrupted, name):
    envs, others = make(), SyncVectorEnv([Random] * 3)
    envs.reset()
    interrupted(lambda: CALLS[name](envs), lambda: check_against(envs, others))


def test_restarts_are_interrupted(make, interrupted):
    envs, others = make(restart='on-failure', max_restarts=10**6), SyncVectorEnv([Random] * 3)
    envs.reset()
    interrupted(lambda: envs.step([0, CRASH, 0]), lambda: check_against(envs, others))


def receive_all(envs, seen=()):
    seen = [*seen]
    with contextlib.suppress(NoAsyncCallError):
        while True:
            seen += envs.recv()[-1]['env_id'].tolist()
    return seen


def test_no_outcome_is_lost(make, interrupted):
    """Those that recv has not returned come with the next one."""
    envs = make(batch_size=2)
    seen = []
    envs.async_reset()
    interrupted(lambda: seen.extend(envs.recv()[-1]['env_id'].tolist()),
                lambda: (check_all(receive_all(envs, seen)), seen.clear(), envs.async_reset()))


def test_actions_are_sent_to_all_or_none(make, interrupted):
    envs = make(batch_size=3)

    def act():
        envs.send([0, 0], [0, 2])

    def check():
        with contextlib.suppress(ValueError):  # They were sent.
            act()
        assert sorted(receive_all(envs)) == [0, 2]

    envs.async_reset()
    check_all(receive_all(envs))
    interrupted(act, check)


def check_all(seen):
    assert sorted(seen) == [0, 1, 2]
