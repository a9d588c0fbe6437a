/* gmp-channel-private.h: requests and responses between one client and its server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-doorbell-private.h"

G_BEGIN_DECLS

/* One end of a two-way pipe of payloads. What carries them is the implementation's business: a
 * worker never knows which one it has. No call waits; GmpInbox does that.
 *
 * send:         queues @payload (nullable, not floating) for the other end.
 * receive:      the next payload, in order. On GMP_CHANNEL_CLOSED, @error is the reason that the
 *               other end gave; without one, GMP_ERROR_DISCONNECTED.
 * close:        ends the channel in both directions, @reason (nullable) being what the other end's
 *               receive() reports. The first close counts.
 * set_doorbell: @doorbell is rung, from any thread, whenever receive() has something new to say.
 */

typedef enum {
  GMP_CHANNEL_EMPTY,
  GMP_CHANNEL_PAYLOAD,
  GMP_CHANNEL_CLOSED
} GmpChannelStatus;

#define GMP_TYPE_CHANNEL (gmp_channel_get_type ())
G_DECLARE_INTERFACE (GmpChannel, gmp_channel, GMP, CHANNEL, GObject)

struct _GmpChannelInterface
{
  GTypeInterface parent_iface;

  gboolean         (*send)         (GmpChannel   *self,
                                    GVariant     *payload,
                                    GError      **error);
  GmpChannelStatus (*receive)      (GmpChannel   *self,
                                    GVariant    **payload,
                                    GError      **error);
  void             (*close)        (GmpChannel   *self,
                                    const GError *reason);
  void             (*set_doorbell) (GmpChannel   *self,
                                    GmpDoorbell  *doorbell);
};

gboolean         gmp_channel_send         (GmpChannel   *self,
                                           GVariant     *payload,
                                           GError      **error);
GmpChannelStatus gmp_channel_receive      (GmpChannel   *self,
                                           GVariant    **payload,
                                           GError      **error);
void             gmp_channel_close        (GmpChannel   *self,
                                           const GError *reason);
void             gmp_channel_set_doorbell (GmpChannel   *self,
                                           GmpDoorbell  *doorbell);

G_END_DECLS
