/* gmp-limits-private.h: resource limits of a worker's process
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
