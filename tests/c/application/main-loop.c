/* main-loop.c: runs in a main loop that has other things to do, or is held up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

/* In seconds: a limit, and for how long the loop is held up. */
#define LIMIT   0.5
#define HELD_UP 0.8

#define N_FLOODING 8
#define N_REPORTS  1000

#define N_RUNS 1000

static void
sleep_for (double seconds)
{
  g_usleep ((gulong) (gmp_test_stretch (seconds) * G_USEC_PER_SEC));
}

/* A blocked main loop. */

static GVariant *
report_and_return (GVariant *params,
                   GError  **error)
{
  int n = g_variant_get_int32 (params);

  for (int i = 0; i < n; i++)
    if (!gmp_worker_report (NULL, error))
      return NULL;
  return g_variant_ref (params);
}

static void
hold_up_once_cb (GmpWorkers *workers G_GNUC_UNUSED,
                 int         id G_GNUC_UNUSED,
                 GVariant   *value G_GNUC_UNUSED,
                 guint      *n_reports)
{
  if ((*n_reports)++ == 0)
    sleep_for (HELD_UP);
}

/* The results arrive while nothing reads them, behind a socket full of reports. */
static void
test_held_up (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  g_object_set (workers, "run-timeout", gmp_test_stretch (LIMIT), "reuse", TRUE, NULL);
  gmp_test_add_worker (workers, 1, report_and_return, g_variant_new_int32 (1));
  gmp_test_add_worker (workers, 2, report_and_return, g_variant_new_int32 (500));
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GVariant) results = NULL;
      guint n_reports = 0;
      gulong handler = g_signal_connect (workers, "progress", G_CALLBACK (hold_up_once_cb),
                                         &n_reports);

      results = gmp_test_run_in_loop (workers);
      gmp_test_check_int (results, 1, "1");
      gmp_test_check_int (results, 2, "500");
      g_assert_cmpuint (n_reports, ==, 501);
      g_signal_handler_disconnect (workers, handler);
    }
}

static gboolean
hold_up_cb (gpointer user_data)
{
  gboolean *was_held_up = user_data;

  sleep_for (HELD_UP);
  *was_held_up = TRUE;
  return G_SOURCE_REMOVE;
}

