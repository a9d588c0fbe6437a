# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An environment that a game plays, behind a UDP port."""

from __future__ import annotations

import os
import time
from _thread import get_ident
from math import inf
from typing import Any, Iterable, Sequence

from ._lock import Event, finalizer
from ._remote_exchange import Exchange, Gone
from ._remote_game import Game, fill_in
from ._remote_lookup import Lookup
from ._remote_socket import Socket
from ._remote_text import format_command, format_numbers

DEFAULT_TIMEOUT = 30.0  # seconds
POLLING_TIME = 0.02     # a time-out up to here is the interval at which the original polled
MAX_SIZE = 65507        # the largest payload of a UDP datagram


class _Turn:
    """One command, from its start to its state. Only one at a time can wait: two would take each
    other's states.
    """

    link: Socket | None = None

    def __init__(self, host: str) -> None:
        self.process = os.getpid()
        self.thread = get_ident()
        self.lookup = Lookup(host)
        self.is_closed = False
        self.has_ended = Event()

    def close(self) -> None:
        """Ends the wait for the host's address, or for the state."""
        self.is_closed = True
        self.lookup.end()
        if self.link is not None:
            self.link.end_wait()

    def end(self) -> None:
        self.has_ended.set()

    def wait(self) -> None:
        """Waits for its end, unless this is called in the middle of it."""
        if self.thread != get_ident():
            self.has_ended.wait()


