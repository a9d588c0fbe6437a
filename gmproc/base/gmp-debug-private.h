/* gmp-debug-private.h: the lines of GMPROC_DEBUG
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

/* One line on standard error, with the pid and the milliseconds since the machine's start, so that
 * the lines of several processes can be put in order. Prints nothing if GMPROC_DEBUG is unset. */
void gmp_debug (const char *format, ...) G_GNUC_PRINTF (1, 2);
