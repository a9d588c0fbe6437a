# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs on asyncio: in a thread, which calls the user's code in that of the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any, Callable

from ._errors import trim
from ._run import Job


def get_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None



