/* gmp-failure.h: why and how a worker failed
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/**
 * GmpFailureClass:
 * @parent_class: the parent class
 *
 * The class of a final type.
 *
 * Since: 0.1
 */

#define GMP_TYPE_FAILURE (gmp_failure_get_type ())
GMP_PUBLIC G_DECLARE_FINAL_TYPE (GmpFailure, gmp_failure, GMP, FAILURE, GObject)

GMP_PUBLIC const char         *gmp_failure_get_id            (GmpFailure *self);
GMP_PUBLIC const GError       *gmp_failure_get_error         (GmpFailure *self);
GMP_PUBLIC int                 gmp_failure_get_pid           (GmpFailure *self);
GMP_PUBLIC const char         *gmp_failure_get_node          (GmpFailure *self);
GMP_PUBLIC int                 gmp_failure_get_exit_status   (GmpFailure *self);
GMP_PUBLIC int                 gmp_failure_get_signal        (GmpFailure *self);
GMP_PUBLIC gboolean            gmp_failure_get_out_of_memory (GmpFailure *self);
GMP_PUBLIC double              gmp_failure_get_run_time      (GmpFailure *self);
GMP_PUBLIC guint64             gmp_failure_get_peak_memory   (GmpFailure *self);
GMP_PUBLIC guint               gmp_failure_get_n_restarts    (GmpFailure *self);
GMP_PUBLIC const char * const *gmp_failure_get_last_lines    (GmpFailure *self);

G_END_DECLS
