/* gmp-inbox.c: the next message of any of several channels
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-inbox-struct-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "channel/gmp-value-private.h"

/* How often the doorbell is checked while there is no need to sleep: it reports channels that rest,
 * and processes that have ended. */
#define LOOK_EVERY 256

static void
slot_free (gpointer data)
{
  Slot *slot = data;

  g_clear_object (&slot->channel);
  g_clear_object (&slot->doubted);
  g_clear_error (&slot->reason);
  g_free (slot->id);
  g_free (slot);
}

static void
post_free (gpointer data)
{
  Post *post = data;

  g_object_unref (post->channel);
  g_clear_pointer (&post->payload, g_variant_unref);
  g_clear_error (&post->reason);
  g_free (post);
}

GmpInbox *
gmp_inbox_new (GError **error)
{
  g_autoptr (GmpDoorbell) doorbell = gmp_doorbell_new (error);
  GmpInbox *self;

  if (doorbell == NULL)
    return NULL;
  self = g_new0 (GmpInbox, 1);
  self->generation = gmp_fork_get_generation ();
  self->doorbell = g_steal_pointer (&doorbell);
  self->signal_fd = -1;
  self->deadline = -1;
  g_mutex_init (&self->lock);
  self->open = g_ptr_array_new_with_free_func (slot_free);
  self->polled = g_ptr_array_new ();
  self->by_key = g_hash_table_new (NULL, NULL);
  self->closed = g_ptr_array_new_with_free_func (slot_free);
  self->added = g_ptr_array_new_with_free_func (slot_free);
  self->posts = g_ptr_array_new_with_free_func (post_free);
  return self;
}

void
gmp_inbox_free (GmpInbox *self)
{
  gmp_inbox_set_stop (self, NULL);
  g_ptr_array_unref (self->polled);
  g_hash_table_unref (self->by_key);
  g_ptr_array_unref (self->open);
  g_ptr_array_unref (self->closed);
  g_ptr_array_unref (self->added);
  g_ptr_array_unref (self->posts);
  g_clear_error (&self->last_word);
  g_mutex_clear (&self->lock);
  gmp_doorbell_unref (self->doorbell);
  g_free (self);
}

/* TRUE if this process was forked from the one that created @self. The shared state of the channels
 * belongs to that one, so this process neither sends nor receives. */
gboolean
gmp_inbox_is_inherited (GmpInbox *self)
{
  return self->generation != gmp_fork_get_generation ();
}

static Slot *
slot_new (const char *id)
{
  Slot *slot = g_new0 (Slot, 1);

  slot->id = g_strdup (id);
  slot->rests = TRUE; /* until it is open */
  return slot;
}

static Slot *
find_slot (GPtrArray  *slots,
           const char *id)
{
  for (guint i = 0; i < slots->len; i++)
    if (g_str_equal (((Slot *) slots->pdata[i])->id, id))
      return slots->pdata[i];
  return NULL;
}

/* A channel to @id that has not been read yet. */
static Slot *
find_new_locked (GmpInbox   *self,
                 const char *id)
{
  for (guint i = 0; i < self->added->len; i++)
    {
      Slot *slot = self->added->pdata[i];

      if (slot->channel != NULL && g_str_equal (slot->id, id))
        return slot;
    }
  return NULL;
}

static void
add_news (GmpInbox *self,
          Slot     *slot)
{
  g_mutex_lock (&self->lock);
  if (slot->channel != NULL && find_slot (self->open, slot->id) == NULL &&
      find_new_locked (self, slot->id) == NULL)
    g_atomic_int_inc (&self->n_open);
  g_ptr_array_add (self->added, slot);
  g_atomic_int_set (&self->has_added, TRUE);
  g_mutex_unlock (&self->lock);
  gmp_doorbell_ring (self->doorbell);
}

/* Adds a channel to @id, the first one or that of a restarted peer. Called in any thread. */
void
gmp_inbox_add (GmpInbox   *self,
               const char *id,
               const char *runtime,
               GmpChannel *channel)
{
  Slot *slot = slot_new (id);

  slot->channel = g_object_ref (channel);
  slot->runtime = g_intern_string (runtime);
  g_mutex_lock (&self->lock);
  slot->key = channel->key = ++self->n_keys;
  g_mutex_unlock (&self->lock);
  gmp_channel_watch (channel, self->doorbell);
  add_news (self, slot);
}

/* Reports that @id has ended, with @reason or because it had finished (%NULL), and whether it
 * @returns. Called in any thread. */
