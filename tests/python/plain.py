# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plain PyGObject: programs that use only gi.repository.Gmp."""

import gi

gi.require_version('Gmp', '1')

from gi.repository import Gio, GLib, Gmp


class Server(Gmp.ServerWorker):
    def do_process(self, client_id, request):
        return GLib.Variant('(si)', (client_id, request.unpack() * 2))


class Swap(Gmp.ServerWorker):
    """Responds to two clients when both have sent a request, each with the other's message."""

    waiting = ()

    def do_request(self, request):
        self.waiting = *self.waiting, request
        if len(self.waiting) == 2:
            one, two = self.waiting
            one.respond(two.get_value())
            two.respond(one.get_value())
            self.waiting = ()


class Batches(Gmp.ServerWorker):
    def do_process_batch(self, requests):
        for request in requests:
            request.respond(GLib.Variant('(su)', (request.get_client_id(), len(requests))))


class Client(Gmp.ClientWorker):
    answer = None

    def do_start(self, params):
        self.params = params

    def do_process(self):
        return self.params

    def do_update(self, response):
        self.answer = response

    def do_done(self):
        return self.answer is not None

    def do_finish(self):
        return self.answer


class BrokenClient(Client):
    def do_update(self, response):
        raise ValueError('plain and broken')


class ErrorClient(Client):
    def do_start(self, params):
        raise GLib.Error.new_literal(Gio.io_error_quark(), 'busy', Gio.IOErrorEnum.BUSY)
