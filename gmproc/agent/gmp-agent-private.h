/* gmp-agent-private.h: starts workers for an application on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-bus-private.h"
#include "peer/gmp-door-private.h"

G_BEGIN_DECLS

/* The reply of Hello. */
typedef struct {
  char *token;
  guint node;
  char *name;
  guint slots;
  GmpDoor *door;
  guint16 port; /* of the door */
} GmpAgentIdentity;

void gmp_agent_serve (GmpBus                 *bus,
                      const GmpAgentIdentity *identity,
                      double                  timeout);

G_END_DECLS
