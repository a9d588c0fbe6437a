# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Games as environments of Gymnasium."""

import pathlib
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'python'))
from test_unityremote import COMMAND, PROGRAMS, find_ports
from test_unityremote import test_the_programs_of_the_chapter as run_chapter

from gmproc.unityremote import GymnasiumEnv, RemoteEnv


def make(output_port, input_port):
    space = gymnasium.spaces.Box(0, 8, (2,), np.float64)
    env = RemoteEnv(OUT_PORT=output_port, IN_PORT=input_port, command=COMMAND)
    return GymnasiumEnv(env, space, gymnasium.spaces.Discrete(2), observation='position',
                        action='move')


def test_gymnasium_checks_it():
    env = make(*find_ports(1))
    assert isinstance(env, gymnasium.Env)
    check_env(env, skip_render_check=True, skip_close_check=True)
    env.close()


def test_it_seeds_its_random_numbers():
    env = make(*find_ports(1))
    env.reset(seed=7)
    first = env.np_random.random()
    env.reset(seed=7)
    assert env.np_random.random() == first
    env.close()


VECTOR = '''
import sys
import gymnasium
sys.path.insert(0, {folder!r})
from test_gymnasium import make

if __name__ == '__main__':
    envs = gymnasium.vector.{vector}([lambda i=i: make({output_port} + i, {input_port} + i)
                                      for i in range(3)])
    observations, _ = envs.reset(seed=1)
    assert observations.tolist() == [[4, 4]] * 3
    for _ in range(4):
        observations, rewards, terminated, truncated, _ = envs.step([1, 0, 1])
    print(observations.tolist(), rewards.tolist(), terminated.tolist())
    envs.close()
'''


@pytest.mark.parametrize('vector', ['SyncVectorEnv', 'AsyncVectorEnv'])
def test_vector_environments_take_it(script, vector):
    output_port, input_port = find_ports(3)
    program = VECTOR.format(folder=str(pathlib.Path(__file__).parent), vector=vector,
                            output_port=output_port, input_port=input_port)
    assert script.output(program) == ('[[8.0, 0.0], [0.0, 8.0], [8.0, 0.0]] [1.0, -0.02, 1.0] '
                                      '[True, False, True]\n')


@pytest.mark.parametrize('program, output', [each for each in PROGRAMS if 'gymnasium' in each[0]])
def test_the_chapter(script, program, output):
    run_chapter(script, program, output)
