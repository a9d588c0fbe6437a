# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that run in their own processes."""

from __future__ import annotations

import copyreg
from functools import partial

import _gmproc

from . import _payload, _run, _task
from ._application import (Application, State, check_target, choose, connect, keep_result,
                           make_setting, run_async, set_command)
from ._errors import (BadPayload, check_whole, describe_payload_error, get_label, make_error,
                      public)
from ._gerror import ErrorCode, GError
from ._items import AtHand, Items, Pace, Reader, read
from ._map import MapOutcome, Mapping
from ._options import NativeOptions, get_bool, set_defaults
from ._outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any, AsyncGenerator, Callable, Generator, Iterable, TypeVar, Union

    # A function, or the target of one in another language.
    Method = Union[Callable[[Any], Any], str]

    Item = TypeVar('Item')
    Value = TypeVar('Value')


class _Entry:
    """A worker that was added."""

    def __init__(self, name: int, index: int, method: Any, params: Any, runtime: str) -> None:
        self.name = name  # on the wire
        self.index = index
        self.method = method
        self.params = params
        self.runtime = runtime


class _State(State):
    """The data of a Workers object besides the user's attributes."""

    def __init__(self) -> None:
        super().__init__('These workers are in a run already')
        self.native = _gmproc.Workers(runtime='python')
        self.options = NativeOptions(self.native)
        self.entries: dict[Any, _Entry] = {}
        self.names: dict[int, Any] = {}  # ids by names
        self.is_inside_with = False
        self.map_names: list[int] = []  # one for each process of a map
        self.pace = Pace()
        self._next_name = -2**31

    def make_name(self, id: Any) -> int:
        """The integer of 32 bits that the C library uses for an id: the id itself if it is one."""
        if type(id) is int and -2**31 <= id < 2**31 and id not in self.names:
            return id
        while self._next_name in self.names:
            self._next_name += 1
        return self._next_name

    def get_map_names(self, n: int) -> list[int]:
        while len(self.map_names) < n:
            name = self.make_name(len(self.map_names))
            self.native.add_target(name, _task.FUNCTION)
            self.names[name] = None
            self.map_names.append(name)
        return self.map_names[:n]


def _check_number(name: str, n: Any) -> None:
    """Of items, for a map."""
    if n is None:
        return
    check_whole(name, n)
    if n < 1:
        raise ValueError(f'{name} is {n}: it should be at least 1 item, or None')


class _Native:
    """The C object with the arguments of one run."""

    def __init__(self, state: _State, names: list[int], keeps_processes: bool = True) -> None:
        self.state = state
        self.names = names
        self.keeps_processes = keeps_processes

    def run(self, cancellable: _gmproc.Cancellable) -> None:
        self.state.native.run(self.names, cancellable)

    def run_async(self, cancellable: _gmproc.Cancellable, callback: Callable[[GError | None], None]
                  ) -> None:
        self.state.native.run_async(self.names, cancellable, callback)

    def disconnect(self) -> None:
        self.state.native.disconnect()

    def release(self) -> None:
        self.disconnect()
        for name in self.names:
            self.state.native.set_params(name, None)  # They may be large.
        if not self.keeps_processes:
            self.state.options.set('reuse', False)


class _Fed(_Native):
    """The same for a map, which receives its work while it runs."""

    def __init__(self, state: _State, mapping: Mapping, n_workers: int, keeps_processes: bool
                 ) -> None:
        super().__init__(state, [], keeps_processes)
        self.mapping: Mapping | None = mapping  # set until the end: the job refers to this object
        self.n_workers = n_workers

    def run(self, cancellable: _gmproc.Cancellable) -> None:
        self._hold()
        super().run(cancellable)

    def run_async(self, cancellable: _gmproc.Cancellable, callback: Callable[[GError | None], None]
                  ) -> None:
        self._hold()
        super().run_async(cancellable, callback)

    def _hold(self) -> None:
        assert self.mapping is not None
        self.state.native.hold(self.n_workers, self.mapping.feed, self.mapping.job.catch)

    def release(self) -> None:
        if self.mapping is not None:
            self.mapping.items.close()
        self.mapping = None
        self.state.native.release()
        super().release()


