/* gmp-server-worker-private.h: the interface between a server and its life cycle
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "worker/gmp-server-cycle-private.h"
#include "worker/gmp-server-worker.h"

G_BEGIN_DECLS

GmpServerMode       gmp_server_worker_get_mode       (GmpServerWorker *self);
const GmpBatchRule *gmp_server_worker_get_batch_rule (GmpServerWorker *self);
void                gmp_server_worker_apply_turn_timeout (GmpServerWorker *self);

G_END_DECLS
