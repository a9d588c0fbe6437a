/* gmp-socketpair-private.h: the two ends of a private connection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean gmp_socketpair_open (int      fds[2],
                              GError **error);

G_END_DECLS
