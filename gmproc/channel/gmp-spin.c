/* gmp-spin.c: how long to look for a message before sleeping
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-spin-private.h"

#include <sched.h>
#include <time.h>

/* The most turns of a wait. A pause takes some 40 ns on today's processors, so this is 80 us: a
 * few times what a sleep costs, which is the least that a wait costs otherwise. */
#define MAX_TURNS 2000

/* So many first turns have no pause: most answers come within them, and a pause in which one comes
 * only delays it. */
#define QUICK_TURNS 8

/* Now and then a turn lets others run, for the one who should answer may be among them: programs of
 * which nothing is known here may have the other processors. Where that costs 120 us a request
 * without it, it costs 7. And where the answer is there after others ran, each turn does so, until
 * nobody else is there to run. */
#define PAUSES_A_YIELD 100

/* How many nanoseconds tell a yield by which others ran from one that came back at once. */
#define OTHERS_RAN 1500

/* Where workers share processors that is so all the time. The pauses make the difference between
 * 1.5 and 0.75 us a request with 4 clients on 2 processors: most answers come before the next
 * switch to another process, which costs more than a request. The wait takes nothing from anybody,
 * so there is nothing to learn. */
#define PAUSES_A_YIELD_CROWDED 40
#define MAX_TURNS_CROWDED (20 * PAUSES_A_YIELD_CROWDED)

/* A message that comes this many microseconds after one went to sleep would have been found by
 * looking on: two wake-ups, which take up to 50 us each. */
#define SOON 150

#define MAX_DOUBT 1000

/* @n_workers are those that run together, this one too; 0 where that is not known. */
void
gmp_spin_init (GmpSpin *self,
               guint    n_workers)
{
  *self = (GmpSpin) { .is_crowded = n_workers > g_get_num_processors () };
  self->pauses = self->is_crowded ? PAUSES_A_YIELD_CROWDED : PAUSES_A_YIELD;
  if (n_workers > 0)
    self->limit = self->is_crowded ? MAX_TURNS_CROWDED : MAX_TURNS;
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

/* A wait begins. Who was woken for it may have been put on this very processor, as is usual for one
 * whose waker is expected to sleep. */
void
gmp_spin_begin (GmpSpin *self,
                gboolean has_woken)
{
  if (has_woken && self->limit > 0)
    sched_yield ();
}

static gint64
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

static void
let_others_run (GmpSpin *self)
{
  gint64 begin = now ();

  sched_yield ();
  self->others_ran = now () - begin > OTHERS_RAN;
  if (!self->others_ran && !self->is_crowded)
    self->pauses = PAUSES_A_YIELD;
}

/* One turn of waiting; %FALSE when it is time to sleep. */
gboolean
gmp_spin_turn (GmpSpin *self)
{
  if (self->turns >= self->limit)
    return FALSE;
  self->turns++;
  self->others_ran = FALSE;
  if (self->turns % self->pauses == 0)
    let_others_run (self);
  else if (self->turns > QUICK_TURNS)
    relax ();
  return TRUE;
}

/* A message has come: it was worth it, and four times as long still is. */
void
gmp_spin_found (GmpSpin *self)
{
  if (self->turns > 0 && !self->is_crowded)
    {
      self->limit = MIN (MAX (self->limit, 4 * self->turns), MAX_TURNS);
      self->doubt = 0;
      if (self->others_ran)
        self->pauses = 1;
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
      self->limit = MAX_TURNS;
    }
  self->turns = 0;
}
