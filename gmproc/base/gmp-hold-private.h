/* gmp-hold-private.h: a run that returns after what it has called
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*GmpHoldFunc) (gpointer user_data);

/* A run calls user code, which may run the main loop, as a dialog does. Events that end the run
 * may happen there. The run then returns when the code has returned, because otherwise its
 * objects would be freed during the call. */
typedef struct {
  GmpHoldFunc maybe_return;
  gpointer user_data;
  guint n_calls;       /* that have not returned */
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
