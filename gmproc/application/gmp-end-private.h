/* gmp-end-private.h: what is known of a worker's end, and what is said of it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-oom-private.h"
#include "application/gmp-options-private.h"
#include "launch/gmp-process-private.h"

G_BEGIN_DECLS

/* What is known when a worker has ended, or could not begin. */
typedef struct {
  const char       *role;          /* as in org.gmproc.Worker1.Run */
  const char       *id;
  const char       *target;
  const GmpOptions *options;
  int               pid;           /* 0: never launched */
  gboolean          was_connected; /* it got as far as the control plane */
  gboolean          has_ended;
  int               wait_status;   /* as from waitpid(), when it has ended */
  gboolean          was_signalled; /* by the application */
  const GmpOomMark *memory;        /* of before it was started */
  double            run_time;      /* in seconds */
  GmpProcessUsage   usage;         /* all 0: not known */
  const GError     *cause;         /* (nullable): the worker's own word, or the application's */
  const GQueue     *tail;          /* (nullable): of char *: the last lines of standard error */
} GmpEnd;

char   *gmp_end_describe_worker (const GmpEnd *self);
char   *gmp_end_describe_exit   (const GmpEnd *self);
GError *gmp_end_to_error        (const GmpEnd *self,
                                 gboolean      out_of_memory);

G_END_DECLS
