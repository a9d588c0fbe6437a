# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""One command, and the wait for its state."""

from __future__ import annotations

import select
import time
from math import inf

from ._remote_game import Game
from ._remote_socket import Foreign, Socket
from ._remote_text import BadState, parse_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RETRY_TIME = 0.05  # seconds that a game which does not listen yet is left alone
# A game that has just started sends a state that is no answer. If a command arrives before it does
# so, the answer is the second state.
GREETING_TIME = 0.25  # seconds to wait for one
LOOK_TIME = 0.25   # seconds between two checks of a game whose end does not wake this process
POLL_LIMIT = 2**31 - 1  # milliseconds


class Gone(ConnectionError):
    """The game has ended, or is not running."""


class Exchange:
    """A command is sent once: sent again, it might be played twice. Only one that was refused,
    because the game is still starting, is.

    Args:
        where: the game's host and port, for errors.
        link: the socket.
        game: the game's process, where this process has started it.
        limit: how many seconds to wait for the state; infinity for no limit.
        deadline: when they are over.
        max_size: how many bytes a state may have.
        is_patient: whether the game may be starting.
    """

    def __init__(self, where: str, link: Socket, game: Game | None, limit: float, deadline: float,
                 max_size: int, is_patient: bool) -> None:
        self.where = where
        self.link = link
        self.game = game
        self.limit = limit
        self.deadline = deadline
        self.max_size = max_size
        self.is_patient = is_patient
        self.next_try = inf
        self.was_refused = False  # the command has not reached the game yet
        self.has_waited = False   # it was refused once, so the game has just started
        self.has_greeted = False  # the state that a game sends when it starts has come
        self.n_bad = 0
        self.bad: Exception | None = None
        self.deed = ''  # what the game should do, for errors

    def run(self, name: str, command: bytes | None) -> dict[str, Any]:
        """Sends a command, or none, and returns the next state.

        Raises:
            TimeoutError: the game has not answered.
            Gone: it is not there, or has ended.
            RuntimeError: the socket was closed meanwhile.
        """
        self.deed = f'answered {name!r}' if command is not None else 'sent a state'
        try:
            return self.play(name, command)
        except OSError:
            if not self.link.is_closed:
                raise
            raise RuntimeError(f'The environment was closed before the game at {self.where} '
                               f'{self.deed}') from None

    def play(self, name: str, command: bytes | None) -> dict[str, Any]:
        deadline = self.deadline
        if command is not None:
            self.send(name, command)
        while True:
            if command is not None and self.next_try <= min(time.monotonic(), deadline):
                self.send(name, command)
            state = self.look(name, deadline)
            if state is not None:
                return self.look_again(name, state, deadline)
            self.check(name, deadline)
            self.wait(min(deadline, self.next_try))

    def look_again(self, name: str, state: dict[str, Any], deadline: float) -> dict[str, Any]:
        """The answer, if this state may be the first one of a game."""
        end = min(time.monotonic() + GREETING_TIME, deadline)
        while self.has_waited and not self.has_greeted and time.monotonic() < end:
            self.wait(end)
            answer = self.look(name, end)
            if answer is not None:
                return answer
            if self.game is not None and self.game.get_end() is not None:
                break
        return state

    def send(self, name: str, command: bytes) -> None:
        self.next_try, self.was_refused = inf, False
        self.has_greeted |= self.link.drain() and self.has_waited
        try:
            self.link.send(command)
        except ConnectionRefusedError:
            self.refuse(name)

    def refuse(self, name: str) -> None:
        # The end and exit status of a game that this process has started are known soon.
        if not self.is_patient and self.game is None:
            raise Gone(f'The game at {self.where} has ended: nothing listens there for {name!r}')
        self.was_refused = self.has_waited = True
        self.next_try = time.monotonic() + RETRY_TIME

    def look(self, name: str, deadline: float) -> dict[str, Any] | None:
        """The state, if it has arrived. A flood of datagrams does not outlast the time-out."""
        is_over = False
        while not is_over:
            is_over = time.monotonic() >= deadline
            try:
                # One more byte reveals a datagram that is too large.
                data = self.link.receive(self.max_size + 1)
                if data is None:
                    return None
                if self.was_refused:
                    self.has_greeted = True
                    continue
                if len(data) > self.max_size:
                    raise BadState(f'it has more than {self.max_size} bytes')
                return parse_state(data)
            except ConnectionRefusedError:
                self.refuse(name)
            except (BadState, Foreign) as reason:
                self.n_bad += 1
                self.bad = reason
        return None

    def check(self, name: str, deadline: float) -> None:
        """Raises the exception of a wait that ends without a state."""
        end = self.game.get_end() if self.game is not None else None
        if end is not None:
            raise Gone(f'The game at {self.where} {end} before it {self.deed}')
        if time.monotonic() < deadline:
            return
        if self.was_refused:
            raise Gone(f'There is no game at {self.where}: nothing has listened there for {name!r} '
                       f'within {self.limit:g} s')
        refused = f'; {self.n_bad} datagrams were refused, the last because {self.bad}'
        raise TimeoutError(f'The game at {self.where} has not {self.deed} within '
                           f'{self.limit:g} s{refused if self.n_bad else ""}')

    def wait(self, until: float) -> None:
        """Waits until there may be news."""
        poll = select.poll()
        poll.register(self.link.socket, select.POLLIN)
        if self.game is not None:
            if self.game.fd >= 0:
                poll.register(self.game.fd, select.POLLIN)
            else:
                until = min(until, time.monotonic() + LOOK_TIME)
        if until == inf:
            poll.poll()
        else:
            poll.poll(min(max(until - time.monotonic(), 0) * 1000, POLL_LIMIT))