void
gmp_inbox_peer_ended (GmpInbox     *self,
                      const char   *id,
                      const GError *reason,
                      gboolean      returns)
{
  Slot *slot = slot_new (id);

  slot->reason = reason != NULL ? g_error_copy (reason) : NULL;
  slot->has_left = returns;
  slot->has_ended = !returns;
  add_news (self, slot);
}

void
gmp_inbox_set_trust (GmpInbox      *self,
                     GmpInboxTrust trust)
{
  self->trust = trust;
}

/* The longest time in seconds from a message to a peer until its next message; 0: any time. */
void
gmp_inbox_set_turn_timeout (GmpInbox *self,
                            double    seconds)
{
  self->turn_timeout = (gint64) (MIN (seconds, G_MAXINT) * G_USEC_PER_SEC + 0.5);
  for (guint i = 0; i < self->open->len; i++)
    {
      Slot *slot = self->open->pdata[i];

      if (slot->channel != NULL)
        slot->channel->is_timed = self->turn_timeout > 0;
    }
}

/* Messages of several channels are gathered, and answered together. Call it before anything is
 * taken. */
void
gmp_inbox_set_gathers (GmpInbox *self)
{
  self->gathers = TRUE;
}

double
gmp_inbox_get_turn_timeout (GmpInbox *self)
{
  return self->turn_timeout / (double) G_USEC_PER_SEC;
}

/* When the first peer with an answer would be late, in monotonic time; -1 for never. */
gint64
gmp_inbox_get_turn_deadline (GmpInbox *self)
{
  gint64 first = -1;

  for (guint i = 0; self->turn_timeout > 0 && i < self->open->len; i++)
    {
      GmpChannel *channel = ((Slot *) self->open->pdata[i])->channel;

      if (channel != NULL && channel->answered_at > 0 &&
          (first == -1 || channel->answered_at + self->turn_timeout < first))
        first = channel->answered_at + self->turn_timeout;
    }
  return first;
}

/* The largest size in bytes of a value in any of the channels; 0 for no limit. Call it before
 * anything is taken. */
void
gmp_inbox_set_value_limit (GmpInbox *self,
                           guint64   limit)
{
  self->value_limit = limit;
}

/* The thread that takes has a main loop to continue: large values are prepared in another one. Call
 * it before anything is taken. */
void
gmp_inbox_set_later (GmpInbox *self)
{
  self->is_later = TRUE;
}

/* Takes ownership of @news. Unread messages of a peer that has ended are dropped, because no answer
 * could reach it. */
static void
adopt (GmpInbox *self,
       Slot     *news)
{
  Slot *slot = find_slot (self->open, news->id);

  if (news->channel != NULL)
    {
      gmp_spin_init (&self->spin, news->channel->n_workers);
      news->channel->gathers = self->gathers;
      news->channel->value_limit = self->value_limit;
      news->channel->is_timed = self->turn_timeout > 0;
      if (self->is_later)
        news->channel->later = gmp_doorbell_ref (self->doorbell);
    }
  if (news->channel != NULL && self->last_word != NULL)
    {
      gmp_channel_close (news->channel, self->last_word);
      g_ptr_array_add (self->closed, news);
      return;
    }
  if (slot == NULL)
    {
      if (news->channel != NULL)
        {
          g_ptr_array_add (self->open, news);
          gmp_inbox_enter_slot (self, news);
        }
      else
        {
          slot_free (news);
        }
      return;
    }
  g_clear_object (&slot->doubted);
  if (news->channel != NULL)
    {
      g_hash_table_remove (self->by_key, GUINT_TO_POINTER (slot->key));
      g_set_object (&slot->channel, news->channel);
      slot->key = news->key;
      slot->is_renewed = TRUE;
    }
  else
    {
      if (news->has_left)
        g_clear_object (&slot->channel);
      g_clear_error (&slot->reason);
      slot->reason = g_steal_pointer (&news->reason);
      slot->has_left = news->has_left;
      slot->has_ended = news->has_ended;
    }
  gmp_inbox_enter_slot (self, slot);
  slot_free (news);
}

/* A payload was checked when it was posted. */
static void
send_post (gpointer data,
           gpointer user_data G_GNUC_UNUSED)
{
  Post *post = data;

  if (post->reason != NULL)
    gmp_channel_close (post->channel, post->reason);
  else
    gmp_channel_send (post->channel, post->payload, NULL);
}

/* Called while no message is in use, because replaced channels are dropped here. The path of a
 * message takes no lock. Returns TRUE if a posted message of another thread was sent. */
