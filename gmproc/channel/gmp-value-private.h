/* gmp-value-private.h: a GVariant as type string and bytes, on its way between processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean  gmp_value_check_sendable (GVariant    *value,
                                    GError     **error);
gboolean  gmp_value_check_type     (const char  *type,
                                    GError     **error);
GVariant *gmp_value_from_bytes     (const char  *type,
                                    GBytes      *bytes,
                                    GError     **error);

G_END_DECLS
