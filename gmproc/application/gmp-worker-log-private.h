/* gmp-worker-log-private.h: where a worker's log messages go
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

void gmp_worker_log_print (const char *worker,
                           const char *domain,
                           guint       level,
                           const char *message);

G_END_DECLS
