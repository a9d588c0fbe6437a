# measure_gymnasium.py: steps a second, beside Gymnasium's own vector environments
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: measure_gymnasium.py [SECONDS [WORK]...]: cartpole, frames, first, killed. It needs
gymnasium: tests/peers/run gymnasium makes the environment that has it.

Steps a second depend on what else the machine does. The processor time of a step, of all processes
together, does so less.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from typing import Any, Callable

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from gmproc.gymnasium import VectorEnv


class Frames(gymnasium.Env):
    """84 x 84 x 4 bytes each step, and nothing to compute."""

    observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 4), np.uint8)
    action_space = gymnasium.spaces.Discrete(4)

    def __init__(self) -> None:
        self.frames = [np.full((84, 84, 4), i, np.uint8) for i in range(8)]
        self.n = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self.frames[0], {}

    def step(self, action: Any) -> Any:
        self.n += 1
        return self.frames[self.n % 8], 1.0, False, False, {}


class Waiting(gymnasium.Env):
    """Takes its time, without a processor, as a game does."""

    observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return np.zeros(4, np.float32), {'pid': os.getpid()}

    def step(self, action: Any) -> Any:
        time.sleep(self.seconds)
        return np.zeros(4, np.float32), 1.0, False, False, {}


class Known(gymnasium.Wrapper):
    """An environment that reports its process."""

    def pid(self) -> int:
        return os.getpid()


def get_processor_time(pids: set[int]) -> float:
    """Seconds, of user and system."""
    ticks = 0
    for pid in pids:
        with open(f'/proc/{pid}/stat') as stat:
            ticks += sum(map(int, stat.read().rsplit(')', 1)[1].split()[11:13]))
    return ticks / os.sysconf('SC_CLK_TCK')


def count(seconds: float, turn: Callable[[], int]) -> float:
    """Steps a second."""
    for _ in range(20):
        turn()
    n, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        n += turn()
    return n / elapsed


def measure(kind: Callable[[Any], Any], env_fns: Any, seconds: float) -> tuple[float, float]:
    """Steps a second, and the processor time of a step in seconds."""
    envs = kind([lambda env_fn=env_fn: Known(env_fn()) for env_fn in env_fns])
    envs.reset(seed=1)
    pids = {os.getpid(), *envs.call('pid')}
    actions = np.zeros(envs.action_space.shape, envs.action_space.dtype)
    n_steps = 0

    def turn() -> int:
        nonlocal n_steps
        envs.step(actions)
        n_steps += envs.num_envs
        return envs.num_envs
    begin = get_processor_time(pids)
    rate = count(seconds, turn)
    used = get_processor_time(pids) - begin
    envs.close()
    return rate, used / n_steps


def measure_first(seconds: float, env_fns: Any) -> tuple[float, float | None]:
    envs = VectorEnv(env_fns, batch_size=32)
    envs.async_reset(seed=1)

    def turn() -> int:
        *_, infos = envs.recv()
        envs.send(np.zeros(32, np.int64), infos['env_id'])
        return 32
    rate = count(seconds, turn)
    envs.close()
    return rate, None


def measure_killed(seconds: float, env_fns: Any) -> tuple[float, float | None]:
    """One environment is killed each second."""
    envs = VectorEnv(env_fns, restart='on-failure', max_restarts=10_000)
    _, infos = envs.reset(seed=1)
    pids = infos['pid']
    actions = np.zeros(envs.num_envs, np.int64)
    state = {'next': time.monotonic() + 1, 'index': 0}

    def turn() -> int:
        if time.monotonic() > state['next']:
            state['next'] += 1
            os.kill(pids[int(state['index'])], signal.SIGKILL)
        *_, infos = envs.step(actions)
        if 'restarted' in infos:
            pids[infos['restarted']] = infos['pid'][infos['restarted']]
            state['index'] = (state['index'] + 1) % envs.num_envs
        return envs.num_envs
    rate = count(seconds, turn)
    envs.close()
    return rate, None


def show(work: str, figures: dict[str, tuple[float, float | None]]) -> None:
    ours = figures['gmproc'][0]
    print(work)
    for name, (rate, used) in figures.items():
        used_text = '' if used is None else f'{used * 1e6:8.0f} us of processor time'
        times = '' if name == 'gmproc' else f'{ours / rate:8.2f} times'
        print(f'  {name:36}{rate:10,.0f} steps/s{used_text:30}{times}', flush=True)


def main(arguments: list[str]) -> None:
    seconds = float(arguments[0]) if arguments else 2.0
    works = arguments[1:] or ['cartpole', 'frames', 'first', 'killed']
    for work, env_fn in (('cartpole', lambda: gymnasium.make('CartPole-v1')), ('frames', Frames)):
        if work in works:
            show(f'{work}, 8 environments', {
                'gmproc': measure(VectorEnv, [env_fn] * 8, seconds),
                'AsyncVectorEnv': measure(AsyncVectorEnv, [env_fn] * 8, seconds),
                'SyncVectorEnv, one process': measure(SyncVectorEnv, [env_fn] * 8, seconds)})
    if 'first' in works:
        env_fns = [partial(Waiting, 0.01 if i == 0 else 0.001) for i in range(64)]
        show('64 environments of 1 ms, one of 10 ms: the first 32 of 64', {
            'gmproc': measure_first(seconds, env_fns),
            'AsyncVectorEnv, which waits for all': measure(AsyncVectorEnv, env_fns, seconds)})
    if 'killed' in works:
        env_fns = [partial(Waiting, 0.001)] * 8
        show('8 environments of 1 ms, one of which is killed each second', {
            'gmproc': measure_killed(5 * seconds, env_fns),
            'gmproc, undisturbed': measure(VectorEnv, env_fns, seconds)})


if __name__ == '__main__':
    main(sys.argv[1:])
