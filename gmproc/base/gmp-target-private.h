/* gmp-target-private.h: what a worker runs, as a string
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* A target is "RUNTIME:DESCRIPTION"; only the runtime reads the description. The native runtime's
 * descriptions are written here and read by GmpNativeHost:
 *
 *   native:MODULE:SYMBOL                  an exported function, or a `_get_type` function
 *   native:MODULE:offset=0xADDR@BUILD_ID  a function that need not be exported
 *   native:MODULE:type=NAME               a GType, registered or found by its `_get_type` symbol
 *
 * MODULE is a path or a library's name; empty, it is the program. */

#define GMP_TARGET_OFFSET "offset="
#define GMP_TARGET_TYPE   "type="

char *gmp_target_get_runtime  (const char *target,
                               GError    **error);
char *gmp_target_for_function (GmpMethod   method,
                               GError    **error);
char *gmp_target_for_type     (GType       type,
                               GError    **error);

G_END_DECLS