static gboolean
adopt_added (GmpInbox *self)
{
  g_autoptr (GPtrArray) posts = NULL;

  if (!g_atomic_int_get (&self->has_added))
    return FALSE;
  g_mutex_lock (&self->lock);
  if (self->posts->len > 0)
    {
      posts = g_steal_pointer (&self->posts);
      self->posts = g_ptr_array_new_with_free_func (post_free);
    }
  for (guint i = 0; i < self->added->len; i++)
    adopt (self, self->added->pdata[i]);
  g_ptr_array_set_free_func (self->added, NULL);
  g_ptr_array_set_size (self->added, 0);
  g_ptr_array_set_free_func (self->added, slot_free);
  g_atomic_int_set (&self->has_added, FALSE);
  g_atomic_int_set (&self->n_open, (int) self->open->len);
  g_mutex_unlock (&self->lock);
  if (posts != NULL)
    g_ptr_array_foreach (posts, send_post, NULL);
  return posts != NULL;
}

/* User code may call this while a message is in use, from any thread, so it changes nothing. */
guint
gmp_inbox_get_n_open (GmpInbox *self)
{
  return (guint) g_atomic_int_get (&self->n_open);
}

/* A client's only channel, until a message is taken; %NULL if there is none now. A new channel
 * is then no longer reported. */
GmpChannel *
gmp_inbox_get_first (GmpInbox *self)
{
  Slot *slot;

  if (gmp_inbox_is_inherited (self))
    return NULL;
  adopt_added (self);
  if (self->open->len == 0)
    return NULL;
  slot = gmp_inbox_slot_at (self->open, 0);
  slot->is_renewed = FALSE;
  return slot->channel;
}

/* The runtime of the peer @id; %NULL if it is not there. As with gmp_inbox_get_n_open(), user code
 * may call this at any time. */
const char *
gmp_inbox_get_runtime (GmpInbox   *self,
                       const char *id)
{
  Slot *slot;
  const char *runtime;

  /* Another thread may have held the lock when this process was forked. */
  if (gmp_inbox_is_inherited (self))
    return NULL;
  g_mutex_lock (&self->lock);
  slot = find_slot (self->open, id);
  if (slot == NULL)
    slot = find_new_locked (self, id);
  runtime = slot != NULL ? slot->runtime : NULL;
  g_mutex_unlock (&self->lock);
  return runtime;
}

static void
close_slot (GmpInbox *self,
            Slot     *slot)
{
  guint i;

  gmp_inbox_leave_slot (self, slot);
  g_mutex_lock (&self->lock);
  if (g_ptr_array_find (self->open, slot, &i))
    g_ptr_array_add (self->closed, g_ptr_array_steal_index (self->open, i));
  if (find_new_locked (self, slot->id) == NULL)
    g_atomic_int_add (&self->n_open, -1);
  g_mutex_unlock (&self->lock);
}

static gboolean
is_believed (GmpInbox     *self,
             const GError *reason)
{
  if (self->trust == GMP_INBOX_TRUSTS_ALL)
    return TRUE;
  if (self->trust == GMP_INBOX_TRUSTS_LIVING)
    return !g_error_matches (reason, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  return self->trust == GMP_INBOX_TRUSTS_FINISHED &&
         (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CLOSED) ||
          g_error_matches (reason, GMP_ERROR, GMP_ERROR_SERVER_DONE));
}

/* The application would have reported the end of the peer by now. Servers wait for its word. */
static gboolean
is_cut (GmpInbox *self,
        Slot     *slot,
        GmpMail  *mail)
{
  if (slot->doubted == NULL || slot->doubted->cut_at == 0 ||
      self->trust != GMP_INBOX_TRUSTS_LIVING || g_get_monotonic_time () < slot->doubted->cut_at)
    return FALSE;
  gmp_channel_receive (slot->doubted, &mail->payload, &mail->error);
  return TRUE;
}

/* The next event that is not a message, or GMP_INBOX_EMPTY. */
static GmpInboxStatus
take_news (Slot    *slot,
           GmpMail *mail)
{
  if (slot->has_left)
    {
      slot->has_left = FALSE;
      mail->error = g_steal_pointer (&slot->reason);
      return GMP_INBOX_LEFT;
    }
  if (slot->is_renewed)
    {
      slot->is_renewed = FALSE;
      return GMP_INBOX_RENEWED;
    }
  return GMP_INBOX_EMPTY;
}

