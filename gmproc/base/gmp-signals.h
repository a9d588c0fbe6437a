/* gmp-signals.h: signals that a language handles while the library waits
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/**
 * GmpSignalsFunc:
 * @user_data: what [func@Gmp.signals_watch] was given
 * @error: return location for an error
 *
 * Reads the descriptor until it is empty, and runs the handlers of the signals that have arrived.
 *
 * Returns: %TRUE on success; %FALSE with an error where a handler failed, which ends the wait
 *
 * Since: 0.1
 */
typedef gboolean (*GmpSignalsFunc) (gpointer user_data,
                                    GError **error);

GMP_PUBLIC void gmp_signals_watch (int            fd,
                                   GmpSignalsFunc handle,
                                   gpointer       user_data);

G_END_DECLS
