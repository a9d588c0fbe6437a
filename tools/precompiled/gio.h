/* gio.h: the headers of GLib, which are compiled once for all sources of a target
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A source includes what it uses nevertheless: with -Db_pch=false it has to.
 */

#include <gio/gio.h>
