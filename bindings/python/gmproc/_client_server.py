# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""One server and its clients, each in its own process."""

from __future__ import annotations

from functools import partial

import _gmproc

from . import _open_run, _payload, _run, _task
from ._application import (Application, State, check_target, choose, connect, keep_result,
                           make_setting, run_async, set_command)
from ._errors import (BadPayload, check_whole, describe_payload_error, get_label, make_error,
                      public)
from ._gerror import ErrorCode, GError
from ._options import NativeOptions, set_defaults
from ._outcome import Outcome
from ._open_run import OpenRun
from ._worker import ClientWorker, ServerWorker, get_mode
from ._worker_error import WorkerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any, Callable, Iterable, Union

    # A class, or the target of one in another language.
    Server = Union[type[ServerWorker], str]
    Client = Union[type[ClientWorker], str]


class _Entry:
    """A client that was added."""

    def __init__(self, name: str, index: int, client: Any, params: Any, runtime: str) -> None:
        self.name = name  # on the wire
        self.index = index
        self.client = client
        self.params = params
        self.runtime = runtime


class _State(State):
    """The data of a ClientServer object besides the user's attributes."""

    def __init__(self) -> None:
        super().__init__('This application is in a run already')
        self.server: Any = None
        self.entries: dict[Any, _Entry] = {}
        self.names: set[str] = {'server'}
        self.native: _gmproc.ClientServer | None = None
        self.open_run: Callable[[], OpenRun | None] | None = None  # a weak reference
        self.server_result: Any = None
        # Each run has its own C object. Warm processes are kept while one exists.
        self.keeper = _gmproc.Workers()

    def make_name(self, id: Any) -> str:
        """The C library's ids are strings; 1 and '1' are two."""
        name = get_label(id)
        while name in self.names:
            name += "'"
        return name


# The methods of an application that is the server.
_METHODS = ('start', 'process', 'request', 'process_batch', 'wait', 'done', 'client_failed',
            'finish')


class _Local:
    """The methods that the C object calls in an application that is the server. An exception in one
    ends the run, which raises it."""

    def __init__(self, application: ClientServer, job: _run.Job, params: Any, has_main: bool
                 ) -> None:
        kind = type(application)
        self.has_main = has_main
        self.mode = get_mode(application, ClientServer)
        self.has_wait = kind.wait is not ClientServer.wait
        self.has_done = kind.done is not ClientServer.done
        self.peers = job.outcome.get_peers()
        self.application = application
        self.job = job
        self.params = params
        self.catch = job.catch

    @property
    def batch_size(self) -> int:
        return self.application.batch_size

    @property
    def batch_timeout(self) -> float:
        return self.application.batch_timeout

    def start(self) -> None:
        self.job.dispatch(self.application.start, self.params)

    def process(self, id: Any, message: Any) -> Any:
        return self.job.dispatch(self.application.process, id, message)

    def request(self, request: _gmproc.Request) -> None:
        self.job.dispatch(self.application.request, request)

    def process_batch(self, ids: list[Any], messages: list[Any]) -> Any:
        return self.job.dispatch(self.application.process_batch, ids, messages)

    def wait(self) -> None:
        self.job.dispatch(self.application.wait)

    def done(self) -> bool:
        return bool(self.job.dispatch(self.application.done))

    def client_failed(self, name: str, reason: GError) -> None:
        outcome = self.job.outcome
        self.job.dispatch(self.application.client_failed, outcome.get_id(name),
                          outcome.make_error(name, reason))

    def finish(self) -> None:
        self.application._gmproc.server_result = self.job.dispatch(self.application.finish)


class _Native:
    """The C object of one run."""

    def __init__(self, state: _State, native: _gmproc.ClientServer) -> None:
        self.state = state
        self.native = native
        self.params: Any = None

    def take_params(self, pack: Callable[[], Any]) -> None:
        self.params = pack()

    def run(self, cancellable: _gmproc.Cancellable) -> None:
        self.native.run(self.params, cancellable)

    def run_async(self, cancellable: _gmproc.Cancellable, callback: Callable[[GError | None], None]
                  ) -> None:
        self.native.run_async(self.params, cancellable, callback)

    def open(self, cancellable: _gmproc.Cancellable) -> None:
        self.native.open(cancellable)

    def receive(self, *args: Any) -> Any:
        return self.native.receive(*args)

    def close(self, cancellable: _gmproc.Cancellable) -> None:
        self.native.close(cancellable)

    def disconnect(self) -> None:
        self.native.disconnect()

    def release(self) -> None:
        self.disconnect()
        if isinstance(self.native, _gmproc.LocalServer):
            self.native.forget()
        else:
            self.state.server_result = self.native.get_server_result()
        self.state.native = None


