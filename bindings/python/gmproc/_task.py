# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a worker in Python is asked to do, on its way there.

The function or class travels inside the worker's parameters, with the application's ``__main__``
described outside: names are looked up in there when the rest is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import random
import sys
from typing import Any, Callable, Iterator

import _gmproc
from gi.repository import GLib

from . import _main_module, _pickles
from ._errors import BadPayload

TAG = 'gmproc.task'

# The targets of those that come as a task.
FUNCTION = 'python:gmproc.host:function'
SERVER = 'python:gmproc.host:server'
CLIENT = 'python:gmproc.host:client'


class Task:
    """What to run, and with what.

    Attributes:
        work: a function, or the class of a server or client.
        id: the worker's id, as the user knows it.
        params: the worker's parameters.
        index: the worker's place among the others; None for a server.
        seed: for random numbers.
        ids: for a server, its clients' ids by the names that they have on the wire.
    """

    def __init__(self, work: Callable[..., Any], id: Any, params: Any, index: int | None, seed: int,
                 ids: dict[str, Any] | None = None) -> None:
        self.work = work
        self.id = id
        self.params = params
        self.index = index
        self.seed = seed
        self.ids = ids or {}

    def pack(self) -> GLib.Variant:
        """Raises BadPayload, naming what cannot be pickled."""
        has_main = _main_module.is_carried()
        body = self.work, self.id, self.ids, self.params
        try:
            data, buffers = _pickles.dump_parts(body, has_main)
        except BadPayload as reason:
            self._blame(has_main)
            raise reason
        head = pickle.dumps((_main_module.describe(), self.index, self.seed))
        return _gmproc.wrap(TAG, head, [data, *buffers])

    def _blame(self, has_main: bool) -> None:
        for name, part in (('its function or class', self.work), ('its parameters', self.params)):
            try:
                _pickles.dump_parts(part, has_main)
            except BadPayload as reason:
                raise BadPayload(f'{name}: {reason}') from reason.__cause__


class ProcessOf:
    """The process() of a subclass of Workers, on a copy of the object."""

    def __init__(self, workers: Any) -> None:
        self.workers = workers

    def __call__(self, params: tuple[Any, Any]) -> Any:
        return self.workers.process(*params)


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Says more of a name that unpickling does not find."""
    try:
        yield
    except AttributeError as error:
        error.args = (f"{error}: is it defined below \"if __name__ == '__main__'\", where workers "
                      'do not see it?',)
        raise


def unpack(value: GLib.Variant) -> Task:
    """The task in a worker's parameters, in a process that is made ready for it."""
    if _pickles.get_tag(value) != TAG:
        raise BadPayload('this target is for applications in Python, by way of the package gmproc')
    head, buffers = _gmproc.unwrap(value)
    main, index, seed = pickle.loads(head)
    _main_module.restore(main)
    with explaining():
        work, id, ids, params = pickle.loads(buffers[0], buffers=buffers[1:])
    seed_generators(seed)
    return Task(work, id, params, index, seed, ids)


def derive_seed(*parts: object) -> int:
    """A number of 64 bits that depends on all parts, and on nothing else."""
    text = ':'.join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), 'little')


def seed_generators(seed: int | None) -> None:
    """Those that modules have for all; with None by what the system has of randomness."""
    random.seed(seed)
    numpy = sys.modules.get('numpy')
    if numpy is not None:
        numpy.random.seed(None if seed is None else seed % 2**32)
