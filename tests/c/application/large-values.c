/* large-values.c: a main loop continues while large values are sent and received
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-large.h"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_CALLS 50
#define N_SMALL 10

/* Large results that are received one after the other, and how often. */
#define N_RESULTS 6
#define N_RUNS    2

/* What workers do. */

static GVariant *
count_entries (GVariant *params,
               GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 ((guint) g_variant_n_children (params));
}

static GVariant *
tell_pid (GVariant *params G_GNUC_UNUSED,
          GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static GVariant *
give_much (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  return test_large_build ();
}

static GVariant *
report_much (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (test_large_build ());

  for (guint i = 0; i < 2; i++)
    if (!gmp_worker_report (g_variant_new_uint32 (i), error) || !gmp_worker_report (value, error))
      return NULL;
  return g_variant_new_uint32 (2);
}

static GVariant *
count_calls (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  static guint n_calls;

  return g_variant_new_uint32 (++n_calls);
}

/* Runs of workers. */

static guint
get_uint (GVariant *results,
          int       id)
{
  g_autoptr (GVariant) value = gmp_test_get_int (results, id);

  return g_variant_get_uint32 (value);
}

/* A kept worker, so that the loop does not wait for a process meanwhile. */
static GmpWorkers *
keep_worker (GmpMethod method)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  g_object_set (workers, "reuse", TRUE, NULL);
  gmp_test_add_worker (workers, 1, method, g_variant_new ("a{sv}", NULL));
  results = gmp_test_run (workers);
  return workers;
}

