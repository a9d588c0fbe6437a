# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An executor for the standard library's interfaces: calls in processes that are kept."""

from __future__ import annotations

import collections
import itertools
import os
import threading
import time
import weakref
from concurrent import futures
from functools import partial

import _gmproc

from . import _installed, _late, _main_module, _pickles, _task
from ._application import make_unknown, set_command
from ._errors import BadPayload, check_whole, describe_payload_error, make_worker_error, trim
from ._future import Future, settle
from ._gerror import GError
from ._lock import Condition, finalizer
from ._options import NO_LIMITS, convert
from ._worker import LOG_TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator

_OPTIONS = _gmproc.Pool.list_options()

# Options that have other names here, are given with each call, or are fixed here.
_DECIDED = {'runtime', 'capture_output', 'max_workers', 'idle_timeout', 'max_calls', 'run_timeout',
            'retries', 'call_priority', 'fresh_modules', 'restart', 'max_restarts',
            'restart_period', 'resend_requests', 'request_timeout', 'priority'}

# The outcome of a call that was cancelled before it was submitted.
_CANCELLED = GError('The call was cancelled', *_gmproc.CANCELLED), None, None

# Reading, compiling and executing a module takes longer than this many seconds, so calls in quicker
# succession have the same modules.
LOAD_TIME = 25e-6

#: What is known of a worker: its process, ``'starting'``, ``'idle'`` or ``'running'``, the name of
#: the function that it executes (or None), and how many seconds it has been so.
Worker = collections.namedtuple('Worker', 'pid state task seconds')


def _describe(function: Any) -> str:
    name = getattr(function, '__qualname__', None) or type(function).__qualname__
    return str(name)


class _State:
    """State that an executor, its futures and the C library share. It lives as long as any of
    them."""

    def __init__(self) -> None:
        self.lock = Condition()
        # Changed without the lock, for single operations of a set are each one step.
        self.pending: set[Future] = set()
        self.is_shut = False
        self.is_dropped = False  # nobody can shut it down any more
        # Whether it was shut down, or there are late calls, which others must not overtake.
        self.has_detour = False
        self.late: set[_late.LateCall] = set()
        self.native: Any = None
        # Threads that call what the program has added to a future.
        self.finishing: set[int] = set()

    def leave(self, future: Future) -> None:
        self.pending.discard(future)
        self.notice_end()

    def notice_end(self) -> None:
        """Calls have ended: were they the last?"""
        if self.pending or not self.is_shut:
            return
        with self.lock:
            self.lock.notify_all()
            native = self.native
            if self.is_dropped:
                self.native = None
        # In a thread of the pool this does not wait for the processes, so others may close it too.
        if native is not None:
            native.close()

    def finish(self, future: Future, value: Any, failure: Any, may_leave: bool = False) -> bool:
        """A call is over; in any thread. May be called again where it was interrupted.

        Returns:
            True, in a thread that ``may_leave`` it, where another thread has to call this again:
            the program has added callbacks.
        """
        thread = threading.get_ident()
        is_outer = thread not in self.finishing
        is_left = False
        self.finishing.add(thread)
        try:
            settle(future, value, failure)
            is_left = may_leave and bool(future._done_callbacks)
            if not is_left:
                future._call_back()
        finally:
            if is_outer:
                self.finishing.discard(thread)
            if not is_left:
                self.leave(future)
        return is_left

    def report(self, _worker: int, value: _gmproc.Variant) -> None:
        if _gmproc.get_tag(value) == LOG_TAG:
            from . import _logs

            _logs.handle(value, _worker)

    def catch(self, exception: BaseException, _context: Any = None) -> None:
        """Handles an exception of finish or report in a thread of the C library."""
        import traceback

        traceback.print_exception(type(exception), exception, exception.__traceback__)

    def shut(self, cancel_futures: bool) -> None:
        with self.lock:
            self.is_shut = self.has_detour = True
            is_last = not self.pending
            native = self.native
        if cancel_futures and not is_last:
            for call in list(self.late):
                call.cancel()
        # Without the native pool a call is pending that will be refused.
        if cancel_futures and not is_last and native is not None:
            native.cancel_waiting()
        if is_last:
            self.close(native)

    def wait(self) -> None:
        if self.pending and threading.get_ident() in self.finishing:
            raise RuntimeError('The callback of a call cannot wait until that call and all others '
                               'are over: use shutdown(wait=False) there')
        with self.lock:
            native = self.native
            while self.pending or self.late:
                self.lock.wait()
        self.close(native)

    def close(self, native: Any) -> None:
        with self.lock:
            self.native = None  # The C library keeps this object as long as the pool.
        if native is not None:
            native.close()

    def drop(self) -> None:
        self.is_dropped = True
        self.shut(False)

    def forget(self) -> None:
        """In the child of a fork: calls belong to the parent, and locks that other threads held
        stay locked.
        """
        self.lock = Condition()
        self.finishing.clear()
        self.late.clear()
        self.has_detour = self.is_shut
        pending = list(self.pending)
        self.pending.clear()
        for future in pending:
            future._forget()


