# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""In place of PyGObject, for tests that must not use it. It comes first on the path."""

raise ModuleNotFoundError("No module named 'gi'", name='gi')
