/* gmp-target-private.h: targets: the code that a worker runs, as a string
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* A target is "RUNTIME:DESCRIPTION"; only the runtime reads the description. The native runtime's
 * descriptions are written and parsed here, for GmpNativeHost:
 *
 *   native:MODULE:SYMBOL                  an exported function, or a `_get_type` function
 *   native:MODULE:offset=0xADDR@BUILD_ID  a function that need not be exported
 *   native:MODULE:type=NAME               a GType, registered or found by its `_get_type` symbol
 *
 * MODULE is a path or a library's name; an empty MODULE is the program. */

#define GMP_TARGET_OFFSET "offset="
#define GMP_TARGET_TYPE   "type="

char *gmp_target_get_runtime  (const char *target,
                               GError    **error);
char *gmp_target_for_function (GmpMethod   method,
                               GError    **error);
const char *gmp_target_intern_function (GmpMethod method,
                                        GError  **error);
char *gmp_target_for_type     (GType       type,
                               GError    **error);

gboolean gmp_target_parse_native    (const char  *description,
                                     char       **module,
                                     const char **name,
                                     GError     **error);
gboolean gmp_target_parse_offset    (const char  *place,
                                     guintptr    *offset,
                                     const char **build_id);
char    *gmp_target_get_type_symbol (const char  *type_name);

G_END_DECLS
