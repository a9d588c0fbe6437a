/* gmp-failure-log-private.h: tells of workers that have died while others go on
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "report/gmp-failure.h"

G_BEGIN_DECLS

typedef struct {
  GPtrArray *untold; /* of GmpFailure */
  GSource *source;   /* (nullable): there is nothing to tell */
} GmpFailureLog;

void gmp_failure_log_init (GmpFailureLog  *self);
void gmp_failure_log_free (GmpFailureLog  *self);
void gmp_failure_log_add  (GmpFailureLog *self,
                           gpointer       owner,
                           GmpFailure    *failure);
void gmp_failure_log_end  (GmpFailureLog  *self);

G_END_DECLS
