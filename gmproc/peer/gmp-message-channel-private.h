/* gmp-message-channel-private.h: a channel that is D-Bus messages over a socket
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_MESSAGE_CHANNEL (gmp_message_channel_get_type ())
G_DECLARE_FINAL_TYPE (GmpMessageChannel, gmp_message_channel, GMP, MESSAGE_CHANNEL,
                      GmpChannel)

GmpChannel *gmp_message_channel_new (int      fd,
                                     GError **error);

G_END_DECLS
