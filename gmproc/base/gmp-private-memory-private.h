/* gmp-private-memory-private.h: memory that a value came in, and that is its receiver's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* Who maps memory in which values arrive, so that nobody else sees what is written to it (a
 * private, writable mapping), says so here, and takes it back before it is unmapped. Any thread may
 * call. */
void     gmp_private_memory_add      (gconstpointer data,
                                      gsize         size);
void     gmp_private_memory_remove   (gconstpointer data);
gboolean gmp_private_memory_contains (gconstpointer data,
                                      gsize         size);

G_END_DECLS
