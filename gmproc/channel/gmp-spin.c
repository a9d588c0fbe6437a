/* gmp-spin.c: how long to look for a message before sleeping
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-spin-private.h"

#include <sched.h>

/* The most turns of a wait. A pause takes some 40 ns on today's processors, so this is 80 us: a
 * few times what a sleep costs, which is the least that a wait costs otherwise. */
#define MAX_PAUSES 2000

/* Where others wait for the processor, a turn lets them have it. This many are enough for each of
 * 16 clients to have its own. */
#define MAX_YIELDS 50

/* A message that comes this many microseconds after one went to sleep would have been found by
 * looking on. */
#define SOON 60
#define SOON_CROWDED 300

static guint
get_max (GmpSpin *self)
{
  return self->is_crowded ? MAX_YIELDS : MAX_PAUSES;
}

/* @n_workers are those that run together, this one too; 0 where that is not known. */
void
gmp_spin_init (GmpSpin *self,
               guint    n_workers)
{
  *self = (GmpSpin) { .is_crowded = n_workers > g_get_num_processors () };
  self->limit = n_workers > 0 ? get_max (self) : 0;
}

static void
relax (void)
{
#if defined (__x86_64__) || defined (__i386__)
  __builtin_ia32_pause ();
#elif defined (__aarch64__)
  __asm__ volatile ("isb" ::: "memory");
#endif
}

/* One turn of waiting; %FALSE when it is time to sleep. */
gboolean
gmp_spin_turn (GmpSpin *self)
{
  if (self->turns >= self->limit)
    return FALSE;
  self->turns++;
  if (self->is_crowded)
    sched_yield ();
  else
    relax ();
  return TRUE;
}

/* A message has come: it was worth it, and four times as long still is. */
void
gmp_spin_found (GmpSpin *self)
{
  if (self->turns > 0)
    self->limit = MIN (MAX (self->limit, 4 * self->turns), get_max (self));
  self->turns = 0;
}

/* It was not, and a sleep of @duration microseconds came after it. */
void
gmp_spin_slept (GmpSpin *self,
                gint64   duration)
{
  gboolean was_soon = duration < (self->is_crowded ? SOON_CROWDED : SOON);

  self->limit = was_soon ? get_max (self) : self->limit / 2;
  self->turns = 0;
}
