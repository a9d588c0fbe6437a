# load.py: a server and clients that work on the nodes of a cluster
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: load.py N TURNS

N clients send TURNS requests each, with arrays, and are restarted when they fail; so is their
server. Prints "worker ID NODE" when one begins, and at the end "results N".
"""

import sys
import time
from typing import Any

import numpy as np

from gmproc import ClientServer, ClientWorker, ServerWorker, report

PAUSE = 0.01


class Server(ServerWorker):
    def start(self, params: Any) -> None:
        report(self.get_node())

    def process(self, id: Any, message: Any) -> Any:
        return message + 1


class Client(ClientWorker):
    def start(self, params: Any) -> None:
        self.n, self.left = 0, params
        report(self.get_node())

    def process(self) -> Any:
        return np.full(20_000, self.n)

    def update(self, response: Any) -> None:
        assert (response == self.n + 1).all()
        self.n += 1

    def wait(self) -> None:
        time.sleep(PAUSE)

    def done(self) -> bool:
        return self.n >= self.left

    def finish(self) -> int:
        return self.n


def main() -> None:
    n, turns = int(sys.argv[1]), int(sys.argv[2])
    cs = ClientServer(Server, restart='on-failure', max_restarts=5, resend_requests=True)
    cs.new_workers(n, Client, turns)
    cs.on_progress = lambda id, node: print('worker', id, node, flush=True)
    results = cs.run()
    print('results', sum(value == turns for value in results.values()), flush=True)


if __name__ == '__main__':
    main()
