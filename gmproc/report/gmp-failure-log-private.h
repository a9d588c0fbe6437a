/* gmp-failure-log-private.h: logs the deaths of workers during a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-error.h"
#include "report/gmp-failure.h"

G_BEGIN_DECLS

typedef struct {
  gpointer owner;     /* emits the signal `failed` */
  GPtrArray *pending; /* of GmpFailure */
  GSource *source;    /* (nullable): nothing is left to log */
} GmpFailureLog;

void gmp_failure_log_init (GmpFailureLog *self,
                           gpointer       owner);
void gmp_failure_log_free (GmpFailureLog *self);
void gmp_failure_log_add  (GmpFailureLog *self,
                           GmpFailure    *failure);
void gmp_failure_log_end  (GmpFailureLog *self);

G_END_DECLS