class RemoteEnv:
    """An environment that a game plays.

    Its socket belongs to the process that talks first: it is opened with the first command, and is
    no part of a pickle. So environments may be made, and opened, at module level, where workers
    find them, or be the parameters of a worker; each is used by one process.

    Args:
        host: where the game is.
        OUT_PORT: the UDP port on which it listens for commands.
        IN_PORT: the UDP port to which it sends states.
        bs: how many bytes a state may have; UDP has room for 65507.
        command: starts the game, with the first command that finds none: a string as for a shell,
            or a list of words, in which ``{host}``, ``{output_port}`` and ``{input_port}`` are
            filled in. The game ends with ``close()``, with the object, or with the process, and is
            killed if the process is. If it is a script, what it has started ends with ``close()``
            too. A game that has died is started anew by the next command.
            None: the game runs already.

    Attributes:
        HOST, OUTPUT_PORT, INPUT_PORT, BUFFER_SIZE, command: the arguments.
        timeout: seconds that a command waits for its state, as given to ``open()``.
        verbose: kept for programs of 2020; nothing is printed.
    """

    # Class attributes, because subclasses made for a manager do not call __init__.
    HOST = '127.0.0.1'
    OUTPUT_PORT = 8081
    INPUT_PORT = 8080
    BUFFER_SIZE = 100000
    command: str | Sequence[object] | None = None
    timeout: float | None = 0
    verbose = True

    _is_open = False
    _link: Socket | None = None
    _game: Game | None = None
    _has_answered = False
    _turn: _Turn | None = None

    def __init__(self, host: str = '127.0.0.1', OUT_PORT: int = 8081, IN_PORT: int = 8080,
                 bs: int = 100000, *, command: str | Sequence[object] | None = None) -> None:
        self.configure(host, OUT_PORT, IN_PORT, bs)
        self.command = command
        self.make()

    def configure(self, host: str = '127.0.0.1', OUT_PORT: int = 8081, IN_PORT: int = 8080,
                  bs: int = 100000) -> None:
        """Sets the attributes of the constructor, except for ``command``, which ``make()`` sets."""
        self.HOST = host
        self.OUTPUT_PORT = OUT_PORT
        self.INPUT_PORT = IN_PORT
        self.BUFFER_SIZE = bs
        self.verbose = True

    def make(self) -> None:
        """Starts without a socket and a game, which the next command opens and starts."""
        self.close()

    def open(self, timeout: float | None = 0) -> bool:
        """Sets the limit for each wait.

        Args:
            timeout: seconds that a command waits for its state; None for no limit. Programs of 2020
                pass 0 or 0.01, the interval at which the original polled without limit: up to 0.02
                the limit is 30 seconds.

        Returns:
            False if the environment is open already.
        """
        self.timeout = timeout
        return self.open_receive()

    def open_receive(self) -> bool:
        """Opens the environment without changing the limit. The first command opens the port."""
        was_open, self._is_open = self._is_open, True
        return not was_open

    def close(self) -> None:
        """Closes the port, and ends the game if this object has started it.

        A command that waits for its state, in another thread or below a signal handler, fails with
        RuntimeError.
        """
        link, game, turn = self._link, self._game, self._turn
        self._link = self._game = None
        self._is_open = self._has_answered = False
        if turn is not None and turn.process == os.getpid():
            turn.close()
            turn.wait()
        elif link is not None:
            link.close()
        if game is not None:
            game.end()

    def reset(self) -> Any:
        """Does nothing: for subclasses."""

    def step(self, action: str, value: Any = None) -> dict[str, Any]:
        """Sends a command with one argument, or none, and returns the game's state.

        Returns:
            The fields by name: float, int, bool and str; bytes in Base64; arrays of numbers as
            ``numpy.ndarray`` of float64.

        Raises:
            TimeoutError: the game has not answered in time.
            Gone: there is no game, or it has died; a ConnectionError.
            ValueError: the command has a semicolon in it, or more than 8192 bytes; or a port is out
                of range.
            RuntimeError: another command waits for its state, or ``close()`` was called meanwhile.
            OSError: the port is taken, or the network refuses the command.
        """
        return self.send(action, [] if value is None else [value])

    def stepfv(self, action: str, values: Iterable[Any]) -> dict[str, Any]:
        """Sends a command with numbers as its one argument; else as ``step()``."""
        return self.send(action, [format_numbers(values)])

    def send(self, cmdname: str, args: Iterable[Any] = ()) -> dict[str, Any]:
        """Sends a command with any number of arguments; else as ``step()``."""
        return self._exchange(cmdname, format_command(cmdname, args))

    def receive_data(self) -> dict[str, Any]:
        """Waits for a state that no command has asked for."""
        return self.recvall()

    def recvall(self) -> dict[str, Any]:
        """Waits for a state that no command has asked for."""
        return self._exchange('', None)

    @property
    def UDP(self) -> Any:
        """The socket of this process, which is not blocking."""
        return self._get_link(_Turn(self.HOST), self._get_limit()).socket

    def _exchange(self, name: str, command: bytes | None) -> dict[str, Any]:
        turn = _Turn(self.HOST)
        # In one step, because two threads may be here.
        other = self.__dict__.setdefault('_turn', turn)
        if other is not turn and other.process == turn.process:
            raise RuntimeError(f'The game at {self._where} has not answered the last command of '
                               'another thread yet: send one command at a time')
        self._turn = turn  # in a fork, in place of its parent's
        try:
            return self._exchange_alone(turn, name, command)
        finally:
            del self._turn
            turn.end()

    def _exchange_alone(self, turn: _Turn, name: str, command: bytes | None) -> dict[str, Any]:
        limit = self._get_limit()
        deadline = time.monotonic() + limit
        game = None
        try:
            link = self._get_link(turn, limit)
            game = self._get_game()
            exchange = Exchange(self._where, link, game, limit, deadline,
                                min(self.BUFFER_SIZE, MAX_SIZE), not self._has_answered)
            state = exchange.run(name, command)
            self._has_answered = not turn.is_closed
        except Gone:
            # The next command starts the game, or finds one that is already running.
            self._has_answered = False
            if game is not None and game.get_end() is not None:
                game.end()
                self._game = None
            raise
        finally:
            if turn.is_closed:
                self._drop(turn.link, game)
        return state

    def _drop(self, link: Socket | None, game: Game | None) -> None:
        """After close(), which did not find what this command has opened and started since."""
        if link is not None:
            link.close()
        if self._link is link:
            self._link = None
        if game is not None:
            game.end()
        if self._game is game:
            self._game = None

    @property
    def _where(self) -> str:
        return f'{self.HOST}:{self.OUTPUT_PORT}'

    def _get_limit(self) -> float:
        if self.timeout is None:
            return inf
        return self.timeout if self.timeout > POLLING_TIME else DEFAULT_TIMEOUT

    def _get_link(self, turn: _Turn, limit: float) -> Socket:
        if self._link is None or self._link.owner != os.getpid():
            # The copy in a fork belongs to its parent.
            if self._link is not None:
                self._link.close()
            self._link = self._game = None
            self._has_answered = False
            self._link = self._make_link(turn, limit)
        self._is_open = True
        turn.link = self._link
        if turn.is_closed:
            raise self._make_closed()
        return turn.link

    def _make_link(self, turn: _Turn, limit: float) -> Socket:
        for port in self.OUTPUT_PORT, self.INPUT_PORT:
            if not 0 < port < 65536:
                raise ValueError(f'The environment of the game at {self._where} cannot use port '
                                 f'{port}: UDP ports are 1 to 65535')
        address = turn.lookup.run(limit)
        if address is None:
            raise self._make_closed()
        return Socket(self._where, address, self.OUTPUT_PORT, self.INPUT_PORT)

    def _make_closed(self) -> RuntimeError:
        return RuntimeError(f'The environment was closed before a command reached the game at '
                            f'{self._where}')

    def _get_game(self) -> Game | None:
        if self.command is None:
            return None
        if self._game is None:
            self._has_answered = False
            self._game = Game(fill_in(self.command, {
                'host': self.HOST, 'output_port': self.OUTPUT_PORT,
                'input_port': self.INPUT_PORT}))
        return self._game

    def __getstate__(self) -> dict[str, Any]:
        private = '_link', '_game', '_has_answered', '_turn'
        return {name: value for name, value in self.__dict__.items() if name not in private}

    @finalizer
    def __del__(self) -> None:
        self.close()


# The public name.
RemoteEnv.__module__ = 'gmproc.unityremote'
