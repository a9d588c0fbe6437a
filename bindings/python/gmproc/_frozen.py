# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Frozen programs, such as PyInstaller makes: a worker executes the program up to its main part."""

from __future__ import annotations

import os
import sys

import _gmproc

from . import _application, _main_module


def freeze_support() -> None:
    """Lets a frozen program have workers in Python. Call it first in the main part.

    There is no Python interpreter beside a program that PyInstaller or cx_Freeze has frozen. Its
    workers therefore execute the program, and this function does not return in them. In a program
    that is not frozen it does nothing. ``multiprocessing.freeze_support()`` is its model.

    A worker of a frozen program is never a fork of a warm process, because that process would have
    executed the program's own modules.
    """
    if not _main_module.is_frozen():
        return
    os.environ['GMPROC_WARM'] = '0'
    _application.has_freeze_support = True
    if _gmproc.is_worker():
        from .host import main

        sys.exit(main())
