/* gmp-runtime-private.h: which program runs the targets of a runtime
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-runtime.h"

G_BEGIN_DECLS

/* The program of this process, wherever it was found. */
#define GMP_OWN_PROGRAM "/proc/self/exe"

char    **gmp_runtime_get_command     (const char *runtime,
                                       GError    **error);
char    **gmp_runtime_get_modules     (const char *runtime);
guint     gmp_runtime_count_modules   (const char *runtime);
void      gmp_runtime_set_cold_start_reason (const char *runtime,
                                             const char *reason);
gboolean  gmp_runtime_may_fork        (const char *runtime);
void      gmp_runtime_set_program     (const char *path);
gboolean  gmp_runtime_is_lost_program (const char *path);
gboolean  gmp_runtime_is_program      (const char *target);
gboolean  gmp_runtime_check_program   (const char *path,
                                       GError    **error);

G_END_DECLS
