/* gmp-fork-server-private.h: a process that forks workers of its kind
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The methods of a GmpHost that it calls: they load what its workers need, and fork. */
typedef struct {
  gpointer host;
  void (*load) (gpointer   host,
                GVariant  *what,
                GError   **error);
  int  (*fork) (gpointer   host,
                GError   **error);
} GmpForkServerCode;

gboolean gmp_fork_server_is_wanted            (void);
gboolean gmp_fork_server_run                  (int                      fd,
                                               const GmpForkServerCode *code);
gboolean gmp_fork_server_has_lost_application (void);
gboolean gmp_fork_server_check                (GError **error);
void     gmp_fork_server_set_slow             (const char * const *names);

G_END_DECLS
