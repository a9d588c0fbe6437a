/* gmp-ring.c: a queue of records in shared memory, for one writer and one reader
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-ring-private.h"

/* There is no head in the header: the size of a record, which precedes it, is stored last and
 * announces it. The reader therefore waits for the line that it wants to read, and a small message
 * moves one cache line from one processor to the other, not two in sequence. Before a record is
 * announced, a 0 is stored where the next one will begin; otherwise old bytes there would look like
 * a record.
 *
 * The memory orderings and their reasons:
 *
 * Data. The writer fills a record, puts the 0 behind it, and then stores its size; the reader loads
 * the size and then reads the rest. This needs release and acquire; otherwise the reader could see
 * the new size and the old bytes. The same holds in the other direction: the reader has finished
 * with a record before it stores tail, and the writer overwrites the record only after it has
 * loaded that tail.
 *
 * Sleep. A side that is about to sleep stores its flag, then checks for messages once more. A side
 * that sends or reads stores its size or tail, then checks the flag. Each stores one place and
 * loads the other, and at least one must see the other's store; otherwise one would sleep on a
 * message without a ring. Release and acquire do not forbid that both loads come before both
 * stores. These four are therefore sequentially consistent: in their single order one of the two
 * stores is first, and the other side's load comes after it. The price is an exchange instead of a
 * store.
 *
 * Either side may clear a flag. An exchange decides which of two clearers rings; nothing else
 * depends on the flags.
 *
 * Values that the other side stores are checked before use. They are in memory that the other side
 * can write to at any time, so they are loaded once, and the copy is used. */

void
gmp_ring_init (GmpRing        *self,
               GmpRingControl *control,
               guint8         *body,
               gsize           size)
{
  g_assert (size % GMP_RING_ALIGN == 0 && (size & (size - 1)) == 0);

  *self = (GmpRing) { .control = control, .body = body, .size = size };
}

static guint8 *
at (GmpRing *self,
    guint64  position)
{
  return self->body + (position & (self->size - 1));
}

static GmpRingSize *
size_at (GmpRing *self,
         guint64  position)
{
  return (GmpRingSize *) (gpointer) at (self, position);
}

/* Accepts a tail that the reader has stored, if it lies between the last one and this side's
 * position. */
static gboolean
see_tail (GmpRing *self,
          guint64  tail)
{
  if (tail - self->seen > self->own - self->seen)
    self->is_broken = TRUE;
  else
    self->seen = tail;
  return !self->is_broken;
}

/* For this number of bytes, and the 0 behind them. */
static gboolean
has_room (GmpRing *self,
          gsize    extent)
{
  return self->size - (self->own - self->seen) >= extent + GMP_RING_ALIGN;
}

/* Room for a record of @size bytes, to be filled and then committed; %NULL if there is none now. A
 * reservation without a commit has no effect. */
guint8 *
gmp_ring_reserve (GmpRing *self,
                  gsize    size)
{
  gsize extent = gmp_ring_extent (size);

  g_assert (size > 0 && extent + GMP_RING_ALIGN <= self->size);

  if (!has_room (self, extent) &&
      (!see_tail (self, atomic_load_explicit (&self->control->tail, memory_order_acquire)) ||
       !has_room (self, extent)))
    return NULL;
  return at (self, self->own) + sizeof (GmpRingSize);
}

/* Returns TRUE if the reader sleeps and has to be rung. */
gboolean
gmp_ring_commit (GmpRing *self,
                 gsize    size)
{
  GmpRingSize *place = size_at (self, self->own);

  self->own += gmp_ring_extent (size);
  atomic_store_explicit (size_at (self, self->own), 0, memory_order_relaxed);
  atomic_store_explicit (place, size, memory_order_seq_cst);
  return atomic_load_explicit (&self->control->reader_sleeps, memory_order_seq_cst) != 0 &&
         atomic_exchange_explicit (&self->control->reader_sleeps, 0, memory_order_relaxed) != 0;
}

/* After gmp_ring_reserve() found no room: makes the reader ring when there is more. %TRUE if there
 * is room after all. */
gboolean
gmp_ring_wait_for_room (GmpRing *self,
                        gsize    size)
{
  atomic_store_explicit (&self->control->writer_sleeps, 1, memory_order_seq_cst);
  return see_tail (self, atomic_load_explicit (&self->control->tail, memory_order_seq_cst)) &&
         has_room (self, gmp_ring_extent (size));
}

static gboolean
is_possible (GmpRing *self,
             guint64  size)
{
  return size <= self->size - GMP_RING_ALIGN - sizeof (GmpRingSize);
}

/* The next record and its size; %NULL if there is none now. The other side can still change its
 * bytes: copy them before relying on them. */
const guint8 *
gmp_ring_peek (GmpRing *self,
               gsize   *size)
{
  guint64 stored = atomic_load_explicit (size_at (self, self->own), memory_order_acquire);

  self->is_broken |= !is_possible (self, stored);
  if (stored == 0 || self->is_broken)
    return NULL;
  *size = stored;
  return at (self, self->own) + sizeof (GmpRingSize);
}

/* Finishes the record of @size bytes. Returns TRUE if the writer waits for room and has to be
 * rung. */
gboolean
gmp_ring_release (GmpRing *self,
                  gsize    size)
{
  g_assert (is_possible (self, size));

  self->own += gmp_ring_extent (size);
  atomic_store_explicit (&self->control->tail, self->own, memory_order_seq_cst);
  return atomic_load_explicit (&self->control->writer_sleeps, memory_order_seq_cst) != 0 &&
         atomic_exchange_explicit (&self->control->writer_sleeps, 0, memory_order_relaxed) != 0;
}

/* Call it before the reader sleeps. %TRUE if it must not, because there is a record after
 * all. */
gboolean
gmp_ring_sleep (GmpRing *self)
{
  atomic_store_explicit (&self->control->reader_sleeps, 1, memory_order_seq_cst);
  return atomic_load_explicit (size_at (self, self->own), memory_order_seq_cst) != 0 ||
         self->is_broken;
}

void
gmp_ring_wake (GmpRing *self)
{
  atomic_store_explicit (&self->control->reader_sleeps, 0, memory_order_relaxed);
}
