/* gmp-inbox-rest.c: the channels of an inbox that are polled, and those that ring
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-inbox-struct-private.h"

/* A server with many clients polls those that send. A channel that was silent for a while rests: it
 * is left between sleep() and wake(), so its peer rings for the next message, and the kernel
 * reports the peers that have rung. The cost of a request therefore depends on the number of peers
 * that send, not on the number of all. A peer that does not ring, or rings for nothing, delays no
 * other one.
 *
 * The order of memory accesses is that of every sleep; see gmp-ring.c. sleep() stores the flag and
 * then checks for messages once more. It is left set, so it covers each later message as well: the
 * peer rings after it has stored one, and the channel is polled again from then on. */

/* Microseconds of silence. Where workers share processors, a busy client may be silent for some
 * time slices. */
#define SILENCE (G_USEC_PER_SEC / 2)

/* At least this number is polled: looking at them costs less than a ring. */
#define FEW 16

/* @slot is polled from now on. */
void
gmp_inbox_poll_slot (GmpInbox *self,
                     Slot     *slot)
{
  slot->has_sent = TRUE;
  if (!slot->rests)
    return;
  slot->rests = FALSE;
  g_ptr_array_add (self->polled, slot);
  if (slot->channel != NULL)
    gmp_channel_wake (slot->channel);
}

/* @slot is added to the inbox, or has got another channel. */
void
gmp_inbox_enter_slot (GmpInbox *self,
                      Slot     *slot)
{
  if (slot->key != 0)
    g_hash_table_insert (self->by_key, GUINT_TO_POINTER (slot->key), slot);
  gmp_inbox_poll_slot (self, slot);
}

/* @slot is neither polled nor reported any more. */
void
gmp_inbox_leave_slot (GmpInbox *self,
                      Slot     *slot)
{
  guint at;

  g_hash_table_remove (self->by_key, GUINT_TO_POINTER (slot->key));
  if (!g_ptr_array_find (self->polled, slot, &at))
    return;
  g_ptr_array_remove_index (self->polled, at);
  if (at < self->next)
    self->next--;
}

/* Polls the channels that have rung. A key without a slot is that of a former channel. */
void
gmp_inbox_poll_rung (GmpInbox *self)
{
  guint key;

  while ((key = gmp_doorbell_take_key (self->doorbell)) != 0)
    {
      Slot *slot = g_hash_table_lookup (self->by_key, GUINT_TO_POINTER (key));

      if (slot != NULL)
        gmp_inbox_poll_slot (self, slot);
    }
}

static gboolean
can_rest (Slot *slot)
{
  if (slot->channel == NULL || !slot->channel->may_rest || slot->has_left || slot->is_renewed ||
      slot->has_ended || slot->channel->large != NULL)
    return FALSE;
  if (!gmp_channel_sleep (slot->channel))
    return TRUE;
  gmp_channel_wake (slot->channel);
  return FALSE;
}

/* Called from time to time: channels that were silent since the last call rest. */
void
gmp_inbox_rest_silent (GmpInbox *self)
{
  gint64 now = g_get_monotonic_time ();
  guint n = self->polled->len;
  guint n_polled = 0;

  if (n <= FEW || now < self->next_rest)
    return;
  self->next_rest = now + SILENCE;
  for (guint i = 0; i < n; i++)
    {
      Slot *slot = gmp_inbox_slot_at (self->polled, i);

      if (i == self->next)
        self->next = n_polled;
      slot->rests = !slot->has_sent && n - i + n_polled > FEW && can_rest (slot);
      slot->has_sent = FALSE;
      if (!slot->rests)
        self->polled->pdata[n_polled++] = slot;
    }
  g_ptr_array_set_size (self->polled, (gint) n_polled);
}

/* Polls resting channels that wait for room, so that an invalid position is noticed, too. */
void
gmp_inbox_poll_unsent (GmpInbox *self)
{
  for (guint i = 0; i < self->open->len; i++)
    {
      Slot *slot = gmp_inbox_slot_at (self->open, i);

      if (slot->rests && gmp_channel_has_unsent (slot->channel))
        gmp_inbox_poll_slot (self, slot);
    }
}
