/* gmp-restarts-private.h: decides which workers are restarted
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "report/gmp-failure-private.h"
#include "supervision/gmp-node-losses-private.h"

G_BEGIN_DECLS

/* The restarts of one worker within a run: initially all zeros. */
typedef struct {
  GQueue recent; /* of Restart: within the period */
  guint  n;      /* in all */
  gboolean is_restart; /* what was allowed last; otherwise its first begin was in vain */
  GmpNodeLosses losses;
} GmpRestarts;

gboolean    gmp_restarts_allow    (GmpRestarts      *self,
                                   const GmpOptions *options,
                                   GmpFailure       *failure,
                                   gboolean          is_early);
GmpFailure *gmp_restarts_conclude (GmpRestarts *self,
                                   GmpFailure  *failure);
void        gmp_restarts_clear    (GmpRestarts *self);

G_END_DECLS
