/* gmp-net-channel-private.h: a channel to a worker on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_NET_CHANNEL (gmp_net_channel_get_type ())
G_DECLARE_FINAL_TYPE (GmpNetChannel, gmp_net_channel, GMP, NET_CHANNEL, GmpChannel)

GmpChannel *gmp_net_channel_new (int      fd,
                                 GError **error);

G_END_DECLS
