# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A process that a worker has forked sends no reports, and exits."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from typing import Any

import pytest

import gmproc
from gmproc import ClientServer, ClientWorker, ServerWorker, Workers

# The number of forks, each while threads are reporting.
FORKS = 10


def chat() -> None:
    while True:
        gmproc.report('from a thread')


def start_threads() -> None:
    for _ in range(4):
        threading.Thread(target=chat, daemon=True).start()


def fork(way: str) -> int:
    """The number of children that have ended."""
    start_threads()
    ended = 0
    for _ in range(FORKS):
        pid = os.fork()
        if pid == 0:
            if way == 'exit':
                sys.exit(0)
            if way == 'raise':
                raise ValueError('from the child')
            return -1
        ended += os.waitpid(pid, 0)[0] == pid
    return ended


@pytest.mark.parametrize('way', ['exit', 'raise', 'return'])
def test_child_comes_back(way: str) -> None:
    workers = Workers(run_timeout=50, capture_output=True)
    workers.add(1, fork, way)
    assert workers.run() == {1: FORKS}


def speak(results: Any) -> None:
    try:
        gmproc.report('from a child')
    except Exception as error:
        results.send(str(error))
    else:
        results.send('its report was sent')


def use_multiprocessing(_params: None) -> list[str]:
    start_threads()
    context = multiprocessing.get_context('fork')
    said = []
    for _ in range(FORKS):
        here, there = context.Pipe()
        process = context.Process(target=speak, args=(there,))
        process.start()
        said.append(here.recv())
        process.join()
        said.append(str(process.exitcode))
    return said


def test_multiprocessing() -> None:
    workers = Workers(run_timeout=50)
    values = []
    workers.on_progress = lambda _id, value: values.append(value)
    workers.add(1, use_multiprocessing)
    said = workers.run()[1]
    assert all('was forked by a worker' in text for text in said[::2]), said
    assert set(said[1::2]) == {'0'}
    assert 'from a child' not in values


class Forking(ServerWorker):
    def process(self, id: str, msg: int) -> int:
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        os.waitpid(pid, 0)
        return msg + 1


class Counting(ClientWorker):
    n = 0

    def process(self) -> int:
        return self.n

    def update(self, response: int) -> None:
        self.n = response

    def done(self) -> bool:
        return self.n == 3

    def finish(self) -> int:
        return self.n


def test_server() -> None:
    application = ClientServer(Forking, run_timeout=50, capture_output=True)
    application.new_workers(2, Counting)
    assert application.run() == {0: 3, 1: 3}
