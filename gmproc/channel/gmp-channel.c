/* gmp-channel.c: requests and responses between one client and its server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-channel-private.h"

G_DEFINE_INTERFACE (GmpChannel, gmp_channel, G_TYPE_OBJECT)

static void
gmp_channel_default_init (GmpChannelInterface *iface G_GNUC_UNUSED)
{
}

gboolean
gmp_channel_send (GmpChannel *self,
                  GVariant   *payload,
                  GError    **error)
{
  return GMP_CHANNEL_GET_IFACE (self)->send (self, payload, error);
}

GmpChannelStatus
gmp_channel_receive (GmpChannel *self,
                     GVariant  **payload,
                     GError    **error)
{
  return GMP_CHANNEL_GET_IFACE (self)->receive (self, payload, error);
}

void
gmp_channel_close (GmpChannel   *self,
                   const GError *reason)
{
  GMP_CHANNEL_GET_IFACE (self)->close (self, reason);
}

void
gmp_channel_set_doorbell (GmpChannel  *self,
                          GmpDoorbell *doorbell)
{
  GMP_CHANNEL_GET_IFACE (self)->set_doorbell (self, doorbell);
}
