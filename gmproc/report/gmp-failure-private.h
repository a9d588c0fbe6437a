/* gmp-failure-private.h: why and how a worker failed
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "report/gmp-exit-report-private.h"
#include "report/gmp-failure.h"

G_BEGIN_DECLS

GmpFailure *gmp_failure_new           (const GmpExitReport *end);
GmpFailure *gmp_failure_new_for_error (const char   *id,
                                       const GError *error);
void        gmp_failure_give_up       (GmpFailure *self,
                                       guint       n_restarts,
                                       GmpFailure *last);

G_END_DECLS
