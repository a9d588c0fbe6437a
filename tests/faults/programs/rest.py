# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Rests of a long run, in which flat.py examines the processes: see rest.c."""

from __future__ import annotations

import gc
from typing import Any

import gi

gi.require_version('Faults', '1')
from gi.repository import Faults  # noqa: E402


def print_held() -> None:
    """flat.py makes Python use malloc() for everything that it holds."""
    gc.collect()
    Faults.print_held(0)


def rest_if_due(config: dict[str, Any], id: str, i: int, n: int) -> None:
    """Rests, if a rest is due after the i-th of n operations."""
    if Faults.is_due(config['rests'], i, n):
        print_held()
        Faults.rest(config['folder'], id)
