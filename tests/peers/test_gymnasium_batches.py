# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The first K of N environments, in each autoreset mode."""

import os
import signal

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode

from gmproc.gymnasium import StepTimeout, VectorEnv

LENGTH = 5


class Counting(gymnasium.Env):
    """Counts episodes and steps, and refuses a step after the end of an episode."""

    observation_space = Box(0, np.inf, (2,), np.float32)
    action_space = Discrete(2)
    n_episodes = -1

    def observe(self):
        return np.array([self.n_episodes, self.n], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n_episodes += 1
        self.n = 0
        # No batch has a number and None for the same name.
        return self.observe(), {'seed': -1 if seed is None else seed}

    def step(self, action):
        assert self.n < LENGTH
        self.n += 1
        return self.observe(), 1.0, self.n == LENGTH, False, {}


@pytest.fixture
def envs():
    made = []

    def make(mode):
        made.append(VectorEnv([Counting] * 5, batch_size=2, autoreset_mode=mode))
        return made[-1]
    yield make
    while made:
        made.pop().close(terminate=True)


def expected(mode, n):
    """The observation after this many messages of an environment, and whether an episode ends."""
    if mode == AutoresetMode.SAME_STEP:
        episode, step = divmod(n, LENGTH)
        return [episode, step], step == 0 and n > 0
    # The reset is a turn of its own.
    episode, step = divmod(n, LENGTH + 1)
    return [episode, step], step == LENGTH


@pytest.mark.parametrize('mode', AutoresetMode)
def test_each_environment_goes_its_own_way(envs, mode):
    envs = envs(mode)
    envs.async_reset(seed=[10, 11, 12, 13, 14])
    counts = [0] * 5
    while min(counts) < 30:
        observations, rewards, terminations, truncations, infos = envs.recv()
        ids = infos['env_id']
        assert len(ids) == 2 and len(set(ids)) == 2 and not truncations.any()
        for i, observation, reward, is_over in zip(ids, observations, rewards, terminations):
            assert (observation.tolist(), is_over) == expected(mode, counts[i])
            is_reset = observation[1] == 0 and mode != AutoresetMode.SAME_STEP
            assert reward == (0 if is_reset or counts[i] == 0 else 1)
            counts[i] += 1
        if mode == AutoresetMode.DISABLED:
            envs.async_reset(env_ids=ids[terminations])
            ids = ids[~terminations]
        envs.send(np.zeros(len(ids), int), ids)


def test_resetting_one_that_has_an_action(envs):
    envs = envs(AutoresetMode.DISABLED)
    envs.async_reset()
    *_, infos = envs.recv()
    other = next(i for i in range(5) if i not in infos['env_id'])
    with pytest.raises(ValueError, match=f'Environment {other} waits for no action'):
        envs.async_reset(env_ids=[other])


def test_seeds_belong_to_environments(envs):
    envs = envs(AutoresetMode.DISABLED)
    envs.async_reset(seed=7)
    *_, infos = envs.recv()
    assert (infos['seed'] == infos['env_id'] + 7).all()
    ids = infos['env_id']
    envs.async_reset(seed=70, env_ids=ids)
    seen = {}
    for _ in range(2):
        *_, infos = envs.recv()
        seen.update(zip(infos['env_id'], infos['seed']))
    for i in ids:
        assert seen.get(i, i + 70) == i + 70


def test_what_send_refuses(envs):
    envs = envs(AutoresetMode.NEXT_STEP)
    envs.async_reset()
    *_, infos = envs.recv()
    i, j = ids = infos['env_id']
    mask = np.zeros(5, bool)
    mask[ids] = True
    for actions, env_ids, error, text in [
            ([0, 0], [i, i], ValueError, 'occurs twice'),
            ([0, 0], mask, TypeError, 'not a mask'),
            ([0, 0], [i, j + 0.5], TypeError, 'integer'),
            ([0], ids, ValueError, r'shape \(1,\), and not \(2,\)'),
            (0, ids, ValueError, 'shape'),
            ([0, 0, 0], ids, ValueError, 'shape'),
            ([0.5, 1.5], ids, TypeError, 'float64, and not int64')]:
        with pytest.raises(error, match=text):
            envs.send(actions, env_ids)
    seen = {*envs.recv()[-1]['env_id'], *ids}
    envs.send([1, 1], ids)
    for _ in range(2):
        *_, infos = envs.recv()
        seen.update(infos['env_id'])
    assert seen == set(range(5))


class Slow(Counting):
    """Crashes at an action of 1, and its replacement waits in its reset."""

    def __init__(self, folder):
        self.folder = folder
        self.is_again = (folder / 'crashed').exists()

    def reset(self, **arguments):
        if self.is_again:
            (self.folder / 'resets').touch()
            (self.folder / 'fifo').read_bytes()
        return super().reset(**arguments)

    def step(self, action):
        if action == 1:
            (self.folder / 'crashed').touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(action)


def test_a_time_out_in_a_restart_loses_nothing(tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    envs = VectorEnv([lambda: Slow(tmp_path)] * 2, batch_size=2, restart='on-failure')
    envs.async_reset()
    envs.recv()
    envs.send([1, 0], [0, 1])
    with pytest.warns(UserWarning, match='Environment 0 is restarted'):
        while not (tmp_path / 'resets').exists():
            with pytest.raises(StepTimeout):
                envs.recv(timeout=0.1)
    with pytest.raises(ValueError, match='Environment 1 waits for no action'):
        envs.send([0], [1])
    (tmp_path / 'fifo').write_bytes(b'')
    observations, *_, infos = envs.recv()
    assert infos['env_id'].tolist() == [0, 1]
    assert observations.tolist() == [[0, 0], [0, 1]]
    assert infos['restarted'].tolist() == [True, False]
    envs.close()
