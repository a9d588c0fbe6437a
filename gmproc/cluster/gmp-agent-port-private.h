/* gmp-agent-port-private.h: the port that agents connect to, and what they have to prove
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cluster/gmp-agent-proxy-private.h"
#include "peer/gmp-door-private.h"

G_BEGIN_DECLS

/* It stays until the program ends, and lives in the thread of gmp_bus_get_context(). */
typedef struct _GmpAgentPort GmpAgentPort;

/* How many agents may still come that give this name; 0 for one that nobody was given. */
typedef guint (*GmpAgentPortExpected) (const char *name,
                                       gpointer    user_data);

/* An agent has connected, from @address. Returns %FALSE for one that was not invited with this
 * token. @hello is NULL if its version has another Hello, so that it cannot be used. */
typedef gboolean (*GmpAgentPortArrived) (GmpBus              *bus,
                                         const GmpAgentHello *hello,
                                         const char          *token,
                                         const char          *version,
                                         const char          *address,
                                         gpointer             user_data);

GmpAgentPort *gmp_agent_port_open       (GTlsCertificate     *certificate,
                                         GmpDoor             *door,
                                         GmpAgentPortExpected expected,
                                         GmpAgentPortArrived  arrived,
                                         gpointer             user_data,
                                         GError             **error);
guint16       gmp_agent_port_get_number (GmpAgentPort        *self);

G_END_DECLS
