# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: program.py CONFIGURATION

An application whose workers misbehave according to the configuration, a dictionary in GVariant's
text format. program.c and program.js are the same in their languages; faults.py describes input and
output.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import urllib.parse
from typing import Any

from gi.repository import GLib

import soak
from deeds import Fault, hang_at, print_line
from rest import Faults, rest_if_due, print_held
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError, Workers

if __name__ != '__main__':
    hang_at('module')

RESTART = ('never', 'on-failure', 'always')


def work(params: dict[str, Any]) -> str:
    fault = Fault(params)
    fault.at('process')
    return 'fine'


class Client(ClientWorker):
    def __init__(self, name: Any) -> None:
        super().__init__()
        self.id = name
        hang_at('client')

    def start(self, params: dict[str, Any]) -> None:
        self.params = params
        self.turns = params['turns']
        self.bytes = bytes(params['size'])
        self.turn = 0
        self.fault = Fault(params)
        self.fault.at('start')

    def process(self) -> dict[str, Any]:
        if self.turn == 1:
            self.fault.at('process')
        rests = Faults.is_due(self.params['rests'], self.turn + 1, self.turns)
        return {'pid': os.getpid(), 'rests': rests, 'bytes': b'' if rests else self.bytes,
                'between': self.fault.moment == 'between' and self.turn == 1}

    def update(self, response: Any) -> None:
        assert response['pid'] == os.getpid(), response
        self.turn += 1

    def wait(self) -> None:
        rest_if_due(self.params, self.id, self.turn, self.turns)

    def done(self) -> bool:
        return self.turn == self.turns

    def finish(self) -> int:
        self.fault.at('finish')
        return self.turn


class Serving:
    """The methods that a server has in a process of its own and in the application."""

    turn = 0
    fault: Fault

    def start(self, params: dict[str, Any]) -> None:
        self.fault = Fault(params)
        self.fault.at('start')

    def process(self, id: Any, msg: Any) -> Any:
        self.turn += 1
        if self.turn == 3:
            self.fault.at('process')
        oblige(msg)
        return msg

    def finish(self) -> None:
        self.fault.at('finish')


class Server(Serving, ServerWorker):
    def __init__(self) -> None:
        super().__init__()
        hang_at('server')

    def wait(self) -> None:
        if self.turn == 3:
            self.fault.at('wait')


class Application(Serving, ClientServer):
    """The application as server."""


def oblige(request: dict[str, Any]) -> None:
    """Other requests of a client: for instance to be killed while it waits for the response."""
    if request['rests']:
        print_held()
    if request['between']:
        print_line(f'at {request["pid"]} {GLib.get_monotonic_time()}')
        os.kill(request['pid'], 9)


def make_workers(config: dict[str, Any]) -> Workers:
    application = Workers()
    for id in range(1, config['n'] + 1):
        application.add(id, work, config if id == 1 else {})
    return application


def make_application(config: dict[str, Any]) -> Workers | ClientServer:
    role = config['role']
    if role == 'worker':
        return make_workers(config)
    if role == 'soak':
        return soak.make_application(config)
    fine = {**config, 'moment': 'none'}
    application = Application() if role.endswith('local') else ClientServer(Server)
    for id in range(1, config['n'] + 1):
        bad = 'client' in role and id == 1
        application.new_worker(str(id), Client, config if bad else fine)
    return application


def set_options(application: Any, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name == 'restart':
            value = RESTART[value]
        setattr(application, name.replace('-', '_'), value)


def run(application: Workers | ClientServer, config: dict[str, Any]) -> str:
    """The outcome, as a line."""
    try:
        if isinstance(application, Workers):
            results = application.run()
        else:
            is_at_server = 'server' in config['role'] or config['role'] in ('local', 'soak')
            results = application.run(params=config if is_at_server else {})
    except WorkerError as error:
        reason = error.error
        time = GLib.get_monotonic_time()
        return (f'end {time} {len(error.results)} {reason.domain} {reason.code} '
                f'{urllib.parse.quote(str(error))}')
    except BaseException as error:
        return (f'end {GLib.get_monotonic_time()} 0 {type(error).__name__} 0 '
                f'{urllib.parse.quote(str(error))}')
    return f'end {GLib.get_monotonic_time()} {len(results)} - 0 -'


def run_all(config: dict[str, Any]) -> str:
    """One object after the other, each used many times. Returns the outcome of the last."""
    n = config['objects'] * config['runs']
    for i in range(n):
        if i % config['runs'] == 0:
            application = make_application(config)
            set_options(application, config['options'])
            if config['role'] != 'soak':
                # While other workers may still run.
                application.on_failed = lambda *_: print_line(f'failed {GLib.get_monotonic_time()}')
        line = run(application, config)
        rest_if_due(config, '0', i + 1, n)
    return line


def count_children() -> int:
    """Includes zombies."""
    n = 0
    for task in os.listdir('/proc/self/task'):
        with open(f'/proc/self/task/{task}/children') as file:
            n += len(file.read().split())
    return n


def count_shared_memory() -> int:
    """The number of gmproc's files that this process still has open or mapped."""
    n = 0
    for fd in os.listdir('/proc/self/fd'):
        try:
            n += os.readlink(f'/proc/self/fd/{fd}').startswith('/memfd:')
        except OSError:
            pass
    with open('/proc/self/maps') as file:
        return n + len(re.findall('/memfd:gmproc', file.read()))


def main() -> None:
    config = GLib.Variant.parse(None, sys.argv[1], None, None).unpack()
    line = run_all(config)
    print_line(line)
    gc.collect()
    if os.path.exists('/proc/self/fd'):
        print_line(f'left {count_children()} {count_shared_memory()}')


if __name__ == '__main__':
    main()
