#!/usr/bin/python3
# actor_critic.py: players that learn together, each with its own game
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: actor_critic.py [OUTPUT_PORT INPUT_PORT]

Starts a game for each of four players, over UDP on ports from these on, and the server that holds
the weights. A player does not wait for the others: its gradient may be one of weights that have
changed meanwhile.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from player import Network, Player

from gmproc import ClientServer, ServerWorker

N_PLAYERS = 4
# With 0.3 the weights diverge in one run of a hundred, because gradients are of earlier weights.
LEARNING_RATE = 0.15


class Server(ServerWorker):
    """Holds the weights, and adds the gradients to them as they come."""

    def start(self, params: Any) -> None:
        self.weights = np.zeros(Network.SIZE)
        self.n_gradients = 0

    def process(self, id: int, msg: np.ndarray | None) -> np.ndarray:
        if msg is not None:
            self.weights += LEARNING_RATE * msg
            self.n_gradients += 1
        return self.weights

    def finish(self) -> int:
        return self.n_gradients


def main(output_port: int = 17070, input_port: int = 18080) -> None:
    # A player that fails begins again, with another game.
    application = ClientServer(Server, restart='on-failure')
    for i in range(N_PLAYERS):
        application.add_client(i, Player, params=(output_port + i, input_port + i))
    lengths = np.array(list(application.run().values()))
    print(f'{application.server_result} gradients of {N_PLAYERS} players')
    print(f'steps to the end of the corridor: {lengths[:, :5].mean():.1f} in the first five games, '
          f'{lengths[:, -5:].mean():.1f} in the last five')


if __name__ == '__main__':
    main(*map(int, sys.argv[1:3]))
