# steps.py: programs that use all nodes, wait for a signal, and use them again
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: steps.py start|channel|daemon N

Connects N workers, on all nodes, prints "ready", waits for SIGUSR1, and then:

start    runs these workers with large parameters, and N new ones; failed ones are restarted
channel  runs a server and N clients, which are restarted
daemon   runs a worker that leaves a process behind, which prints "daemon" and has its descriptors

At the end it prints "results N".
"""

import os
import signal
import sys
import time
from typing import Any

from gmproc import ClientServer, ClientWorker, ServerWorker, Workers

BIG = 3_000_000  # bytes
N_TURNS = 20


def measure(value: bytes) -> int:
    return len(value)


def leave_daemon(_params: Any) -> int:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print('daemon', flush=True)
            time.sleep(1000)
        os._exit(0)
    return 1


class Server(ServerWorker):
    def process(self, id: Any, message: Any) -> Any:
        return message + 1


class Client(ClientWorker):
    def start(self, params: Any) -> None:
        self.n = 0

    def process(self) -> int:
        return self.n

    def update(self, response: int) -> None:
        assert response == self.n + 1
        self.n = response

    def done(self) -> bool:
        return self.n >= N_TURNS

    def finish(self) -> int:
        return self.n


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    way, n = sys.argv[1], int(sys.argv[2])
    workers = Workers(reuse=True, restart='on-failure', max_restarts=10)
    for id in range(n):
        workers.add(id, measure, b'')
    workers.run()
    print('ready', flush=True)
    signal.sigwait({signal.SIGUSR1})
    results: dict[Any, Any]
    if way == 'start':
        for id in range(n):
            workers.set_params(id, bytes(BIG))
            workers.add(n + id, measure, bytes(BIG))
        results = workers.run()
        assert set(results.values()) == {BIG}, results
    elif way == 'channel':
        cs = ClientServer(Server, restart='on-failure', max_restarts=10, resend_requests=True)
        cs.new_workers(n, Client)
        results = cs.run()
        assert set(results.values()) == {N_TURNS}, results
    else:
        results = Workers().map(leave_daemon, [1])
    print('results', len(results), flush=True)


if __name__ == '__main__':
    main()
