/* gmp-run-private.h: one run of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-failure-private.h"
#include "application/gmp-worker-process-private.h"

G_BEGIN_DECLS

/* The worker has to end before its time: for @reason, which is taken over, a limit that was
 * exceeded; or %NULL, for the run was cancelled. */
typedef void (*GmpRunExpired) (GError  *reason,
                               gpointer user_data);

/* What a worker is asked for, what ends that before its time, and what came of it. */
typedef struct {
  char *role;             /* as in org.gmproc.Worker1.Run */
  char *id;
  char *target;
  GVariant *params;       /* (nullable) */

  GmpOptions *options;
  gint64 begin_time;
  int pid;                /* of the worker itself, also where a debugger is around it */
  gboolean was_connected; /* the process that it is in got as far as the control plane */
  gboolean was_cancelled;
  const GmpOomMark *memory; /* of before its process was started */
  GmpRunExpired expired;
  gpointer user_data;
  GSource *cancel_source;
  GSource *startup_source;
  GSource *limit_source;

  gboolean has_value;
  GVariant *value;        /* (nullable) */
  GError *error;          /* (nullable): why it failed, once that is known */
} GmpRun;

GmpRun     *gmp_run_new                (const char       *role,
                                        const char       *id,
                                        const char       *target,
                                        GVariant         *params);
void        gmp_run_free               (GmpRun           *self);
void        gmp_run_begin              (GmpRun           *self,
                                        GmpOptions       *options,
                                        GCancellable     *cancellable,
                                        GmpRunExpired     expired,
                                        gpointer          user_data);
void        gmp_run_await_start        (GmpRun           *self);
void        gmp_run_started            (GmpRun           *self);
void        gmp_run_end                (GmpRun           *self);
void        gmp_run_take_value         (GmpRun           *self,
                                        GVariant         *value);
void        gmp_run_take_error         (GmpRun           *self,
                                        GError           *error);
gboolean    gmp_run_has_answer         (GmpRun           *self);
gboolean    gmp_run_is_over            (GmpRun           *self);
GmpFailure *gmp_run_to_failure         (GmpRun           *self,
                                        GmpWorkerProcess *process);
void        gmp_run_warn_of_late_death (GmpRun           *self,
                                        GmpWorkerProcess *process);

G_END_DECLS
