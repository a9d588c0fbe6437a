# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""WorkerDied, in its own module: few programs need it, and its base class loads slowly."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from ._worker_error import WorkerError


class WorkerDied(WorkerError, BrokenProcessPool):
    """A worker's process ended before its work was done."""


WorkerDied.__module__ = 'gmproc'
