/* gmp-hold.c: a run that returns after what it has called
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-hold-private.h"

#include "base/gmp-source-private.h"

/* @maybe_return is called from the main loop, when nothing that was called is on the stack. */
void
gmp_hold_init (GmpHold     *self,
               GmpHoldFunc  maybe_return,
               gpointer     user_data)
{
  *self = (GmpHold) { .maybe_return = maybe_return, .user_data = user_data };
}

/* It has returned, or will not. */
void
gmp_hold_clear (GmpHold *self)
{
  self->is_pending = FALSE;
  gmp_source_clear (&self->source);
}

/* Before a call. */
void
gmp_hold_enter (GmpHold *self)
{
  self->n_calls++;
}

static gboolean
return_cb (gpointer user_data)
{
  GmpHold *self = user_data;

  gmp_hold_clear (self);
  self->maybe_return (self->user_data);
  return G_SOURCE_REMOVE;
}

/* After it. The caller may continue to use the run's objects, so the run does not return from here,
 * but from the thread-default main context. */
void
gmp_hold_leave (GmpHold *self,
                int      priority)
{
  self->n_calls--;
  if (self->n_calls == 0 && self->is_pending && self->source == NULL)
    self->source = gmp_source_attach (g_idle_source_new (), priority, return_cb, self);
}

/* Asked by a run that is about to return: whether it has to wait. */
gboolean
gmp_hold_blocks (GmpHold *self)
{
  self->is_pending = self->n_calls > 0;
  return self->is_pending;
}
