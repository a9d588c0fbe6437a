# vector_envs.py: steps of vector environments, gmproc's and Gymnasium's own
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: vector_envs.py gmproc|async|sync cartpole|frames|first|undisturbed|killed SECONDS

It prints the seconds of a step of one environment, and their processor time in all processes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from work import show

from gmproc.gymnasium import VectorEnv

CLASSES: dict[str, Callable[..., Any]] = {
    'gmproc': VectorEnv, 'async': AsyncVectorEnv, 'sync': SyncVectorEnv}
N_FIRST = 32
FIRST_KILL = 0.5  # seconds until the first one is killed; then one each second


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
        return np.zeros(4, np.float32), {}

    def step(self, action: Any) -> Any:
        time.sleep(self.seconds)
        return np.zeros(4, np.float32), 1.0, False, False, {}


class Known(gymnasium.Wrapper):
    """Reports the process of an environment, with each reset."""

    def reset(self, **arguments: Any) -> Any:
        observation, info = super().reset(**arguments)
        return observation, {**info, 'pid': os.getpid()}


def make_cart_pole() -> Any:
    return gymnasium.make('CartPole-v1')


def make(work: str) -> list[Callable[[], Any]]:
    if work == 'first':
        kinds: list[Any] = [partial(Waiting, 0.01 if i == 0 else 0.001) for i in range(64)]
    else:
        kinds = [{'cartpole': make_cart_pole, 'frames': Frames}.get(
            work, partial(Waiting, 0.001))] * 8
    return [lambda kind=kind: Known(kind()) for kind in kinds]


def get_processor_time(pids: set[int]) -> float:
    """Seconds, of all threads."""
    return sum(int((task / 'schedstat').read_text().split()[0])
               for pid in pids for task in Path(f'/proc/{pid}/task').iterdir()) / 1e9


class All:
    """All environments take their steps together."""

    def __init__(self, kind: str, work: str) -> None:
        self.envs = CLASSES[kind](make(work))
        _, self.infos = self.envs.reset(seed=1)
        self.actions = np.zeros(self.envs.num_envs, np.int64)

    def turn(self) -> int:
        self.envs.step(self.actions)
        return int(self.envs.num_envs)


class First(All):
    """The first of them that are done take the next step."""

    def __init__(self, kind: str, work: str) -> None:
        self.envs = CLASSES[kind](make(work), batch_size=N_FIRST)
        self.envs.async_reset(seed=1)
        self.actions = np.zeros(N_FIRST, np.int64)
        self.infos: Any = {'pid': []}

    def turn(self) -> int:
        infos = self.envs.recv()[-1]
        self.envs.send(self.actions, infos['env_id'])
        return N_FIRST


class Killed(All):
    """One environment after the other is killed."""

    def __init__(self, kind: str, work: str) -> None:
        options = {'restart': 'on-failure', 'max_restarts': 10_000} if kind == 'gmproc' else {}
        self.envs = CLASSES[kind](make(work), **options)
        _, self.infos = self.envs.reset(seed=1)
        self.actions = np.zeros(self.envs.num_envs, np.int64)
        self.pids = self.infos['pid'].tolist()
        self.next = time.monotonic() + FIRST_KILL
        self.n_killed = self.n_restarted = 0

    def turn(self) -> int:
        if time.monotonic() > self.next:
            self.next += 1
            os.kill(self.pids[self.n_killed % len(self.pids)], signal.SIGKILL)
            self.n_killed += 1
        infos = self.envs.step(self.actions)[-1]
        for i in np.flatnonzero(infos.get('restarted', ())):
            self.n_restarted += 1
            self.pids[i] = int(infos['pid'][i])
        return int(self.envs.num_envs)


def main(kind: str, work: str, seconds: float) -> None:
    run = {'first': First if kind == 'gmproc' else All, 'killed': Killed}.get(work, All)(kind, work)
    for _ in range(20):
        run.turn()
    pids = {os.getpid(), *map(int, run.infos['pid'])}
    used = 0.0 if work == 'killed' else get_processor_time(pids)
    n_steps, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        n_steps += run.turn()
    figures = {} if work in ('killed', 'first') else {
        'effort': (get_processor_time(pids) - used) / n_steps}
    if isinstance(run, Killed) and not run.n_killed - 1 <= run.n_restarted <= run.n_killed:
        sys.exit(f'{run.n_killed} environments were killed, and {run.n_restarted} restarted')
    run.envs.close()
    show(elapsed / n_steps, **figures)


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
