# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Code of a server, a client or the application forks while it holds arrays."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np

from gmproc import ClientServer, ClientWorker, ServerWorker

SIZE = 1 << 20
N_TURNS = 3


class Children:
    """Forked processes, each of which has an array and checks it when the gate opens."""

    def __init__(self) -> None:
        self.gate = os.pipe()
        self.pids: list[int] = []

    def fork(self, array: np.ndarray[Any, Any], expected: int) -> None:
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            os.close(self.gate[1])
            os.read(self.gate[0], 1)
            same = bool((array == expected).all())
            array[:] = 99
            os._exit(0 if same and bool((array == 99).all()) else 1)
        self.pids.append(pid)

    def join(self) -> list[int]:
        """Opens the gate, and returns the exit statuses."""
        os.close(self.gate[1])
        statuses = [os.waitpid(pid, 0)[1] for pid in self.pids]
        os.close(self.gate[0])
        return statuses


class Serving:
    def start(self, params: Any) -> None:
        self.children = Children()

    def process(self, id: str, msg: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.children.fork(msg, int(msg[0]))
        return msg + 1

    def finish(self) -> list[int]:
        return self.children.join()


class Server(Serving, ServerWorker):
    """A server with a process of its own."""


class Client(ClientWorker):
    def start(self, params: Any) -> None:
        self.children = Children()
        self.turn = 0
        self.kept: list[np.ndarray[Any, Any]] = []

    def process(self) -> np.ndarray[Any, Any]:
        self.turn += 1
        return np.full(SIZE, self.turn, dtype=np.uint8)

    def update(self, response: np.ndarray[Any, Any]) -> None:
        self.children.fork(response, self.turn + 1)
        if self.turn == 1:
            self.kept.append(response)

    def done(self) -> bool:
        return self.turn == N_TURNS

    def finish(self) -> tuple[list[int], bool]:
        statuses = self.children.join()
        return statuses, bool((self.kept[0] == 2).all())


class Application(Serving, ClientServer):
    """The application as server."""


def check(server: ClientServer) -> None:
    server.new_worker('a', Client)
    results = server.run()
    assert results['a'] == ([0] * N_TURNS, True)
    assert server.server_result == [0] * N_TURNS


def test_server_and_client() -> None:
    check(ClientServer(Server))


def test_application() -> None:
    check(Application())
