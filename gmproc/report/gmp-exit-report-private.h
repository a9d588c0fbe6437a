/* gmp-exit-report-private.h: the facts about a worker's end, and their text
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-options-private.h"
#include "launch/gmp-oom-witness-private.h"
#include "launch/gmp-process-private.h"

G_BEGIN_DECLS

/* The facts about a worker that has ended or could not start. */
typedef struct {
  const char       *role;          /* as in org.gmproc.Worker1.Run */
  const char       *id;
  const char       *label;         /* what messages call it */
  const char       *target;
  const GmpOptions *options;
  int               pid;           /* 0: never launched */
  const char       *node;          /* (nullable): this machine */
  gboolean          was_connected; /* the control connection was established */
  gboolean          has_returned;  /* its result has arrived */
  gboolean          has_ended;
  int               wait_status;   /* as from waitpid(), when it has ended */
  gboolean          was_signalled; /* by the application */
  const GmpOomWitness *memory;        /* of a cause before its start */
  double            run_time;      /* in seconds */
  GmpProcessUsage   usage;         /* all 0: not known */
  const GError     *cause;         /* (nullable): the error that the worker sent, or that the
                                      application set */
  const GQueue     *tail;          /* (nullable): of char *: the last lines of standard error */
} GmpExitReport;

char   *gmp_exit_report_describe_worker (const GmpExitReport *self);
char   *gmp_exit_report_describe_exit   (const GmpExitReport *self);
gboolean gmp_exit_report_had_no_thread  (const GmpExitReport *self);
GError *gmp_exit_report_to_error        (const GmpExitReport *self,
                                         gboolean             out_of_memory);

G_END_DECLS
