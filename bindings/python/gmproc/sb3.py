# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Environments for Stable-Baselines3, each in its own process::

    from stable_baselines3 import PPO
    from gmproc.sb3 import VecEnv

    if __name__ == '__main__':
        envs = VecEnv([make_env] * 8, restart='on-failure')
        PPO('MlpPolicy', envs).learn(100_000)

It needs the packages stable-baselines3 and gymnasium.
"""

from __future__ import annotations

import warnings
from typing import Any, Callable, Sequence

try:
    import gymnasium
except ModuleNotFoundError as error:
    error.msg += ': gmproc.sb3 needs it, install it with "pip install stable-baselines3"'
    raise
import numpy
from gymnasium.error import CustomSpaceError
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import create_shared_memory, read_from_shared_memory
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import base_vec_env
from stable_baselines3.common.vec_env.patch_gym import _patch_env

from ._env_client import Board, EnvClient
from ._env_pool import EnvPool, Memory, check_options

__all__ = ['VecEnv']


class _Client(EnvClient):
    """Runs an environment as SubprocVecEnv does."""

    def start(self, params: Any) -> None:
        env_fn, *more = params
        super().start((lambda: _patch_env(env_fn()), *more))

    def _reset(self, **arguments: Any) -> Any:
        observation, self.reset_info = self.env.reset(**arguments)
        return observation

    def reset(self, arguments: dict[str, Any]) -> Any:
        self.row.write(self._reset(**arguments))
        return self.reset_info

    def again(self) -> Any:
        last = self.row.read()
        observation = self._reset()
        info = {'restarted': True, 'TimeLimit.truncated': True,
                'terminal_observation': observation if last is None else last}
        return self._put(observation, 0.0, False, True, info)

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        info['TimeLimit.truncated'] = truncated and not terminated
        if terminated or truncated:
            info['terminal_observation'] = observation
            observation = self._reset()
        return self._put(observation, reward, terminated, truncated, info)

    def _put(self, observation: Any, reward: Any, terminated: Any, truncated: Any,
             info: dict[str, Any]) -> Any:
        super()._put(observation, reward, terminated, truncated, info)
        return info, self.reset_info

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.env.get_wrapper_attr(name)(*args, **kwargs)

    def get(self, name: str) -> Any:
        return self.env.get_wrapper_attr(name)

    def has(self, name: str) -> bool:
        try:
            self.env.get_wrapper_attr(name)
        except AttributeError:
            return False
        return True

    def set(self, name: str, value: Any) -> None:
        setattr(self.env, name, value)

    def is_wrapped(self, wrapper: type[gymnasium.Wrapper[Any, Any, Any, Any]]) -> bool:
        return is_wrapped(self.env, wrapper)

    def render(self) -> Any:
        return self.env.render()


class VecEnv(base_vec_env.VecEnv):
    """Environments that run in parallel, each in its own process.

    It is used as ``SubprocVecEnv`` is. An environment that crashes, raises an exception or hangs is
    restarted according to ``restart``: its episode is then truncated, with ``info['restarted']``.
    Otherwise the caller gets the environment's exception, or a ``gmproc.WorkerError`` with its
    index, its signal and its last lines.

    Args:
        env_fns: functions that make the environments; lambdas too.
        restart: ``'never'``, ``'on-failure'`` or another rule of ClientServer's.
        step_timeout: seconds that an environment may take for a step; one that takes longer is
            killed, and has failed. None for no limit. Each environment may take
            ``startup_timeout`` seconds to be made, 60 by default.
        options: those of ``gmproc.ClientServer``.
    """

    def __init__(self, env_fns: Sequence[Callable[[], gymnasium.Env[Any, Any]]], *,
                 restart: str = 'never', step_timeout: float | None = None,
                 **options: Any) -> None:
        options = check_options(VecEnv, options, restart, step_timeout)
        n = len(env_fns)
        self._pool = EnvPool(env_fns, _Client, AutoresetMode.SAME_STEP.value, options)
        try:
            space = self._pool.ready[0].observation_space
            self._make_board(n, space)
            super().__init__(n, space, self._pool.ready[0].action_space)
        except BaseException:
            self._pool.close(terminate=True)
            raise

    def _make_board(self, n: int, space: gymnasium.Space[Any]) -> None:
        try:
            memory = create_shared_memory(space, n=n, ctx=Memory)  # type: ignore[arg-type]
        except (CustomSpaceError, TypeError) as error:
            raise ValueError('VecEnv needs observations of a fixed size, which those of '
                             f'{space} are not') from error
        self._board = Board(n, space, memory, None)
        self._observations: Any = read_from_shared_memory(space, memory, n=n)
        self._pool.begin(self._board)

    def _copy(self) -> Any:
        batch = self._observations
        if isinstance(batch, dict):
            return {key: value.copy() for key, value in batch.items()}
        if isinstance(batch, tuple):
            return tuple(value.copy() for value in batch)
        return batch.copy()

    def reset(self) -> Any:
        self._pool.send_all([
            ('reset', {'seed': seed, **({'options': options} if options else {})})
            for seed, options in zip(self._seeds, self._options)])
        outcomes = self._pool.receive_all()
        self.reset_infos = [outcomes[i] for i in range(self.num_envs)]
        # Seeds and options are only used once.
        self._reset_seeds()
        self._reset_options()
        return self._copy()

    def step_async(self, actions: numpy.ndarray) -> None:
        self._pool.send_all([('step', action) for action in actions])

    def step_wait(self) -> Any:
        outcomes = self._pool.receive_all()
        if not outcomes:
            raise RuntimeError('There is no step to wait for: call step_async() first')
        infos, self.reset_infos = zip(*(outcomes[i] for i in range(self.num_envs)))
        ends = numpy.asarray(self._board.ends)
        return (self._copy(), numpy.array(self._board.rewards, 'f4'), ends[0] | ends[1], infos)

    def close(self) -> None:
        """Closes all environments; those that are in a step finish it first."""
        self._pool.close()

    def _ask(self, indices: Any, *command: Any) -> list[Any]:
        ids = [range(self.num_envs)[i] for i in self._get_indices(indices)]
        if self._pool.n_pending:
            self._pool.receive_all()
        outcomes: list[Any] = [None] * len(ids)
        places = [*range(len(ids))]
        while places:
            # An environment that occurs again gets the command again, when it has obeyed.
            turn = {ids[place]: place for place in reversed(places)}
            self._pool.send([*turn], [command] * len(turn))
            for i, outcome in self._pool.receive_all().items():
                outcomes[turn[i]] = outcome
            places = [place for place in places if turn[ids[place]] != place]
        return outcomes

    def get_images(self) -> Sequence[Any]:
        if self.render_mode != 'rgb_array':
            warnings.warn(f'The render mode is {self.render_mode}, but this method assumes it is '
                          '`rgb_array` to obtain images.', stacklevel=2)
            return [None] * self.num_envs
        return self._ask(None, 'render')

    def has_attr(self, attr_name: str) -> bool:
        return all(self._ask(None, 'has', attr_name))

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return self._ask(indices, 'get', attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        self._ask(indices, 'set', attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None,
                   **method_kwargs: Any) -> list[Any]:
        return self._ask(indices, 'call', method_name, method_args, method_kwargs)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return self._ask(indices, 'is_wrapped', wrapper_class)
