# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The misbehaviour of the workers of program.py."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from typing import Any, Callable, NoReturn

from gi.repository import GLib


class Unpicklable(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


def print_line(line: str) -> None:
    """A single write, so that the lines of several processes do not mix."""
    os.write(1, f'{line}\n'.encode())


def die_by(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def close_all() -> None:
    os.closerange(3, 1024)


def block() -> NoReturn:
    while True:
        signal.pause()


def hang_at(place: str) -> None:
    """Never returns where GMPROC_HANG names the place."""
    if os.environ.get('GMPROC_HANG') == place:
        block()


def spin() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def use_processor() -> NoReturn:
    while True:
        pass


def ignore_and_use_processor() -> NoReturn:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    use_processor()


def use_memory() -> NoReturn:
    kept = []
    while True:
        kept.append(b'x' * 2**20)


def use_files() -> NoReturn:
    kept = []
    while True:
        kept.append(os.open('/dev/null', os.O_RDONLY))


def leave_a_child(then: Callable[[], None] = die_by(signal.SIGKILL)) -> None:
    """It holds all descriptors."""
    if os.fork() == 0:
        block()
    then()


def kill_warm_server() -> None:
    """The process that has forked this one, if there is one."""
    with open(f'/proc/{os.getppid()}/environ') as file:
        if 'GMPROC_WARM_SERVER=' in file.read():
            os.kill(os.getppid(), signal.SIGKILL)


def fail() -> NoReturn:
    raise Unpicklable('the worker does not like this')


DEEDS: dict[str, Callable[[], Any]] = {
    'SIGKILL': die_by(signal.SIGKILL),
    'SIGSEGV': die_by(signal.SIGSEGV),
    'SIGSTOP': die_by(signal.SIGSTOP),
    'abort': os.abort,
    'exit-3': lambda: os._exit(3),
    'exit-0': lambda: os._exit(0),
    'close': close_all,
    'close-block': lambda: (close_all(), block()),
    'block': block,
    'spin': spin,
    'cpu': use_processor,
    'deaf cpu': ignore_and_use_processor,
    'memory': use_memory,
    'files': use_files,
    'grandchild': leave_a_child,
    'grandchild-block': lambda: leave_a_child(block),
    'warm server': kill_warm_server,
    'error': fail,
}


def commit(fault: str) -> None:
    """Reports the moment, and misbehaves."""
    print_line(f'at {os.getpid()} {GLib.get_monotonic_time()}')
    DEEDS[fault]()


class Fault:
    """The misbehaviour of a worker, and its moment."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.fault = params.get('fault', 'none')
        self.moment = params.get('moment', 'none')
        if self.moment == 'shutdown':
            atexit.register(commit, self.fault)

    def at(self, moment: str) -> None:
        if self.moment == moment:
            commit(self.fault)
