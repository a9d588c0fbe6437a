/* gmp-memory-private.h: the memory that the two ends of a channel share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-error-private.h"
#include "channel/gmp-ring-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* One memfd for a channel, which is mapped and then closed:
 *
 *   header                  GmpMemoryHeader, in its own part
 *   ring 0, ring 1          written by end 0 (the client), by end 1 (the server)
 *   arena 0, arena 1        likewise: blocks for values that are too large for a ring
 *
 * Arenas have their maximal size from the start; the kernel allocates pages at the first write. The
 * size is sealed; otherwise an end that shrinks the file could kill the other with SIGBUS. */

typedef enum {
  GMP_END_CLIENT,
  GMP_END_SERVER
} GmpEnd;

/* The number of blocks of one arena that can be lent at the same time. */
#define GMP_MEMORY_BLOCKS 128

/* Multiples of every existing page size. */
#define GMP_MEMORY_PART      ((gsize) 64 * 1024)
#define GMP_MEMORY_RING_SIZE GMP_MEMORY_PART

/* Why an end is closed. Written once, by that end, and then @is_closed is stored. */
typedef struct {
  _Atomic guint32 is_closed;
  gint32 code;
  char domain[GMP_ERROR_DOMAIN_MAX]; /* empty: no reason */
  char text[4096];
} GmpClosing;

typedef struct {
  GmpRingControl rings[2];
  alignas (GMP_CACHE_LINE) GmpClosing closings[2];
  /* For both arenas: 1 for a block that was sent, until the receiver has dropped it. */
  alignas (GMP_CACHE_LINE) _Atomic guint32 lent[2][GMP_MEMORY_BLOCKS];
  alignas (GMP_CACHE_LINE) _Atomic guint64 mark; /* its meaning is defined by the ends */
  alignas (GMP_CACHE_LINE) guint32 n_workers; /* that run together: a hint for the waiting side */
  _Atomic guint32 gathers[2]; /* each end's: see GmpChannel. A hint for the other */
} GmpMemoryHeader;

typedef struct {
  gatomicrefcount ref_count;
  GmpEnd end;
  GmpMemoryHeader *header;
  guint8 *rings[2];   /* each twice in a row */
  gsize arena_size;   /* of each; may be 0 */
  guint8 *arena_out;  /* this end's own, seen by the other */
  guint8 *arena_in;   /* the other's; pages become private copies when this process writes to
                         them */
  guint generation;   /* of this process, by gmp_fork_get_generation() */
  int ring_fault;     /* errno, if this process could not wake the other; 0 otherwise */

  /* Under gmp_private_memory_lock(), both of arena_in: the writable bytes from its start, and
   * (nullable) the blocks that are still in use here. */
  gsize n_writable;
  struct _GmpMappedValue *leases[GMP_MEMORY_BLOCKS];
} GmpMemory;

gsize      gmp_memory_limit_arena (gsize arena_size);
int        gmp_memory_new_fd (gsize         arena_size,
                              guint         n_workers,
                              GError      **error);
GmpMemory *gmp_memory_map    (int           fd,
                              GmpEnd        end,
                              GError      **error);
GmpMemory *gmp_memory_ref    (GmpMemory *self);
void       gmp_memory_unref  (GmpMemory *self);
void       gmp_memory_ring   (GmpMemory *self,
                              int        bell);

/* Both with gmp_private_memory_lock() held. */
gboolean   gmp_memory_make_writable (GmpMemory *self,
                                     gsize      end);
void       gmp_memory_end_writable  (GmpMemory *self,
                                     gsize      end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpMemory, gmp_memory_unref)

G_END_DECLS
