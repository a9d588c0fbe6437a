# asking_game.py: a stand-in for a game of today's AI4U, which asks for each action
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: asking_game.py HOST PORT ID

The corridor of game.py with the roles of AI4U's games since 2022: the client listens on PORT, and
the game sends it a state and waits for what to do. First it says what it is; then it waits for a
command that begins an episode, and plays that to its end.
"""

from __future__ import annotations

import json
import socket
import sys

from game import BOOL, FLOAT, FLOATS, INT, STRING, Corridor, encode

TIMEOUT = 2.0         # seconds
REPLY_SIZE = 1000     # bytes
MAX_STEPS = 40


class Halt(Exception):
    """The client wants no more."""


class AskingGame:
    def __init__(self, host: str, port: int, id: str) -> None:
        self.client = host, port
        self.id = id
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(TIMEOUT)
        self.game = Corridor()

    def ask(self, fields: list[tuple[str, int, str]]) -> tuple[str, list[str]]:
        """Sends a state, and returns the command that answers it."""
        self.socket.sendto(encode([*fields, ('id', STRING, self.id)]), self.client)
        reply = self.socket.recv(REPLY_SIZE).decode()
        if reply.startswith('halt'):
            raise Halt
        # Several may come together: the first is the action, others are fields of it.
        name, count, *arguments = reply.split('@')[0].split(';')
        return name.strip(), arguments[:int(count)]

    def introduce(self) -> None:
        model = {'inputs': [{'name': 'position', 'type': FLOATS, 'shape': [2]}],
                 'outputs': [{'name': 'move', 'isContinuous': False, 'shape': [2]}]}
        self.ask([('__target__', STRING, 'envcontrol'), ('max_steps', INT, str(MAX_STEPS)),
                  ('modelmetadata', STRING, json.dumps(model)), ('config', INT, '1')])

    def wait_for_start(self, last: str) -> str:
        while True:
            name, _ = self.ask([('__target__', STRING, 'envcontrol'), (last, STRING, last), (
                'wait_command', STRING, 'restart, resume, start_and_reset, start')])
            last = ''
            if name in ('__restart__', '__start_agent__', '__reset__'):
                return name

    def play(self) -> None:
        """Shows frame after frame, also after the end of an episode, until it is told to begin
        another."""
        self.introduce()
        self.wait_for_start('')
        self.game.restart()
        while True:
            game = self.game
            name, arguments = self.ask([
                ('position', FLOATS, f'{game.place} {8 - game.place}'),
                ('reward', FLOAT, str(game.reward)), ('done', BOOL, str(int(game.done))),
                ('steps', INT, str(game.n_steps)), ('truncated', BOOL, '0')])
            if name in ('__restart__', '__reset__'):
                game.restart()
            elif name == 'move':
                game.command('move', [str(int(float(arguments[0])))])


def main(host: str, port: str, id: str) -> None:
    while True:
        try:
            AskingGame(host, int(port), id).play()
        except Halt:
            return
        except (ConnectionRefusedError, socket.timeout):
            pass  # the client is not there yet; a real game would quit


if __name__ == '__main__':
    main(*sys.argv[1:4])
