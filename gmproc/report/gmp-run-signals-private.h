/* gmp-run-signals-private.h: the signals of a run, for GmpWorkers and GmpClientServer
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "report/gmp-failure.h"

G_BEGIN_DECLS

typedef int (*GmpIdToInt) (const char *id);

typedef struct {
  GmpIdToInt id_to_int; /* (nullable): handlers get the id as a string */
  guint result;
  guint failed;
  guint restarted;
  guint progress;
  guint turn; /* 0: no such signal */
  guint output;
  guint log;
} GmpRunSignals;

void gmp_run_signals_install   (GmpRunSignals *self,
                                GType          type,
                                GmpIdToInt     id_to_int,
                                GCallback      log);
void gmp_run_signals_result    (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                GVariant            *value);
void gmp_run_signals_failed    (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                const GError        *error);
void gmp_run_signals_restarted (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                GmpFailure          *failure);
void gmp_run_signals_progress  (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                GVariant            *value);
void gmp_run_signals_turn      (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                GVariant            *value);
void gmp_run_signals_output    (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                GmpOutputStream      stream,
                                const char          *line);
void gmp_run_signals_log       (const GmpRunSignals *self,
                                gpointer             owner,
                                const char          *id,
                                const char          *domain,
                                GLogLevelFlags       level,
                                const char          *message);
void gmp_run_signals_print_log (const char          *worker,
                                const char          *domain,
                                GLogLevelFlags       level,
                                const char          *message);

G_END_DECLS
