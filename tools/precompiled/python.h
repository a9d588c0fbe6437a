/* python.h: the headers of Python and GLib, which are compiled once for all sources of the module
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <gio/gio.h>
