# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A game as a Gymnasium environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Union

if TYPE_CHECKING:
    from ._remote_env import RemoteEnv

try:
    from gymnasium import Env as _Env
except ImportError:
    class _Env:  # type: ignore[no-redef]
        """The required part of Gymnasium's class if Gymnasium is not installed."""

        metadata: dict[str, Any] = {'render_modes': []}
        render_mode = None
        spec = None

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            pass

        @property
        def unwrapped(self) -> Any:
            return self

# The name of a field, or a function that computes the value from a state.
Field = Union[str, Callable[[dict[str, Any]], Any]]


def _get(state: dict[str, Any], field: Field) -> Any:
    return field(state) if callable(field) else state[field]


class GymnasiumEnv(_Env):  # type: ignore[misc]
    """An environment of Gymnasium that a game plays.

    The info of each step is the state with all its fields. Without Gymnasium the class works the
    same, with ``object`` as its base.

    Args:
        env: talks to the game; it is closed with this.
        observation_space, action_space: Gymnasium's spaces; what the game sends and takes.
        observation: the field that is observed, or a function of the state.
        action: the name of the command for an action, which gets it as its argument, an array as
            its numbers; or a function of ``env`` and the action that returns the state.
        reset: the name of the command that begins an episode; or a function of ``env`` that
            returns its first state.
        reward, terminated: a field, or a function of the state.
        truncated: the same; None where the game ends no episode before its time.
    """

    def __init__(self, env: RemoteEnv, observation_space: Any, action_space: Any, *,
                 observation: Field, action: str | Callable[[RemoteEnv, Any], dict[str, Any]],
                 reset: str | Callable[[RemoteEnv], dict[str, Any]] = 'restart',
                 reward: Field = 'reward', terminated: Field = 'done',
                 truncated: Field | None = None) -> None:
        self.env = env
        self.observation_space = observation_space
        self.action_space = action_space
        self._observation = observation
        self._action = action
        self._reset = reset
        self._reward = reward
        self._terminated = terminated
        self._truncated = truncated

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None
              ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        state = self._reset(self.env) if callable(self._reset) else self.env.step(self._reset)
        return _get(state, self._observation), state

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if callable(self._action):
            state = self._action(self.env, action)
        elif getattr(action, 'ndim', 0) > 0 or isinstance(action, (list, tuple)):
            state = self.env.stepfv(self._action, action)
        else:
            state = self.env.step(self._action, action)
        is_truncated = self._truncated is not None and bool(_get(state, self._truncated))
        return (_get(state, self._observation), float(_get(state, self._reward)),
                bool(_get(state, self._terminated)), is_truncated, state)

    def render(self) -> None:
        """Does nothing: the game shows itself."""

    def close(self) -> None:
        self.env.close()
