/* gmp-value-private.h: a GVariant as type string and bytes, on its way between processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-error.h"
#include "base/gmp-normal-form-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The longest type string of a value. */
#define GMP_VALUE_TYPE_MAX GMP_NORMAL_FORM_TYPE_MAX

gboolean  gmp_value_check_sendable (GVariant           *value,
                                    GError            **error);
gboolean  gmp_value_check_type     (const char         *type,
                                    GError            **error);
gboolean  gmp_value_check_size     (guint64             size,
                                    guint64             limit,
                                    GmpError            code,
                                    GError            **error);
gboolean  gmp_value_is_numbers     (const char         *type);
gboolean  gmp_value_is_large       (const char         *type,
                                    gsize               size);
GVariant *gmp_value_from_bytes     (const char         *type,
                                    GBytes             *bytes,
                                    GmpNormalFormLook   look,
                                    GError            **error);

G_END_DECLS