# All executors, for the end of the program, by their id().
_states: weakref.WeakValueDictionary[int, _State] = weakref.WeakValueDictionary()
_is_exiting = False


def _list_states() -> list[_State]:
    """In one step, because other threads may make executors meanwhile."""
    return [state for reference in _states.valuerefs() if (state := reference()) is not None]


def _end_all() -> None:
    """At the interpreter's end, before threads are joined: submitted calls are executed."""
    global _is_exiting
    _is_exiting = True
    for state in _list_states():
        state.shut(False)
    for state in _list_states():
        state.wait()


def _watch_end() -> None:
    register: Any = getattr(threading, '_register_atexit', None)
    if register is None:
        import atexit

        register = atexit.register
    register(_end_all)


_watch_end()


def _forget_all() -> None:
    for state in _list_states():
        state.forget()


os.register_at_fork(after_in_child=_forget_all)


class Executor(futures.Executor):
    """Calls functions in processes that are kept; a ``concurrent.futures.Executor``.

    ::

        with Executor(max_workers=4) as executor:
            future = executor.submit(pow, 323, 1235)
            print(future.result())
            print(list(executor.map(math.sqrt, range(10))))

    It does what ``concurrent.futures.ProcessPoolExecutor`` does. Besides:

    - A call whose process dies fails alone, with a WorkerDied that names it, and the executor goes
      on; it never breaks.
    - ``Future.cancel()`` also ends a call that is being executed, and ``Future.pid`` is its
      process.
    - Lambdas and closures can be called where cloudpickle is installed.
    - ``options()`` gives calls a time limit, retries and a priority.
    - A call on a kept process takes some microseconds, and big arrays come without a copy.
    - A result is unpickled by the thread that asks for it. So it may need a lock that this thread
      holds, or the result of another call. If a future has callbacks, another thread unpickles it,
      before they are called.

    All methods may be called from any thread. Workers are forked from a process without threads, so
    there is no ``mp_context``.

    Args:
        max_workers: the number of processes that execute calls at the same time; None for one for
            each processor.
        initializer: called in each process before any call, with ``initargs``. If it raises an
            exception, the waiting calls fail with a WorkerDied whose cause is that exception.
        max_tasks_per_child: the number of calls that a process executes before it is replaced; None
            for any number.
        idle_timeout: the seconds after which an idle process ends; None or 0 for never.
        import_main: if True, workers import the main module. With False it needs no guard, and its
            functions and classes are sent by value, which needs cloudpickle.
        run_timeout: the execution time of a call in seconds; 0 for no limit.
        retries: how often a call is executed again if its process dies.
        forward_logs: if True, records of Python's logging reach the loggers of this program.
        fresh_modules: names of installed modules that each worker imports anew.
        options: options of Workers that limit processes and define how they start and end
            (``memory_limit``, ``environment``, ``nice`` and so on), and ``recycle_memory``: a
            process that uses more bytes of memory after a call is replaced.

    Raises:
        TypeError, ValueError: for an option that there is not, or a value that it cannot have.
    """

    def __init__(self, max_workers: int | None = None, *,
                 initializer: Callable[..., Any] | None = None, initargs: Iterable[Any] = (),
                 max_tasks_per_child: int | None = None, idle_timeout: float | None = None,
                 import_main: bool = True, run_timeout: float = 0, retries: int = 0,
                 forward_logs: bool = True, fresh_modules: Iterable[str] = (),
                 **options: Any) -> None:
        self._check(max_workers, initializer, max_tasks_per_child)
        self._max_workers = max_workers or len(os.sched_getaffinity(0))
        self._call_options = _check_call_options(run_timeout, retries, 0)
        self._state = state = _State()
        state.native = _gmproc.Pool(state.finish, state.notice_end, state.report, state.catch,
                                    state.pending, runtime='python')
        self._set_options(options)
        self._set('max_workers', self._max_workers)
        self._set('idle_timeout', idle_timeout or 0)
        self._set('max_tasks_per_child', max_tasks_per_child or 0, 'max_calls')
        names = convert('fresh_modules', fresh_modules, _OPTIONS['fresh_modules'])
        state.native.set_property('fresh_modules', _installed.choose_fresh(names))
        self._make_setting = partial(_make_setting, convert('import_main', import_main, NO_LIMITS),
                                     initializer, tuple(initargs),
                                     convert('forward_logs', forward_logs, NO_LIMITS))
        self._watch = _installed.Watch()
        self._looked_at = 0.0  # The first call looks in any case.
        self._setting = self._make_setting()
        self._set_up(state.native)
        _states[id(state)] = state

    @finalizer
    def __del__(self) -> None:
        state = getattr(self, '_state', None)  # An invalid argument leaves none.
        if state is not None:
            state.drop()

    @staticmethod
    def _check(max_workers: Any, initializer: Any, max_tasks_per_child: Any) -> None:
        if max_workers is not None:
            check_whole('max_workers', max_workers)
            if max_workers <= 0:
                raise ValueError('max_workers must be greater than 0')
        if initializer is not None and not callable(initializer):
            raise TypeError('initializer must be a callable')
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError('max_tasks_per_child must be an integer')
            if max_tasks_per_child <= 0:
                raise ValueError('max_tasks_per_child must be >= 1')

    def _set(self, name: str, value: Any, property: str | None = None) -> None:
        """Sets a property of the pool, which may have another name there."""
        property = property or name
        native = self._state.native
        if native is not None:
            native.set_property(property, convert(name, value, _OPTIONS[property]))

    def _set_options(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            if name not in _OPTIONS or name in _DECIDED:
                known = [each for each in _OPTIONS if each not in _DECIDED]
                known += Executor.__init__.__kwdefaults__ or ()
                raise make_unknown('Executor', name, known)
            self._set(name, value)

    def _set_up(self, native: Any) -> None:
        set_command()
        native.set_setup(_gmproc.wrap(_task.TAG, self._setting.head, [self._setting.initializer]))

    def _renew(self) -> None:
        """Replaces the workers if they were started with another state of this program, for example
        before a module was reloaded. Raises RuntimeError where a worker is importing ``__main__``.
        """
        _main_module.check_not_importing()
        with self._state.lock:
            native = self._state.native
            if native is None or self._watch.is_right():
                return
            watch = _installed.Watch()
            setting = self._make_setting()
            if setting.head != self._setting.head or watch.n_reloads != self._watch.n_reloads:
                self._setting = setting
                self._set_up(native)
            self._watch = watch

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Has a function called in a worker.

        A value that cannot be sent is the future's exception. Where an event loop of asyncio runs,
        large arguments are pickled in another thread, so do not change them before the call is
        over.

        Raises:
            RuntimeError: the executor was shut down, or the main module is not guarded by
                ``if __name__ == '__main__':``.
        """
        return self._submit(fn, args, kwargs, self._call_options)

    def _submit(self, fn: Callable[..., Any], args: Any, kwargs: Any,
                options: tuple[float, int, int]) -> Future:
        now = time.monotonic()
        if now > self._looked_at + LOAD_TIME:
            self._renew()
            self._looked_at = now
        future = Future()
        state = self._state
        try:
            # From here on a shutdown finds this call among the pending ones.
            state.pending.add(future)
            if state.has_detour and state.is_shut:
                raise RuntimeError('cannot schedule new futures after ' +
                                   ('interpreter shutdown' if _is_exiting else 'shutdown'))
            call = None
            if not state.has_detour:
                call = state.native.submit(future, (fn, args, kwargs or None),
                                           self._setting.has_main, _describe(fn), *options)
            if call is not None:
                future._gmproc = call
            else:
                self._submit_large(future, (fn, args, kwargs or None), options)
        except BaseException as error:
            state.leave(future)
            reason = _explain(error)
            if reason is None:
                raise
            future.set_exception(reason)
        return future

    def _submit_large(self, future: Future, work: Any, options: tuple[float, int, int]) -> None:
        """Pickles the arguments here, or in a thread if an event loop would wait for that. Calls
        that are submitted meanwhile follow, in their order."""
        state, has_main = self._state, self._setting.has_main
        is_slow = _late.is_in_loop() and _pickles.is_large(work)

        def submit(parts: _pickles.Parts | None) -> _gmproc.Call:
            return state.native.submit(future, work, has_main, _describe(work[0]), *options, parts)

        def submit_late() -> None:
            try:
                future._gmproc = call = submit(parts or _pickles.dump_parts(work, has_main))
                late.replace(call)
            except BaseException as error:
                if late.is_unwanted:
                    state.finish(future, None, _CANCELLED)
                else:
                    state.finish(future, None, _explain(error) or error)
            leave()

        def leave() -> None:
            with state.lock:
                state.late.discard(late)
                state.has_detour = state.is_shut or bool(state.late)
                state.lock.notify_all()

        def drop() -> None:
            leave()
            state.finish(future, None, _CANCELLED)

        if not state.late and not is_slow:
            future._gmproc = submit(None)
            return
        parts = None if is_slow else _late.copy(*_pickles.dump_parts(work, has_main))
        late = _late.LateCall(submit_late, drop)
        future._gmproc = late  # type: ignore[assignment]
        with state.lock:
            state.late.add(late)
            state.has_detour = True
        late.begin()

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None,
            chunksize: int = 1, buffersize: int | None = None, progress: bool = False
            ) -> Iterator[Any]:
        """As ``map(fn, *iterables)``, with the calls executed by workers. When the iterator has
        raised an exception, or is closed, it cancels the others, also those that run.

        Args:
            timeout: how many seconds after this call the last result may come.
            chunksize: how many items are sent together.
            buffersize: how many results may be outstanding or not yet taken; None for all, which
                means that the iterables are read at once.
            progress: whether to show on standard error how far it has come, while the results are
                taken: as a bar where it is a terminal and tqdm or rich is installed, in lines
                elsewhere.

        Raises:
            TimeoutError: from the iterator, when a result is not there in time.
            ValueError, TypeError: for a chunksize or buffersize that cannot be.
        """
        return _map(self, self._call_options, fn, iterables, timeout, chunksize, buffersize,
                    progress)

    def options(self, *, run_timeout: float | None = None, retries: int | None = None,
                priority: int = 0) -> CallOptions:
        """Options of single calls: ``executor.options(run_timeout=5).submit(fn)``.

        Args:
            run_timeout: how many seconds a call may be executed, time in the queue not included;
                then it is a WorkerTimeout. 0 is no limit, None that of the executor.
            retries: how often it is executed again when its process dies; None as the executor.
            priority: calls with a smaller number come first.
        """
        return CallOptions(self, _check_call_options(
            self._call_options[0] if run_timeout is None else run_timeout,
            self._call_options[1] if retries is None else retries, priority))

    def resize(self, max_workers: int) -> None:
        """Changes how many processes execute calls at the same time. Surplus ones end after their
        current calls.
        """
        self._check(max_workers, None, None)
        self._set('max_workers', max_workers)
        self._max_workers = max_workers

    @property
    def workers(self) -> list[Worker]:
        """The current processes, as Worker: pid, state, task and seconds."""
        result = []
        native = self._state.native
        for _number, pid, is_busy, _call, name, seconds in native.list_workers() if native else ():
            state = 'starting' if not pid else 'running' if is_busy else 'idle'
            result.append(Worker(pid or None, state, name or None, seconds))
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls, and ends the processes when those that were submitted are over.

        Args:
            wait: whether to return only then. A callback of one of the calls cannot wait.
            cancel_futures: whether those that are not being executed yet are cancelled.

        Raises:
            RuntimeError: a callback of one of the calls was to wait. The executor is shut down all
                the same.
        """
        self._state.shut(cancel_futures)
        if wait:
            self._state.wait()

    def __reduce__(self) -> Any:
        raise TypeError('An Executor cannot be pickled or copied: its processes belong to it. Leave'
                        ' it out in __getstate__() of an object that has one')

    def kill_workers(self) -> None:
        """Ends all processes at once, by SIGKILL, and shuts the executor down. Calls that are being
        executed fail with a WorkerDied, and those that wait are cancelled."""
        self._end_workers(True)

    def terminate_workers(self) -> None:
        """As kill_workers(), but processes have ``stop_grace`` and ``kill_grace`` to end."""
        self._end_workers(False)

    def _end_workers(self, is_hard: bool) -> None:
        native = self._state.native
        self._state.shut(True)
        if native is not None:
            native.kill(is_hard)


def _explain(error: BaseException) -> BaseException | None:
    """The exception of a call that was not submitted; None for errors that are the caller's."""
    if isinstance(error, BadPayload):
        return trim(error.__cause__ or describe_payload_error('The call', None, error))
    if isinstance(error, GError):
        return make_worker_error(None, None, error)
    return None


class CallOptions:
    """Calls of an executor with their own options, returned by ``Executor.options()``."""

    def __init__(self, executor: Executor, options: tuple[float, int, int]) -> None:
        self._executor = executor
        self._options = options

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """As Executor.submit()."""
        return self._executor._submit(fn, args, kwargs, self._options)

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None,
            chunksize: int = 1, buffersize: int | None = None, progress: bool = False
            ) -> Iterator[Any]:
        """As Executor.map()."""
        return _map(self._executor, self._options, fn, iterables, timeout, chunksize, buffersize,
                    progress)


