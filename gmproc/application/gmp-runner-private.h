/* gmp-runner-private.h: the interface between a run and its GmpRunner
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-runner.h"
#include "base/gmp-options-private.h"
#include "report/gmp-failure-log-private.h"
#include "report/gmp-results-private.h"

G_BEGIN_DECLS

GmpOptions    *gmp_runner_copy_options    (GmpRunner *self);
gboolean       gmp_runner_claim           (GmpRunner *self,
                                           GError   **error);
gboolean       gmp_runner_claim_async     (GmpRunner          *self,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);
void           gmp_runner_release         (GmpRunner *self);
gboolean       gmp_runner_is_claimed      (GmpRunner *self);
void           gmp_runner_set_interrupted (GmpRunner *self);
GmpResults    *gmp_runner_get_results     (GmpRunner *self);
GmpFailureLog *gmp_runner_get_failure_log (GmpRunner *self);

G_END_DECLS
