/* spin.c: how long a process looks for a message before it sleeps, on a busy machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-spin-private.h"

#include <sched.h>
#include <time.h>

/* Nanoseconds, and what a yield takes of them. */
#define QUICK 1000
#define SLICE 3000000

/* More than a wait has. */
#define MANY_TURNS 10000

/* In microseconds. */
#define SHORT_SLEEP 50
#define LONG_SLEEP 5000

static gint64 time_now;
static gint64 yield_time;
static guint n_yields;

/* These take the place of the C library's, so that no other program plays a part. */

int
sched_yield (void)
{
  n_yields++;
  time_now += yield_time;
  return 0;
}

int
clock_gettime (clockid_t        clock G_GNUC_UNUSED,
               struct timespec *result)
{
  result->tv_sec = time_now / 1000000000;
  result->tv_nsec = time_now % 1000000000;
  return 0;
}

static GmpSpin
make_spin (gboolean is_crowded)
{
  GmpSpin spin;

  gmp_spin_init (&spin, is_crowded ? g_get_num_processors () + 1 : 1);
  n_yields = 0;
  return spin;
}

/* The turns of a wait in which no message comes. */
static guint
wait_in_vain (GmpSpin *spin,
              gboolean has_busy_peer)
{
  guint n_turns = 0;

  gmp_spin_begin (spin, FALSE, has_busy_peer);
  while (n_turns < MANY_TURNS && gmp_spin_turn (spin))
    n_turns++;
  g_assert_cmpuint (n_turns, <, MANY_TURNS);
  return n_turns;
}

static void
find (GmpSpin *spin,
      guint    n)
{
  for (guint i = 0; i < n; i++)
    {
      gmp_spin_begin (spin, FALSE, FALSE);
      g_assert_true (gmp_spin_turn (spin));
      gmp_spin_found (spin);
    }
}

/* A yield that returns at once costs nothing. */
static void
test_quick_yields (gconstpointer is_crowded)
{
  GmpSpin spin = make_spin (is_crowded != NULL);

  yield_time = QUICK;
  g_assert_cmpuint (wait_in_vain (&spin, FALSE), >, 100);
  g_assert_cmpuint (n_yields, >, 10);
}

/* One that gave a slice away ends the wait: a process that sleeps is woken in time. */
static void
test_slow_yields (gconstpointer is_crowded)
{
  GmpSpin spin = make_spin (is_crowded != NULL);

  yield_time = SLICE;
  wait_in_vain (&spin, FALSE);
  g_assert_cmpuint (n_yields, ==, 1);
  gmp_spin_slept (&spin, LONG_SLEEP);

  /* Nor is there one for the process that was woken. */
  gmp_spin_begin (&spin, TRUE, FALSE);
  g_assert_false (gmp_spin_turn (&spin));
  g_assert_cmpuint (n_yields, ==, 1);
}

/* Polling is tried again after short sleeps, and after twice as many each time that it failed. */
static void
test_recovery (gconstpointer is_crowded)
{
  GmpSpin spin = make_spin (is_crowded != NULL);
  guint last = 0;

  yield_time = SLICE;
  for (guint i = 0; i < 5; i++)
    {
      guint n_sleeps = 0;

      wait_in_vain (&spin, FALSE);
      gmp_spin_slept (&spin, SHORT_SLEEP);
      while (!gmp_spin_turn (&spin))
        {
          gmp_spin_slept (&spin, SHORT_SLEEP);
          n_sleeps++;
        }
      g_assert_cmpuint (n_sleeps, >, last);
      last = n_sleeps;
    }
  g_assert_cmpuint (n_yields, ==, 5);
  g_assert_cmpuint (last, <, 100);
}

/* The answer of a peer that was awake may be what the slice was for. */
static void
test_busy_peer (void)
{
  GmpSpin spin = make_spin (TRUE);

  yield_time = SLICE;
  wait_in_vain (&spin, TRUE);
  g_assert_cmpuint (n_yields, >, 10);
}

/* Many messages found are worth some slow yields. */
static void
test_credit (void)
{
  GmpSpin spin = make_spin (TRUE);

  yield_time = SLICE;
  find (&spin, 5 * SLICE / 20000);
  wait_in_vain (&spin, FALSE);
  g_assert_cmpuint (n_yields, ==, 6);
}

/* Where messages come together, others run earlier, and the wait is as long. */
static void
test_gathering (void)
{
  GmpSpin spin = make_spin (TRUE);
  GmpSpin alone = make_spin (FALSE);
  guint n_before, n_turns;

  yield_time = QUICK;
  n_turns = wait_in_vain (&spin, FALSE);
  n_before = n_yields;
  spin = make_spin (TRUE);
  gmp_spin_set_gathers (&spin, TRUE);
  g_assert_cmpuint (wait_in_vain (&spin, FALSE), ==, n_turns);
  g_assert_cmpuint (n_yields, >, 4 * n_before);

  spin = make_spin (TRUE);
  gmp_spin_set_gathers (&spin, TRUE);
  gmp_spin_set_gathers (&spin, FALSE);
  wait_in_vain (&spin, FALSE);
  g_assert_cmpuint (n_yields, ==, n_before);

  /* With a processor for each, nobody waits for this one. */
  n_yields = 0;
  wait_in_vain (&alone, FALSE);
  n_before = n_yields;
  alone = make_spin (FALSE);
  gmp_spin_set_gathers (&alone, TRUE);
  wait_in_vain (&alone, FALSE);
  g_assert_cmpuint (n_yields, ==, n_before);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint is_crowded = 0; is_crowded < 2; is_crowded++)
    {
      const char *kind = is_crowded ? "crowded" : "alone";
      const struct {
        const char *name;
        GTestDataFunc run;
      } tests[] = {
        { "quick-yields", test_quick_yields },
        { "slow-yields", test_slow_yields },
        { "recovery", test_recovery },
      };

      for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
        {
          g_autofree char *path = g_strdup_printf ("/spin/%s/%s", tests[i].name, kind);

          g_test_add_data_func (path, GUINT_TO_POINTER (is_crowded), tests[i].run);
        }
    }
  g_test_add_func ("/spin/busy-peer", test_busy_peer);
  g_test_add_func ("/spin/credit", test_credit);
  g_test_add_func ("/spin/gathering", test_gathering);
  return g_test_run ();
}
