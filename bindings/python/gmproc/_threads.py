# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Threads with a main context, for runs that do not block the caller: those on asyncio, and
imap."""

from __future__ import annotations

import _signal  # the module signal wraps everything in enums
import atexit
import collections
import os
import threading
from functools import partial

import _gmproc

from . import _daemons
from ._errors import make_error
from ._gerror import ErrorCode
from ._lock import Lock, SimpleQueue
from ._run import Job, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Tuple, Union

    # What user code in another thread has returned, or raised; None if it was dropped. Only the
    # first one counts. Unlike a Future, it has no lock that the handler of a signal could leave
    # locked.
    Answers = SimpleQueue[Union[Tuple[Any, Union[BaseException, None]], None]]

_lock = Lock()
_threads: set[Thread] = set()  # under the lock


class Thread:
    """Ends with the last of its runs, or with the program."""

    def __init__(self) -> None:
        self._context = _gmproc.MainContext()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._jobs: set[Job] = set()           # under the lock
        self._waits: set[Answers] = set()      # under the lock
        self._was_started = False              # under the lock; also if that failed
        self._is_ending = False                # under the lock: the program ends
        # A daemon: the program must not wait for runs that cannot be ended any more.
        self._thread = threading.Thread(target=self._turn, name='gmproc', daemon=True)

    def start(self, job: Job, ended: Callable[[], None]) -> bool:
        """Starts a run, whose ``ended`` is called in this thread. Returns False if the thread has
        ended.
        """
        if threading.current_thread().daemon:
            ended = partial(self._unless_ending, ended)
        with _lock:
            if self._is_ending:
                raise RuntimeError('The program is ending, so no run can start')
            if not self._was_started:
                # If the handler of a signal interrupts this, the thread may begin all the same.
                self._was_started = True
                self._start()
                _threads.add(self)
            elif self not in _threads:
                return False
            self._calls.append(lambda: self._begin(job, ended))
            self._jobs.add(job)  # With this step it has started.
        self._context.wakeup()
        return True

    def _start(self) -> None:
        _daemons.check()
        try:
            _daemons.start(self._thread)
        except RuntimeError as error:
            raise make_error(ErrorCode.LAUNCH, f"{error} (the limit on processes: raise it with "
                             "'ulimit -u', or that of the control group)") from error

    def has(self, job: Job) -> bool:
        """True if a run has started here and not ended."""
        return job in self._jobs

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    def is_alive(self) -> bool:
        """False in the child of a fork."""
        return self._thread.is_alive()

    def is_busy(self) -> bool:
        """True if it has runs."""
        return bool(self._jobs)

    def call(self, function: Callable[[], None]) -> None:
        """Has a function called in this thread."""
        self._calls.append(function)
        self._context.wakeup()

    def wait(self, answers: Answers, function: Callable[..., Any]) -> Any:
        """In this thread: waits for a user's function in another one, unless the program ends."""
        with _lock:
            if self._is_ending:
                raise RuntimeError('The program is ending, so nothing waits for its callbacks')
            self._waits.add(answers)
        answer = answers.get()
        with _lock:
            self._waits.discard(answers)
        if answer is None:
            raise RuntimeError('The event loop was closed, or interrupted by a signal, before it '
                               f'had called {getattr(function, "__qualname__", function)}')
        value, error = answer
        if error is not None:
            raise error
        return value

    def end(self) -> None:
        """At the end of the program: ends all runs, and then this thread."""
        with _lock:
            self._is_ending = True
            waits, jobs = list(self._waits), list(self._jobs)
        for answers in waits:
            answers.put((None, RuntimeError('The program is ending')))
        for job in jobs:
            job.cancel()
        self._thread.join()

    def _begin(self, job: Job, ended: Callable[[], None]) -> None:
        def is_done(_run: Run | None) -> None:
            with _lock:
                self._jobs.discard(job)
            ended()

        if not self.has(job):
            return  # The handler of a signal has raised before it was started.
        if job.take_steps():
            Run(job).add_done_callback(is_done)
        else:
            is_done(None)

    def _unless_ending(self, ended: Callable[[], None]) -> None:
        """The program does not wait for a daemon at its end. One that waits for a run does not
        learn of that run's end, which it could only print.
        """
        if not self._is_ending:
            ended()

    def _is_needed(self) -> bool:
        with _lock:
            if not self._jobs:
                _threads.discard(self)
            return bool(self._jobs)

    def _turn(self) -> None:
        self._context.push()
        while self._is_needed():
            # One at a time, so that many starting runs alternate.
            if self._calls:
                self._calls.popleft()()
            if self._calls:
                self._context.wakeup()
            if self._is_needed():
                self._context.iterate()
        self._context.pop()
        self._calls.clear()  # A start that was interrupted has left a call, which has the run.
        # If this thread took a signal, the main thread would notice it only the next time that it
        # waits for the GIL.
        _signal.pthread_sigmask(_signal.SIG_SETMASK, _signal.valid_signals())


def _end_all() -> None:
    with _lock:
        threads = list(_threads)
    for thread in threads:
        thread.end()


def _forget() -> None:
    """In the child of a fork only the forking thread exists."""
    global _lock
    _lock = Lock()
    _threads.clear()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_forget)
