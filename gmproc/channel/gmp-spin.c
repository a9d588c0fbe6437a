/* gmp-spin.c: how long to look for a message before sleeping
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-spin-private.h"

#include "base/gmp-processors-private.h"

#include <sched.h>
#include <time.h>

/* The most turns of a wait. A pause takes about 40 ns on current processors, so this is 80 us: a
 * few times the cost of a sleep, which is the minimum of a wait without polling. */
#define MAX_TURNS 2000

/* The number of first turns without a pause: most answers arrive within them, and a pause would
 * only delay them. */
#define QUICK_TURNS 8

/* From time to time a turn yields, because the process that should answer may be waiting for this
 * processor: unknown programs may occupy the others. In that case a request takes 7 us instead of
 * 120 us. If the answer has arrived after a yield, each turn yields until no other process wants to
 * run. */
#define PAUSES_A_YIELD 100

/* A yield that takes more nanoseconds than this has let others run. */
#define OTHERS_RAN 1500

/* A yield that takes more nanoseconds than this has given a whole time slice away, usually to
 * another program: since Linux 6.6 a process that yields is scheduled after the others have had
 * their slices. A process that sleeps is woken in time, so polling is then worse than sleeping. */
#define SLOW_YIELD 500000

/* Polling continues in spite of slow yields if the messages that it has found are worth them: each
 * saved this number of nanoseconds, two wake-ups. At most so many messages count. */
#define GAIN 20000
#define MAX_CREDIT 1000

/* So many messages are worth a time slice. */
#define SLICE_CREDIT 150

/* Workers that share processors are always in that case. With 4 clients on 2 processors the pauses
 * reduce a request from 1.5 to 0.75 us: most answers arrive before the next switch to another
 * process, which costs more than a request. The wait takes no time from other processes, so there
 * is nothing to learn but whether yields are slow. */
#define PAUSES_A_YIELD_CROWDED 40
#define YIELDS_CROWDED 20

/* Where a server answers several clients at once, none of the pauses brings an answer sooner: all
 * clients have to run first, and then the server. On 2 processors a round of 8 clients in Python
 * takes 43 us instead of 60. Elsewhere so few pauses make a request up to 1.7 times slower. */
#define PAUSES_A_YIELD_GATHERING 5

/* With more workers a processor than this, a wait yields in each turn: the other side has to wait
 * for its own turn anyway, and a look of a server goes over all channels. On 2 processors a request
 * takes half as long with 400 clients, and two thirds as long with 1,000. With 64 the pauses are
 * still better, 2.0 us instead of 2.5. */
#define MAX_WORKERS_THAT_PAUSE 40

/* A message that arrives within this number of microseconds after falling asleep would have been
 * found by polling: two wake-ups, which take up to 50 us each. */
#define SOON 150

#define MAX_DOUBT 1000

static guint
get_max_turns (GmpSpin *self)
{
  if (!self->is_crowded)
    return MAX_TURNS;
  return self->pauses == 1 ? YIELDS_CROWDED : YIELDS_CROWDED * PAUSES_A_YIELD_CROWDED;
}

/* @n_workers is the number that run together, including this one; 0 if unknown. */
void
gmp_spin_init (GmpSpin *self,
               guint    n_workers)
{
  guint n_processors = gmp_processors_count ();

  *self = (GmpSpin) { .is_crowded = n_workers > n_processors };
  if (n_workers > MAX_WORKERS_THAT_PAUSE * n_processors)
    self->pauses = 1;
  else
    self->pauses = self->is_crowded ? PAUSES_A_YIELD_CROWDED : PAUSES_A_YIELD;
  if (n_workers > 0)
    self->limit = get_max_turns (self);
}

/* Whether the messages that are waited for come together, or their answers do. */
void
gmp_spin_set_gathers (GmpSpin *self,
                      gboolean gathers)
{
  if (self->is_crowded && self->pauses > 1)
    self->pauses = gathers ? PAUSES_A_YIELD_GATHERING : PAUSES_A_YIELD_CROWDED;
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

static gint64
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

/* Polling has failed: it pauses until it would have worked a number of times, which doubles. */
static void
doubt (GmpSpin *self,
       guint    limit)
{
  self->limit = limit;
  self->doubt = MIN (2 * self->doubt + 1, MAX_DOUBT);
  self->n_short = self->doubt;
}

/* A yield took @duration nanoseconds. If the peer was busy it may have been the peer that ran, and
 * its answer was worth the wait. */
static void
judge_yield (GmpSpin *self,
             gint64   duration)
{
  guint cost = (guint) (MIN (duration, G_MAXINT) / GAIN);

  if (duration < SLOW_YIELD || self->has_busy_peer)
    return;
  if (self->credit >= cost)
    {
      self->credit -= cost;
    }
  else
    {
      self->credit = 0;
      doubt (self, 0);
    }
}

static void
let_others_run (GmpSpin *self)
{
  gint64 begin = now ();
  gint64 duration;

  sched_yield ();
  duration = now () - begin;
  self->others_ran = duration > OTHERS_RAN;
  if (!self->others_ran && !self->is_crowded)
    self->pauses = PAUSES_A_YIELD;
  judge_yield (self, duration);
}

/* A wait begins. The process that was woken for it may be on this processor, where the kernel
 * usually puts a process whose waker is expected to sleep. @has_busy_peer: the only peer was awake
 * when this process began to wait for it. */
void
gmp_spin_begin (GmpSpin *self,
                gboolean has_woken,
                gboolean has_busy_peer)
{
  self->has_busy_peer = has_busy_peer;
  if (has_woken && self->limit > 0)
    let_others_run (self);
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

/* A message has arrived: polling has paid, and up to four times as long still pays. */
void
gmp_spin_found (GmpSpin *self)
{
  guint n_turns = self->turns;

  self->turns = 0;
  if (n_turns == 0 || self->limit == 0)
    return;
  self->credit = MIN (self->credit + 1, MAX_CREDIT);
  if (self->credit >= SLICE_CREDIT)
    self->doubt = 0;
  if (self->is_crowded)
    return;
  self->limit = MIN (MAX (self->limit, 4 * n_turns), MAX_TURNS);
  if (self->others_ran)
    self->pauses = 1;
}

/* A sleep of @duration microseconds has ended. If polling before it failed, the polling was wasted,
 * or worse: the process that should answer may have waited for this processor. (Where workers share
 * processors they yield, and this happens to all of them.) If there was no polling and the sleep
 * was short, polling would have worked; but each time that this proves wrong, twice as many short
 * sleeps are needed before polling again. */
void
gmp_spin_slept (GmpSpin *self,
                gint64   duration)
{
  gboolean was_short = duration < SOON;

  if (self->turns > 0 && self->limit > 0)
    {
      if (!self->is_crowded)
        doubt (self, was_short ? 0 : self->limit / 2);
    }
  else if (was_short && self->n_short > 0)
    {
      self->n_short--;
    }
  else if (was_short)
    {
      self->limit = get_max_turns (self);
    }
  self->turns = 0;
}
