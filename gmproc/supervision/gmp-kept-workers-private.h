/* gmp-kept-workers-private.h: workers that wait for another run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "supervision/gmp-worker-proxy-private.h"

G_BEGIN_DECLS

/* Workers whose processes are kept between runs. */
typedef struct _GmpKeptWorkers GmpKeptWorkers;

GmpKeptWorkers *gmp_kept_workers_new          (void);
void            gmp_kept_workers_free         (GmpKeptWorkers *self);
GMainContext   *gmp_kept_workers_get_context  (GmpKeptWorkers *self,
                                               GError        **error);
void            gmp_kept_workers_begin_run    (GmpKeptWorkers *self);
void            gmp_kept_workers_keep         (GmpKeptWorkers *self,
                                               GmpWorkerProxy *worker);
GmpWorkerProxy *gmp_kept_workers_take         (GmpKeptWorkers *self);
gboolean        gmp_kept_workers_has_kept     (GmpKeptWorkers *self);
void            gmp_kept_workers_retire_later (GmpKeptWorkers *self);

G_END_DECLS
