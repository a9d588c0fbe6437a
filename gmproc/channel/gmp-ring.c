/* gmp-ring.c: a queue of records in shared memory, for one writer and one reader
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-ring-private.h"

/* There is no head in the header: the size of a record, which stands before it, is stored last and
 * tells that it is there. So what the reader waits for is what it wants to read, and a small
 * message takes one cache line from one processor to the other, not two after one another. Before a
 * record is told of, a 0 is put where the next one will begin, or old bytes there would look like
 * one.
 *
 * Which orderings there are, and why.
 *
 * Data. The writer fills a record, puts the 0 behind it, and then stores its size; the reader loads
 * the size and then looks at the rest: release and acquire, or it could see the new size and the
 * old bytes. The way back is the same: the reader is done with a record before it stores tail, and
 * the writer overwrites it only after it has loaded that tail.
 *
 * Sleep. Who is about to sleep stores its flag, then looks once more; who sends or reads stores its
 * size or tail, then looks at the flag. Each stores one place and loads the other, and at least one
 * must see the other's store, or one sleeps on a message and nobody rings. Release and acquire do
 * not forbid that both loads come before both stores. So these four are sequentially consistent: in
 * their one order one of the two stores is first, and the other side's load comes after it. The
 * price is an exchange in place of a store.
 *
 * Flags are cleared by whoever comes first. An exchange tells which of two clearers rings; nothing
 * else depends on them.
 *
 * What the other side stores is compared with what it may be before it is used: it is in memory
 * that the other side can write to at any time, so it is loaded once, and used from here. */

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

/* Takes over a tail that the reader has stored: between the last one and this side's position. */
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

/* For so many bytes, and the 0 behind them. */
static gboolean
has_room (GmpRing *self,
          gsize    extent)
{
  return self->size - (self->own - self->seen) >= extent + GMP_RING_ALIGN;
}

/* Room for a record of @size bytes, to be filled and then committed; %NULL where there is none now.
 * What was reserved and not committed is as if it had never been. */
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

/* Returns whether the reader sleeps and has to be rung for. */
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

/* After gmp_ring_reserve() found no room: has the reader ring when there is more. %TRUE where there
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

/* The next record and its size; %NULL where there is none now. Its bytes are still the other side's
 * to change: copy what is to be relied on. */
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

/* Done with the record of @size bytes. Returns whether the writer waits for room and has to be rung
 * for. */
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

/* The reader is about to sleep. %TRUE where it should not, for there is something after all. */
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
