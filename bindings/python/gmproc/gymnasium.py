# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Environments of Gymnasium, each in its own process::

    import gymnasium
    from gmproc.gymnasium import VectorEnv

    if __name__ == '__main__':
        envs = VectorEnv([lambda: gymnasium.make('CartPole-v1')] * 8, restart='on-failure')

It needs the package gymnasium, 1.0 or newer.
"""

from __future__ import annotations

import inspect
import operator
import sys
from copy import deepcopy
from typing import Any, Callable, Sequence

try:
    import gymnasium
except ModuleNotFoundError as error:
    error.msg += ': gmproc.gymnasium needs it, install it with "pip install gymnasium"'
    raise
import numpy
from gymnasium.error import (AlreadyPendingCallError, ClosedEnvironmentError, CustomSpaceError,
                             NoAsyncCallError)
from gymnasium.spaces import Space
from gymnasium.spaces.utils import is_space_dtype_shape_equiv
from gymnasium.vector import AutoresetMode
from gymnasium.vector.async_vector_env import AsyncState
from gymnasium.vector.utils import (batch_differing_spaces, batch_space, concatenate,
                                    create_empty_array, create_shared_memory, iterate,
                                    read_from_shared_memory)

import _gmproc

from ._env_client import PLAIN_SPACES, Board, EnvClient
from ._env_pool import EnvPool, Memory, StepTimeout, check_options
from ._errors import check_whole
from ._lock import finalizer
from ._shared_array import SharedArray

__all__ = ['StepTimeout', 'VectorEnv', 'register']


class _Infos(gymnasium.vector.VectorEnv):
    """Combines the infos of environments as all vector environments do."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs

    def merge(self, infos: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for i, info in enumerate(infos):
            if info:
                merged = self._add_info(merged, info, i)
        return merged


class VectorEnv(gymnasium.vector.VectorEnv):
    """Environments that run in parallel, each in its own process.

    It is used as ``gymnasium.vector.AsyncVectorEnv`` is, and differs in this:

    * An environment that crashes, raises an exception or hangs is restarted according to
      ``restart``: its step is then truncated, with ``info['restarted']``, a reward of 0 and the
      first observation of the new environment; in the mode SAME_STEP ``final_obs`` is the last one
      in shared memory. Otherwise the caller gets the environment's exception, or a
      ``gmproc.WorkerError`` with its index, its signal and its last lines.
    * With ``batch_size``, ``recv()`` returns as soon as this number of environments are done, and
      ``send()`` gives them their next actions: see ``async_reset``.
    * No environment is created in this process.

    Args:
        env_fns: functions that make the environments; lambdas too.
        shared_memory: whether environments write their observations straight into the batch.
            Without it they are sent, which spaces of changing size need.
        copy: whether ``reset`` and ``step`` return copies of the batch, which stay as they are in
            the next step.
        observation_mode: ``'same'``, ``'different'``, or (batched space, single space).
        autoreset_mode: as in Gymnasium, all three.
        restart: ``'never'``, ``'on-failure'`` or another rule of ClientServer's.
        step_timeout: seconds that an environment may take for a command, and to close; one that
            takes longer is killed, and has failed. None for no limit. ``env_fns`` have the option
            ``startup_timeout``, 60 seconds by default, for each environment.
        batch_size: how many environments ``recv`` waits for; None for all.
        options: those of ``gmproc.ClientServer``: ``max_restarts``, ``memory_limit``, ``affinity``
            and others.

    Raises:
        RuntimeError: the environments have different spaces.
        ValueError: a mode or ``batch_size`` is invalid, there are no environments, or a space of
            another library needs ``shared_memory=False``.
        TypeError: observations change their size, as those of Graph do: they need
            ``shared_memory=False``.
    """

    def __init__(self, env_fns: Sequence[Callable[[], gymnasium.Env[Any, Any]]], *,
                 shared_memory: bool = True, copy: bool = True,
                 observation_mode: str | tuple[Space[Any], Space[Any]] = 'same',
                 autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
                 restart: str = 'never', step_timeout: float | None = None,
                 batch_size: int | None = None, **options: Any) -> None:
        options = check_options(VectorEnv, options, restart, step_timeout)
        self.num_envs = len(env_fns)
        self.env_fns = env_fns
        self.shared_memory = shared_memory
        self.copy = copy
        self.observation_mode = observation_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if batch_size is not None:
            check_whole('batch_size', batch_size)
        self.batch_size = self.num_envs if batch_size is None else batch_size
        if batch_size is not None and not 0 < batch_size <= self.num_envs:
            raise ValueError(f'batch_size is {batch_size!r}: it should be from 1 to '
                             f'{self.num_envs}, the number of environments')
        self._state = AsyncState.DEFAULT
        self._infos = _Infos(self.num_envs)
        self._pool = EnvPool(env_fns, EnvClient, self.autoreset_mode.value, options)
        try:
            self._set_spaces()
            self._make_board()
        except BaseException:
            self._pool.close(terminate=True)
            self.closed = True
            raise

    # Spaces and arrays.

    def _set_spaces(self) -> None:
        ready = self._pool.ready
        self.metadata = {**ready[0].metadata, 'autoreset_mode': self.autoreset_mode}
        self.render_mode = ready[0].render_mode
        self.single_action_space = ready[0].action_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        observed = [each.observation_space for each in ready]
        mode = self.observation_mode
        if isinstance(mode, tuple) and len(mode) == 2:
            if not isinstance(mode[0], Space) or not isinstance(mode[1], Space):
                raise TypeError('Expected both elements of observation_mode to be Spaces, got '
                                f'{type(mode[0])} and {type(mode[1])}')
            self.observation_space, self.single_observation_space = mode
        elif mode == 'same':
            self.single_observation_space = observed[0]
            self.observation_space = batch_space(observed[0], self.num_envs)
        elif mode == 'different':
            self.single_observation_space = observed[0]
            self.observation_space = batch_differing_spaces(observed)
        else:
            raise ValueError("Invalid `observation_mode`, expected: 'same' or 'different' or tuple "
                             f'of single and batch observation space, actual got {mode}')
        self._check_spaces(observed)

    def _check_spaces(self, observed: list[Space[Any]]) -> None:
        single = self.single_observation_space
        if self.observation_mode == 'same':
            if not all(single == space for space in observed):
                raise RuntimeError("VectorEnv(..., observation_mode='same') however some of the "
                                   'sub-environments observation spaces are not equivalent. If '
                                   "this is intentional, use `observation_mode='different'` "
                                   'instead.')
        elif not all(is_space_dtype_shape_equiv(single, space) for space in observed):
            raise RuntimeError("VectorEnv(..., observation_mode='different' or custom space) "
                               "however the sub-environment's observation spaces do not share a "
                               'common shape and dtype.')
        for i, each in enumerate(self._pool.ready):
            if each.action_space != self.single_action_space:
                raise RuntimeError('Some environments have an action space different from '
                                   f'`{self.single_action_space}`: environment {i} has '
                                   f'`{each.action_space}`. In order to batch actions, the action '
                                   'spaces from all environments must be equal.')

    def _make_board(self) -> None:
        n, space = self.num_envs, self.single_observation_space
        memory = None
        if self.shared_memory:
            try:
                memory = create_shared_memory(space, n=n, ctx=Memory)  # type: ignore[arg-type]
            except CustomSpaceError as error:
                raise ValueError('Using `VectorEnv(..., shared_memory=True)` caused an error, you '
                                 'can disable this feature with `shared_memory=False` however '
                                 'this is slower.') from error
        actions = None
        if isinstance(self.single_action_space, PLAIN_SPACES):
            actions = SharedArray(self.action_space.shape, self.action_space.dtype)
        self._board = board = Board(n, space, memory, actions)
        self._actions = None if actions is None else actions.view(numpy.ndarray)
        self._rewards = board.rewards.view(numpy.ndarray)
        self._terminated, self._truncated = board.ends.view(numpy.ndarray)
        self.observations: Any = (create_empty_array(space, n=n, fn=numpy.zeros) if memory is None
                                  else read_from_shared_memory(space, memory, n=n))
        self._pool.begin(board)

    # Reset.

    def reset(self, *, seed: int | Sequence[int | None] | None = None,
              options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets all environments, or those of ``options['reset_mask']``."""
        return self._do(self.reset_async, self.reset_wait, seed, options)

    def reset_async(self, seed: int | Sequence[int | None] | None = None,
                    options: dict[str, Any] | None = None) -> None:
        """Starts to reset; call ``reset_wait`` next."""
        self._assert_idle('reset_async')
        seeds = self._make_seeds(seed)
        mask = self._pop_mask(options)
        self._pool.send_all([('reset', {'seed': each, 'options': options}) if is_reset
                             else ('noop',) for each, is_reset in zip(seeds, mask)])
        self._state = AsyncState.WAITING_RESET

    def _make_seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, numpy.integer)):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError('If seeds are passed as a list the length must match '
                             f'num_envs={self.num_envs} but got length={len(seed)}.')
        return seed

    def _pop_mask(self, options: dict[str, Any] | None) -> Sequence[bool]:
        if options is None or 'reset_mask' not in options:
            return [True] * self.num_envs
        mask = options.pop('reset_mask')
        if not isinstance(mask, numpy.ndarray):
            raise TypeError(f"`options['reset_mask']` must be a numpy array, got {type(mask)}")
        if mask.shape != (self.num_envs,):
            raise ValueError(f"`options['reset_mask']` must have shape `({self.num_envs},)`, got "
                             f'{mask.shape}')
        if mask.dtype != numpy.bool_:
            raise TypeError("`options['reset_mask']` must have `dtype=np.bool_`, got "
                            f'{mask.dtype}')
        if not mask.any():
            raise ValueError("`options['reset_mask']` must contain a boolean array with at least "
                             f'one True value, got reset_mask={mask}')
        return mask.tolist()  # type: ignore[no-any-return]

    def reset_wait(self, timeout: float | None = None) -> tuple[Any, dict[str, Any]]:
        """Waits for at most ``timeout`` seconds; raises StepTimeout."""
        observations, infos = self._collect(self._wait(AsyncState.WAITING_RESET, timeout))
        return observations, infos

    # Step.

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Takes an action in each environment.

        Returns:
            Observations, rewards (float64), terminations, truncations (bool) and infos.
        """
        return self._do(self.step_async, self.step_wait, actions)

    def step_async(self, actions: Any) -> None:
        """Starts to step; call ``step_wait`` next."""
        self._assert_idle('step_async')
        if (self._actions is not None and isinstance(actions, numpy.ndarray)
                and actions.dtype == self._actions.dtype
                and actions.shape == self._actions.shape):
            if self._pool.n_pending:
                self._pool.receive_all()
            self._actions[...] = actions
            commands: list[Any] = [None] * self.num_envs
        else:
            commands = [('step', action) for action in iterate(self.action_space, actions)]
        self._pool.send_all(commands)
        self._state = AsyncState.WAITING_STEP

    def step_wait(self, timeout: float | None = None) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Waits for at most ``timeout`` seconds; raises StepTimeout."""
        outcomes = self._wait(AsyncState.WAITING_STEP, timeout)
        observations, infos = self._collect(outcomes)
        return (observations, self._rewards.copy(), self._terminated.copy(),
                self._truncated.copy(), infos)

    def _do(self, start: Callable[..., None], wait: Callable[[], Any], /, *args: Any,
            **kwargs: Any) -> Any:
        self._assert_idle(start.__name__)
        try:
            start(*args, **kwargs)
            return wait()
        except BaseException:
            # The handler of a signal may have raised between the two.
            self._state = AsyncState.DEFAULT
            raise

    def _wait(self, state: AsyncState, timeout: float | None) -> dict[int, Any]:
        self._assert_is_running()
        if self._state != state:
            raise NoAsyncCallError(f'Calling `{state.value}_wait` without any prior call to '
                                   f'`{state.value}_async`.', state.value)
        self._state = AsyncState.DEFAULT
        return self._pool.receive_all(timeout)

    def _collect(self, outcomes: dict[int, Any]) -> tuple[Any, dict[str, Any]]:
        """The batch of observations, and the infos."""
        infos: dict[str, Any] = {}
        if any(outcomes.values()):
            infos = self._infos.merge([(outcomes[i] or (None, None))[1]
                                       for i in range(self.num_envs)])
        if self._board.memory is None:
            self.observations = concatenate(self.single_observation_space,
                                            [outcomes[i][0] for i in range(self.num_envs)],
                                            self.observations)
        elif not isinstance(self.single_observation_space, PLAIN_SPACES):
            # Text is not a view of its memory.
            self.observations = read_from_shared_memory(self.single_observation_space,
                                                        self._board.memory, n=self.num_envs)
        elif self.copy:
            return self.observations.copy(), infos
        return (deepcopy(self.observations) if self.copy else self.observations), infos

    # The first K of N.

    def async_reset(self, seed: int | Sequence[int | None] | None = None,
                    env_ids: Any = None) -> None:
        """Resets all environments, or only ``env_ids``, which ``recv`` has returned; the next
        ``recv`` returns the first that are done.

        ::

            envs = VectorEnv(env_fns, batch_size=32)    # of 64
            envs.async_reset()
            while True:
                observations, rewards, terminations, truncations, infos = envs.recv()
                envs.send(choose(observations), infos['env_id'])

        In the mode DISABLED, environments whose episode has ended are reset, not sent an action::

            over = terminations | truncations
            envs.async_reset(env_ids=infos['env_id'][over])
            envs.send(choose(observations[~over]), infos['env_id'][~over])
        """
        self._assert_idle('async_reset')
        if env_ids is None and self._pool.n_pending:
            # Drops outcomes that arrived too late for a caller with a time-out.
            self._pool.receive_all()
        ids = range(self.num_envs) if env_ids is None else self._check_ids(env_ids)
        seeds = self._make_seeds(seed)
        for i in ids:
            self._rewards[i] = 0
            self._terminated[i] = self._truncated[i] = False
        self._pool.send(ids, [('reset', {'seed': seeds[i], 'options': None}) for i in ids])

    def _check_ids(self, env_ids: Any) -> list[int]:
        if getattr(env_ids, 'dtype', None) == bool:
            raise TypeError("env_ids should be indices, as infos['env_id'] has them, not a mask")
        ids = [operator.index(i) for i in env_ids]
        pool = self._pool
        for i in ids:
            if not 0 <= i < self.num_envs or i in pool.waiting or i in pool.done:
                raise ValueError(f'Environment {i} waits for no action: recv() has not returned '
                                 'it, or it has been sent one')
        if len({*ids}) < len(ids):
            raise ValueError(f'An environment occurs twice in env_ids: {ids}')
        return ids

    def send(self, actions: Any, env_ids: Any) -> None:
        """Gives environments that ``recv`` has returned their next actions.

        Args:
            actions: a batch, one for each of ``env_ids``.
            env_ids: ``infos['env_id']`` of ``recv``.
        """
        self._assert_idle('send')
        ids = self._check_ids(env_ids)
        if self._actions is not None:
            actions = numpy.asarray(actions)
            if len(ids) > 0:
                self._write_actions(ids, actions)
            self._pool.send(ids, [None] * len(ids))
            return
        space = batch_space(self.single_action_space, len(ids))
        self._pool.send(ids, [('step', action) for action in iterate(space, actions)])

    def _write_actions(self, ids: list[int], actions: numpy.ndarray) -> None:
        assert self._actions is not None
        shape = (len(ids), *self._actions.shape[1:])
        if actions.shape != shape:
            raise ValueError(f'The actions have the shape {actions.shape}, and not {shape}, as '
                             f'those of {len(ids)} environments have')
        if not numpy.can_cast(actions.dtype, self._actions.dtype, 'same_kind'):
            raise TypeError(f'The actions are {actions.dtype}, and not {self._actions.dtype} as '
                            'in the action space')
        self._actions[ids] = actions

    def recv(self, timeout: float | None = None) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Waits for the first ``batch_size`` environments that are done.

        Returns:
            The same as ``step``, for these environments only; ``infos['env_id']`` has their
            indices.

        Raises:
            StepTimeout: they are not done within ``timeout`` seconds.
        """
        self._assert_idle('recv')
        n = min(self.batch_size, self._pool.n_pending)
        if n == 0:
            raise NoAsyncCallError('Calling `recv` without any prior call to `async_reset` or '
                                   '`send`.', 'send')
        outcomes = self._pool.receive(n, timeout)
        ids = numpy.array(sorted(outcomes))
        infos = _Infos(n).merge([(outcomes[i] or (None, None))[1] for i in ids])
        infos['env_id'] = ids
        space = self.single_observation_space
        if self._board.memory is not None and isinstance(space, PLAIN_SPACES):
            observations: Any = self.observations[ids]
        else:
            rows = (list(iterate(self.observation_space, read_from_shared_memory(
                space, self._board.memory, n=self.num_envs))) if self._board.memory is not None
                else {i: outcomes[i][0] for i in ids})
            observations = concatenate(space, [rows[i] for i in ids],
                                       create_empty_array(space, n=n, fn=numpy.zeros))
        batch = (observations, self._rewards[ids], self._terminated[ids], self._truncated[ids],
                 infos)
        self._pool.forget(outcomes)
        return batch

    # Attributes.

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Calls a method of each environment, or gets an attribute."""
        return self._do(self.call_async, self.call_wait, name, *args, **kwargs)

    def call_async(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Starts to call; get the results from ``call_wait``."""
        self._assert_idle('call_async')
        self._pool.send_all([('call', name, args, kwargs)] * self.num_envs)
        self._state = AsyncState.WAITING_CALL

    def call_wait(self, timeout: float | None = None) -> tuple[Any, ...]:
        """Waits for at most ``timeout`` seconds; raises StepTimeout."""
        outcomes = self._wait(AsyncState.WAITING_CALL, timeout)
        return tuple(outcomes[i] for i in range(self.num_envs))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute in each environment, and in those that replace a failed one. A list or
        tuple has one value for each environment.
        """
        self._assert_is_running()
        if not isinstance(values, (list, tuple)):
            values = [values] * self.num_envs
        if len(values) != self.num_envs:
            raise ValueError('Values must be a list or tuple with length equal to the number of '
                             f'environments. Got `{len(values)}` values for {self.num_envs} '
                             'environments.')
        self._assert_idle('set_attr')
        self._pool.send_all([('set', name, value) for value in values])
        self._pool.receive_all()

    def render(self) -> tuple[Any, ...]:
        """The rendered frame of each environment."""
        return self.call('render')

    @property
    def np_random_seed(self) -> tuple[int, ...]:
        return self.get_attr('np_random_seed')

    @property
    def np_random(self) -> tuple[numpy.random.Generator, ...]:
        """Copies of the environments' generators."""
        return self.get_attr('np_random')

    # The end.

    def close_extras(self, timeout: float | None = None, terminate: bool = False) -> None:
        """Closes all environments: those that do something finish that first.

        Args:
            timeout: the seconds that they have for it; then they are killed.
            terminate: whether they are killed at once.
        """
        if self._state != AsyncState.DEFAULT:
            gymnasium.logger.warn('Calling `close` while waiting for a pending call to '
                                  f'`{self._state.value}` to complete.')
        self._pool.close(terminate or timeout == 0, timeout)

    def _assert_is_running(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError(f'Trying to operate on `{type(self).__name__}`, after a '
                                         'call to `close()`.')

    def _assert_idle(self, caller: str) -> None:
        self._assert_is_running()
        if self._state != AsyncState.DEFAULT:
            raise AlreadyPendingCallError(f'Calling `{caller}` while waiting for a pending call to '
                                          f'`{self._state.value}` to complete.',
                                          str(self._state.value))

    def __reduce__(self) -> Any:
        # A shallow copy would end the environments of both.
        raise TypeError('A VectorEnv cannot be pickled or copied: its environments belong to it')

    @finalizer
    def __del__(self, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the interpreter's end modules may have lost their names, and environments end anyway.
        if not is_ending() and not self.closed and hasattr(self, '_pool'):
            self.close(terminate=True)


def register(id: str) -> None:
    """Lets ``gymnasium.make_vec`` make a VectorEnv of a registered environment::

        gmproc.gymnasium.register('CartPole-v1')
        envs = gymnasium.make_vec('CartPole-v1', num_envs=8, restart='on-failure',
                                  vectorization_mode='vector_entry_point')

    Keywords that are arguments of VectorEnv, or options of ClientServer, go there, all others to
    the environment.
    """
    ours = {*inspect.signature(VectorEnv).parameters} - {'env_fns', 'options'}
    ours.update(_gmproc.ClientServer.list_options())

    def make(num_envs: int, **kwargs: Any) -> VectorEnv:
        options = {name: kwargs.pop(name) for name in list(kwargs) if name in ours}
        return VectorEnv([lambda: gymnasium.make(id, **kwargs)] * num_envs, **options)

    gymnasium.spec(id).vector_entry_point = make
