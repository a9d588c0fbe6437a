/* gmp-agent-channels-private.h: channels between workers of this node, and to those of others
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-channel-descriptors-private.h"
#include "peer/gmp-door-private.h"

G_BEGIN_DECLS

/* Ends that have not been passed on yet, by the names of their channels. */
typedef struct _GmpAgentChannels GmpAgentChannels;

GmpAgentChannels *gmp_agent_channels_new       (GmpDoor *door,
                                                double timeout);
void              gmp_agent_channels_free      (GmpAgentChannels *self);
GDBusMessage     *gmp_agent_channels_translate (GmpAgentChannels *self,
                                                GDBusMessage     *call,
                                                guint             worker,
                                                GError          **error);
void              gmp_agent_channels_forget    (GmpAgentChannels *self,
                                                guint             worker);

G_END_DECLS
