# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""gmproc.sb3.VecEnv: like SubprocVecEnv, with restarts."""

import pathlib
import sys

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from test_gymnasium_vector import CALM, CRASH, Moody

from gmproc import WorkerError
from gmproc.sb3 import VecEnv


def make_pole():
    return gymnasium.make('CartPole-v1')


@pytest.fixture
def make():
    made = []

    def make(env_fns, **kwargs):
        made.append(VecEnv(env_fns, **kwargs))
        return made[-1]
    yield make
    while made:
        made.pop().close()


def test_same_as_in_one_process(make):
    ours, theirs = make([make_pole] * 3), DummyVecEnv([make_pole] * 3)
    assert ours.observation_space == theirs.observation_space
    for envs in ours, theirs:
        envs.seed(7)
        envs.action_space.seed(1)
    assert np.array_equal(ours.reset(), theirs.reset())
    for _ in range(100):
        actions = np.array([theirs.action_space.sample() for _ in range(3)])
        (observations, rewards, dones, infos), expected = ours.step(actions), theirs.step(actions)
        assert np.array_equal(observations, expected[0]) and np.array_equal(rewards, expected[1])
        assert np.array_equal(dones, expected[2]) and rewards.dtype == expected[1].dtype
        for info, other in zip(infos, expected[3]):
            assert list(info) == list(other)
            if 'terminal_observation' in info:
                assert np.array_equal(info['terminal_observation'], other['terminal_observation'])


def test_attributes(make):
    envs = make([make_pole] * 2)
    assert envs.get_attr('spec')[0].id == 'CartPole-v1'
    envs.set_attr('mood', 'good', indices=-1)
    assert envs.has_attr('mood') is False and envs.get_attr('mood', indices=1) == ['good']
    assert envs.env_is_wrapped(gymnasium.wrappers.TimeLimit) == [True, True]
    assert envs.env_method('get_wrapper_attr', 'gravity') == [9.8, 9.8]


def test_restarts(make):
    envs = make([Moody] * 2, restart='on-failure')
    envs.reset()
    envs.step([CALM, CALM])
    observations, rewards, dones, infos = envs.step([CALM, CRASH])
    assert observations[:, 1].tolist() == [2, 0] and dones.tolist() == [False, True]
    assert infos[1]['restarted'] and infos[1]['TimeLimit.truncated'] and rewards[1] == 0
    assert infos[1]['terminal_observation'][1] == 1
    assert envs.step([CALM, CALM])[0][:, 1].tolist() == [3, 1]


class Dictionary(Moody):
    observation_space = gymnasium.spaces.Dict({'pair': Moody.observation_space})

    def observe(self):
        return {'pair': super().observe()}


def test_the_last_observation_of_several_things(make):
    envs = make([Dictionary] * 2, restart='on-failure')
    envs.reset()
    envs.step([CALM, CALM])
    observations, _, _, infos = envs.step([CALM, CRASH])
    assert observations['pair'][:, 1].tolist() == [2, 0]
    assert infos[1]['terminal_observation']['pair'][1] == 1


def test_a_crash_is_an_error(make):
    envs = make([Moody] * 2)
    envs.reset()
    with pytest.warns(UserWarning), pytest.raises(WorkerError) as caught:
        envs.step([CRASH, CALM])
    assert caught.value.id == 0


def test_calls_of_some_environments(make):
    envs = make([make_pole] * 3)
    assert envs.env_method('get_wrapper_attr', 'spec', indices=[]) == []
    envs.set_attr('mood', 'good', indices=[2, 2])
    with pytest.raises(IndexError):
        envs.get_attr('mood', indices=[3])
    assert envs.get_attr('mood', indices=[2, -1, 2]) == ['good'] * 3
    envs.reset()
    for actions in [0, 0], [0] * 4:
        with pytest.raises(ValueError, match=f'{len(actions)} actions for 3'):
            envs.step(actions)
    with pytest.raises(RuntimeError, match='step_async'):
        envs.step_wait()
    assert len(envs.step([0, 0, 0])[0]) == 3


class Wide(Moody):
    observation_space = gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2))


def test_spaces_that_it_cannot_share_leave_nothing_behind():
    with pytest.raises(ValueError, match='a fixed size'):
        VecEnv([Wide] * 2)


def test_it_learns(make):
    model = PPO('MlpPolicy', make([make_pole] * 4), n_steps=64, seed=1, device='cpu')
    model.learn(1000)
    assert model.num_timesteps >= 1000
