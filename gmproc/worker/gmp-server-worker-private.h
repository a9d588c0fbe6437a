/* gmp-server-worker-private.h: what the life cycle tells a server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"
#include "worker/gmp-server-worker.h"

G_BEGIN_DECLS

void gmp_server_worker_set_inbox (GmpServerWorker *self,
                                  GmpInbox        *inbox);

G_END_DECLS
