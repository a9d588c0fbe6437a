# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The worker's side of vector environments: one environment of Gymnasium's in a process.

A client's request is the outcome of its last command, its first request is Ready; the response is
the next command:

==========================  =========================================================
None                        step with the action that is in the shared array
('step', action)            step
('reset', arguments)        reset
('noop',)                   return the last observation again
('call', name, args, kw)    call a method, or get an attribute
('set', name, value)        set an attribute
('again',)                  reset, in place of an environment that failed in the middle of a step
('begin', board, set, c)    take the shared arrays, set attributes, and obey command c (or None)
('close',)                  close the environment
==========================  =========================================================

The outcome of a step or reset is None if the observation is in the shared array and there is no
info, otherwise (observation or None, info).
"""

from __future__ import annotations

import faulthandler
from copy import deepcopy
from typing import Any, Callable

import numpy
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import (batch_space, iterate, read_from_shared_memory,
                                    write_to_shared_memory)

from ._shared_array import SharedArray
from ._worker import ClientWorker

CLOSE = ('close',)
PLAIN_SPACES = Box, Discrete, MultiBinary, MultiDiscrete


class Ready:
    """An environment exists: its description."""

    def __init__(self, env: Any) -> None:
        self.observation_space = env.observation_space
        self.action_space = env.action_space
        self.metadata = dict(env.metadata)
        self.render_mode = env.render_mode


class Board:
    """The arrays that all environments write to, each to its own row.

    Attributes:
        memory: what Gymnasium's functions for shared memory take; None without observations.
        rewards, ends: of n numbers; of terminated and truncated, n each.
        actions: of n actions; None where they are sent.
    """

    def __init__(self, n: int, space: Space[Any], memory: Any, actions: SharedArray | None) -> None:
        self.n = n
        self.space = space
        self.memory = memory
        self.actions = actions
        self.rewards = SharedArray(n, 'f8')
        self.ends = SharedArray((2, n), '?')


class _Row:
    """An environment's own row of a board."""

    def __init__(self, board: Board, index: int, space: Space[Any]) -> None:
        self.board = board
        self.is_shared = board.memory is not None
        self.index = index
        self.space = space
        self.rewards = board.rewards.view(numpy.ndarray)
        self.terminated, self.truncated = board.ends.view(numpy.ndarray)
        self.actions = None if board.actions is None else board.actions.view(numpy.ndarray)
        self.observation: Any = None
        if self.is_shared and isinstance(space, PLAIN_SPACES):
            batch: Any = read_from_shared_memory(board.space, board.memory, n=board.n)
            self.observation = batch[index:index + 1].reshape(space.shape)

    def get_action(self) -> Any:
        assert self.actions is not None
        action = self.actions[self.index]
        return action.copy() if isinstance(action, numpy.ndarray) else action

    def write(self, observation: Any) -> Any:
        """Returns the observation where it has to be sent."""
        if self.observation is not None:
            self.observation[...] = observation
        elif self.is_shared:
            write_to_shared_memory(self.space, self.index, observation, self.board.memory)
        else:
            return observation
        return None

    def read(self) -> Any:
        """The last observation in this row, of any process; None if it cannot be known."""
        if self.observation is not None:
            return self.observation.copy()
        if not self.is_shared:
            return None
        n, space = self.board.n, self.board.space
        batch: Any = read_from_shared_memory(space, self.board.memory, n=n)
        return deepcopy([*iterate(batch_space(space, n), batch)][self.index])


class EnvClient(ClientWorker):
    """Runs an environment as AsyncVectorEnv does."""

    env: Any = None
    row: _Row
    is_over = False  # so that the next step is a reset
    last: Any = None  # the observation that was sent

    def start(self, params: tuple[Callable[[], Any], str, float]) -> None:
        env_fn, mode, limit = params
        self.mode = AutoresetMode(mode)
        if limit > 0:
            # The application limits the time between two messages; this is before the first.
            faulthandler.dump_traceback_later(limit, exit=True)
        self.env = env_fn()
        if limit > 0:
            faulthandler.cancel_dump_traceback_later()
        self.outcome: Any = Ready(self.env)

    def process(self) -> Any:
        outcome, self.outcome = self.outcome, None
        return outcome

    def update(self, command: Any) -> None:
        if command is None:
            self.outcome = self.step(self.row.get_action())
        else:
            self.outcome = getattr(self, command[0])(*command[1:])

    def finish(self) -> None:
        self.close()

    # The commands.

    def begin(self, board: Board, attributes: dict[str, Any], command: Any) -> Any:
        self.row = _Row(board, int(self.id), self.env.observation_space)
        for name, value in attributes.items():
            self.set(name, value)
        return None if command is None else getattr(self, command[0])(*command[1:])

    def again(self) -> Any:
        last = self.row.read()
        observation, info = self.env.reset()
        info = {**info, 'restarted': True}
        if self.mode == AutoresetMode.SAME_STEP:
            info = {**info, 'final_obs': observation if last is None else last, 'final_info': {}}
        # The next step begins an episode, as after any truncated one.
        self.is_over = self.mode == AutoresetMode.NEXT_STEP
        return self._put(observation, 0.0, False, True, info)

    def reset(self, arguments: dict[str, Any]) -> Any:
        observation, info = self.env.reset(**arguments)
        self.is_over = False
        return self._tell(observation, info)

    def noop(self) -> Any:
        return None if self.row.is_shared else (self.last, {})

    def step(self, action: Any) -> Any:
        if self.mode == AutoresetMode.NEXT_STEP and self.is_over:
            observation, info = self.env.reset()
            self.is_over = False
            return self._put(observation, 0, False, False, info)
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self.is_over = True
            if self.mode == AutoresetMode.SAME_STEP:
                first, first_info = self.env.reset()
                info = {'final_info': info, 'final_obs': observation, **first_info}
                observation = first
        return self._put(observation, reward, terminated, truncated, info)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name in ('reset', 'step', 'close', '_setattr', '_check_spaces'):
            raise ValueError(f'Trying to call function `{name}` with `call`, use `{name}` directly '
                             'instead.')
        attribute = self.env.get_wrapper_attr(name)
        return attribute(*args, **kwargs) if callable(attribute) else attribute

    def set(self, name: str, value: Any) -> None:
        self.env.set_wrapper_attr(name, value)

    def close(self) -> None:
        env, self.env = self.env, None
        if env is not None:
            env.close()

    def _put(self, observation: Any, reward: Any, terminated: Any, truncated: Any,
             info: dict[str, Any]) -> Any:
        row, index = self.row, self.row.index
        row.rewards[index] = reward
        row.terminated[index] = terminated
        row.truncated[index] = truncated
        return self._tell(observation, info)

    def _tell(self, observation: Any, info: dict[str, Any]) -> Any:
        self.last = last = self.row.write(observation)
        return (last, info) if info or not self.row.is_shared else None
