/* gmp-child-private.h: waiting for a child that was a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/resource.h>

G_BEGIN_DECLS

gboolean gmp_child_reap (int            pid,
                         int           *wait_status,
                         struct rusage *usage);

G_END_DECLS
