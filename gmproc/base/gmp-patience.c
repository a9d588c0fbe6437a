/* gmp-patience.c: tries something again, for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-patience-private.h"

#include "base/gmp-source-private.h"

/* How long it tries, in microseconds, and the first pause, in seconds. Each other is twice as
 * long. */
#define LIMIT       (2 * G_TIME_SPAN_SECOND)
#define FIRST_PAUSE 0.05

/* @again is called from the main loop after each pause. */
void
gmp_patience_init (GmpPatience    *self,
                   GmpPatienceFunc again,
                   gpointer        user_data)
{
  *self = (GmpPatience) { .again = again, .user_data = user_data };
}

static gboolean
again_cb (gpointer user_data)
{
  GmpPatience *self = user_data;

  gmp_source_clear (&self->source);
  self->again (self->user_data);
  return G_SOURCE_REMOVE;
}

/* Begins a pause, in the thread-default main context; FALSE if it is time to give up. */
gboolean
gmp_patience_begin_pause (GmpPatience *self,
                          int          priority)
{
  static int turn;
  gint64 now = g_get_monotonic_time ();
  double seconds;

  if (self->pause == 0)
    {
      self->pause = FIRST_PAUSE;
      self->end = now + LIMIT;
    }
  if (now >= self->end)
    return FALSE;
  /* If there is room for one, two attempts at the same time would each take half of it. */
  seconds = self->pause * (1 + g_atomic_int_add (&turn, 1) % 4 / 4.0);
  self->source = gmp_source_attach_limit (seconds, priority, again_cb, self);
  self->pause *= 2;
  return TRUE;
}

/* A pause, if there is one, ends now. */
void
gmp_patience_hurry (GmpPatience *self,
                    int          priority)
{
  if (self->source == NULL)
    return;
  gmp_source_clear (&self->source);
  self->source = gmp_source_attach (g_idle_source_new (), priority, again_cb, self);
}

/* It begins anew. */
void
gmp_patience_clear (GmpPatience *self)
{
  gmp_source_clear (&self->source);
  self->pause = 0;
}
