/* gmp-channel.c: requests and responses between one client and its server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-channel-private.h"

#include "base/gmp-errand-private.h"
#include "base/gmp-error.h"

G_DEFINE_ABSTRACT_TYPE (GmpChannel, gmp_channel, G_TYPE_OBJECT)

/* No type check, because this runs for every message. */
#define GET_CLASS(self) ((GmpChannelClass *) ((GTypeInstance *) (self))->g_class)

static gboolean
gmp_channel_real_has_unsent (GmpChannel *self G_GNUC_UNUSED)
{
  return FALSE;
}

static gboolean
gmp_channel_real_sleep (GmpChannel *self G_GNUC_UNUSED)
{
  return FALSE;
}

static void
gmp_channel_real_wake (GmpChannel *self G_GNUC_UNUSED)
{
}

static void
gmp_channel_real_fail (GmpChannel *self,
                       GError     *error)
{
  gmp_channel_close (self, error);
  g_error_free (error);
}

static GmpSender *
gmp_channel_real_get_sender (GmpChannel *self G_GNUC_UNUSED)
{
  return NULL;
}

static GmpMark *
gmp_channel_real_get_mark (GmpChannel *self G_GNUC_UNUSED)
{
  return NULL;
}

static void
gmp_channel_finalize (GObject *object)
{
  GmpChannel *self = GMP_CHANNEL (object);

  g_clear_pointer (&self->large, gmp_large_free);
  g_clear_pointer (&self->later, gmp_doorbell_unref);
  G_OBJECT_CLASS (gmp_channel_parent_class)->finalize (object);
}

static void
gmp_channel_class_init (GmpChannelClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_channel_finalize;
  klass->has_unsent = gmp_channel_real_has_unsent;
  klass->sleep = gmp_channel_real_sleep;
  klass->wake = gmp_channel_real_wake;
  klass->trim = gmp_channel_real_wake;
  klass->fail = gmp_channel_real_fail;
  klass->get_sender = gmp_channel_real_get_sender;
  klass->get_mark = gmp_channel_real_get_mark;
}

static void
gmp_channel_init (GmpChannel *self)
{
  self->generation = gmp_fork_get_generation ();
}

/* Has @payload prepared in another thread, and sent afterwards. FALSE if it is quicker to send it
 * now. */
static gboolean
send_later (GmpChannel *self,
            guint8      tag,
            GVariant   *payload)
{
  if (self->large != NULL || !gmp_errand_is_for (payload))
    return FALSE;
  self->large = gmp_large_new_sent (payload, tag, self->value_limit,
                                    GET_CLASS (self)->get_sender (self), self->later);
  return TRUE;
}

gboolean
gmp_channel_send_tagged (GmpChannel *self,
                         guint8      tag,
                         GVariant   *payload,
                         GError    **error)
{
  /* Not an error, as for every channel that has ended: receive() reports it. */
  if (gmp_channel_is_inherited (self) ||
      (G_UNLIKELY (self->later != NULL) && send_later (self, tag, payload)))
    return TRUE;
  if (G_UNLIKELY (self->is_timed))
    self->answered_at = g_get_monotonic_time ();
  return GET_CLASS (self)->send (self, tag, payload, error);
}

gboolean
gmp_channel_send (GmpChannel *self,
                  GVariant   *payload,
                  GError    **error)
{
  return gmp_channel_send_tagged (self, 0, payload, error);
}

gboolean
gmp_channel_has_unsent (GmpChannel *self)
{
  return !gmp_channel_is_inherited (self) &&
         ((self->large != NULL && gmp_large_is_sent (self->large)) ||
          GET_CLASS (self)->has_unsent (self));
}

/* The value that has come as @bytes; as gmp_value_from_bytes(). %NULL without an error if another
 * thread checks it first. */
GVariant *
gmp_channel_take_value (GmpChannel       *self,
                        const char       *type,
                        GBytes           *bytes,
                        GmpNormalFormLook look,
                        GError          **error)
{
  if (self->later == NULL || !gmp_value_is_large (type, g_bytes_get_size (bytes)))
    return gmp_value_from_bytes (type, bytes, look, error);
  /* The peer is not late, however long this takes. */
  self->answered_at = 0;
  self->large = gmp_large_new_received (type, bytes, look, self->later);
  return NULL;
}

static GmpChannelStatus
end_received (GmpChannel *self,
              GVariant  **payload,
              GError    **error)
{
  GError *local = NULL;

  *payload = gmp_large_finish (g_steal_pointer (&self->large), &local);
  if (*payload != NULL)
    return GMP_CHANNEL_PAYLOAD;
  g_propagate_error (error, g_error_copy (local));
  GET_CLASS (self)->fail (self, local);
  return GMP_CHANNEL_CLOSED;
}

static gboolean
end_sent (GmpChannel *self,
          GError    **error)
{
  guint8 tag = gmp_large_get_tag (self->large);
  g_autoptr (GVariant) payload = gmp_large_finish (g_steal_pointer (&self->large), error);
  gboolean result;

  if (payload == NULL)
    return FALSE;
  if (self->is_timed)
    self->answered_at = g_get_monotonic_time ();
  self->is_checked = TRUE;
  result = GET_CLASS (self)->send (self, tag, payload, error);
  self->is_checked = FALSE;
  return result;
}

/* Continues with the large value. */
static GmpChannelStatus
end_large (GmpChannel *self,
           GVariant  **payload,
           GError    **error)
{
  if (!gmp_large_is_done (self->large))
    return GMP_CHANNEL_EMPTY;
  if (!gmp_large_is_sent (self->large))
    return end_received (self, payload, error);
  /* What has arrived meanwhile has rung, and was not received. */
  return end_sent (self, error) ? GET_CLASS (self)->receive (self, payload, error)
                                : GMP_CHANNEL_REFUSED;
}

GmpChannelStatus
gmp_channel_receive (GmpChannel *self,
                     GVariant  **payload,
                     GError    **error)
{
  if (!gmp_channel_is_inherited (self))
    return G_UNLIKELY (self->large != NULL) ? end_large (self, payload, error)
                                            : GET_CLASS (self)->receive (self, payload, error);
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                       "The channel belongs to the process that this one was forked from");
  return GMP_CHANNEL_CLOSED;
}

void
gmp_channel_close (GmpChannel   *self,
                   const GError *reason)
{
  if (gmp_channel_is_inherited (self))
    return;
  g_clear_pointer (&self->large, gmp_large_free);
  GET_CLASS (self)->close (self, reason);
}

void
gmp_channel_watch (GmpChannel  *self,
                   GmpDoorbell *doorbell)
{
  if (!gmp_channel_is_inherited (self))
    GET_CLASS (self)->watch (self, doorbell);
}

gboolean
gmp_channel_sleep (GmpChannel *self)
{
  if (gmp_channel_is_inherited (self))
    return TRUE;
  /* Nothing is received meanwhile, and the doorbell rings afterwards. */
  return self->large != NULL ? gmp_large_is_done (self->large) : GET_CLASS (self)->sleep (self);
}

void
gmp_channel_wake (GmpChannel *self)
{
  if (!gmp_channel_is_inherited (self))
    GET_CLASS (self)->wake (self);
}

void
gmp_channel_trim (GmpChannel *self)
{
  if (!gmp_channel_is_inherited (self))
    GET_CLASS (self)->trim (self);
}

GmpMark *
gmp_channel_get_mark (GmpChannel *self)
{
  return gmp_channel_is_inherited (self) ? NULL : GET_CLASS (self)->get_mark (self);
}
