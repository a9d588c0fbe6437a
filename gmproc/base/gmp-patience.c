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

/* Calls @again after a pause, in the thread-default main context; FALSE if it is time to give up.
 * @again calls gmp_patience_end_pause() first. */
gboolean
gmp_patience_begin_pause (GmpPatience *self,
                          int          priority,
                          GSourceFunc  again,
                          gpointer     user_data)
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
  /* Where there is room for one, two that try at the same time would each take half of it. */
  seconds = self->pause * (1 + g_atomic_int_add (&turn, 1) % 4 / 4.0);
  self->source = gmp_source_attach_limit (seconds, priority, again, user_data);
  self->pause *= 2;
  return TRUE;
}

/* A pause, if there is one, ends now. */
void
gmp_patience_hurry (GmpPatience *self,
                    int          priority,
                    GSourceFunc  again,
                    gpointer     user_data)
{
  if (self->source == NULL)
    return;
  gmp_source_clear (&self->source);
  self->source = gmp_source_attach (g_idle_source_new (), priority, again, user_data);
}

void
gmp_patience_end_pause (GmpPatience *self)
{
  gmp_source_clear (&self->source);
}

/* It begins anew. */
void
gmp_patience_clear (GmpPatience *self)
{
  gmp_source_clear (&self->source);
  self->pause = 0;
}
