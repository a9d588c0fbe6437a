/* gmp-ring-private.h: a queue of records in shared memory, for one writer and one reader
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <stdalign.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Large enough for existing processors, so that fields that one side writes share no line with
 * fields that the other writes. */
#define GMP_CACHE_LINE 64

/* Records begin at multiples of this size: each on its own line, which is all that a small record
 * moves between two processors. */
#define GMP_RING_ALIGN ((gsize) GMP_CACHE_LINE)

/* In the ring, a record is this and its bytes. 0 stands where the next record will: nothing there
 * yet. */
typedef _Atomic guint64 GmpRingSize;

/* The shared fields besides the records. Positions are counted in bytes since the beginning and do
 * not wrap: 2^64 bytes can never be sent. */
typedef struct {
  alignas (GMP_CACHE_LINE) _Atomic guint64 tail; /* the reader's: begin of the next record */
  alignas (GMP_CACHE_LINE) _Atomic guint32 reader_sleeps; /* cleared by either */
  alignas (GMP_CACHE_LINE) _Atomic guint32 writer_sleeps; /* likewise */
} GmpRingControl;

/* One side of it. The state that this side relies on is here, where the other side cannot write. */
typedef struct {
  GmpRingControl *control;
  guint8 *body;     /* @size bytes, mapped twice in a row so that no record wraps */
  gsize size;       /* a power of two */
  guint64 own;      /* the position of the next record */
  guint64 seen;     /* the writer's: the tail as last read */
  gboolean is_broken; /* the other side has written invalid data */
} GmpRing;

/* The bytes of the ring that a record of @size bytes takes. */
static inline gsize
gmp_ring_extent (gsize size)
{
  return (sizeof (GmpRingSize) + size + GMP_RING_ALIGN - 1) & ~(GMP_RING_ALIGN - 1);
}

void     gmp_ring_init          (GmpRing        *self,
                                 GmpRingControl *control,
                                 guint8         *body,
                                 gsize           size);

/* The writer's. */

guint8  *gmp_ring_reserve       (GmpRing        *self,
                                 gsize           size);
gboolean gmp_ring_commit        (GmpRing        *self,
                                 gsize           size);
gboolean gmp_ring_wait_for_room (GmpRing        *self,
                                 gsize           size);

/* The reader's. */

const guint8 *gmp_ring_peek     (GmpRing        *self,
                                 gsize          *size);
gboolean      gmp_ring_release  (GmpRing        *self,
                                 gsize           size);
gboolean      gmp_ring_sleep    (GmpRing *self);
void          gmp_ring_wake     (GmpRing *self);

G_END_DECLS
