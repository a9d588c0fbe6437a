# player.py: a client that learns to play a game, and shares its experience
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""One of several players that share a network, as in the asynchronous advantage actor-critic (A3C:
Mnih et al., 2016). The server may be in Python or in C: see actor_critic.py and actor-critic.c."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from gmproc import ClientWorker
from gmproc.unityremote import RemoteEnv, image_decode

GAME = [sys.executable, Path(__file__).with_name('game.py'), '{output_port}', '{input_port}']

N_PLACES = 9
N_ACTIONS = 2
N_EPISODES = 60     # that each player plays
N_STEPS = 8         # between two messages
DISCOUNT = 0.97
ENTROPY_BONUS = 0.01


class Network:
    """The policy and the value of each place, in one vector."""

    SIZE = N_PLACES * N_ACTIONS + N_PLACES

    def __init__(self, weights: np.ndarray) -> None:
        self.logits = weights[:N_PLACES * N_ACTIONS].reshape(N_PLACES, N_ACTIONS)
        self.values = weights[N_PLACES * N_ACTIONS:]

    def log_policy(self, place: int) -> np.ndarray:
        """The logarithms of the actions' probabilities, which may be too small for numbers."""
        shifted = self.logits[place] - self.logits[place].max()
        return shifted - np.log(np.exp(shifted).sum())

    def policy(self, place: int) -> np.ndarray:
        """The probabilities of the actions."""
        return np.exp(self.log_policy(place))


class Player(ClientWorker):
    """Plays a few steps at a time, sends the gradient, and takes the weights for it."""

    def __init__(self, id: int | str) -> None:
        super().__init__()
        self.rng = np.random.default_rng(int(id))
        self.lengths: list[int] = []  # of the episodes

    def start(self, params: tuple[int, int]) -> None:
        output_port, input_port = params
        self.env = RemoteEnv(OUT_PORT=output_port, IN_PORT=input_port, command=GAME)
        self.state = self.env.step('restart')
        self.network: Network | None = None

    def process(self) -> np.ndarray | None:
        """The gradient of a few steps; None while there are no weights to play with."""
        return None if self.network is None else self.play(self.network)

    def update(self, response: np.ndarray | list[float]) -> None:
        self.network = Network(np.array(response))

    def done(self) -> bool:
        return len(self.lengths) >= N_EPISODES

    def finish(self) -> list[int]:
        self.env.close()
        return self.lengths

    def play(self, network: Network) -> np.ndarray:
        steps = []
        while len(steps) < N_STEPS and not self.state['done']:
            place = self.look()
            action = int(self.rng.choice(N_ACTIONS, p=network.policy(place)))
            self.state = self.env.step('move', action)
            steps.append((place, action, self.state['reward']))
        gradient = self.learn(network, steps)
        if self.state['done']:
            self.lengths.append(self.state['steps'])
            self.state = self.env.step('restart')
        return gradient

    def look(self) -> int:
        """The position of the player on the screen."""
        return int(image_decode(self.state['frame'], 1, N_PLACES).argmax())

    def learn(self, network: Network, steps: list[tuple[int, int, float]]) -> np.ndarray:
        gradient = np.zeros(Network.SIZE)
        slopes = Network(gradient)
        total = 0.0 if self.state['done'] else float(network.values[self.look()])
        for place, action, reward in reversed(steps):
            total = reward + DISCOUNT * total
            advantage = total - network.values[place]
            logs = network.log_policy(place)
            policy = np.exp(logs)
            entropy = -(policy * logs).sum()
            slopes.logits[place] += advantage * (np.eye(N_ACTIONS)[action] - policy)
            slopes.logits[place] -= ENTROPY_BONUS * policy * (logs + entropy)
            slopes.values[place] += advantage
        return gradient
