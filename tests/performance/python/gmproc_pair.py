# gmproc_pair.py: our clients and our server in Python, as in the guide
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: gmproc_pair.py request|application|batch CLIENTS SECONDS | echo SECONDS SIZE... |
values SECONDS NAME... | sit

A batch is one round: all clients are answered together.
"""

import sys

import work
from gmproc import ClientServer, ClientWorker, ServerWorker


class Server(ServerWorker):

    def start(self, params):
        self.tally = work.Tally(*params)

    def process(self, id, msg):
        return self.tally.answer(msg)

    def finish(self):
        return self.tally.get()


class BatchServer(Server):

    def process_batch(self, ids, messages):
        return [self.tally.answer(message) for message in messages]


class Application(ClientServer):
    """The application as the server."""

    def start(self, params):
        self.tally = work.Tally(*params)

    def process(self, id, msg):
        return self.tally.answer(msg)

    def finish(self):
        return self.tally.get()


class Client(ClientWorker):

    def start(self, params):
        self.asker = work.Asker(params)
        self.is_over = False

    def process(self):
        return self.asker.next()

    def update(self, response):
        self.is_over = not self.asker.take(response)

    def done(self):
        return self.is_over


class EchoServer(ServerWorker):

    def process(self, id, msg):
        return msg


class EchoClient(ClientWorker):

    def start(self, params):
        self.echo = work.Echo(*params)
        self.is_over = False

    def process(self):
        return self.echo.next()

    def update(self, response):
        self.is_over = not self.echo.take(response)

    def done(self):
        return self.is_over

    def finish(self):
        return self.echo.results


class ValuesServer(ServerWorker):

    def start(self, params):
        self.answerer = work.Answerer()

    def process(self, id, msg):
        return self.answerer.answer(msg)


class ValuesClient(EchoClient):

    def start(self, params):
        self.echo = work.Values(*params)
        self.is_over = False


class SittingServer(ServerWorker):

    def start(self, params):
        work.print_pid()

    def process(self, id, msg):
        return msg


class SittingClient(ClientWorker):

    def process(self):
        return None

    def wait(self):
        work.sit()


def main(arguments: list[str]) -> None:
    kind = arguments[0] if arguments else None
    if kind in ('request', 'application', 'batch'):
        n_clients = int(arguments[1])
        application = Application() if kind == 'application' else \
            ClientServer(BatchServer if kind == 'batch' else Server)
        for client in range(n_clients):
            application.new_worker(client, Client, params=client)
        application.run(params=(n_clients, float(arguments[2])))
        seconds, count = application.server_result
        work.show(seconds * (n_clients if kind == 'batch' else 1), count=count)
    elif kind == 'echo':
        application = ClientServer(EchoServer)
        application.new_worker(0, EchoClient, params=work.parse_echo(arguments[1:]))
        work.show(application.run()[0])
    elif kind == 'values':
        application = ClientServer(ValuesServer)
        application.new_worker(0, ValuesClient, params=work.parse_values(arguments[1:]))
        work.show(application.run()[0])
    elif kind == 'sit':
        application = ClientServer(SittingServer)
        application.new_worker(0, SittingClient)
        application.run()
    else:
        work.fail(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])