def _check_call_options(run_timeout: Any, retries: Any, priority: Any) -> tuple[float, int, int]:
    return (convert('run_timeout', run_timeout, _OPTIONS['run_timeout']),
            convert('retries', retries, _OPTIONS['retries']),
            convert('priority', priority, _OPTIONS['call_priority']))


def _make_setting(import_main: bool, initializer: Any, initargs: Any, forward_logs: bool
                  ) -> _task.Setting:
    try:
        return _task.Setting(import_main, initializer, initargs, forward_logs)
    except BadPayload as reason:
        raise describe_payload_error('The initializer', None, reason) from reason.__cause__


def _call_chunk(fn: Callable[..., Any], chunk: list[tuple[Any, ...]]) -> list[Any]:
    return [fn(*args) for args in chunk]


def _map(executor: Executor, options: tuple[float, int, int], fn: Callable[..., Any],
         iterables: tuple[Iterable[Any], ...], timeout: float | None, chunksize: int,
         buffersize: int | None, progress: bool) -> Iterator[Any]:
    check_whole('chunksize', chunksize)
    if chunksize < 1:
        raise ValueError('chunksize must be >= 1.')
    if buffersize is not None and not isinstance(buffersize, int):
        raise TypeError('buffersize must be an integer or None')
    if buffersize is not None and buffersize < 1:
        raise ValueError('buffersize must be None or > 0')
    end = None if timeout is None else timeout + time.monotonic()
    calls: Iterator[tuple[Any, Any]] = ((fn, args) for args in zip(*iterables))
    if chunksize > 1:
        items = zip(*iterables)
        chunks = iter(lambda: list(itertools.islice(items, chunksize)), [])
        calls = ((_call_chunk, (fn, chunk)) for chunk in chunks)
    pending = collections.deque(executor._submit(function, args, None, options)
                                for function, args in itertools.islice(calls, buffersize))
    results = _yield_results(weakref.ref(executor), options, calls, pending, end)
    if chunksize > 1:
        results = itertools.chain.from_iterable(results)
    if progress:
        from . import _progress

        return _progress.show(results, _progress.count(iterables))
    return results


