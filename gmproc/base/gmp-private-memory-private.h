/* gmp-private-memory-private.h: memory that a value came in, and that is its receiver's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* Memory that is mapped privately, but that a sender uses again when its values are dropped. Both
 * are called with gmp_private_memory_lock() held. */
typedef struct {
  /* Before somebody writes to the value that begins at @data, or a part of it. */
  gboolean (*make_writable) (gpointer      owner,
                             gconstpointer data);
  /* Before this process is forked: from then on parent and child each have the values that are held
   * now, for as long as they like. */
  void     (*keep)          (gpointer      owner);
} GmpPrivateMemoryFuncs;

/* Whoever maps memory in which values arrive, so that nobody else sees what is written to it, adds
 * it here, and removes it before it is unmapped. Any thread may call. */
void     gmp_private_memory_add           (gconstpointer                data,
                                           gsize                        size);
void     gmp_private_memory_add_lent      (gconstpointer                data,
                                           gsize                        size,
                                           const GmpPrivateMemoryFuncs *funcs,
                                           gpointer                     owner);
void     gmp_private_memory_remove        (gconstpointer                data);
gboolean gmp_private_memory_make_writable (gconstpointer                data,
                                           gsize                        size);

/* No process is forked, and nothing in lent memory changes hands, while another thread holds it. */
void     gmp_private_memory_lock          (void);
void     gmp_private_memory_unlock        (void);

G_END_DECLS
