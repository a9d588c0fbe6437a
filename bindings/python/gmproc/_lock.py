# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Locks that are not left locked where the handler of a signal raises an exception."""

from __future__ import annotations

import sys
import threading
from _thread import RLock
from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Lock(RLock):
    """Python 3.14 also runs handlers between ``__enter__`` and the block of a ``with`` statement if
    that method is in C. Between a function in Python and the block it runs none.
    """

    def __enter__(self) -> Any:
        try:
            return self.acquire()
        except BaseException:
            if self._is_owned():  # type: ignore[attr-defined]
                self.release()
            raise


# In older versions nothing runs there.
Lock: Any = _Lock if sys.version_info >= (3, 14) else RLock


class Condition(threading.Condition):
    """One whose lock is not left locked where the handler of a signal raises. ``with`` calls the
    methods of the lock itself."""

    def __init__(self) -> None:
        super().__init__(Lock())

    __enter__: Any = property(attrgetter('_lock.__enter__'))
    __exit__: Any = property(attrgetter('_lock.__exit__'))
