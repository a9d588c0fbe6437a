/* gmp-arena-private.h: blocks of shared memory for values that are too big for a ring
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-memory-private.h"

G_BEGIN_DECLS

/* The sender's side: it cuts blocks from its arena, lends them to the receiver, and reuses them
 * when they are returned. GmpMappedValue is the receiver's side. */
typedef struct _GmpArena GmpArena;

typedef struct {
  guint32 slot;   /* the index among the lent blocks */
  guint64 offset; /* in the arena, in bytes; a multiple of the page size */
  guint64 size;   /* in bytes */
} GmpBlock;

GmpArena *gmp_arena_new  (GmpMemory  *memory);
void      gmp_arena_free (GmpArena *self);
guint8   *gmp_arena_lend (GmpArena   *self,
                          gsize       size,
                          GmpBlock   *block);
void      gmp_arena_trim (GmpArena *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpArena, gmp_arena_free)

G_END_DECLS
