/* gmp-ring.c: a queue of records in shared memory, for one writer and one reader
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-ring-private.h"

/* Which orderings there are, and why.
 *
 * Data. The writer fills a record and then stores head; the reader loads head and then looks at the
 * record: release and acquire, or it could see the new head and the old bytes. The way back is the
 * same: the reader is done with a record before it stores tail, and the writer overwrites it only
 * after it has loaded that tail.
 *
 * Sleep. Who is about to sleep stores its flag, then looks at the position once more; who moves the
 * position stores it, then looks at the flag. Each stores one place and loads the other, and at
 * least one must see the other's store, or one sleeps on a message and nobody rings. Release and
 * acquire do not forbid that both loads come before both stores. So these four are sequentially
 * consistent: in their one order one of the two stores is first, and the other side's load comes
 * after it. The price is an exchange in place of a store, on a line that this side owns.
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

/* Takes over a tail that the reader has stored: between the last one and this side's head. */
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

static gboolean
has_room (GmpRing *self,
          gsize    size)
{
  return self->size - (self->own - self->seen) >= size;
}

/* Room for a record of @size bytes, to be filled and then committed; %NULL where there is none now.
 * What was reserved and not committed is as if it had never been. */
guint8 *
gmp_ring_reserve (GmpRing *self,
                  gsize    size)
{
  g_assert (size % GMP_RING_ALIGN == 0 && size <= self->size);

  if (!has_room (self, size) &&
      (!see_tail (self, atomic_load_explicit (&self->control->tail, memory_order_acquire)) ||
       !has_room (self, size)))
    return NULL;
  return at (self, self->own);
}

/* Returns whether the reader sleeps and has to be rung for. */
gboolean
gmp_ring_commit (GmpRing *self,
                 gsize    size)
{
  self->own += size;
  atomic_store_explicit (&self->control->head, self->own, memory_order_seq_cst);
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
         has_room (self, size);
}

/* Takes over a head that the writer has stored: a multiple of GMP_RING_ALIGN, between the last one
 * and a full ring. */
static gboolean
see_head (GmpRing *self,
          guint64  head)
{
  if (head - self->own > self->size || head - self->own < self->seen - self->own ||
      head % GMP_RING_ALIGN != 0)
    self->is_broken = TRUE;
  else
    self->seen = head;
  return !self->is_broken;
}

/* The next record, and how many bytes there are at the most; %NULL where there is none now. The
 * bytes are still the other side's to change: copy what is to be relied on. */
const guint8 *
gmp_ring_peek (GmpRing *self,
               gsize   *available)
{
  if (self->seen == self->own &&
      !see_head (self, atomic_load_explicit (&self->control->head, memory_order_acquire)))
    return NULL;
  *available = self->seen - self->own;
  return *available > 0 ? at (self, self->own) : NULL;
}

/* Done with @size bytes. Returns whether the writer waits for room and has to be rung for. */
gboolean
gmp_ring_release (GmpRing *self,
                  gsize    size)
{
  g_assert (size % GMP_RING_ALIGN == 0 && size <= self->seen - self->own);

  self->own += size;
  atomic_store_explicit (&self->control->tail, self->own, memory_order_seq_cst);
  return atomic_load_explicit (&self->control->writer_sleeps, memory_order_seq_cst) != 0 &&
         atomic_exchange_explicit (&self->control->writer_sleeps, 0, memory_order_relaxed) != 0;
}

/* The reader is about to sleep. %TRUE where it should not, for there is something after all. */
gboolean
gmp_ring_sleep (GmpRing *self)
{
  atomic_store_explicit (&self->control->reader_sleeps, 1, memory_order_seq_cst);
  return self->seen != self->own ||
         (see_head (self, atomic_load_explicit (&self->control->head, memory_order_seq_cst)) &&
          self->seen != self->own) ||
         self->is_broken;
}

void
gmp_ring_wake (GmpRing *self)
{
  atomic_store_explicit (&self->control->reader_sleeps, 0, memory_order_relaxed);
}
