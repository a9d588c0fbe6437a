/* gmp-fork-server-private.h: a process that forks workers of its kind
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "host/gmp-host.h"

G_BEGIN_DECLS

gboolean gmp_fork_server_is_wanted            (void);
gboolean gmp_fork_server_run                  (GmpHost *host,
                                               int      fd);
gboolean gmp_fork_server_has_lost_application (void);
gboolean gmp_fork_server_check                (GError **error);

G_END_DECLS
