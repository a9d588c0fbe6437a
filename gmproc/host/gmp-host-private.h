/* gmp-host-private.h: what a host does with each job
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "host/gmp-host.h"
#include "host/gmp-worker-skeleton-private.h"

G_BEGIN_DECLS

void gmp_host_run_job (GmpHost           *self,
                       GmpWorkerSkeleton *control,
                       GmpJob            *job);

G_END_DECLS
