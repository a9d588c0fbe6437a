# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The process of a game that an environment has started."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import glob
import os
import select
import shlex
import signal
import subprocess
import threading
import time
from queue import SimpleQueue

from ._lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping, Sequence

GRACE = 2.0  # seconds that a game has to end by itself
PR_SET_PDEATHSIG = 1


def _die_with(parent: int) -> Callable[[], None]:
    """Called in a new process, which is then killed when this process ends, in any way."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl

    def die_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return die_with_parent


def _popen(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=_die_with(os.getpid()))


class _Starter:
    """Starts games for threads that may end: the kernel kills a game with the thread that has
    started it. This one ends with the process.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.calls: SimpleQueue[tuple[list[str], SimpleQueue[Any]]] = SimpleQueue()
        _thread.start_new_thread(self.run, ())

    def run(self) -> None:
        while True:
            words, answers = self.calls.get()
            try:
                answers.put((_popen(words), None))
            except Exception as error:
                answers.put((None, error))
            del answers

    def start(self, words: list[str]) -> subprocess.Popen[bytes]:
        answers: SimpleQueue[Any] = SimpleQueue()
        self.calls.put((words, answers))
        process, error = answers.get()
        if error is not None:
            raise error
        return process  # type: ignore[no-any-return]


_starter: _Starter | None = None
_lock = Lock()
os.register_at_fork(after_in_child=_lock._at_fork_reinit)


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    global _starter
    if threading.current_thread() is threading.main_thread():
        return _popen(words)
    with _lock:
        if _starter is None or _starter.owner != os.getpid():
            _starter = _Starter()
        return _starter.start(words)


def fill_in(command: str | Sequence[object], values: Mapping[str, object]) -> list[str]:
    """The words of a command, with ``{output_port}`` and the like replaced by their values."""
    words = shlex.split(command) if isinstance(command, str) else [os.fspath(word) if isinstance(
        word, os.PathLike) else str(word) for word in command]
    if not words:
        raise ValueError('The command that starts the game is empty')
    for name, value in values.items():
        words = [word.replace(f'{{{name}}}', str(value)) for word in words]
    return words


def _open_descendants(pid: int) -> list[int]:
    """Descriptors of the processes that a process has started, and these in turn."""
    found = []
    for path in glob.glob(f'/proc/{pid}/task/*/children'):
        with contextlib.suppress(OSError, AttributeError):
            with open(path) as children:
                for child in map(int, children.read().split()):
                    found += [os.pidfd_open(child), *_open_descendants(child)]
    return found


def _end(fd: int, deadline: float) -> None:
    """Kills a process that has not ended by then."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        poll.poll()
    os.close(fd)


class Game:
    """A running game. It is killed when the process that has started it ends.

    Args:
        words: the program and its arguments.
    """

    def __init__(self, words: list[str]) -> None:
        self.owner = os.getpid()
        self.process = _start(words)
        try:
            self.fd = os.pidfd_open(self.process.pid)
        except (AttributeError, OSError):
            self.fd = -1  # its end is noticed at the next check
        # The environment may live until the modules that end() needs are gone.
        atexit.register(self.end)

    def get_end(self) -> str | None:
        """Its exit status as text; None while it runs."""
        status = self.process.poll()
        if status is None:
            return None
        if status >= 0:
            return f'(pid {self.process.pid}) exited with status {status}'
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = 'unknown'
        return f'(pid {self.process.pid}) was killed by signal {-status} ({name})'

    def end(self) -> None:
        """Terminates it, and waits for its end. If it is a script, the game is a process that the
        script has started, and would stay on its port."""
        if self.owner != os.getpid():
            return
        atexit.unregister(self.end)
        if self.process.poll() is None:
            deadline = time.monotonic() + GRACE
            others = _open_descendants(self.process.pid)
            self.process.terminate()
            for fd in others:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGTERM)
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for fd in others:
                _end(fd, deadline)
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
