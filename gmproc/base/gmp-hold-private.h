/* gmp-hold-private.h: a run that returns after what it has called
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*GmpHoldFunc) (gpointer user_data);

/* A run calls code of the user's, which may run the main loop: a dialog does. Whatever the run
 * waits for may come there. It then returns when that code has come back, or its objects would be
 * gone under it. */
typedef struct {
  GmpHoldFunc maybe_return;
  gpointer user_data;
  guint n_calls;       /* that have not come back */
  gboolean is_pending; /* it could have returned meanwhile */
  GSource *source;     /* (nullable): it can now */
} GmpHold;

void     gmp_hold_init   (GmpHold     *self,
                          GmpHoldFunc  maybe_return,
                          gpointer     user_data);
void     gmp_hold_clear  (GmpHold     *self);
void     gmp_hold_enter  (GmpHold     *self);
void     gmp_hold_leave  (GmpHold     *self,
                          int          priority);
gboolean gmp_hold_blocks (GmpHold     *self);

G_END_DECLS
