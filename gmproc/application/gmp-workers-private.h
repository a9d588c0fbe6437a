/* gmp-workers-private.h: declarations that the sources of GmpWorkers share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-workers.h"
#include "base/gmp-job-spec-private.h"
#include "supervision/gmp-supervisor-private.h"

G_BEGIN_DECLS

typedef struct {
  GHashTable *entries; /* of GmpJobSpec, by id; one without a target is the process vfunc */
  GArray *spec;       /* of int: the ids as they were added */
  guint max_parallel;
  gboolean reuse;
  GmpSupervisor *supervisor;
  gboolean options_changed; /* while the supervisor has the old ones */
} GmpWorkersPrivate;

GmpWorkersPrivate *gmp_workers_get_private     (GmpWorkers *self);
void               gmp_workers_install_methods (GmpWorkersClass *klass);
gboolean           gmp_workers_has_process     (GmpWorkers *self);
void               gmp_workers_notify_results  (GmpWorkers *self);
void               gmp_workers_apply_options   (GmpWorkers *self);

G_END_DECLS
