# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The server and the clients of the soak, each with a journal that outlives it.

The shared folder has the plan, with a line "CLIENT NUMBER MOMENT FAULT" for each death, and a
journal for each client, to which all append lines: "asked NUMBER", "got NUMBER" (the server),
"answered NUMBER", "dies NUMBER MOMENT".
"""

from __future__ import annotations

import os
import urllib.parse
from typing import Any

from deeds import DEEDS, print_line
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError


class Journal:
    """The record of a worker and its predecessors."""

    def __init__(self, folder: str, id: str) -> None:
        self.path = f'{folder}/journal-{id}'
        self.next = 1
        self.deaths = set()
        self.file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC)
        with open(self.path) as file:
            for line in file:
                verb, number, *rest = line.split()
                if verb == 'asked' or rest == ['before']:
                    self.next = int(number) + 1
                if verb == 'dies':
                    self.deaths.add((number, *rest))
        self.plan = {}
        with open(f'{folder}/plan') as file:
            for line in file:
                client, number, moment, fault = line.split()
                if client == id and (number, moment) not in self.deaths:
                    self.plan[int(number)] = moment, fault

    def write(self, line: str) -> None:
        os.write(self.file, f'{line}\n'.encode())

    def at(self, number: int, moment: str) -> None:
        """Dies, if the plan has a death here that has not happened yet."""
        planned, fault = self.plan.get(number, ('', ''))
        if planned == moment:
            del self.plan[number]
            self.write(f'dies {number} {moment}')
            DEEDS[fault]()


class Client(ClientWorker):
    def __init__(self, id: str) -> None:
        super().__init__()
        self.id = id

    def start(self, params: dict[str, Any]) -> None:
        self.turns = params['turns']
        self.journal = Journal(params['folder'], self.id)
        self.next = self.journal.next
        self.journal.at(self.next, 'start')

    def process(self) -> dict[str, Any]:
        self.journal.at(self.next, 'before')
        self.journal.write(f'asked {self.next}')
        return {'n': self.next, 'pid': os.getpid()}

    def update(self, response: Any) -> None:
        assert response == self.next, response
        self.journal.write(f'answered {self.next}')
        self.journal.at(self.next, 'after')
        self.next += 1

    def done(self) -> bool:
        return self.next > self.turns

    def finish(self) -> int:
        return self.next


class Server(ServerWorker):
    def start(self, params: dict[str, Any]) -> None:
        self.journals = {str(id): Journal(params['folder'], str(id))
                         for id in range(1, params['n'] + 1)}
        self.last = ('1', 0)

    def process(self, id: Any, msg: Any) -> Any:
        journal, number = self.journals[id], msg['n']
        journal.write(f'got {number}')
        self.last = id, number
        journal.at(number, 'server')
        if journal.plan.get(number, ('', ''))[0] == 'between':
            del journal.plan[number]
            journal.write(f'dies {number} between')
            os.kill(msg['pid'], 9)
        return number

    def wait(self) -> None:
        id, number = self.last
        self.journals[id].at(number, 'wait')


def make_application(config: dict[str, Any]) -> ClientServer:
    application = ClientServer(Server)
    for id in range(1, config['n'] + 1):
        application.new_worker(str(id), Client, config)

    def print_event(verb: str) -> Any:
        def take(id: Any, error: WorkerError) -> None:
            text = urllib.parse.quote(str(error).split('\n')[0])
            print_line(f'{verb} {id} {error.error.domain} {error.error.code} {text}')
        return take

    application.on_restarted = print_event('restarted')
    application.on_failed = print_event('failed')
    return application
