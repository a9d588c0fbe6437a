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

/* Where workers share processors, one that waits lets others run now and then, and that takes
 * nothing from anybody: so there is nothing to learn. The pauses in between make the difference
 * between 1.5 and 0.75 us a request with 4 clients on 2 processors: most answers come before the
 * next switch to another process, which costs more than a request. */
#define PAUSES_A_YIELD 20
#define MAX_CROWDED_TURNS (20 * (PAUSES_A_YIELD + 1))

/* A message that comes this many microseconds after one went to sleep would have been found by
 * looking on. */
#define SOON 60

#define MAX_DOUBT 1000

/* @n_workers are those that run together, this one too; 0 where that is not known. */
void
gmp_spin_init (GmpSpin *self,
               guint    n_workers)
{
  *self = (GmpSpin) { .is_crowded = n_workers > g_get_num_processors () };
  if (n_workers > 0)
    self->limit = self->is_crowded ? MAX_CROWDED_TURNS : MAX_PAUSES;
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
  if (self->is_crowded && self->turns % (PAUSES_A_YIELD + 1) == 0)
    sched_yield ();
  else
    relax ();
  return TRUE;
}

/* A message has come: it was worth it, and four times as long still is. */
void
gmp_spin_found (GmpSpin *self)
{
  if (self->turns > 0 && !self->is_crowded)
    {
      self->limit = MIN (MAX (self->limit, 4 * self->turns), MAX_PAUSES);
      self->doubt = 0;
    }
  self->turns = 0;
}

/* A sleep of @duration microseconds has ended. Where it came after looking in vain, that was
 * wasted, or worse: the one who should answer may have waited for this very processor. Where it
 * came at once and was short, looking would do; but each time that this proves wrong, it is
 * believed after twice as many such sleeps. */
void
gmp_spin_slept (GmpSpin *self,
                gint64   duration)
{
  gboolean was_short = duration < SOON;

  if (self->is_crowded)
    {
      self->turns = 0;
    }
  else if (self->turns > 0)
    {
      self->limit = was_short ? 0 : self->limit / 2;
      self->doubt = MIN (2 * self->doubt + 1, MAX_DOUBT);
      self->n_short = self->doubt;
    }
  else if (was_short && self->n_short > 0)
    {
      self->n_short--;
    }
  else if (was_short)
    {
      self->limit = MAX_PAUSES;
    }
  self->turns = 0;
}
