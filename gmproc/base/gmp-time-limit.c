/* gmp-time-limit.c: a limit of time that a process which was stopped does not use up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-time-limit-private.h"

/* A limit is counted in so many steps. */
#define N_STEPS 10

/* How late a step may end, in microseconds. Shorter limits are one step. */
#define LATENESS 10000

void
gmp_time_limit_begin (GmpTimeLimit *self,
                      gint64        duration,
                      gint64        now)
{
  self->n_left = duration < LATENESS ? 1 : N_STEPS;
  self->step = duration / self->n_left;
  self->end = now + self->step;
  self->was_late = FALSE;
}

/* Called when a step has ended: %TRUE if another follows.
 *
 * A step that ends late does not count: the whole process was held up for an unknown part of it,
 * and its peer perhaps too. The next one counts, late or not, so that a slow machine comes to an
 * end. */
gboolean
gmp_time_limit_goes_on (GmpTimeLimit *self,
                        gint64        now)
{
  gboolean is_late = now - self->end > MAX (self->step / 2, LATENESS);

  if (!is_late || self->was_late)
    self->n_left--;
  self->was_late = is_late && !self->was_late;
  self->end = now + self->step;
  return self->n_left > 0;
}

/* How much of the limit has been counted. */
gint64
gmp_time_limit_get_elapsed (const GmpTimeLimit *self)
{
  return (N_STEPS - self->n_left) * self->step;
}
