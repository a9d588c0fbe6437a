/* gmp-worker-log.c: where a worker's log messages go
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-worker-log-private.h"

/* Where GLib would have written it, had it been logged here; but never fatal here, whatever G_DEBUG
 * says: a worker's failure is its own. */
void
gmp_worker_log_print (const char *worker,
                      const char *domain,
                      guint       level,
                      const char *message)
{
  g_autofree char *labelled = g_strdup_printf ("worker '%s': %s", worker, message);
  GLogField fields[] = {
    { "MESSAGE", labelled, -1 },
    { "GMPROC_WORKER", worker, -1 },
    { "GLIB_DOMAIN", domain, -1 },
  };
  gsize n_fields = G_N_ELEMENTS (fields) - (domain[0] == '\0' ? 1 : 0);

  if (g_log_writer_is_journald (2))
    g_log_writer_journald (level, fields, n_fields, NULL);
  else
    g_log_writer_standard_streams (level, fields, n_fields, NULL);
}
