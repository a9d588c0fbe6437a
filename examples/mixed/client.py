# client.py: the client in Python of mixed.c
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from gmproc import ClientWorker


class MixedClient(ClientWorker):
    """Sends its number ten times, and takes the answer for it."""

    def start(self, params: int) -> None:
        self.number = params
        self.n_turns = 0

    def done(self) -> bool:
        return self.n_turns == 10

    def process(self) -> int:
        self.n_turns += 1
        return self.number

    def update(self, response: int) -> None:
        self.number = response

    def finish(self) -> int:
        return self.number
