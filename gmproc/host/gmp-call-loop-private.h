/* gmp-call-loop-private.h: a worker of a pool
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "host/gmp-host.h"
#include "host/gmp-worker-skeleton-private.h"

G_BEGIN_DECLS

gboolean gmp_call_loop_run (GmpHost           *host,
                            GmpWorkerSkeleton *control,
                            GmpJob            *job,
                            GError           **error);

G_END_DECLS
