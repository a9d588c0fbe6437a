/* gmp-large-memory-private.h: memory for large values, which is used again
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Smaller values are frequent, and a mapping would cost more than they do. */
#define GMP_LARGE_MEMORY_MIN ((gsize) 64 * 1024)

guint8 *gmp_large_memory_take      (gsize   size,
                                    gsize  *capacity);
void    gmp_large_memory_give_back (guint8 *bytes,
                                    gsize   capacity);
void    gmp_large_memory_trim      (void);

G_END_DECLS
