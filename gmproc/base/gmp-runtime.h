/* gmp-runtime.h: which program runs the targets of a runtime
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

GMP_PUBLIC void gmp_runtime_set_command (const char         *runtime,
                                         const char * const *argv);

GMP_PUBLIC void gmp_runtime_add_modules (const char         *runtime,
                                         const char * const *names);

GMP_PUBLIC char *gmp_runtime_get_cold_start_reason (const char      *runtime);

G_END_DECLS