static GmpInboxStatus
take_from (GmpInbox *self,
           Slot     *slot,
           GmpMail  *mail)
{
  GmpInboxStatus news = take_news (slot, mail);
  GmpChannelStatus status = GMP_CHANNEL_EMPTY;

  if (news != GMP_INBOX_EMPTY)
    return news;
  if (slot->channel != NULL)
    status = gmp_channel_receive (slot->channel, &mail->payload, &mail->error);
  if (status == GMP_CHANNEL_PAYLOAD)
    {
      slot->channel->answered_at = 0;
      return GMP_INBOX_PAYLOAD;
    }
  if (status == GMP_CHANNEL_REFUSED)
    return GMP_INBOX_REFUSED;
  /* A server that is done closes its channels itself, and its last answer may be in flight. */
  if (slot->has_ended && status == GMP_CHANNEL_EMPTY && slot->channel != NULL &&
      g_error_matches (slot->reason, GMP_ERROR, GMP_ERROR_SERVER_DONE))
    return GMP_INBOX_EMPTY;
  /* And it may have failed this client before. */
  if (slot->has_ended && status == GMP_CHANNEL_CLOSED &&
      g_error_matches (slot->reason, GMP_ERROR, GMP_ERROR_SERVER_DONE) &&
      !g_error_matches (mail->error, GMP_ERROR, GMP_ERROR_DISCONNECTED))
    return GMP_INBOX_CLOSED;
  if (slot->has_ended)
    {
      g_clear_error (&mail->error);
      mail->error = g_steal_pointer (&slot->reason);
      return GMP_INBOX_CLOSED;
    }
  if (status == GMP_CHANNEL_EMPTY)
    return is_cut (self, slot, mail) ? GMP_INBOX_CLOSED : GMP_INBOX_EMPTY;
  if (is_believed (self, mail->error))
    return GMP_INBOX_CLOSED;
  g_clear_error (&mail->error);
  slot->doubted = g_steal_pointer (&slot->channel);
  return GMP_INBOX_EMPTY;
}

/* A peer whose time is over and that has not sent anything meanwhile, since this process may have
 * been held up itself; %NULL for none. Peers are checked only from time to time. */
static Slot *
find_late (GmpInbox *self)
{
  gint64 now = g_get_monotonic_time ();

  if (now < self->next_check)
    return NULL;
  self->next_check = now + MIN (self->turn_timeout / 16, G_USEC_PER_SEC);
  for (guint i = 0; i < self->open->len; i++)
    {
      GmpChannel *channel = gmp_inbox_slot_at (self->open, i)->channel;
      gint64 end = channel != NULL ? channel->answered_at + self->turn_timeout : 0;

      if (channel == NULL || channel->answered_at == 0)
        continue;
      self->next_check = MIN (self->next_check, MAX (end, now));
      if (end <= now)
        return gmp_inbox_slot_at (self->open, i);
    }
  return NULL;
}

static GmpInboxStatus
report (GmpInbox      *self,
        Slot          *slot,
        GmpInboxStatus status,
        GmpMail       *mail)
{
  mail->channel = slot->channel;
  mail->id = slot->id;
  if (status == GMP_INBOX_CLOSED)
    close_slot (self, slot);
  return status;
}

static GmpInboxStatus
take_late (GmpInbox *self,
           Slot     *slot,
           GmpMail  *mail)
{
  GmpInboxStatus status;

  /* A slot that rests has a channel, which this may take away. */
  gmp_inbox_poll_slot (self, slot);
  status = take_from (self, slot, mail);
  if (status == GMP_INBOX_EMPTY && slot->channel != NULL)
    {
      slot->channel->answered_at = 0;
      status = GMP_INBOX_LATE;
    }
  return status != GMP_INBOX_EMPTY ? report (self, slot, status, mail) : status;
}

static GmpInboxStatus
search (GmpInbox *self,
        GmpMail  *mail)
{
  guint n = self->polled->len;

  for (guint i = 0; i < n; i++)
    {
      guint at = (self->next + i) % n;
      Slot *slot = gmp_inbox_slot_at (self->polled, at);
      GmpInboxStatus status = take_from (self, slot, mail);

      if (status == GMP_INBOX_EMPTY)
        continue;
      slot->has_sent = TRUE;
      self->next = (at + 1) % n;
      return report (self, slot, status, mail);
    }
  return GMP_INBOX_EMPTY;
}

GmpInboxStatus
gmp_inbox_try_take (GmpInbox *self,
                    GmpMail  *mail)
{
  GmpInboxStatus status = GMP_INBOX_EMPTY;
  Slot *late = NULL;

  if (gmp_inbox_is_inherited (self))
    return GMP_INBOX_EMPTY;
  if (adopt_added (self))
    return GMP_INBOX_POSTED;
  if (++self->n_looks % LOOK_EVERY == 0)
    {
      self->was_rung |= gmp_doorbell_wait (self->doorbell, 0);
      gmp_inbox_rest_silent (self);
    }
  gmp_inbox_poll_rung (self);
  if (G_UNLIKELY (self->turn_timeout > 0))
    late = find_late (self);
  if (late != NULL)
    status = take_late (self, late, mail);
  return status != GMP_INBOX_EMPTY ? status : search (self, mail);
}

