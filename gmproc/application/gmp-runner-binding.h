/* gmp-runner-binding.h: how a blocking run ended, and which options are valid, for bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-runner.h"

G_BEGIN_DECLS

GMP_PUBLIC gboolean gmp_runner_was_interrupted (GmpRunner  *self);
GMP_PUBLIC gboolean gmp_runner_check_option    (const char *name,
                                                const char *text,
                                                GError    **error);

G_END_DECLS
