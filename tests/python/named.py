# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions and classes that targets name."""

from gmproc import ClientWorker, ServerWorker


def double(params):
    return params * 2


def fail(params):
    raise KeyError(params)


def describe(params):
    return repr(params)


class Namespace:
    @staticmethod
    def inside(params):
        return 'inside'


class PickyServer(ServerWorker):
    """Tells what it gets from whom."""

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
