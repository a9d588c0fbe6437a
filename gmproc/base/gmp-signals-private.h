/* gmp-signals-private.h: signals that a language handles while the library waits
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-signals.h"

G_BEGIN_DECLS

int      gmp_signals_get_fd (void);
gboolean gmp_signals_handle (GError **error);

G_END_DECLS
