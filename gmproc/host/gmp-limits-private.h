/* gmp-limits-private.h: what a worker's process may use
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

gboolean gmp_limits_apply (GVariant *options,
                           GError  **error);

G_END_DECLS
