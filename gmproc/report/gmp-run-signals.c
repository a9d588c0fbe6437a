/* gmp-run-signals.c: the signals of a run, for GmpWorkers and GmpClientServer
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "report/gmp-run-signals-private.h"

#include "base/gmp-enum-types.h"

/* For default handlers of the signal "log": writes the message where GLib would have written one of
 * this process. It is never fatal here, whatever G_DEBUG contains, because a worker's failure must
 * not end the application. */
void
gmp_run_signals_print_log (const char    *worker,
                           const char    *domain,
                           GLogLevelFlags level,
                           const char    *message)
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

/* Called from class_init. @log is the default handler of the signal "log". */
void
gmp_run_signals_install (GmpRunSignals *self,
                         GType          type,
                         GmpIdToInt     id_to_int,
                         GCallback      log)
{
  GType id_type = id_to_int != NULL ? G_TYPE_INT : G_TYPE_STRING;

  self->id_to_int = id_to_int;
  self->result = g_signal_new ("result", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 2, id_type, G_TYPE_VARIANT);
  self->failed = g_signal_new ("failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 2, id_type, G_TYPE_ERROR);
  self->restarted = g_signal_new ("restarted", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 2, id_type, GMP_TYPE_FAILURE);
  self->progress = g_signal_new ("progress", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 2, id_type, G_TYPE_VARIANT);
  if (id_to_int != NULL)
    self->turn = g_signal_new ("turn", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 2, id_type, G_TYPE_VARIANT);
  self->output = g_signal_new ("output", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 3, id_type, GMP_TYPE_OUTPUT_STREAM, G_TYPE_STRING);
  self->log = g_signal_new_class_handler ("log", type, G_SIGNAL_RUN_LAST, log,
                                          g_signal_accumulator_true_handled, NULL, NULL,
                                          G_TYPE_BOOLEAN, 4, id_type, G_TYPE_STRING, G_TYPE_UINT,
                                          G_TYPE_STRING);
}

/* The first argument is the id, which is a number for some classes. */
#define EMIT(self, signal, owner, id, ...) \
  G_STMT_START \
  { \
    if ((self)->id_to_int != NULL) \
      g_signal_emit (owner, (self)->signal, 0, (self)->id_to_int (id), __VA_ARGS__); \
    else \
      g_signal_emit (owner, (self)->signal, 0, id, __VA_ARGS__); \
  } \
  G_STMT_END

void
gmp_run_signals_result (const GmpRunSignals *self,
                        gpointer             owner,
                        const char          *id,
                        GVariant            *value)
{
  EMIT (self, result, owner, id, value);
}

void
gmp_run_signals_failed (const GmpRunSignals *self,
                        gpointer             owner,
                        const char          *id,
                        const GError        *error)
{
  EMIT (self, failed, owner, id, error);
}

/* @failure is %NULL for a worker that had finished. */
void
gmp_run_signals_restarted (const GmpRunSignals *self,
                           gpointer             owner,
                           const char          *id,
                           GmpFailure          *failure)
{
  EMIT (self, restarted, owner, id, failure);
}

void
gmp_run_signals_progress (const GmpRunSignals *self,
                          gpointer             owner,
                          const char          *id,
                          GVariant            *value)
{
  EMIT (self, progress, owner, id, value);
}

/* Only workers with numbers have turns. */
void
gmp_run_signals_turn (const GmpRunSignals *self,
                      gpointer             owner,
                      const char          *id,
                      GVariant            *value)
{
  EMIT (self, turn, owner, id, value);
}

void
gmp_run_signals_output (const GmpRunSignals *self,
                        gpointer             owner,
                        const char          *id,
                        GmpOutputStream      stream,
                        const char          *line)
{
  EMIT (self, output, owner, id, stream, line);
}

void
gmp_run_signals_log (const GmpRunSignals *self,
                     gpointer             owner,
                     const char          *id,
                     const char          *domain,
                     GLogLevelFlags       level,
                     const char          *message)
{
  gboolean handled;

  EMIT (self, log, owner, id, domain, level, message, &handled);
}
