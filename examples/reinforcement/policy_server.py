# policy_server.py: one policy for many environments, which learns while they play
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: policy_server.py [--open] [--crash] cartpole|catch [EPISODES]

Eight environments in their own processes request actions. The policy answers the first four that
have asked, with one call for all of them, and learns whenever enough episodes have ended, while the
others continue. It is a server in its own process, or with --open the program itself. With --crash
an environment is killed now and then; it is restarted, and its episode forgotten.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from typing import Any

from gmproc import ClientServer, ClientWorker, ServerWorker, report, worker_seed
from learner import ENVIRONMENTS, Learner

N_ENVIRONMENTS = 8
N_LINES = 8  # of progress


class Environment(ClientWorker):
    """Plays one episode after the other; the server decides when that is enough."""

    def start(self, params: tuple[str, bool]) -> None:
        name, self.crashes = params
        self.environment = ENVIRONMENTS[name]((worker_seed() or 0) % 2 ** 32)
        self.message = self.environment.reset(), 0.0, False

    def process(self) -> Any:
        return self.message

    def update(self, response: int) -> None:
        if self.crashes and random.random() < 3e-4:
            os.kill(os.getpid(), signal.SIGKILL)
        observation, reward, is_over = self.environment.step(response)
        if is_over:
            observation = self.environment.reset()
        self.message = observation, reward, is_over


class Progress:
    """Says how the returns rise."""

    def __init__(self, n_episodes: int) -> None:
        self.part = max(1, n_episodes // N_LINES)
        self.n_lines = 0

    def find(self, returns: list[float]) -> list[str]:
        lines = []
        while len(returns) >= (self.n_lines + 1) * self.part:
            part = returns[self.n_lines * self.part:(self.n_lines + 1) * self.part]
            self.n_lines += 1
            lines.append(f'{self.n_lines * self.part:6} episodes: mean return '
                         f'{sum(part) / len(part):7.2f}')
        return lines


class Policy(ServerWorker):
    batch_size = N_ENVIRONMENTS // 2
    batch_timeout = 0.05  # seconds; then it answers those that have asked

    def start(self, params: tuple[str, int]) -> None:
        name, self.n_episodes = params
        self.learner = Learner(name)
        self.progress = Progress(self.n_episodes)

    def process_batch(self, ids: list[int], messages: list[Any]) -> list[int]:
        actions = self.learner.act(ids, messages)
        for line in self.progress.find(self.learner.returns):
            report(line)
        return actions

    def client_failed(self, id: int, error: Exception) -> None:
        self.learner.forget(id)

    def done(self) -> bool:
        return len(self.learner.returns) >= self.n_episodes


class Application(ClientServer):
    def __init__(self, server: type[ServerWorker] | None, name: str, crashes: bool) -> None:
        super().__init__(server, restart='on-failure', max_restarts=1000)
        self.add_clients(N_ENVIRONMENTS, Environment, params=(name, crashes))
        self.on_restarted = self.count_restart
        self.n_restarts = 0

    def update(self, id: Any, value: str) -> None:
        print(value, flush=True)

    def count_restart(self, id: int, error: Exception | None) -> None:
        self.n_restarts += 1


def run_server(application: Application, name: str, n_episodes: int) -> None:
    application.run(params=(name, n_episodes))


def run_open(application: Application, name: str, n_episodes: int) -> None:
    """The same, and this program decides when it takes requests, and when it answers."""
    learner, progress = Learner(name), Progress(n_episodes)
    application.client_failed = lambda id, error: learner.forget(id)
    with application.open() as run:
        while len(learner.returns) < n_episodes:
            ids, messages = run.recv(N_ENVIRONMENTS // 2)
            run.send(ids, learner.act(ids, messages))
            for line in progress.find(learner.returns):
                print(line, flush=True)


def main(arguments: list[str]) -> None:
    is_open, crashes = '--open' in arguments, '--crash' in arguments
    names = [each for each in arguments if not each.startswith('--')]
    if not 1 <= len(names) <= 2 or names[0] not in ENVIRONMENTS:
        sys.exit(__doc__)
    n_episodes = int(names[1]) if len(names) == 2 else {'cartpole': 400, 'catch': 4000}[names[0]]
    application = Application(None if is_open else Policy, names[0], crashes)
    (run_open if is_open else run_server)(application, names[0], n_episodes)
    if crashes:
        print(f'{application.n_restarts} environments were killed and restarted')


if __name__ == '__main__':
    main(sys.argv[1:])
