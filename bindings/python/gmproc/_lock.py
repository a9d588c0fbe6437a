# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A lock that is not left locked where the handler of a signal raises an exception."""

from __future__ import annotations

import sys
from _thread import RLock

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
