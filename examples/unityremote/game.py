# game.py: a stand-in for a game made with Unity, that speaks the protocol of UnityRemote
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: game.py PORT REPLY_PORT

A corridor of nine fields: the player starts in the middle, and has to reach the right end. It
listens on PORT for commands, and sends each state to REPLY_PORT from another socket, as the games
of UnityRemote do.

    move ACTION   one field to the left (0) or to the right (1)
    restart       back to the middle
    crash         ends the game with exit status 3
    (any other)   does nothing, and is answered all the same
"""

from __future__ import annotations

import base64
import os
import socket
import sys
from typing import Any

FLOAT, INT, BOOL, STRING, BYTES, FLOATS = range(6)
LENGTH = 9
MAX_STEPS = 40


def encode(fields: list[tuple[str, int, str]]) -> bytes:
    """A state as the games' SetStateAs... methods write it."""
    message = b'%4d' % len(fields)
    for name, kind, text in fields:
        value = text.encode()
        message += b'%4d%s%d%8d%s' % (len(name), name.encode(), kind, len(value), value)
    return message


class Corridor:
    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.place = LENGTH // 2
        self.n_steps = 0
        self.reward = 0.0
        self.done = False

    def command(self, name: str, arguments: list[str]) -> None:
        if name == 'restart':
            self.restart()
        elif name == 'move' and not self.done:
            self.place = max(0, self.place + (1 if int(arguments[0]) == 1 else -1))
            self.n_steps += 1
            has_won = self.place == LENGTH - 1
            self.reward = 1.0 if has_won else -0.02
            self.done = has_won or self.n_steps == MAX_STEPS
        elif name == 'crash':
            os._exit(3)

    def fields(self) -> list[tuple[str, int, str]]:
        pixels = ','.join('9' if i == self.place else '0' for i in range(LENGTH))
        return [('frame', BYTES, base64.b64encode(pixels.encode()).decode()),
                ('done', BOOL, str(int(self.done))),
                ('reward', FLOAT, str(self.reward)),
                ('steps', INT, str(self.n_steps)),
                ('position', FLOATS, f'{self.place} {LENGTH - 1 - self.place}'),
                ('level', STRING, 'corridor')]


def parse(command: bytes) -> tuple[str, list[str]]:
    name, count, *rest = command.decode().split(';')
    return name, rest[:int(count)]


def play(game: Any, port: int, reply_port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        receiver.bind(('127.0.0.1', port))
        # The unrequested state that the originals send when they start.
        sender.sendto(encode(game.fields()), ('127.0.0.1', reply_port))
        while True:
            command, _ = receiver.recvfrom(8192)
            game.command(*parse(command))
            sender.sendto(encode(game.fields()), ('127.0.0.1', reply_port))


if __name__ == '__main__':
    play(Corridor(), int(sys.argv[1]), int(sys.argv[2]))
