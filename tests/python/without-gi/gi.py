# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""In place of PyGObject, first on the path, where a test is to do without it."""

raise ModuleNotFoundError("No module named 'gi'", name='gi')
