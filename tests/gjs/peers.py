# peers.py: servers and clients in Python for programs in JavaScript
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from gmproc import ClientWorker, ServerWorker


class Server(ServerWorker):
    """Responds with the next number."""

    def process(self, id, msg):
        return msg + 1


class Echo(ServerWorker):
    """Sends back each value."""

    def process(self, id, msg):
        return msg


class Client(ClientWorker):
    """Sends its number three times, and replaces it with the response."""

    def start(self, params):
        self.number = params
        self.n_turns = 0

    def done(self):
        return self.n_turns == 3

    def process(self):
        self.n_turns += 1
        return self.number

    def update(self, response):
        self.number = response

    def finish(self):
        return self.number


def describe(params):
    return repr(params)


def fail(params):
    return 1 / 0


def return_set(params):
    return {1, 2}