class Workers(Application):
    """Functions that run in their own processes and return values.

    ::

        def square(n):
            return n * n

        if __name__ == '__main__':
            with Workers() as workers:
                for n in range(4):
                    workers.add(n, square, params=n)
                print(workers.run())    # {0: 0, 1: 1, 2: 4, 3: 9}

    All workers of a run run at the same time, each in a fresh process, unless ``max_parallel`` and
    ``reuse`` are set. A worker that fails does not affect the others.

    A worker may have several turns, each with a result. A generator function is such a worker: each
    value that it yields is a turn's result. What it returns is the worker's result; without that it
    is the value that was yielded last. A worker waits where the application has not yet taken many
    of its results. If the run is cancelled, the generator is closed at its next ``yield``.

    ::

        def train(n_epochs):
            for epoch in range(n_epochs):
                yield epoch, loss
            return weights

        workers = Workers(on_turn=lambda id, value: print(id, value))
        workers.add('net', train, 10)

    A subclass may override ``update``, which takes each turn's result in the application, and
    ``process``, which is then the work of each id that is added without a function. In the worker's
    process, on a copy of this object that has the user's attributes::

        workers.start(id, params)
        result = workers.process(id, params)
        while not workers.done(id):
            workers.wait(id)
            result = workers.process(id, params)
        workers.finish(id)

    All of these may be an ``async def``.

    Ids are anything that can be the key of a dict. All options are keywords and attributes.

    Attributes:
        max_parallel: the number of workers that run at the same time; 0 for all.
        reuse: if True, processes are kept for further workers and runs, until ``close()`` or the
            end of a with statement. The next function then finds what an earlier one left in its
            process.
        on_turn: called as ``on_turn(id, value)`` with each turn's result, for a worker that has
            several turns or overrides ``finish``, after ``update``.
    """

    max_parallel: int
    reuse: bool
    on_turn: Callable[[Any, Any], Any] | None = None

    def __new__(cls, *_args: Any, **_options: Any) -> Workers:
        self = super().__new__(cls)
        self._gmproc = _State()
        return self

    def __init__(self, **options: Any) -> None:
        self._set_options(options)

    def __getstate__(self) -> Any:
        """The state that a worker gets from a subclass that overrides process: the user's
        attributes."""
        state = {name: value for name, value in self.__dict__.items()
                 if name != '_gmproc' and not hasattr(Workers, name)}
        slots = {name: getattr(self, name) for name in getattr(copyreg, '_slotnames')(type(self))
                 if hasattr(self, name)}
        return (state, slots) if slots else state

    def start(self, id: Any, params: Any) -> None:
        """Called once in the worker's process, before the first turn. What it keeps in this object
        is there for the other methods of the worker."""

    def process(self, id: Any, params: Any) -> Any:
        """One turn of an id that was added without a function, in the worker's process. It gets the
        same parameters in each turn.

        Returns:
            The turn's result. A generator has a turn for each value that it yields, and the worker
            is done when it ends: ``wait`` and ``done`` are then not called.
        """
        name = type(self).__qualname__
        raise NotImplementedError(f'{name} does not override process(id, params)')

    def update(self, id: Any, result: Any) -> None:
        """Takes each turn's result in the application, as it arrives. A function is a worker of one
        turn, unless it is a generator function. With an exception, this id has failed, and its
        worker is ended."""

    def wait(self, id: Any) -> None:
        """Called between two turns, in the worker's process: a place to pause."""

    def done(self, id: Any) -> bool:
        """Called after each turn, in the worker's process: whether it was the last. By default the
        first turn is."""
        return True

    def finish(self, id: Any) -> Any:
        """Called once after the last turn, in the worker's process. What it returns, if that is not
        None, is the worker's result in place of that of the last turn."""

    @public
    def add(self, id: Any, method: Method | None = None, params: Any = None) -> None:
        """Adds a worker.

        Args:
            id: its id.
            method: a function or generator function of one argument; or a string that names one of
                any language, ``'native:libfoo.so:fn'``, ``'gjs:file:///path/module.js#name'``,
                ``'python:module:name'``; None for the methods of a subclass.
            params: its argument, pickled when the worker runs; for a string, what every language
                knows.

        Raises:
            WorkerError: the id is taken, the string is not a target, or there is no function.
        """
        state = self._gmproc
        if id in state.entries:
            raise make_error(ErrorCode.EXISTS, f'There is a worker {id!r} already: take another '
                             'id, or set_params', id)
        if method is None and type(self).process is Workers.process:
            raise make_error(ErrorCode.NOT_FOUND, f'Worker {id!r} has no function, and '
                             f'{type(self).__qualname__} does not override process', id)
        if method is not None and not isinstance(method, str) and not callable(method):
            raise TypeError(f'A worker runs a function, not {method!r}: pass the function without '
                            'calling it')
        target = method if isinstance(method, str) else _task.FUNCTION
        runtime = check_target(target, id)
        name = state.make_name(id)
        state.native.add_target(name, target)
        if name != id:
            state.native.set_label(name, get_label(id))
        state.names[name] = id
        state.entries[id] = _Entry(name, len(state.entries), method, params, runtime)

    @public
    def set_params(self, id: Any, params: Any = None) -> None:
        """Changes a worker's parameters for the runs to come; raises WorkerError for an unknown
        id."""
        self._find(id).params = params

    def _find(self, id: Any) -> _Entry:
        entry: _Entry | None = self._gmproc.entries.get(id)
        if entry is None:
            raise make_error(ErrorCode.NOT_FOUND, f'There is no worker {id!r}: add it first', id)
        return entry

    @public
    def run(self, ids: Iterable[Any] | None = None, *, cancellable: Any = None) -> dict[Any, Any]:
        """Runs workers, and waits until all of them have ended.

        The first Ctrl-C stops the workers, a second one kills them, and KeyboardInterrupt is raised
        when they have ended.

        Args:
            ids: which workers; None for all.
            cancellable: cancels the run from anywhere, any thread too: a ``gmproc.Cancellable``, or
                a ``Gio.Cancellable`` of PyGObject's.

        Returns:
            What they returned, by id, in the order of ``ids``. Arrays may be written to.

        Raises:
            WorkerError: a worker failed. The others ran to their end, and their results are in the
                exception.
            concurrent.futures.CancelledError: ``cancellable`` was cancelled.
            RuntimeError: the main module is not guarded by ``if __name__ == '__main__':``.
        """
        results: dict[Any, Any] = _run.run_blocking(self._gmproc.claims,
                                                    partial(self._prepare, ids), cancellable)
        return results

    @public
    def run_async(self, ids: Iterable[Any] | None = None, *, cancellable: Any = None
                  ) -> asyncio.Task[dict[Any, Any]] | _run.Run:
        """Runs workers without blocking.

        If asyncio runs in this thread, it returns an ``asyncio.Task``, to be awaited. Otherwise it
        returns a Run, which has the same methods and ends on the GLib main loop of this thread::

            workers.run_async().add_done_callback(lambda run: print(run.result()))

        Cancelling either ends the workers. Results and errors are those of ``run``.
        """
        return run_async(self._gmproc.claims, partial(self._prepare, ids), cancellable)

    @public
    def map(self, function: Callable[[Item], Value], items: Iterable[Item],
            chunksize: int | None = None, *, progress: bool = False) -> list[Value]:
        """Calls a function with each of many items, in worker processes, and waits for all.

        ::

            with Workers() as workers:
                squares = workers.map(square, range(1000))

        ``max_parallel`` processes, by default one for each processor that this process may use or
        that the nodes of a cluster have, take the next items when they have finished the last ones:
        many at once if the function returns quickly. Processes are kept from one batch of items to
        the next, and to the next map inside a with statement or with ``reuse``.

        Inside ``function``, ``worker_index()`` is the place of the item, and ``worker_seed()`` is
        the item's own. Callbacks, and ``update``, get this place as the id. Once an item has failed
        no more are begun.

        A process that dies has lost the items that it had with it, also those that were done. They
        are done once more, one by one and in another process, so only an item of which that one
        dies too has failed. An item whose node is lost is done again up to three times.
        ``run_timeout`` is for as many items as are sent at once.

        An iterator is read in its own thread, a little ahead of the processes, so that a slow
        iterator blocks nothing: each item goes to a process when it is there, callbacks are called,
        and Ctrl-C works. Lists, ranges and similar types are read as they are needed.

        Args:
            function: what takes an item and returns a value; it is pickled, as items and values
                are.
            items: any iterable.
            chunksize: how many items are sent at once; None to have that learned from how long they
                take. The next map with the same function begins with what this one has learned.
            progress: whether to show on standard error how many items are done: as a bar where it
                is a terminal and tqdm or rich is installed, in lines elsewhere.

        Returns:
            What ``function`` returned, in the order of the items.

        Raises:
            WorkerError: ``function`` raised an exception, or the process died of an item. ``id`` is
                the place of the item. If the item cannot be identified, as after ``run_timeout``,
                it is the place of the first of those sent together. ``results`` has the results of
                the others by their places, and the cause is the exception.
            RuntimeError: the main module is not guarded by ``if __name__ == '__main__':``.
        """
        source = self._read(function, items, chunksize)
        prepare = partial(self._prepare_map, function, source, chunksize)
        values: list[Value]
        if progress:
            from . import _progress  # which few programs use

            with _progress.meter(_progress.count([items])) as add:
                values = _run.run_blocking(self._gmproc.claims, partial(prepare, add_done=add))
        else:
            values = _run.run_blocking(self._gmproc.claims, prepare)
        return values

    @public
    def map_async(self, function: Callable[[Item], Value], items: Iterable[Item],
                  chunksize: int | None = None) -> asyncio.Task[list[Value]] | _run.Run:
        """As ``map``, but without blocking: returns what ``run_async`` returns, of which the result
        is the list. It shows no progress; ``on_result`` is called for each item."""
        source = self._read(function, items, chunksize)
        return run_async(self._gmproc.claims,
                         partial(self._prepare_map, function, source, chunksize))

    @public
    def imap(self, function: Callable[[Item], Value], items: Iterable[Item],
             chunksize: int | None = None, buffer: int | None = None, *,
             progress: bool = False) -> Generator[Value, None, None]:
        """As ``map``, but yields each value as soon as it and those of all items before are there.

        ::

            with Workers() as workers:
                for line in workers.imap(parse, open(path)):
                    print(line)

        The map begins when the first value is requested, and continues in its own thread while the
        caller uses a value. The items may be endless. No more items are started while ``buffer``
        values are in progress or wait to be requested.

        When the generator is closed, as by the end of a loop that ``break`` leaves, the processes
        are stopped. Callbacks are called in the thread that iterates, while it waits for a value.

        Args:
            function: as for ``map``, as are ``items`` and ``chunksize``.
            buffer: how many items may be begun whose values have not been yielded yet; None for
                twice as many as keep all processes busy. It is at least ``chunksize``.
            progress: as for ``map``; an item is done when the value after it is requested.

        Raises:
            WorkerError: as from ``map``, in place of the value of the item that has failed. Then
                ``results`` has the values that arrived out of order and were not yielded.
            RuntimeError: the main module is not guarded by ``if __name__ == '__main__':``.

        An exception of the items' iterator is raised after all earlier values have been yielded.
        """
        return self._iterate(function, items, chunksize, buffer, True, progress)

    @public
    def imap_unordered(self, function: Callable[[Item], Value], items: Iterable[Item],
                       chunksize: int | None = None, buffer: int | None = None, *,
                       progress: bool = False) -> Generator[Value, None, None]:
        """As ``imap``, but yields each value as soon as it arrives, in any order."""
        return self._iterate(function, items, chunksize, buffer, False, progress)

    @public
    def imap_async(self, function: Callable[[Item], Value], items: Iterable[Item],
                   chunksize: int | None = None, buffer: int | None = None, *,
                   progress: bool = False) -> AsyncGenerator[Value, None]:
        """As ``imap``, for asyncio: the loop continues while a value is awaited.

        ::

            async for line in workers.imap_async(parse, open(path)):
                print(line)

        Callbacks are called in the loop's thread, by the task that iterates, and may be an ``async
        def``. When that task is cancelled, or the generator closed, the processes are stopped. A
        loop that ``break`` leaves closes the generator soon; to wait for that use
        ``contextlib.aclosing(workers.imap_async(...))``.
        """
        return self._iterate_async(function, items, chunksize, buffer, True, progress)

    @public
    def imap_unordered_async(self, function: Callable[[Item], Value], items: Iterable[Item],
                             chunksize: int | None = None, buffer: int | None = None, *,
                             progress: bool = False) -> AsyncGenerator[Value, None]:
        """As ``imap_async``, but yields each value as soon as it is there, in any order."""
        return self._iterate_async(function, items, chunksize, buffer, False, progress)

    def close(self) -> None:
        """Ends the processes that were kept by ``reuse``, or by ``map`` in a with statement."""
        # Setting an option ends the processes that were started with the old ones.
        self._gmproc.options.set('reuse', False)

    def __enter__(self) -> Workers:
        self._gmproc.is_inside_with = True
        return self

    def __exit__(self, *_exception: object) -> None:
        self._gmproc.is_inside_with = False
        self.close()

    def _prepare(self, ids: Iterable[Any] | None, job: _run.Job) -> None:
        state = self._gmproc
        chosen = choose(ids, state.entries)
        entries = {id: self._find(id) for id in chosen}
        if len(entries) != len(chosen):
            twice = next(id for id in chosen if chosen.count(id) > 1)
            raise make_error(ErrorCode.EXISTS, f'Duplicate worker id {twice!r} in one run: give '
                             'each id once', twice)
        job.outcome = Outcome({entry.name: id for id, entry in entries.items()},
                              {entry.name: entry.runtime for entry in entries.values()})
        setting = make_setting(self)
        state.options.take(self, reuse=get_bool(self, 'reuse'))
        for id, entry in entries.items():
            pack = self._make_packer(entry, id, setting)
            job.do(partial(self._set_params, id, entry.name, pack), entry.params)
        set_command()
        native = _Native(state, [entry.name for entry in entries.values()])
        job.native = native
        update = None
        if type(self).update is not Workers.update:
            def update(id: Any, value: Any) -> None:
                job.dispatch(self.update, id, value)

        def take_turn(name: Any, value: Any) -> None:
            try:
                result = job.outcome.take_turn(name, value, update)
            except GError as error:
                state.native.fail(name, error)
            else:
                job.notify(self.on_turn, job.outcome.get_id(name), result)

        connect(self, state.native, job, job.outcome, keep_result(self, job, update),
                methods=['on_turn'] + ['update'] * (update is not None), take_turn=take_turn)
        state.n_runs += 1

    def _read(self, function: Callable[[Any], Any], items: Iterable[Any], chunksize: int | None
              ) -> AtHand | Reader:
        if not callable(function):
            raise TypeError(f'A map calls a function, not {function!r}: pass the function without '
                            'calling it')
        _check_number('chunksize', chunksize)
        return read(items, self._gmproc.native.wake)

    # Few programs need this, so it is imported here.

    def _iterate(self, function: Callable[[Any], Any], items: Iterable[Any],
                 chunksize: int | None, buffer: int | None, is_ordered: bool, progress: bool
                 ) -> Generator[Any, None, None]:
        from . import _imap

        stream = _imap.Stream()
        fill = self._fill_stream(stream, function, items, chunksize, buffer, is_ordered)
        values = _imap.iterate(stream, self._gmproc.claims, fill, self._gmproc.native.wake)
        if progress:
            from . import _progress

            values = _progress.show(values, _progress.count([items]))
        return values

    def _iterate_async(self, function: Callable[[Any], Any], items: Iterable[Any],
                       chunksize: int | None, buffer: int | None, is_ordered: bool,
                       progress: bool) -> AsyncGenerator[Any, None]:
        from . import _imap_async

        stream = _imap_async.AsyncStream()
        fill = self._fill_stream(stream, function, items, chunksize, buffer, is_ordered)
        values = _imap_async.iterate(stream, self._gmproc.claims, fill, self._gmproc.native.wake)
        if progress:
            from . import _progress

            values = _progress.show_async(values, _progress.count([items]))
        return values

    def _fill_stream(self, stream: Any, function: Callable[[Any], Any], items: Iterable[Any],
                     chunksize: int | None, buffer: int | None, is_ordered: bool
                     ) -> Callable[[_run.Job], None]:
        """How to prepare the run whose values go to a stream."""
        from . import _imap

        _check_number('buffer', buffer)
        return partial(self._prepare_map, function, self._read(function, items, chunksize),
                       chunksize, window=buffer or 0,
                       make_outcome=partial(_imap.StreamOutcome, stream=stream,
                                            is_ordered=is_ordered),
                       make_mapping=partial(_imap.StreamMapping, stream))

    def _prepare_map(self, function: Callable[[Any], Any], source: AtHand | Reader,
                     chunksize: int | None, job: _run.Job, window: int | None = None,
                     make_outcome: Callable[..., MapOutcome] = MapOutcome,
                     make_mapping: Callable[..., Mapping] = Mapping,
                     add_done: Callable[[int], Any] | None = None) -> None:
        state = self._gmproc
        state.options.take(self, reuse=True)
        names = state.get_map_names(self.max_parallel or state.native.count_slots())
        job.outcome = outcome = make_outcome({name: number for number, name in enumerate(names)})
        if state.pace.function is not function:
            state.pace = Pace(function)
        mapping = make_mapping(job, outcome, state.native, function, make_setting(self),
                               Items(source, len(names), chunksize, state.pace, window),
                               state.get_seeds(self.seed),
                               lambda first: state.derive_seed(self.seed, first),
                               self._make_reporter(job, add_done))
        set_command()
        n_workers = len(names) if source.n_left is None else min(len(names), source.n_left)
        native = _Fed(state, mapping, n_workers, get_bool(self, 'reuse') or state.is_inside_with)
        job.native = native
        connect(self, state.native, job, outcome, mapping.take, mapping.forgive,
                methods=['update'])
        state.n_runs += 1

    def _make_reporter(self, job: _run.Job, add_done: Callable[[int], Any] | None
              ) -> Callable[[int, list[Any]], None]:
        """The callback for arrived values, or None."""
        def on_values(first: int, values: list[Any]) -> None:
            if add_done is not None:
                add_done(len(values))
            if self.on_result is None and type(self).update is Workers.update:
                return
            for i, value in enumerate(values, first):
                job.notify(self.update, i, value)
                job.notify(self.on_result, i, value)
        return on_values

    def _make_packer(self, entry: _Entry, id: Any, setting: _task.Setting) -> Callable[[], Any]:
        """What the worker gets, as it is now."""
        if isinstance(entry.method, str):
            return partial(_payload.dump_params, entry.params)
        seed = self._gmproc.derive_seed(self.seed, entry.index)
        work = entry.method if entry.method is not None else self
        return partial(_task.Task(work, id, entry.params, entry.index, seed).pack, setting)

    def _set_params(self, id: Any, name: int, pack: Callable[[], Any]) -> None:
        try:
            self._gmproc.native.set_params(name, pack())
        except BadPayload as reason:
            raise describe_payload_error(f'Worker {id!r}', id, reason) from reason.__cause__


set_defaults(Workers, _gmproc.Workers)
