# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The search for the address of a game's host."""

from __future__ import annotations

import _thread
import socket
from math import inf

from ._lock import Event


class Lookup:
    """A name server may take minutes, and nothing ends the wait for it. So a thread waits, and is
    left to itself when the time is over.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.address: str | None = None
        self.error: Exception | None = None
        self.has_ended = Event()

    def _run(self) -> None:
        try:
            self.address = socket.gethostbyname(self.host)
        except Exception as error:
            self.error = error
        self.has_ended.set()

    def end(self) -> None:
        """Ends the wait, of any thread."""
        self.has_ended.set()

    def run(self, limit: float) -> str | None:
        """The address; None if the wait was ended.

        Raises:
            TimeoutError: it was not found within so many seconds.
            OSError: there is none.
        """
        try:
            socket.inet_aton(self.host)
            self._run()
        except OSError:
            _thread.start_new_thread(self._run, ())
        what = f"the IPv4 address of the game's host {self.host!r}"
        if not self.has_ended.wait(None if limit == inf else min(limit, _thread.TIMEOUT_MAX)):
            raise TimeoutError(f'{what} was not found within {limit:g} s')
        if isinstance(self.error, OSError):
            raise type(self.error)(self.error.errno, f'{self.error.strerror}: {what}')
        if self.error is not None:
            raise self.error
        return self.address
