/* gmp-channel.c: requests and responses between one client and its server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-channel-private.h"

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

static GmpMark *
gmp_channel_real_get_mark (GmpChannel *self G_GNUC_UNUSED)
{
  return NULL;
}

static void
gmp_channel_class_init (GmpChannelClass *klass)
{
  klass->has_unsent = gmp_channel_real_has_unsent;
  klass->sleep = gmp_channel_real_sleep;
  klass->wake = gmp_channel_real_wake;
  klass->trim = gmp_channel_real_wake;
  klass->get_mark = gmp_channel_real_get_mark;
}

static void
gmp_channel_init (GmpChannel *self)
{
  self->generation = gmp_fork_get_generation ();
}

gboolean
gmp_channel_send_tagged (GmpChannel *self,
                         guint8      tag,
                         GVariant   *payload,
                         GError    **error)
{
  if (G_UNLIKELY (self->is_timed))
    self->answered_at = g_get_monotonic_time ();
  /* Not an error, as for every channel that has ended: receive() reports it. */
  return gmp_channel_is_inherited (self) || GET_CLASS (self)->send (self, tag, payload, error);
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
  return !gmp_channel_is_inherited (self) && GET_CLASS (self)->has_unsent (self);
}

GmpChannelStatus
gmp_channel_receive (GmpChannel *self,
                     GVariant  **payload,
                     GError    **error)
{
  if (!gmp_channel_is_inherited (self))
    return GET_CLASS (self)->receive (self, payload, error);
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                       "The channel belongs to the process that this one was forked from");
  return GMP_CHANNEL_CLOSED;
}

void
gmp_channel_close (GmpChannel   *self,
                   const GError *reason)
{
  if (!gmp_channel_is_inherited (self))
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
  return gmp_channel_is_inherited (self) || GET_CLASS (self)->sleep (self);
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
