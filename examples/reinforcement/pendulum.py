# pendulum.py: environments in C with a policy in Python, and the other way round
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: pendulum.py LIBRARY, which is libpendulum.so, built from pendulum.c."""

from __future__ import annotations

import math
import random
import sys

from gmproc import ClientServer, ClientWorker, ServerWorker

N_PENDULUMS = 4
PULL = 15.0


class Policy(ServerWorker):
    """Swings with the pendulum until it has the energy that it needs, and then balances."""

    def process(self, id: int, msg: tuple[float, float, float]) -> float:
        cosine, sine, speed = msg
        if cosine > 0.95:
            return -8 * math.atan2(sine, cosine) - 2 * speed
        missing = PULL - (speed ** 2 / 2 + PULL * cosine)
        return math.copysign(1.0, speed) * missing


class RandomPolicy(ServerWorker):
    def process(self, id: int, msg: tuple[float, float, float]) -> float:
        return random.uniform(-2, 2)


class Pendulum(ClientWorker):
    """The environment of pendulum.c."""

    def start(self, params: float) -> None:
        self.angle, self.speed, self.sum = params, 0.0, 0.0
        self.n_steps = 200

    def done(self) -> bool:
        return self.n_steps == 0

    def process(self) -> tuple[float, float, float]:
        return math.cos(self.angle), math.sin(self.angle), self.speed

    def update(self, response: float) -> None:
        angle = math.remainder(self.angle, 2 * math.pi)
        torque = max(-2.0, min(2.0, response))
        self.sum -= angle ** 2 + 0.1 * self.speed ** 2 + 0.001 * torque ** 2
        self.speed += (PULL * math.sin(angle) + 3 * torque) * 0.05
        self.speed = max(-8.0, min(8.0, self.speed))
        self.angle += self.speed * 0.05
        self.n_steps -= 1

    def finish(self) -> float:
        return self.sum


def play(policy: type[ServerWorker] | str, pendulum: type[ClientWorker] | str) -> float:
    """The mean return of some pendulums that begin to hang, each at another angle."""
    cs = ClientServer(policy)
    for i in range(N_PENDULUMS):
        cs.add_client(i, pendulum, params=math.pi - 0.1 * (i + 1))
    return sum(cs.run().values()) / N_PENDULUMS


def main(library: str) -> None:
    pendulum_in_c = f'native:{library}:pendulum_client_get_type'
    policy_in_c = f'native:{library}:pendulum_policy_get_type'
    print(f'pendulums in C, torques at random    {play(RandomPolicy, pendulum_in_c):8.1f}')
    print(f'pendulums in C, policy in Python     {play(Policy, pendulum_in_c):8.1f}')
    print(f'pendulums in Python, policy in C     {play(policy_in_c, Pendulum):8.1f}')


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
