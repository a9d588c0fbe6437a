/* gmp-inbox.c: waits for the next message of any of several channels
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-inbox-private.h"

typedef struct {
  GmpChannel *channel;
  char *id;
  const char *runtime; /* interned */
} Slot;

typedef struct {
  GmpInbox *inbox;
  GmpInboxFunc ready;
  gpointer user_data;
} Watch;

struct _GmpInbox
{
  GmpDoorbell *doorbell;
  GMutex lock;
  GArray *open;      /* of Slot; under lock */
  GPtrArray *closed; /* of GmpChannel, kept so that a last word reaches the peer; under lock */
  guint next;        /* where the next search begins, so that no client starves; under lock */
};

static void
slot_clear (gpointer data)
{
  Slot *slot = data;

  g_clear_object (&slot->channel);
  g_clear_pointer (&slot->id, g_free);
}

GmpInbox *
gmp_inbox_new (GError **error)
{
  g_autoptr (GmpDoorbell) doorbell = gmp_doorbell_new (error);
  GmpInbox *self;

  if (doorbell == NULL)
    return NULL;
  self = g_new0 (GmpInbox, 1);
  self->doorbell = g_steal_pointer (&doorbell);
  g_mutex_init (&self->lock);
  self->open = g_array_new (FALSE, FALSE, sizeof (Slot));
  g_array_set_clear_func (self->open, slot_clear);
  self->closed = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

void
gmp_inbox_free (GmpInbox *self)
{
  g_array_unref (self->open);
  g_ptr_array_unref (self->closed);
  g_mutex_clear (&self->lock);
  gmp_doorbell_unref (self->doorbell);
  g_free (self);
}

void
gmp_inbox_add (GmpInbox   *self,
               const char *id,
               const char *runtime,
               GmpChannel *channel)
{
  Slot slot = { g_object_ref (channel), g_strdup (id), g_intern_string (runtime) };

  g_mutex_lock (&self->lock);
  g_array_append_val (self->open, slot);
  g_mutex_unlock (&self->lock);
  gmp_channel_set_doorbell (channel, self->doorbell);
  gmp_doorbell_ring (self->doorbell);
}

guint
gmp_inbox_get_n_open (GmpInbox *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->open->len;
  g_mutex_unlock (&self->lock);
  return n;
}

/* A client's only channel; %NULL when there is none. */
GmpChannel *
gmp_inbox_ref_first (GmpInbox *self)
{
  GmpChannel *channel = NULL;

  g_mutex_lock (&self->lock);
  if (self->open->len > 0)
    channel = g_object_ref (g_array_index (self->open, Slot, 0).channel);
  g_mutex_unlock (&self->lock);
  return channel;
}

/* The runtime of the peer @id; %NULL when it is not there, or no longer. */
const char *
gmp_inbox_get_runtime (GmpInbox   *self,
                       const char *id)
{
  const char *runtime = NULL;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->open->len && runtime == NULL; i++)
    {
      Slot *slot = &g_array_index (self->open, Slot, i);

      if (g_str_equal (slot->id, id))
        runtime = slot->runtime;
    }
  g_mutex_unlock (&self->lock);
  return runtime;
}

GmpInboxStatus
gmp_inbox_try_take (GmpInbox *self,
                    GmpMail  *mail)
{
  GmpInboxStatus result = GMP_INBOX_EMPTY;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->open->len && result == GMP_INBOX_EMPTY; i++)
    {
      guint at = (self->next + i) % self->open->len;
      Slot *slot = &g_array_index (self->open, Slot, at);

      switch (gmp_channel_receive (slot->channel, &mail->payload, &mail->error))
        {
        case GMP_CHANNEL_PAYLOAD:
          mail->channel = g_object_ref (slot->channel);
          mail->id = g_strdup (slot->id);
          self->next = at + 1;
          result = GMP_INBOX_PAYLOAD;
          break;

        case GMP_CHANNEL_CLOSED:
          mail->channel = g_object_ref (slot->channel);
          mail->id = g_strdup (slot->id);
          g_ptr_array_add (self->closed, g_object_ref (slot->channel));
          g_array_remove_index (self->open, at);
          result = GMP_INBOX_CLOSED;
          break;

        case GMP_CHANNEL_EMPTY:
        default:
          break;
        }
    }
  g_mutex_unlock (&self->lock);
  return result;
}

GmpInboxStatus
gmp_inbox_take (GmpInbox     *self,
                GCancellable *stop,
                GmpMail      *mail)
{
  while (!g_cancellable_is_cancelled (stop))
    {
      GmpInboxStatus status;

      /* Cleared before the look, so that a ring after the look is not lost. */
      gmp_doorbell_clear (self->doorbell);
      status = gmp_inbox_try_take (self, mail);
      if (status != GMP_INBOX_EMPTY)
        return status;
      gmp_doorbell_wait (self->doorbell, stop);
    }
  return GMP_INBOX_STOPPED;
}

/* Ends every channel. They stay known to the inbox until it is freed, so that clients which send
 * after this still hear @reason rather than a lost connection. */
void
gmp_inbox_close_all (GmpInbox     *self,
                     const GError *reason)
{
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->open->len; i++)
    {
      Slot *slot = &g_array_index (self->open, Slot, i);

      gmp_channel_close (slot->channel, reason);
      g_ptr_array_add (self->closed, g_object_ref (slot->channel));
    }
  g_array_set_size (self->open, 0);
  g_mutex_unlock (&self->lock);
}

/* Wakes whoever waits, to look around. */
void
gmp_inbox_ring (GmpInbox *self)
{
  gmp_doorbell_ring (self->doorbell);
}

static gboolean
rung_cb (int          fd G_GNUC_UNUSED,
         GIOCondition condition G_GNUC_UNUSED,
         gpointer     user_data)
{
  Watch *watch = user_data;

  gmp_doorbell_clear (watch->inbox->doorbell);
  /* One message a turn, so that the loop's other sources have theirs. */
  if (watch->ready (watch->inbox, watch->user_data))
    gmp_doorbell_ring (watch->inbox->doorbell);
  return G_SOURCE_CONTINUE;
}

/* The main loop's way to wait: @ready is called in the thread-default main context, at once and
 * then when gmp_inbox_try_take() may have something. Destroy the source before the inbox is
 * freed. */
GSource *
gmp_inbox_attach (GmpInbox    *self,
                  GmpInboxFunc ready,
                  gpointer     user_data)
{
  GSource *source = gmp_doorbell_create_source (self->doorbell);
  Watch *watch = g_new (Watch, 1);

  *watch = (Watch) { self, ready, user_data };
  /* Clients may ask without a pause, and all else that the loop has should not wait for that. */
  g_source_set_priority (source, G_PRIORITY_DEFAULT_IDLE);
  g_source_set_callback (source, G_SOURCE_FUNC (rung_cb), watch, g_free);
  g_source_attach (source, g_main_context_get_thread_default ());
  gmp_doorbell_ring (self->doorbell);
  return source;
}

void
gmp_mail_clear (GmpMail *mail)
{
  g_clear_object (&mail->channel);
  g_clear_pointer (&mail->id, g_free);
  g_clear_pointer (&mail->payload, g_variant_unref);
  g_clear_error (&mail->error);
}
