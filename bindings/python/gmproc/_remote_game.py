# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The process of a game that an environment has started."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Mapping, Sequence

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


def fill_in(command: str | Sequence[object], values: Mapping[str, object]) -> list[str]:
    """The words of a command, with ``{output_port}`` and the like replaced by their values."""
    words = shlex.split(command) if isinstance(command, str) else [os.fspath(word) if isinstance(
        word, os.PathLike) else str(word) for word in command]
    if not words:
        raise ValueError('The command that starts the game is empty')
    for name, value in values.items():
        words = [word.replace(f'{{{name}}}', str(value)) for word in words]
    return words


class Game:
    """A running game. It is killed when the process that has started it ends.

    Args:
        words: the program and its arguments.
    """

    def __init__(self, words: list[str]) -> None:
        self.owner = os.getpid()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                        preexec_fn=_die_with(self.owner))
        try:
            self.fd = os.pidfd_open(self.process.pid)
        except (AttributeError, OSError):
            self.fd = -1  # its end is noticed at the next check

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
        """Terminates it, and waits for its end."""
        if self.owner != os.getpid():
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
