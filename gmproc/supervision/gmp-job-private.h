/* gmp-job-private.h: one run of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-deadline-private.h"
#include "base/gmp-job-spec-private.h"
#include "launch/gmp-worker-process-private.h"
#include "peer/gmp-packing-private.h"
#include "report/gmp-failure-private.h"

G_BEGIN_DECLS

/* The worker has to end early: for @reason (ownership is taken), an exceeded limit; or %NULL if the
 * run was cancelled. */
typedef void (*GmpJobExpired) (GError  *reason,
                               gpointer user_data);

/* One execution of a target: the target, the limits that end it early, and its result. */
typedef struct {
  GmpJobSpec spec;

  GmpOptions *options;
  gint64 begin_time;
  int pid;                /* of the worker itself, even inside a debugger */
  gboolean was_connected; /* its process has established the control connection */
  gboolean was_cancelled;
  const GmpOomWitness *memory; /* of a cause before its process was started */
  GmpJobExpired expired;
  gpointer user_data;
  GSource *cancel_source;
  GmpDeadline *startup_limit; /* (nullable) */
  GmpDeadline *run_limit;     /* (nullable) */
  GmpPacking *packing;    /* (nullable): of large parameters, until the worker has them */

  gboolean has_turns;     /* it has sent turns, so there is no other value */
  gboolean has_value;
  GVariant *value;        /* (nullable) */
  GError *error;          /* (nullable): why it failed, once known */
} GmpJob;

GmpJob     *gmp_job_new                (const GmpJobSpec *spec);
void        gmp_job_free               (GmpJob *self);
void        gmp_job_begin              (GmpJob       *self,
                                        GmpOptions   *options,
                                        GCancellable *cancellable,
                                        GmpJobExpired expired,
                                        gpointer      user_data);
gboolean    gmp_job_pack               (GmpJob     *self,
                                        GSourceFunc packed,
                                        gpointer    user_data);
void        gmp_job_drop_packing       (GmpJob *self);
void        gmp_job_cancel             (GmpJob *self);
void        gmp_job_await_start        (GmpJob *self);
void        gmp_job_started            (GmpJob *self);
void        gmp_job_end                (GmpJob *self);
void        gmp_job_take_value         (GmpJob   *self,
                                        GVariant *value);
void        gmp_job_take_error         (GmpJob *self,
                                        GError *error);
gboolean    gmp_job_has_answer         (GmpJob *self);
gboolean    gmp_job_is_over            (GmpJob *self);
gboolean    gmp_job_failed_to_begin    (GmpJob           *self,
                                        GmpWorkerProcess *process);
GmpFailure *gmp_job_to_failure         (GmpJob           *self,
                                        GmpWorkerProcess *process);
void        gmp_job_warn_of_late_death (GmpJob           *self,
                                        GmpWorkerProcess *process);

G_END_DECLS