static void
test_params (void)
{
  g_autoptr (GmpWorkers) workers = keep_worker (count_entries);
  g_autoptr (GVariant) results = NULL;
  TestOthers others;

  gmp_workers_set_params (workers, 1, test_large_build (), NULL);
  test_others_begin (&others);
  results = gmp_test_run_in_loop (workers);
  g_assert_cmpuint (get_uint (results, 1), ==, TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

/* Several workers with the same value, which is being serialised when the others begin. */
static void
test_same_params (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) params = g_variant_ref_sink (test_large_build ());
  g_autoptr (GVariant) results = NULL;
  TestOthers others;

  for (int i = 0; i < 3; i++)
    gmp_test_add_worker (workers, i, count_entries, params);
  test_others_begin (&others);
  results = gmp_test_run_in_loop (workers);
  for (int i = 0; i < 3; i++)
    g_assert_cmpuint (get_uint (results, i), ==, TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

static void
test_result (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  TestOthers others;

  gmp_test_add_worker (workers, 1, give_much, NULL);
  test_others_begin (&others);
  results = gmp_test_run_in_loop (workers);
  value = gmp_test_get_int (results, 1);
  g_assert_cmpuint (g_variant_n_children (value), ==, TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

static void
progress_cb (GmpWorkers *workers G_GNUC_UNUSED,
             int         id G_GNUC_UNUSED,
             GVariant   *value,
             guint      *n_reports)
{
  guint n = (*n_reports)++;

  if (n % 2 == 0)
    g_assert_cmpuint (g_variant_get_uint32 (value), ==, n / 2);
  else
    g_assert_cmpuint (g_variant_n_children (value), ==, TEST_LARGE_ENTRIES);
}

/* Reports keep their order, and come before the result. */
static void
test_reports (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  guint n_reports = 0;
  TestOthers others;

  gmp_test_add_worker (workers, 1, report_much, NULL);
  g_signal_connect (workers, "progress", G_CALLBACK (progress_cb), &n_reports);
  test_others_begin (&others);
  results = gmp_test_run_in_loop (workers);
  g_assert_cmpuint (get_uint (results, 1), ==, 2);
  g_assert_cmpuint (n_reports, ==, 4);
  test_others_end (&others);
}

/* Ends before the value is serialised, and leaves the kept process alone. */
static void
test_cancel (void)
{
  g_autoptr (GmpWorkers) workers = keep_worker (tell_pid);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) before = gmp_test_run_in_loop (workers);
  g_autoptr (GVariant) none = NULL;
  g_autoptr (GVariant) after = NULL;
  g_autoptr (GError) error = NULL;
  TestOthers others;

  gmp_workers_set_params (workers, 1, test_large_build (), NULL);
  test_others_begin (&others);
  gmp_workers_run_async (workers, NULL, 0, cancellable, gmp_test_done_cb, &result);
  g_cancellable_cancel (cancellable);
  none = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_assert_null (none);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (others.n_turns, <=, TEST_LARGE_TURNS);
  after = gmp_test_run_in_loop (workers);
  g_assert_true (g_variant_equal (before, after));
  test_others_end (&others);
}

/* A child that is forked meanwhile can use the value. */
static void
test_fork (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) params = g_variant_ref_sink (test_large_build ());
  g_autoptr (GError) error = NULL;
  int status = -1;
  int pid;

  gmp_test_add_worker (workers, 1, count_entries, params);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  pid = fork ();
  if (pid == 0)
    {
      g_autoptr (GmpWorkers) own = gmp_workers_new ();
      g_autoptr (GVariant) counted = NULL;

      gmp_workers_add (own, 1, count_entries, params, NULL);
      counted = gmp_workers_run (own, NULL, 0, NULL, NULL);
      _exit (counted != NULL && get_uint (counted, 1) == TEST_LARGE_ENTRIES ? 0 : 1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_uint (results, 1), ==, TEST_LARGE_ENTRIES);
}

static gpointer
fork_all_the_time (gpointer has_ended)
{
  while (!g_atomic_int_get ((int *) has_ended))
    {
      int pid = fork ();

      if (pid == 0)
        _exit (0);
      g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
    }
  return NULL;
}

/* Another thread forks while large results are being checked. */
static void
test_forks (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  int has_ended = FALSE;
  GThread *thread = g_thread_new ("forks", fork_all_the_time, &has_ended);

  for (int i = 0; i < N_RESULTS; i++)
    gmp_test_add_worker (workers, i, give_much, NULL);
  for (int i = 0; i < N_RUNS; i++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      g_assert_cmpuint (g_variant_n_children (results), ==, N_RESULTS);
    }
  g_atomic_int_set (&has_ended, TRUE);
  g_thread_join (thread);
}

/* Calls of a pool. */

static void
called_cb (GObject      *pool,
           GAsyncResult *result,
           gpointer      user_data)
{
  guint *n = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) value = gmp_pool_call_finish (GMP_POOL (pool), result, &error);

  g_assert_no_error (error);
  *n = g_variant_get_uint32 (value);
}

/* Calls after one with large parameters are executed after it, and each of them once. */
static void
test_pool (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autoptr (GVariant) params = g_variant_ref_sink (test_large_build ());
  guint counts[N_CALLS] = { 0, };
  TestOthers others;

  gmp_test_call_all (pool, tell_pid, 1);
  test_others_begin (&others);
  for (guint i = 0; i < N_CALLS; i++)
    gmp_pool_call_async (pool, count_calls, i % N_SMALL == 0 ? params : NULL, NULL, called_cb,
                         &counts[i]);
  for (guint i = 0; i < N_CALLS; i++)
    {
      while (counts[i] == 0)
        g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
      g_assert_cmpuint (counts[i], ==, i + 1);
    }
  test_others_end (&others);
}

static void
test_pool_result (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  TestOthers others;

  test_others_begin (&others);
  gmp_pool_call_async (pool, give_much, NULL, NULL, gmp_test_done_cb, &result);
  value = gmp_pool_call_finish (pool, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (value), ==, TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

/* A call that is cancelled, and a pool that is closed, while parameters are serialised. */
static void
test_pool_end (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GVariant *params[2] = { test_large_build (), test_large_build () };
  GAsyncResult *results[2] = { NULL, NULL };

  gmp_test_call_all (pool, tell_pid, 1);
  gmp_pool_call_async (pool, count_calls, params[0], cancellable, gmp_test_done_cb, &results[0]);
  gmp_pool_call_async (pool, count_calls, params[1], NULL, gmp_test_done_cb, &results[1]);
  g_cancellable_cancel (cancellable);
  gmp_pool_close (pool);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (gmp_pool_call_finish (pool, gmp_test_wait (&results[i]), &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (results[i]);
    }
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  /* MALLOC_PERTURB_ would fill the memory of large values, which takes longer than what is measured
   * here. */
  mallopt (M_PERTURB, 0);
  gmp_test_add ("/large-values/params", test_params);
  gmp_test_add ("/large-values/same-params", test_same_params);
  gmp_test_add ("/large-values/result", test_result);
  gmp_test_add ("/large-values/reports", test_reports);
  gmp_test_add ("/large-values/cancel", test_cancel);
  gmp_test_add ("/large-values/fork", test_fork);
  gmp_test_add ("/large-values/forks", test_forks);
  gmp_test_add ("/large-values/pool", test_pool);
  gmp_test_add ("/large-values/pool-result", test_pool_result);
  gmp_test_add ("/large-values/pool-end", test_pool_end);
  return g_test_run ();
}
