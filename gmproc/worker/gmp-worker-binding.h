/* gmp-worker-binding.h: information for bindings about the worker of this process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "worker/gmp-worker.h"

G_BEGIN_DECLS

GMP_PUBLIC const char *gmp_worker_get_application_runtime (void);
GMP_PUBLIC const char *gmp_worker_get_peer_runtime        (GmpWorker  *self,
                                                           const char *peer_id);
GMP_PUBLIC void        gmp_worker_enter                   (void);

G_END_DECLS
