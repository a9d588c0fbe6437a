/* gmp-time-limit.c: a limit of time that a process which was stopped does not use up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-time-limit-private.h"

/* The number of steps in a limit. */
#define N_STEPS 10

/* The tolerated delay of a step, in microseconds. Shorter limits have one step. */
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
 * A step that ends late does not count: the process was held up for an unknown part of it, and
 * perhaps its peer too. The next step counts, late or not, so that the limit is reached on a slow
 * machine too. */
gboolean
gmp_time_limit_continues (GmpTimeLimit *self,
                          gint64        now)
{
  gboolean is_late = now - self->end > MAX (self->step / 2, LATENESS);

  if (!is_late || self->was_late)
    self->n_left--;
  self->was_late = is_late && !self->was_late;
  self->end = now + self->step;
  return self->n_left > 0;
}

/* Called when a step has ended that does not count: its peer was stopped. */
void
gmp_time_limit_repeat (GmpTimeLimit *self,
                       gint64        now)
{
  self->end = now + self->step;
}

/* The elapsed part of the limit. */
gint64
gmp_time_limit_get_elapsed (const GmpTimeLimit *self)
{
  return (N_STEPS - self->n_left) * self->step;
}
