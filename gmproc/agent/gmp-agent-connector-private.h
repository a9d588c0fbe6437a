/* gmp-agent-connector-private.h: connects a worker's channel to another node
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-net-letter-private.h"

G_BEGIN_DECLS

void gmp_agent_connect (const char      *name,
                        const GmpNetKey *key,
                        char           **addresses,
                        guint16          port,
                        double           timeout,
                        int              fd);

G_END_DECLS
