/* gmp-failure-private.h: what an error says about a worker that failed
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What is known about a worker whose run failed. */
typedef struct {
  const char   *role;          /* as in org.gmproc.Worker1.Run */
  const char   *id;
  int           pid;           /* 0: never launched */
  gboolean      was_connected; /* it got as far as the control plane */
  int           wait_status;   /* as from waitpid(), where there is no @cause */
  const GError *cause;         /* (nullable): the worker's own word, or the application's */
  const GQueue *tail;          /* (nullable): of char *: the last lines of standard error */
} GmpFailure;

char   *gmp_failure_describe_worker (const GmpFailure *self);
char   *gmp_failure_describe_exit   (const GmpFailure *self);
GError *gmp_failure_to_error        (const GmpFailure *self);

G_END_DECLS