/* Marks this side as sleeping in all channels that do not rest; returns %TRUE if it must not
 * sleep. */
gboolean
gmp_inbox_begin_sleep (GmpInbox *self)
{
  gboolean has_news = g_atomic_int_get (&self->has_added) || self->was_rung ||
                      g_cancellable_is_cancelled (self->stop);

  self->was_rung = FALSE;
  for (guint i = 0; i < self->polled->len; i++)
    if (gmp_inbox_slot_at (self->polled, i)->channel != NULL)
      has_news |= gmp_channel_sleep (gmp_inbox_slot_at (self->polled, i)->channel);
  return has_news;
}

void
gmp_inbox_end_sleep (GmpInbox *self)
{
  for (guint i = 0; i < self->polled->len; i++)
    if (gmp_inbox_slot_at (self->polled, i)->channel != NULL)
      gmp_channel_wake (gmp_inbox_slot_at (self->polled, i)->channel);
}

/* @silent is called, once in a silence, when there was no message for GMP_INBOX_SILENCE. */
void
gmp_inbox_set_silent (GmpInbox       *self,
                      GmpInboxSilent  silent,
                      gpointer        user_data)
{
  self->silent = silent;
  self->silent_data = user_data;
}

/* No message for GMP_INBOX_SILENCE. */
void
gmp_inbox_trim (GmpInbox *self)
{
  for (guint i = 0; i < self->open->len; i++)
    if (gmp_inbox_slot_at (self->open, i)->channel != NULL)
      gmp_channel_trim (gmp_inbox_slot_at (self->open, i)->channel);
  if (self->silent != NULL)
    self->silent (self->silent_data);
}

/* Makes the receiving thread send @payload (nullable) to @channel, or close it with @reason
 * (nullable). Called in any thread. */
gboolean
gmp_inbox_post (GmpInbox     *self,
                GmpChannel   *channel,
                GVariant     *payload,
                const GError *reason,
                GError      **error)
{
  Post *post;

  if (payload != NULL && (!gmp_value_check_sendable (payload, error) ||
                          !gmp_value_check_size (g_variant_get_size (payload), self->value_limit,
                                                 GMP_ERROR_BAD_PAYLOAD, error)))
    return FALSE;
  post = g_new0 (Post, 1);
  post->channel = g_object_ref (channel);
  post->payload = payload != NULL ? g_variant_ref (payload) : NULL;
  post->reason = reason != NULL ? g_error_copy (reason) : NULL;
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->posts, post);
  g_atomic_int_set (&self->has_added, TRUE);
  g_mutex_unlock (&self->lock);
  gmp_doorbell_ring (self->doorbell);
  return TRUE;
}

/* TRUE if a message waits for room. */
gboolean
gmp_inbox_has_unsent (GmpInbox *self)
{
  gboolean result = FALSE;

  gmp_inbox_poll_unsent (self);
  for (guint i = 0; i < self->open->len; i++)
    result |= gmp_inbox_slot_at (self->open, i)->channel != NULL &&
              gmp_channel_has_unsent (gmp_inbox_slot_at (self->open, i)->channel);
  return result;
}

/* Ends every channel. The inbox keeps them until it is freed, so that clients which send after this
 * still receive @reason instead of a lost connection. */
void
gmp_inbox_close_all (GmpInbox     *self,
                     const GError *reason)
{
  if (gmp_inbox_is_inherited (self))
    return;
  adopt_added (self);
  if (self->last_word == NULL)
    self->last_word = g_error_copy (reason);
  for (guint i = 0; i < self->open->len; i++)
    if (gmp_inbox_slot_at (self->open, i)->channel != NULL)
      gmp_channel_close (gmp_inbox_slot_at (self->open, i)->channel, reason);
  while (self->open->len > 0)
    close_slot (self, gmp_inbox_slot_at (self->open, self->open->len - 1));
}

void
gmp_mail_clear (GmpMail *mail)
{
  g_clear_pointer (&mail->payload, g_variant_unref);
  g_clear_error (&mail->error);
}

GmpDoorbell *
gmp_inbox_get_doorbell (GmpInbox *self)
{
  return self->doorbell;
}
