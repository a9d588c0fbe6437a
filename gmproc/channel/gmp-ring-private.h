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

/* Records are a multiple of this many bytes. */
#define GMP_RING_ALIGN ((gsize) 8)

/* Enough for the processors that there are, so that no two fields share a line that two processors
 * would take from each other. */
#define GMP_CACHE_LINE 64

/* The part that both sides see. Positions are counted in bytes since the beginning and do not wrap:
 * 2^64 bytes are more than anybody can send. */
typedef struct {
  alignas (GMP_CACHE_LINE) _Atomic guint64 head; /* the writer's: end of the last record */
  alignas (GMP_CACHE_LINE) _Atomic guint64 tail; /* the reader's: begin of the next */
  alignas (GMP_CACHE_LINE) _Atomic guint32 reader_sleeps; /* cleared by either */
  alignas (GMP_CACHE_LINE) _Atomic guint32 writer_sleeps; /* likewise */
} GmpRingControl;

/* One side of it. What counts is in here, where the other side cannot write. */
typedef struct {
  GmpRingControl *control;
  guint8 *body;     /* @size bytes, mapped twice in a row so that no record wraps */
  gsize size;       /* a power of two */
  guint64 own;      /* the writer's head, or the reader's tail */
  guint64 seen;     /* the other side's position as last looked at */
  gboolean is_broken; /* the other side has written nonsense */
} GmpRing;

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
                                 gsize          *available);
gboolean      gmp_ring_release  (GmpRing        *self,
                                 gsize           size);
gboolean      gmp_ring_sleep    (GmpRing        *self);
void          gmp_ring_wake     (GmpRing        *self);

G_END_DECLS
