# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The state that a worker shares with its application, like a child of multiprocessing.

That is the key of managers, a name, a parent, the start method, and the resource tracker, which
unlinks shared memory when the last of them has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
# After an import of the package that Ctrl-C has interrupted, it lacks this attribute.
from multiprocessing import process as _module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Private to the standard library, but as it has been since Python 3.8.
_process: Any = _module


def describe(starts_tracker: bool) -> dict[str, Any]:
    """The data for restore() in a worker. If it ``starts_tracker``, a program that has loaded
    shared memory has a resource tracker from then on, because others may keep the memory that a
    worker creates."""
    current = _process.current_process()
    method = multiprocessing.get_start_method(allow_none=True)
    return {'authkey': bytes(current.authkey), 'name': current.name, 'pid': os.getpid(),
            'method': method, 'tracker': _describe_tracker(starts_tracker)}


def restore(description: dict[str, Any], name: str) -> None:
    """Makes this process a child of the application's, called ``name``."""
    current = _process.current_process()
    current.authkey = description['authkey']
    current.name = name
    _process._parent_process = _Application(description['name'], description['pid'])
    if description['method'] is not None:
        multiprocessing.set_start_method(description['method'], force=True)
    if description['tracker'] is not None:
        _join_tracker(description['pid'], *description['tracker'])


class _Application(_process._ParentProcess):  # type: ignore[misc, name-defined]
    """The object that parent_process() returns. Its descriptor is opened on demand."""

    _opened: int | None = None

    def __init__(self, name: str, pid: int) -> None:
        super().__init__(name, pid, None)

    @property
    def _sentinel(self) -> int:
        if self._opened is None:
            try:
                self._opened = os.pidfd_open(self._pid)
            except OSError:
                self._opened = os.open(os.devnull, os.O_RDONLY)  # ready, as of one that has ended
        return self._opened

    @_sentinel.setter
    def _sentinel(self, _sentinel: None) -> None:
        pass


def _describe_tracker(starts_tracker: bool) -> tuple[int, int, int] | None:
    """The descriptor of the pipe to the tracker, and the identity of the pipe."""
    module = sys.modules.get('multiprocessing.resource_tracker')
    if starts_tracker and 'multiprocessing.shared_memory' in sys.modules:
        from multiprocessing import resource_tracker as module
        module._resource_tracker.ensure_running()  # type: ignore[attr-defined]
    tracker: Any = getattr(module, '_resource_tracker', None)
    if tracker is None or tracker._fd is None:
        return None
    status = os.fstat(tracker._fd)
    return tracker._fd, status.st_dev, status.st_ino


def _join_tracker(pid: int, number: int, device: int, inode: int) -> None:
    from multiprocessing import resource_tracker

    tracker: Any = resource_tracker._resource_tracker  # type: ignore[attr-defined]
    if tracker._fd is not None and _is_pipe(tracker._fd, device, inode):
        return
    try:
        # Opening it would wait for a reader.
        fd = os.open(f'/proc/{pid}/fd/{number}', os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # Another namespace: this process has its own tracker.
    if not _is_pipe(fd, device, inode):
        os.close(fd)
        return
    os.set_blocking(fd, True)
    if tracker._fd is not None:
        os.close(tracker._fd)
    tracker._fd, tracker._pid = fd, None


def _is_pipe(fd: int, device: int, inode: int) -> bool:
    status = os.fstat(fd)
    return (status.st_dev, status.st_ino) == (device, inode)
