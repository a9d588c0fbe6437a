/* gmp-private-memory-private.h: memory that a value came in, and that is its receiver's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* Memory that is mapped privately and that a sender reuses when its values are dropped. Both are
 * called with gmp_private_memory_lock() held. */
typedef struct {
  /* Called before a write to the value that begins at @data, or to a part of it. */
  gboolean (*make_writable) (gpointer      owner,
                             gconstpointer data);
  /* Called before this process is forked: from then on parent and child each keep the values that
   * are held now, for any time. */
  void     (*keep)          (gpointer      owner);
} GmpPrivateMemoryFuncs;

/* Code that maps memory privately for arriving values adds it here, and removes it before it is
 * unmapped. May be called in any thread. */
void     gmp_private_memory_add           (gconstpointer                data,
                                           gsize                        size);
void     gmp_private_memory_add_lent      (gconstpointer                data,
                                           gsize                        size,
                                           const GmpPrivateMemoryFuncs *funcs,
                                           gpointer                     owner);
void     gmp_private_memory_remove        (gconstpointer                data);
gboolean gmp_private_memory_make_writable (gconstpointer                data,
                                           gsize                        size);

/* While another thread holds it, no process is forked, and lent memory does not change its
 * owner. */
void     gmp_private_memory_lock          (void);
void     gmp_private_memory_unlock        (void);

G_END_DECLS
