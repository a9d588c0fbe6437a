# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Environments that a game plays in another program, such as one made with Unity.

The names, arguments and attributes are those of UnityRemote, the project of 2020 that gmproc was
first written for, and so are the bytes on the wire::

    from gmproc.unityremote import RemoteEnv

    env = RemoteEnv('127.0.0.1', OUT_PORT=8081, IN_PORT=8080)
    state = env.step('restart')
    while not state['done']:
        state = env.step('move', 3)

Unlike the original, it has a limit for each wait, games that are started and ended with their
environment, and environments that can be created at module level or passed to a worker as
parameters.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from ._lock import Lock
from ._remote_env import RemoteEnv
from ._remote_exchange import Gone

if TYPE_CHECKING:
    from ._remote_gymnasium import GymnasiumEnv

__all__ = ['EnvironmentManager', 'Gone', 'GymnasiumEnv', 'IteractiveEnvironmentManager',
           'RemoteEnv', 'image_decode', 'image_from_str']


def _make(wrapper: Callable[[], RemoteEnv] | None, host: str, output_port: int, input_port: int,
          command: str | Sequence[object] | None) -> RemoteEnv:
    env = RemoteEnv() if wrapper is None else wrapper()
    env.configure(host, output_port, input_port)
    env.make()
    if command is not None:
        env.command = command
    return env


class _Manager:
    """The common part of the two managers: a list of environments."""

    def __init__(self) -> None:
        self.environments: list[RemoteEnv] = []
        self.size = 0

    def open(self, i: int, timeout: float | None) -> bool:
        return self.environments[i].open(timeout)

    def open_receive(self, i: int) -> bool:
        return self.environments[i].open_receive()

    def send(self, i: int, cmdname: str, args: Iterable[Any] = ()) -> dict[str, Any]:
        return self.environments[i].send(cmdname, args)

    def step(self, i: int, action: str, value: Any = None) -> dict[str, Any]:
        return self.environments[i].step(action, value)

    def openAll(self, timeout: float | None = 0.01) -> None:
        """Opens all environments: see ``RemoteEnv.open()``."""
        for env in self.environments:
            env.open(timeout)

    def claseAll(self) -> None:
        """Closes all environments. The name is the original's."""
        for env in self.environments:
            env.close()

    closeAll = claseAll

    def __getitem__(self, key: int) -> RemoteEnv:
        return self.environments[key]

    def __len__(self) -> int:
        return self.size


class EnvironmentManager(_Manager):
    """Environments with ports that follow each other.

    Args:
        size: how many.
        host: where the games are.
        start_input_port, step_input_port: the first game sends states to this port, each other one
            to one that is so much higher.
        start_output_port, step_output_port: the same for the ports on which they listen.
        wrapper: a subclass of RemoteEnv, or what else makes one without arguments.
        command: starts each game: see RemoteEnv.
    """

    def __init__(self, size: int = 1, host: str = '127.0.0.1', start_input_port: int = 8080,
                 step_input_port: int = 1, start_output_port: int = 7070,
                 step_output_port: int = 1, wrapper: Callable[[], RemoteEnv] | None = None, *,
                 command: str | Sequence[object] | None = None) -> None:
        super().__init__()
        self.size = size
        self.environments = [_make(wrapper, host, start_output_port + i * step_output_port,
                                   start_input_port + i * step_input_port, command)
                             for i in range(size)]


class IteractiveEnvironmentManager(_Manager):
    """The same, with environments that are made one by one. The name is the original's."""

    def __init__(self, host: str = '127.0.0.1', start_input_port: int = 8080,
                 step_input_port: int = 1, start_output_port: int = 7070,
                 step_output_port: int = 1, wrapper: Callable[[], RemoteEnv] | None = None, *,
                 command: str | Sequence[object] | None = None) -> None:
        super().__init__()
        self.host = host
        self.input_port = start_input_port
        self.input_step = step_input_port
        self.output_port = start_output_port
        self.output_step = step_output_port
        self.wrapper = wrapper
        self.command = command
        self.lock = Lock()

    def make(self) -> tuple[int, RemoteEnv]:
        """Makes the next environment, and returns its index and itself."""
        with self.lock:
            env = _make(self.wrapper, self.host, self.output_port, self.input_port, self.command)
            self.environments.append(env)
            self.output_port += self.output_step
            self.input_port += self.input_step
            self.size += 1
            return self.size - 1, env

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != 'lock'}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=Lock())


def image_from_str(text: str, w: int, h: int, dtype: Any = None) -> Any:
    """An image that a game has sent as text: rows with semicolons between them, columns with
    commas.

    Returns:
        An array of shape ``(w, h)``, ``w`` rows as in the original, of bytes by default.
        """
    import numpy

    numbers = text.replace(';', ',').strip(', \n').split(',')
    return numpy.array(numbers, float).astype(dtype or numpy.uint8).reshape(w, h)


def image_decode(frame: str, w: int, h: int, dtype: Any = None) -> Any:
    """An image that a game has sent as bytes, which arrive in Base64; else as image_from_str()."""
    return image_from_str(base64.b64decode(frame).decode(), w, h, dtype)


def __getattr__(name: str) -> Any:
    """Loads GymnasiumEnv on demand, because Gymnasium loads slowly."""
    if name == 'GymnasiumEnv':
        from ._remote_gymnasium import GymnasiumEnv

        return GymnasiumEnv
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
