#!/usr/bin/python3
# ai4u_players.py: clients that play games of today's AI4U, with the client that comes with it
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: ai4u_players.py [PORT]

Needs the package ai4u from PyPI. Its client listens on a port for one game or more, and keeps what
it knows of them in variables of its module, with a thread for each. Here each game has a process to
itself, with an unchanged client in it; the server decides for all.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ai4u.agents import BasicController
from ai4u.appserver import startasdaemon

from gmproc import ClientServer, ClientWorker, ServerWorker

GAME = Path(__file__).with_name('asking_game.py')
N_PLAYERS = 2
N_EPISODES = 3


class Controller(BasicController):
    """The class that a program on AI4U derives: the command for an action."""

    def step_behavior(self, action: int) -> None:
        self.actionName = 'move'
        self.actionArgs = [action]
        self.fields = []


class Policy(ServerWorker):
    """Looks where the goal is, and goes there."""

    def process(self, id: int, msg: list[float]) -> int:
        place, distance = msg
        return 1 if distance > 0 else 0


class Player(ClientWorker):
    def __init__(self, id: int) -> None:
        super().__init__()
        self.name = str(id)
        self.lengths: list[int] = []

    def start(self, params: int) -> None:
        config = {'server_port': params, 'force_exit': False, 'timeout': 0}
        [self.controller] = startasdaemon([self.name], [Controller], config)
        self.game = subprocess.Popen([sys.executable, GAME, '127.0.0.1', str(params), self.name])
        self.controller.request_config()
        self.state: dict[str, Any] = self.controller.request_reset()

    def process(self) -> list[float]:
        return list(map(float, self.state['position']))

    def update(self, action: int) -> None:
        self.state = self.controller.request_step(action)
        if self.state['done']:
            self.lengths.append(self.state['steps'])
            if not self.done():
                self.state = self.controller.request_reset()

    def done(self) -> bool:
        return len(self.lengths) >= N_EPISODES

    def finish(self) -> list[int]:
        self.game.kill()
        self.game.wait()
        # Its thread that takes commands ends with none by itself.
        self.controller.agent.halt = True
        self.controller.agent.qin.put(['halt'])
        return self.lengths


def main(port: int = 17070) -> None:
    application = ClientServer(Policy, run_timeout=60)
    for i in range(N_PLAYERS):
        application.add_client(i, Player, params=port + i)
    for id, lengths in application.run().items():
        print(f'player {id}: episodes of {lengths} steps')


if __name__ == '__main__':
    main(*map(int, sys.argv[1:2]))
