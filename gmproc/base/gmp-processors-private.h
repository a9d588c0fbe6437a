/* gmp-processors-private.h: the number of processors that this process may use
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint gmp_processors_count (void);

G_END_DECLS
