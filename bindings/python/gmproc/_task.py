# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The task of a worker in Python, on its way there.

The function or class travels inside the worker's parameters, with the application's ``__main__``
described outside: names are looked up in there when the rest is unpickled.
"""

from __future__ import annotations

import contextlib
import pickle
import sys

import _gmproc

from . import _main_module, _pickles, _stray
from ._errors import BadPayload, is_own_frame
from ._worker import make_digest, seed_generators

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

TAG = 'gmproc.task'

# The targets of workers that receive a task.
FUNCTION = 'python:gmproc.host:function'
SERVER = 'python:gmproc.host:server'
CLIENT = 'python:gmproc.host:client'

# The first call of a worker of an Executor.
SETUP = 'python:gmproc.host:setup'


# The state of this process that was last sent, and its pickle.
_last_state: tuple[Any, bytes] = (None, b'')


def _pickle_state(state: tuple[Any, ...]) -> bytes:
    global _last_state
    last, data = _last_state
    if state != last:
        data = pickle.dumps(state)
        _last_state = state, data
    return data


class Setting:
    """The common data of all workers of a run.

    Attributes:
        has_main: True if workers import the application's ``__main__``.
        head: the pickle of the state that they need from this process.
        initializer: the pickle of the function that each of their processes calls first, with its
            arguments; empty without one.
        token: identifies the function and its arguments.
    """

    def __init__(self, import_main: bool = True, initializer: Callable[..., Any] | None = None,
                 initargs: Iterable[Any] = (), forward_logs: bool = True,
                 is_rehearsal: bool = False) -> None:
        """Raises BadPayload for an initializer that cannot be pickled."""
        from . import _multiprocessing  # see _main_module

        main = _main_module.describe(import_main)
        self.has_main = _main_module.is_carried(main)
        logs = None
        if forward_logs and 'logging' in sys.modules:
            from . import _logs

            logs = _logs.describe()
        self.head = _pickle_state((main, _stray.describe(),
                                   _multiprocessing.describe(not is_rehearsal), logs))
        self.initializer = b''
        self.token = b''
        if initializer is not None:
            if not callable(initializer):
                raise TypeError(f'initializer should be a function, not {initializer!r}')
            call = initializer, tuple(initargs)
            self.initializer = pickle.dumps(_pickles.dump_parts(call, self.has_main), 5)
            self.token = make_digest(self.initializer, 16)


class Task:
    """A function or method to run, and its arguments.

    Attributes:
        work: a function, an object of Workers whose methods are meant, or the class of a server or
            client.
        id: the worker's id, as the user knows it.
        params: the worker's parameters.
        index: the worker's place among the others; None for a server.
        seed: for random numbers; None in a rehearsal, which leaves the generators as they are.
        ids: for a server, its clients' ids by the names that they have on the wire.
    """

    def __init__(self, work: Any, id: Any, params: Any, index: int | None, seed: int | None,
                 ids: dict[str, Any] | None = None) -> None:
        self.work = work
        self.id = id
        self.params = params
        self.index = index
        self.seed = seed
        self.ids = ids or {}

    def pack(self, setting: Setting) -> _gmproc.Variant:
        """Raises BadPayload, naming what cannot be pickled."""
        body = self.work, self.id, self.ids, self.params
        try:
            data, buffers = _pickles.dump_parts(body, setting.has_main)
        except BadPayload as reason:
            self._blame(setting.has_main)
            raise reason
        own = pickle.dumps((self.index, self.seed, str(self.id), setting.token))
        return _gmproc.wrap(TAG, setting.head, [own, setting.initializer, data, *buffers])

    def _blame(self, has_main: bool) -> None:
        for name, part in (('function or class', self.work), ('parameters', self.params)):
            try:
                _pickles.dump_parts(part, has_main)
            except BadPayload as reason:
                reason.part = name
                raise


def _is_of_unpickling(error: BaseException) -> bool:
    """True if it does not come from the program's own code. The unpickler, which is in C, has no
    frame."""
    last = None
    trace = error.__traceback__
    while trace is not None:
        last, trace = trace.tb_frame.f_code.co_filename, trace.tb_next
    return last is None or is_own_frame(last)


def explain(error: BaseException) -> None:
    """Adds to an exception of unpickling why it has not found a name."""
    kind = type(error)
    if issubclass(kind, ModuleNotFoundError) and error.path is None:
        error.msg += (': workers import a module by its name, as the application did; this one is '
                      'in no file that they could load')
        error.args = (error.msg,)
    elif issubclass(kind, AttributeError) and _is_of_unpickling(error):
        error.args = (f"{error}: is it defined below \"if __name__ == '__main__'\", where workers "
                      'do not see it?',)


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Explains a name that unpickling does not find."""
    try:
        yield
    except (ModuleNotFoundError, AttributeError) as error:
        explain(error)
        raise


def unpack(value: _gmproc.Variant) -> Task:
    """The task in a worker's parameters. Prepares the process for it."""
    if _gmproc.get_tag(value) != TAG:
        raise BadPayload('this target works only for applications that use the Python package '
                         'gmproc')
    head, (own, initializer, body, *buffers) = _gmproc.unwrap(value)
    index, seed, name, token = pickle.loads(own)
    restore(head, name)
    n_modules = len(sys.modules)
    _initialize_once(initializer, token)
    with explaining():
        work, id, ids, params = pickle.loads(body, buffers=buffers)
    if len(sys.modules) > n_modules:
        settle_logs()
    if seed is not None:
        seed_generators(seed)
    return Task(work, id, params, index, seed, ids)


def restore(head: Any, name: str) -> None:
    """Copies the needed state of the application to this process."""
    from . import _multiprocessing

    main, files, shared, logs = pickle.loads(head)
    _multiprocessing.restore(shared, f'Worker-{name}')
    _stray.restore(files)
    _main_module.restore(main)
    if logs is not None:
        from . import _logs

        _logs.restore(logs)


def settle_logs() -> None:
    """The program's own modules were loaded, or its initializer was called, and may have configured
    logging for a program."""
    logs: Any = sys.modules.get('gmproc._logs')
    if logs is not None:
        logs.settle()


# The initializers that this process has called.
_initialized: set[bytes] = set()


def initialize(initializer: Any) -> None:
    """Calls the initializer of this process, if there is one."""
    if not len(memoryview(initializer)):
        return
    data, buffers = pickle.loads(initializer)
    with explaining():
        function, args = pickle.loads(data, buffers=buffers)
    function(*args)
    settle_logs()


def _initialize_once(initializer: Any, token: bytes) -> None:
    """A process may be kept for further runs."""
    if token not in _initialized:
        initialize(initializer)
        _initialized.add(token)
