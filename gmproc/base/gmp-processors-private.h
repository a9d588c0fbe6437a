/* gmp-processors-private.h: the processors that this process may use, and lists of them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sched.h>

G_BEGIN_DECLS

guint    gmp_processors_count (void);
gboolean gmp_processors_parse (const char *text,
                               cpu_set_t  *set,
                               GError    **error);

G_END_DECLS
