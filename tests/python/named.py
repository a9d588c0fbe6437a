# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions and classes that targets name."""

from gmproc import ClientWorker, ServerWorker, Workers


def double(params):
    return params * 2


def fail(params):
    raise KeyError(params)


def describe(params):
    return repr(params)


def count_down(n):
    while n > 0:
        n -= 1
        yield n


class Counter(Workers):
    def start(self, id, params):
        self.next = 0

    def process(self, id, params):
        self.next += 1
        return self.next - 1

    def done(self, id):
        return self.next == 2

    def finish(self, id):
        return f'finished {id}'


class Namespace:
    @staticmethod
    def inside(params):
        return 'inside'


class PickyServer(ServerWorker):
    """Sends back each message with its sender."""

    def process(self, id, msg):
        return f'{id!r} {msg!r}'


class PickyClient(ClientWorker):
    def __init__(self, id):
        super().__init__(id)

    def start(self, params):
        self.params = params

    def process(self):
        return self.params, self.id

    def update(self, response):
        self.response = response

    def done(self):
        return hasattr(self, 'response')

    def finish(self):
        return self.response