/* The loop is blocked while the worker starts, and reads that it is ready long afterwards. */
static void
test_held_up_at_start (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (GVariant) results = NULL;
  gboolean was_held_up = FALSE;

  g_object_set (workers, "startup-timeout", gmp_test_stretch (LIMIT), NULL);
  gmp_test_add_worker (workers, 1, report_and_return, g_variant_new_int32 (0));
  g_source_set_callback (source, hold_up_cb, &was_held_up, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  results = gmp_test_run_in_loop (workers);
  gmp_test_check_int (results, 1, "0");
  g_assert_true (was_held_up);
}

/* Stops the application for longer than its worker's limit, then continues it. */
static GVariant *
stop_application (GVariant *params,
                  GError  **error G_GNUC_UNUSED)
{
  int pid = g_variant_get_int32 (params);

  kill (pid, SIGSTOP);
  sleep_for (HELD_UP);
  kill (pid, SIGCONT);
  return g_variant_ref (params);
}

static void
test_stopped (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  g_object_set (workers, "run-timeout", gmp_test_stretch (LIMIT), NULL);
  gmp_test_add_worker (workers, 1, stop_application, g_variant_new_int32 (getpid ()));
  results = gmp_test_run_in_loop (workers);
  g_assert_nonnull (results);
}

static GVariant *
report_and_wait (GVariant *params G_GNUC_UNUSED,
                 GError  **error)
{
  if (!gmp_worker_report (NULL, error))
    return NULL;
  for (;;)
    pause ();
}

/* A blocked loop does not excuse a worker that does not end. */
static void
test_held_up_in_vain (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  guint n_reports = 0;

  g_object_set (workers, "run-timeout", gmp_test_stretch (LIMIT), NULL);
  gmp_test_add_worker (workers, 1, report_and_wait, NULL);
  g_signal_connect (workers, "progress", G_CALLBACK (hold_up_once_cb), &n_reports);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_assert_null (results);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  g_assert_cmpuint (n_reports, ==, 1);
}

/* A loop with other sources. */

/* A window that requests a frame a millisecond after the last one. It counts the reports that
 * were delivered although a frame was due. */
typedef struct {
  GSource source;
  guint n_frames;
  guint n_reports;
  guint n_before;
  guint worst;
} Window;

static gboolean
window_dispatch (GSource    *source,
                 GSourceFunc callback G_GNUC_UNUSED,
                 gpointer    user_data G_GNUC_UNUSED)
{
  Window *self = (Window *) source;

  self->n_frames++;
  self->n_before = 0;
  g_source_set_ready_time (source, g_get_monotonic_time () + 1000);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs window_funcs = { .dispatch = window_dispatch };

static void
behind_window_cb (GmpWorkers *workers G_GNUC_UNUSED,
                  int         id G_GNUC_UNUSED,
                  GVariant   *value G_GNUC_UNUSED,
                  Window     *window)
{
  window->n_reports++;
  if (g_get_monotonic_time () < g_source_get_ready_time (&window->source))
    return;
  window->n_before++;
  window->worst = MAX (window->worst, window->n_before);
}

/* At most one report of each worker is delivered before a frame, and all reports arrive. */
static void
test_window (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GSource) source = g_source_new (&window_funcs, sizeof (Window));
  g_autoptr (GVariant) results = NULL;
  Window *window = (Window *) source;

  for (int i = 0; i < N_FLOODING; i++)
    gmp_test_add_worker (workers, i, report_and_return, g_variant_new_int32 (N_REPORTS));
  g_signal_connect (workers, "progress", G_CALLBACK (behind_window_cb), window);
  g_source_set_priority (source, G_PRIORITY_HIGH_IDLE + 20);
  g_source_set_ready_time (source, 0);
  g_source_attach (source, g_main_context_get_thread_default ());
  results = gmp_test_run_in_loop (workers);
  g_source_destroy (source);
  g_assert_cmpuint (window->n_reports, ==, N_FLOODING * N_REPORTS);
  g_assert_cmpuint (window->n_frames, >, 1);
  g_assert_cmpuint (window->worst, <=, N_FLOODING);
}

static gboolean
go_on_cb (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_CONTINUE;
}

/* Among sources that are always ready, a run has its own priority: below the redrawing of a
 * window, above idle sources. */
static void
run_beside (int priority,
            int other)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (GVariant) results = NULL;
  guint n_turns = 0;
  int used;

  if (priority != 0)
    g_object_set (workers, "priority", priority, NULL);
  g_object_get (workers, "priority", &used, NULL);
  g_assert_cmpint (used, ==, priority != 0 ? priority : 150);
  gmp_test_add_worker (workers, 1, report_and_return, g_variant_new_int32 (10));
  g_source_set_priority (source, other);
  g_source_set_callback (source, go_on_cb, &n_turns, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  results = gmp_test_run_in_loop (workers);
  gmp_test_check_int (results, 1, "10");
  g_source_destroy (source);
}

static void
test_priority (void)
{
  run_beside (0, G_PRIORITY_DEFAULT_IDLE);
  run_beside (-10, G_PRIORITY_DEFAULT);
  run_beside (G_PRIORITY_HIGH_IDLE, G_PRIORITY_HIGH_IDLE + 20);
}

/* Processor time of the main thread only, in microseconds, so that other processes do not count. */
static gint64
get_own_time (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

typedef struct {
  guint n_left;
  gint64 last;
  gint64 worst;
} Many;

static gboolean
turn_cb (gpointer user_data)
{
  Many *many = user_data;
  gint64 now = get_own_time ();

  many->worst = MAX (many->worst, now - many->last);
  many->last = now;
  return G_SOURCE_CONTINUE;
}

static void
many_ran_cb (GObject      *workers,
             GAsyncResult *result,
             gpointer      user_data)
{
  Many *many = user_data;
  g_autoptr (GVariant) results = NULL;
  GError *error = NULL;

  results = gmp_workers_run_finish (GMP_WORKERS (workers), result, &error);
  g_assert_no_error (error);
  gmp_test_check_int (results, 1, "0");
  many->n_left--;
}

/* Many runs at once: the loop handles other sources between starts of their processes. */
static void
test_many_runs (void)
{
  const guint n_runs = gmp_test_is_stretched () ? 50 : N_RUNS;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GSource) source = g_timeout_source_new (1);
  Many many = { n_runs, get_own_time (), 0 };

  g_source_set_callback (source, turn_cb, &many, NULL);
  g_source_set_priority (source, G_PRIORITY_HIGH_IDLE + 20);
  g_source_attach (source, g_main_context_get_thread_default ());
  for (guint i = 0; i < n_runs; i++)
    {
      g_ptr_array_add (all, gmp_workers_new ());
      gmp_test_add_worker (all->pdata[i], 1, report_and_return, g_variant_new_int32 (0));
      gmp_workers_run_async (all->pdata[i], NULL, 0, NULL, many_ran_cb, &many);
    }
  while (many.n_left > 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_source_destroy (source);
  g_assert_cmpint (many.worst, <, (gint64) (gmp_test_stretch (0.1) * G_USEC_PER_SEC));
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/main-loop/held-up", test_held_up);
  gmp_test_add ("/main-loop/held-up-at-start", test_held_up_at_start);
  gmp_test_add ("/main-loop/held-up-in-vain", test_held_up_in_vain);
  gmp_test_add ("/main-loop/stopped", test_stopped);
  gmp_test_add ("/main-loop/window", test_window);
  gmp_test_add ("/main-loop/priority", test_priority);
  gmp_test_add ("/main-loop/many-runs", test_many_runs);
  return g_test_run ();
}
