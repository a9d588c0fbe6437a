/* gmp-pool-private.h: workers that wait for another run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-remote-worker-private.h"

G_BEGIN_DECLS

/* Workers whose processes are kept from run to run. */
typedef struct _GmpPool GmpPool;

GmpPool         *gmp_pool_new         (void);
void             gmp_pool_free        (GmpPool         *self);
GMainContext    *gmp_pool_get_context (GmpPool         *self);
void             gmp_pool_begin_run   (GmpPool         *self);
void             gmp_pool_keep        (GmpPool         *self,
                                       GmpRemoteWorker *worker);
GmpRemoteWorker *gmp_pool_take        (GmpPool         *self);
gboolean         gmp_pool_has_kept    (GmpPool         *self);
void             gmp_pool_retire_later (GmpPool        *self);

G_END_DECLS
