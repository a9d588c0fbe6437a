# multiprocessing_pair.py: clients and a server on multiprocessing's Pipe or Queue
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: multiprocessing_pair.py pipe|queue request CLIENTS SECONDS | echo SECONDS SIZE...
| values SECONDS NAME... | sit

Pipes: one a client, and the server waits for all of them. Queues: one to the server, in which all
clients put their requests, and one back to each.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.connection import wait
from typing import Any, Callable

import work

Ask = Callable[[Any], Any]


def run_client(ask: Ask, client: int, kind: str, arguments: list[str]) -> None:
    if kind == 'request':
        asker = work.Asker(client)
        while asker.take(ask(asker.next())):
            pass
    elif kind in ('echo', 'values'):
        echo = (work.Echo(*work.parse_echo(arguments)) if kind == 'echo'
                else work.Values(*work.parse_values(arguments)))
        while echo.take(ask(echo.next())):
            pass
        work.show(echo.results)
    else:
        ask(os.getpid())
        work.sit()


class Answers:
    """Responds to requests until all clients have ended."""

    def __init__(self, kind: str, arguments: list[str]) -> None:
        self.is_over = False
        self.tally: work.Tally | None = None
        self.answerer = work.Answerer() if kind == 'values' else None
        if kind == 'request':
            self.tally = work.Tally(int(arguments[0]), float(arguments[1]))

    def answer(self, request: Any) -> Any:
        if self.tally is not None:
            response = self.tally.answer(request)
            self.is_over = self.tally.is_over()
            return response
        self.is_over = request is None
        return request if self.answerer is None else self.answerer.answer(request)


class Pipes:

    def __init__(self, n_clients: int) -> None:
        self.pairs = [multiprocessing.Pipe() for _ in range(n_clients)]

    def join(self, client: int) -> Ask:
        for server_end, _client_end in self.pairs:
            server_end.close()
        connection = self.pairs[client][1]

        def ask(request: Any) -> Any:
            connection.send(request)
            return connection.recv()
        return ask

    def serve(self, answers: Answers) -> None:
        connections: list[Any] = [server_end for server_end, _client_end in self.pairs]
        for _server_end, client_end in self.pairs:
            client_end.close()
        if len(connections) == 1:
            connection = connections[0]
            while not answers.is_over:
                connection.send(answers.answer(connection.recv()))
            return
        while not answers.is_over:
            for connection in wait(connections):
                response = answers.answer(connection.recv())
                connection.send(response)
                if response == work.STOP:
                    connections.remove(connection)


class Queues:

    def __init__(self, n_clients: int) -> None:
        self.requests: Any = multiprocessing.Queue()
        self.responses: list[Any] = [multiprocessing.Queue() for _ in range(n_clients)]

    def join(self, client: int) -> Ask:
        responses = self.responses[client]

        def ask(request: Any) -> Any:
            self.requests.put((client, request))
            return responses.get()
        return ask

    def serve(self, answers: Answers) -> None:
        while not answers.is_over:
            client, request = self.requests.get()
            self.responses[client].put(answers.answer(request))


def main(arguments: list[str]) -> None:
    transports: dict[str, Any] = {'pipe': Pipes, 'queue': Queues}
    if len(arguments) < 2 or arguments[0] not in transports:
        work.fail(__doc__)
    kind = arguments[1]
    n_clients = int(arguments[2]) if kind == 'request' else 1
    multiprocessing.set_start_method('fork')
    transport = transports[arguments[0]](n_clients)

    def run(client: int) -> None:
        run_client(transport.join(client), client, kind, arguments[2:])

    processes = [multiprocessing.Process(target=run, args=(client,), daemon=True)
                 for client in range(n_clients)]
    for process in processes:
        process.start()
    if kind == 'sit':
        work.print_pid()
    answers = Answers(kind, arguments[2:])
    transport.serve(answers)
    for process in processes:
        process.join()
        if process.exitcode != 0:
            sys.exit(f'A client exited with {process.exitcode}')
    if answers.tally is not None:
        seconds, count = answers.tally.get()
        work.show(seconds, count=count)


if __name__ == '__main__':
    main(sys.argv[1:])