class ClientServer(Application):
    """One server object and many client objects, each in its own process.

    ::

        if __name__ == '__main__':
            cs = ClientServer(MyServer)
            cs.add_client('even', MyClient, params=2)
            cs.add_client('odd', MyClient, params=1)
            results = cs.run()      # what each client's finish() returned, by id

    A client that fails does not affect the others. A server that fails ends the run.

    A subclass that overrides ``process``, and is created without a server, serves its clients
    itself, in the application. It has the methods of a ServerWorker: ``start``, ``process``,
    ``wait``, ``done`` and ``finish``.

    In place of ``process`` it may override ``request`` or ``process_batch``, as a ServerWorker may,
    with ``batch_size`` and ``batch_timeout``. With ``open`` the program takes requests in its own
    loop.

    All options are keywords and attributes.

    Args:
        server: a class derived from ServerWorker, which is made as ``Server()``; or a string that
            names one of any language: ``'native:libfoo.so:foo_server_get_type'``; or None.
        clients_delay: accepted for programs of 2020, and has no effect: clients do not have to
            wait for their server.

    Attributes:
        batch_size: the number of requests that ``process_batch`` gets; 0, the default, for as many
            as there are clients.
        batch_timeout: the seconds that a batch waits for more requests; 0, the default, for no
            limit.
        shared_memory_limit: the bytes of large requests that one client may have in memory shared
            with its server, and as many of large responses. Beyond that, values are sent in pieces.
        server_result: what ``finish`` of the server returned in the last run.
    """

    def __new__(cls, *_args: Any, **_options: Any) -> ClientServer:
        self = super().__new__(cls)
        self._gmproc = _State()
        return self

    @public
    def __init__(self, server: Server | None = None, clients_delay: float = 0.1,
                 **options: Any) -> None:
        if isinstance(server, str):
            check_target(server, 'server')
        elif server is not None and not _is_kind_of(server, ServerWorker):
            raise TypeError(f'{server!r} is not a class derived from gmproc.ServerWorker: pass '
                            'such a class, not an instance')
        self._gmproc.server = server
        self._set_options(options)

    def start(self, params: Any) -> None:
        """As server: called once before the clients start, with the parameters of ``run``."""

    def process(self, id: Any, msg: Any) -> Any:
        """As server: answers one request."""
        raise NotImplementedError(f'{type(self).__qualname__} does not override process(id, msg)')

    def request(self, request: _gmproc.Request) -> None:
        """As server: takes one request, and answers it now or later."""
        request.respond(self.process(request.id, request.value))

    def process_batch(self, ids: list[Any], messages: list[Any]) -> Any:
        """As server: answers several messages at once; overriding it turns batches on."""
        raise NotImplementedError(f'{type(self).__qualname__} does not override process_batch')

    def wait(self) -> None:
        """As server: called after each response."""

    def done(self) -> bool:
        """As server: whether it ends. By default it does when all clients have finished or
        failed."""
        native = self._gmproc.native
        return native is None or native.get_n_clients() == 0

    def client_failed(self, id: Any, error: WorkerError) -> None:
        """As server: called for each failure of a client."""

    def finish(self) -> Any:
        """As server: called once at the end. Its return value is ``server_result``."""

    def update(self, id: Any, value: Any) -> None:
        """Takes what a client, or ``'server'``, gave to ``report()``."""

    @property
    def server_result(self) -> Any:
        """The value that the server's ``finish`` returned in the last run."""
        value = self._gmproc.server_result
        if not isinstance(value, _gmproc.Variant):
            return value
        return _payload.load(value, self._get_server_runtime())

    @public
    def add_client(self, id: Any, client: Client, params: Any = None) -> None:
        """Adds a client, which each run makes anew. Where a run is open it starts at once.

        Args:
            id: anything that can be the key of a dict; ``Client(id)`` and the server's
                ``process(id, msg)`` get it as it is.
            client: a class derived from ClientWorker; or a string that names one of any language,
                which then gets the id as a string.
            params: what its ``start`` gets, pickled when it runs; for a string, what every language
                knows.

        Raises:
            WorkerError: the id is taken, or the string is not a target.
        """
        state = self._gmproc
        if id in state.entries:
            raise make_error(ErrorCode.EXISTS, f'There is a client {id!r} already: take another id',
                             id)
        if not isinstance(client, str) and not _is_kind_of(client, ClientWorker):
            raise TypeError(f'{client!r} is not a class derived from gmproc.ClientWorker: pass '
                            'such a class, not an instance')
        runtime = check_target(client, id) if isinstance(client, str) else 'python'
        name = state.make_name(id)
        entry = _Entry(name, len(state.entries), client, params, runtime)
        run = state.open_run() if state.open_run is not None else None
        if run is not None and run._is_open():
            begin = self._make_beginner(state.native, id, entry, make_setting(self))
            run._add_client(id, name, runtime, begin)
        state.names.add(name)
        state.entries[id] = entry

    @public
    def add_clients(self, n: int, client: Client, params: Any = None) -> None:
        """Adds ``n`` clients with the ids 0, 1 and so on; none when one of these ids is taken."""
        check_whole('n', n)
        ids = range(n)
        if n < 0:
            raise ValueError(f'n is {n}: it should be at least 0')
        taken = [id for id in ids if id in self._gmproc.entries]
        if taken:
            raise make_error(ErrorCode.EXISTS, f'There is a client {taken[0]!r} already: '
                             f'add_clients gives the ids 0 to {n - 1}', taken[0])
        for id in ids:
            self.add_client(id, client, params)

    @public
    def new_worker(self, id: Any, client: Client, params: Any = None) -> None:
        """The older name of ``add_client``."""
        self.add_client(id, client, params)

    @public
    def new_workers(self, n: int, client: Client, params: Any = None) -> None:
        """The older name of ``add_clients``."""
        self.add_clients(n, client, params)

    @public
    def set_params(self, id: Any, params: Any = None) -> None:
        """Changes a client's parameters for the runs to come; raises WorkerError for an unknown
        id."""
        self._find(id).params = params

    @public
    def run(self, ids: Iterable[Any] | None = None, params: Any = None, *,
            cancellable: Any = None) -> dict[Any, Any]:
        """Runs the server and its clients, and waits until they have ended.

        The first Ctrl-C stops them, a second one kills them, and KeyboardInterrupt is raised when
        they have ended.

        Args:
            ids: which clients; None for all.
            params: what the server's ``start`` gets.
            cancellable: cancels the run from anywhere, any thread too: a ``gmproc.Cancellable``, or
                a ``Gio.Cancellable`` of PyGObject's.

        Returns:
            What the clients' ``finish`` returned, by id.

        Raises:
            WorkerError: the server or a client failed. What the other clients returned is in it.
            concurrent.futures.CancelledError: ``cancellable`` was cancelled.
            RuntimeError: the main module is not guarded by ``if __name__ == '__main__':``.
        """
        results: dict[Any, Any] = _run.run_blocking(self._gmproc.claims,
                                                    partial(self._prepare, ids, params),
                                                    cancellable)
        return results

    @public
    def run_async(self, ids: Iterable[Any] | None = None, params: Any = None, *,
                  cancellable: Any = None) -> asyncio.Task[dict[Any, Any]] | _run.Run:
        """Runs without blocking, as ``Workers.run_async`` does.

        The methods of an application that is the server are called on the main loop, too.
        """
        return run_async(self._gmproc.claims, partial(self._prepare, ids, params), cancellable)

    @public
    def open(self, params: Any = None, *, ids: Iterable[Any] | None = None,
             cancellable: Any = None) -> OpenRun:
        """Starts the clients, and leaves the run open: the program is their server, and takes their
        requests in its own loop.

        ::

            with cs.open() as run:
                while True:
                    ids, messages = run.recv()
                    if not ids:
                        break
                    run.send(ids, answer(messages))
            print(run.results)

        Clients that are added meanwhile start at once. A client that fails does not end the others;
        it is in ``run.failures``.

        Args:
            params: what ``start`` of a subclass gets, which is called here.
            ids: which clients; None for all.
            cancellable: cancels the run, as for ``run``.

        Raises:
            WorkerError: the object was made with a server.
        """
        return _open_run.open_run(self, partial(self._prepare_open, ids), params, cancellable)

    def stop(self) -> None:
        """Ends a run in good order: the server is done at its next turn, and all finish.

        It may be called from any thread.
        """
        native = self._gmproc.native
        if native is not None:
            native.stop()

    def __enter__(self) -> ClientServer:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing is left to end: no process outlives its run."""

    def _get_server_runtime(self) -> str:
        server = self._gmproc.server
        return check_target(server, 'server') if isinstance(server, str) else 'python'

    def _prepare(self, ids: Iterable[Any] | None, params: Any, job: _run.Job) -> None:
        state = self._gmproc
        entries = {id: self._find(id) for id in choose(ids, state.entries)}
        runtimes = {entry.name: entry.runtime for entry in entries.values()}
        if not self._is_server():
            runtimes['server'] = self._get_server_runtime()
        job.outcome = Outcome({entry.name: id for id, entry in entries.items()}, runtimes)
        setting = make_setting(self)
        native, pack = self._make_native(job, entries, params, setting)
        begun = _Native(state, native)
        if pack is not None:
            job.do(partial(begun.take_params, pack), (state.server, params))
        self._begin(job, begun, entries, setting)

    def _prepare_open(self, ids: Iterable[Any] | None, job: _run.Job) -> None:
        """The program is the server, so no method of this object responds."""
        if self._gmproc.server is not None:
            raise make_error(ErrorCode.EXISTS, 'A run that is open is served by the program: make '
                             'the ClientServer without a server, or use run()')
        entries = {id: self._find(id) for id in choose(ids, self._gmproc.entries)}
        job.outcome = Outcome({entry.name: id for id, entry in entries.items()},
                              {entry.name: entry.runtime for entry in entries.values()})
        native = _gmproc.ClientServer(runtime='python')
        NativeOptions(native).take(self)
        self._begin(job, _Native(self._gmproc, native), entries, make_setting(self))

    def _is_server(self) -> bool:
        """True if the application is the server."""
        kind = type(self)
        return self._gmproc.server is None and (kind.process is not ClientServer.process or
                                                get_mode(self, ClientServer) != 'process')

    def _begin(self, job: _run.Job, begun: _Native, entries: dict[Any, _Entry],
               setting: _task.Setting) -> None:
        state, native = self._gmproc, begun.native
        for id, entry in entries.items():
            job.do(self._make_beginner(native, id, entry, setting), entry.params)
        set_command()
        job.native = begun
        methods = ['update', *(_METHODS if isinstance(native, _gmproc.LocalServer) else ())]
        connect(self, native, job, job.outcome, keep_result(self, job, None), methods=methods)
        state.native, state.server_result = native, None
        state.n_runs += 1

    def _make_beginner(self, native: _gmproc.ClientServer, id: Any, entry: _Entry,
                       setting: _task.Setting) -> Callable[[], None]:
        """Adds a client as it is now to the run."""
        if isinstance(entry.client, str):
            pack = partial(_payload.dump_params, entry.params)
        else:
            seed = self._gmproc.derive_seed(self.seed, entry.index)
            task = _task.Task(entry.client, id, entry.params, entry.index, seed)
            pack = partial(task.pack, setting)
        target = entry.client if isinstance(entry.client, str) else _task.CLIENT

        def begin() -> None:
            try:
                packed = pack()
            except BadPayload as reason:
                raise describe_payload_error(f'Client {id!r}', id, reason) from reason.__cause__
            native.new_worker_target(entry.name, target, packed)
        return begin

    def _find(self, id: Any) -> _Entry:
        entry: _Entry | None = self._gmproc.entries.get(id)
        if entry is None:
            raise make_error(ErrorCode.NOT_FOUND, f'There is no client {id!r}: add it with '
                             'add_client', id)
        return entry

    def _make_native(self, job: _run.Job, entries: dict[Any, _Entry], params: Any,
                     setting: _task.Setting
                     ) -> tuple[_gmproc.ClientServer, Callable[[], Any] | None]:
        """The C object, and what pickles the parameters of a server in its own process."""
        state = self._gmproc
        pack: Callable[[], Any] | None = None
        server = state.server
        if server is None:
            if not self._is_server():
                raise make_error(ErrorCode.NOT_FOUND, 'There is no server: give a class derived '
                                 'from ServerWorker, or override process in a subclass')
            local = _Local(self, job, params, setting.has_main)
            native = _gmproc.LocalServer(local, runtime='python')
        elif isinstance(server, str):
            native = _gmproc.ClientServer(server_target=server, runtime='python')
            pack = partial(self._dump, None, params, setting)
        else:
            native = _gmproc.ClientServer(server_target=_task.SERVER, runtime='python')
            names = {entry.name: id for id, entry in entries.items()}
            seed = state.derive_seed(self.seed, 'server')
            task = _task.Task(server, 'server', params, None, seed, names)
            pack = partial(self._dump, task, None, setting)
        NativeOptions(native).take(self)
        return native, pack

    def _dump(self, task: _task.Task | None, params: Any, setting: _task.Setting) -> Any:
        try:
            return task.pack(setting) if task is not None else _payload.dump_params(params)
        except BadPayload as reason:
            raise describe_payload_error('The server', 'server', reason) from reason.__cause__


def _is_kind_of(kind: Any, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)


set_defaults(ClientServer, _gmproc.ClientServer)
