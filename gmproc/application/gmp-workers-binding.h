/* gmp-workers-binding.h: a run that receives its work while it runs, for bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-workers.h"

G_BEGIN_DECLS

/**
 * GmpWorkersFeed: (skip)
 * @user_data: what [method@Gmp.Workers.hold] was given
 *
 * Gives work to a run that is held open.
 *
 * Since: 0.1
 */
typedef void (*GmpWorkersFeed) (gpointer user_data);

GMP_PUBLIC void gmp_workers_set_label (GmpWorkers *self,
                                       int         id,
                                       const char *label);

GMP_PUBLIC void gmp_workers_hold    (GmpWorkers     *self,
                                     guint           n_workers,
                                     GmpWorkersFeed  feed,
                                     gpointer        user_data,
                                     GDestroyNotify  destroy);
GMP_PUBLIC void gmp_workers_wake    (GmpWorkers     *self);
GMP_PUBLIC void gmp_workers_release (GmpWorkers     *self);

G_END_DECLS