def _take_result(future: Future, end: float | None) -> Any:
    """The result. The future does not keep it alive afterwards."""
    try:
        return future.result(None if end is None else end - time.monotonic())
    finally:
        future.cancel()
        del future


def _yield_results(executor: weakref.ref[Executor], options: tuple[float, int, int],
                   calls: Iterator[tuple[Any, Any]], pending: collections.deque[Future],
                   end: float | None) -> Iterator[Any]:
    try:
        while pending:
            alive = executor()
            if alive is not None:
                for function, args in itertools.islice(calls, 1):
                    pending.append(alive._submit(function, args, None, options))
            alive = None
            yield _take_result(pending.popleft(), end)
    finally:
        for each in pending:
            each.cancel()


class Reusable(threading.local):
    """An executor of each thread that is created at the first call, and again if another one is
    requested. So no thread shuts down an executor that another thread has just got."""

    _executor: Executor | None = None
    _arguments: Any = None

    def get(self, max_workers: int | None, reuse: bool | str, kill_workers: bool,
            arguments: dict[str, Any]) -> Executor:
        executor = self._executor
        is_alive = executor is not None and not executor._state.is_shut
        fits = is_alive and (reuse is True or reuse and arguments == self._arguments)
        if executor is None or not fits:
            if executor is not None and is_alive:
                if kill_workers:
                    executor.kill_workers()
                executor.shutdown(wait=True)
            executor = self._executor = Executor(max_workers, **arguments)
            self._arguments = arguments
        elif max_workers is not None and max_workers != executor._max_workers:
            executor.resize(max_workers)
        return executor


_reusable = Reusable()


def get_reusable_executor(max_workers: int | None = None, *, idle_timeout: float | None = 10,
                          reuse: bool | str = 'auto', kill_workers: bool = False,
                          **options: Any) -> Executor:
    """One executor for all calls of a thread: created at the first call, and again if it was shut
    down or other options are requested. Its processes end with the thread.

    Args:
        max_workers: as for Executor; the executor that there is takes it over.
        idle_timeout: the seconds after which a process ends that has had nothing to do.
        reuse: False makes another in any case; True takes the one that there is, whatever its
            options.
        kill_workers: whether calls of the one that is replaced are cut off.
        options: as for Executor.
    """
    return _reusable.get(max_workers, reuse, kill_workers,
                         dict(options, idle_timeout=idle_timeout))
