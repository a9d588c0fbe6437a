# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The base classes of servers and clients, functions for code in a worker, and its seeds.

They are plain Python classes; in a worker's process one object of _adapters calls their methods.
"""

from __future__ import annotations

import sys

try:
    from _blake2 import blake2b  # hashlib loads many other modules
except ImportError:
    from hashlib import blake2b

import _gmproc

from . import _payload
from ._errors import BadPayload, public
from ._gerror import ERROR_DOMAIN, ErrorCode, GError
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _gmproc import Request


# Marks a report that contains a record of Python's logging.
LOG_TAG = 'gmproc.log'


def make_digest(data: bytes, size: int) -> bytes:
    return blake2b(data, digest_size=size).digest()


def derive_seed(*parts: object) -> int:
    """A number of 64 bits that depends only on all parts."""
    text = ':'.join(str(part) for part in parts)
    return int.from_bytes(make_digest(text.encode(), 8), 'little')


def seed_generators(seed: int | None) -> None:
    """Seeds the global generators; with None, from the system's randomness."""
    import random

    random.seed(seed)
    numpy = sys.modules.get('numpy')
    if numpy is not None:
        numpy.random.seed(None if seed is None else seed % 2**32)


class _Process:
    """The worker of this process. A process has only one."""

    runtime: str | None = None  # of the application
    index: int | None = None
    seed: int | None = None
    # In a map: the base of the items' seeds, the place of the batch's first item, and the values so
    # far.
    map: tuple[tuple[Any, ...], int, list[Any]] | None = None
    # The loop that runs coroutines; None before the first.
    loop: Any = None


class Placed(tuple[object, ...]):
    """A report of an item of a map: its place, and the value. A thread may report before the first
    item or after the last, and then sends the value alone."""


@public
def report(value: Any) -> None:
    """Reports the progress of the work to the application, from inside a worker.

    The application's ``on_progress`` gets it, and a ClientServer's ``update()``. It does not wait.

    Args:
        value: anything that can be pickled, up to 16 MiB; for an application in another language
            what _natural lists.

    Raises:
        RuntimeError: this process is not a worker.
        ValueError: the value cannot be sent.
    """
    if _Process.map is not None:
        value = Placed((worker_index(), value))
    try:
        _gmproc.report(_payload.dump(value, _Process.runtime))
    except BadPayload as reason:
        raise ValueError(f'A report cannot be sent: {reason}') from reason.__cause__
    except GError as error:
        if error.matches(ERROR_DOMAIN, ErrorCode.BAD_PAYLOAD):
            raise ValueError(error.message) from None
        raise RuntimeError(error.message) from None


def worker_index() -> int | None:
    """This worker's place among the workers of its application, from 0, and in a map the item's
    place among the items; None in other processes, and in a server's."""
    place = _Process.map  # once: a map may end while a thread is here
    if place is None:
        return _Process.index
    _seeds, first, values = place
    return first + len(values)


def worker_seed() -> int | None:
    """A number of 64 bits that no other worker has, and in a map no other item, for random numbers;
    None in other processes.

    The generators of the modules random, and numpy.random where numpy is loaded when the worker
    starts, are seeded with it already. It is another one in each run; with ``seed=`` given to
    Workers or ClientServer, the n-th run has the same ones each time the program runs. In a map the
    generators are seeded once for each batch of items, so what should not depend on how items come
    together begins with this number.
    """
    place = _Process.map
    if place is not None:
        seeds, first, values = place
        return derive_seed(*seeds, first + len(values))
    return _Process.seed


def worker_node() -> str | None:
    """The name of the node that this worker runs on; None on the application's machine, and in
    other processes."""
    return _gmproc.get_node()


def get_mode(user: Any, base: type) -> str:
    """How a server takes requests, determined by the methods that its class overrides."""
    for name in ('process_batch', 'request'):
        if getattr(type(user), name, None) is not getattr(base, name):
            return name
    return 'process'


class _Worker:
    @staticmethod
    def get_node() -> str | None:
        """See worker_node()."""
        return _gmproc.get_node()

    def start(self, params: Any) -> None:
        """Called once, with the parameters from the application."""

    def wait(self) -> None:
        """Called at the end of each turn: a place to pause."""

    def finish(self) -> Any:
        """Called once at the end. Its return value is the worker's result."""


class ServerWorker(_Worker):
    """The server of a ClientServer application: override ``process``.

    ::

        server = Server()
        server.start(params)
        while not server.done():
            id, msg = a client's request
            respond(server.process(id, msg))
            server.wait()
        server.finish()

    A method that raises an exception ends the server, and the run with it.

    For answers that come later, override ``request`` or ``process_batch`` in its place.

    Attributes:
        batch_size: how many messages ``process_batch`` gets at once; 0 for as many as there are
            clients. It may change at any time: a new value holds after ``start``, after the next
            batch, or after ``client_failed``.
        batch_timeout: how many seconds the first message of a batch waits for others at most; 0 for
            any time. It may change likewise.
    """

    batch_size: int = 0
    batch_timeout: float = 0

    def process(self, id: Any, msg: Any) -> Any:
        """Answers one request.

        Args:
            id: the client's, as the application gave it: an int stays an int.
            msg: what the client's ``process`` returned; None too.

        Returns:
            What the client's ``update`` gets; None too. Arrays are the receiver's own, to write to.
        """
        raise NotImplementedError(f'{type(self).__qualname__} does not override process(id, msg)')

    def request(self, request: Request) -> None:
        """Takes one request, and answers it now or later.

        The client waits until ``request.respond(value)`` is called: here, when another client asks,
        or in a thread. A request that is dropped without an answer fails its client.

        By default it responds with what ``process`` returns.
        """
        request.respond(self.process(request.id, request.value))

    def process_batch(self, ids: list[Any], messages: list[Any]) -> Any:
        """Answers several messages at once; overriding it turns batches on.

        A batch is complete when ``batch_size`` messages are there, or no more can come, because all
        other clients have ended; or when ``batch_timeout`` is over.

        Args:
            ids: the clients', in the order in which they have asked.
            messages: what they sent.

        Returns:
            A response for each message: a list, or an array of numpy's with one row for each.
        """
        raise NotImplementedError(f'{type(self).__qualname__} does not override process_batch')

    def client_failed(self, id: Any, error: WorkerError) -> None:
        """Called for each failure of a client, also if ``restart`` starts it again, so that its
        state can be dropped."""

    def done(self) -> bool:
        """Called before each turn. By default a server is done when all clients have finished or
        failed.
        """
        return _gmproc.count_clients() == 0


class ClientWorker(_Worker):
    """A client of a ClientServer application: override ``process``, ``update`` and ``done``.

    ::

        client = Client(id)
        client.start(params)
        while not client.done():
            client.update(send(client.process()))
            client.wait()
        client.finish()

    A method that raises an exception ends this client; the others continue.
    """

    def __init__(self, id: Any = None) -> None:
        if id is not None:
            self.id = id

    def process(self) -> Any:
        """Makes one request; None by default."""

    def update(self, response: Any) -> None:
        """Takes the server's response."""

    def done(self) -> bool:
        """Called before each turn. By default a client is never done, and ends with its server."""
        return False
