# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Does nothing. Processes that wait for a job import it, to have used Python's machinery of imports
before they import the program's own modules; see Host.rehearse()."""


def do_nothing() -> None:
    """So that a function is made, as in every module."""
