/* gmp-variant.h: variants for language bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

GMP_PUBLIC GVariant *gmp_variant_from_bytes       (const char *type_string,
                                                   GBytes     *bytes,
                                                   GError    **error);
GMP_PUBLIC gboolean  gmp_variant_may_wait         (void);
GMP_PUBLIC gpointer  gmp_variant_get_private_data (GVariant   *value);

G_END_DECLS
