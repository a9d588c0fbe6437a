/* workers-contexts.c: cancelling runs, and their main contexts and threads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <signal.h>
#include <unistd.h>

static GVariant *
one (GVariant *params G_GNUC_UNUSED,
     GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (1);
}

/* Reports its start, and waits to be cancelled. */
static GVariant *
wait_for_cancel (GVariant *params G_GNUC_UNUSED,
                 GError  **error)
{
  GPollFD fd;

  gmp_worker_report (g_variant_new_int32 (getpid ()), NULL);
  g_cancellable_make_pollfd (gmp_worker_get_cancellable (), &fd);
  g_poll (&fd, 1, -1);
  g_cancellable_release_fd (gmp_worker_get_cancellable ());
  g_cancellable_set_error_if_cancelled (gmp_worker_get_cancellable (), error);
  return NULL;
}

/* Ignores everything but SIGKILL. */
static GVariant *
spin (GVariant *params G_GNUC_UNUSED,
      GError  **error G_GNUC_UNUSED)
{
  signal (SIGTERM, SIG_IGN);
  gmp_worker_report (g_variant_new_int32 (getpid ()), NULL);
  for (volatile guint turn = 0;; turn++)
    ;
  return NULL;
}

static void
test_cancelled_before (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, spin, NULL);
  gmp_test_add_worker (workers, 2, wait_for_cancel, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "@a{iv} {}");
}

typedef struct {
  GCancellable *cancellable;
  guint n_begun;
  guint n_wanted;
} Canceller;

static void
cancel_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GVariant   *value G_GNUC_UNUSED,
           gpointer    user_data)
{
  Canceller *self = user_data;

  if (++self->n_begun == self->n_wanted)
    g_cancellable_cancel (self->cancellable);
}

static void
check_cancel (guint      max_parallel,
              GmpMethod  method,
              guint      n_wanted)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", max_parallel,
                                                 NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  Canceller canceller = { cancellable, 0, n_wanted };

  g_signal_connect (workers, "progress", G_CALLBACK (cancel_cb), &canceller);
  for (int id = 0; id < 3; id++)
    gmp_test_add_worker (workers, id, method, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (canceller.n_begun, ==, n_wanted);
  for (int id = 0; id < 3; id++)
    g_assert_error (gmp_workers_get_error (workers, id), G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_cancel (void)
{
  check_cancel (0, wait_for_cancel, 3);
}

/* Workers that wait for their turn never start. */
static void
test_cancel_waiting (void)
{
  check_cancel (1, wait_for_cancel, 1);
}

static void
test_cancel_deaf (void)
{
  check_cancel (0, spin, 3);
}

static gboolean
count_cb (gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
  return G_SOURCE_CONTINUE;
}

static void
test_own_context (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GSource) here = g_idle_source_new ();
  g_autoptr (GVariant) results = NULL;
  guint n_default = 0;
  guint n_here = 0;
  guint source = g_idle_add (count_cb, &n_default);

  g_source_set_callback (here, count_cb, &n_here, NULL);
  g_source_attach (here, g_main_context_get_thread_default ());
  gmp_test_add_worker (workers, 1, one, NULL);
  results = gmp_test_run (workers);
  g_assert_cmpuint (n_here, ==, 0);
  g_assert_cmpuint (n_default, ==, 0);
  g_source_destroy (here);
  g_source_remove (source);
}

typedef struct {
  GAsyncResult *result;
  GMainContext *context; /* the context that the callback should run in */
  guint n_signals;
} Arrival;

static void
check_owner (Arrival *arrival)
{
  g_assert_true (g_main_context_is_owner (arrival->context));
  g_assert_true (g_main_context_get_thread_default () == arrival->context);
}

static void
result_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GVariant   *value G_GNUC_UNUSED,
           gpointer    user_data)
{
  Arrival *arrival = user_data;

  check_owner (arrival);
  arrival->n_signals++;
}

static void
arrived_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Arrival *arrival = user_data;

  check_owner (arrival);
  gmp_test_done_cb (source, result, &arrival->result);
}

static void
test_async_context (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  Arrival arrival = { .context = context };

  gmp_test_add_worker (workers, 1, one, NULL);
  gmp_test_add_worker (workers, 2, one, NULL);
  g_signal_connect (workers, "result", G_CALLBACK (result_cb), &arrival);

  /* The context of a run is the thread's default one at the time of the call, not a later one. */
  g_main_context_push_thread_default (context);
  gmp_workers_run_async (workers, NULL, 0, NULL, arrived_cb, &arrival);
  while (arrival.result == NULL)
    g_main_context_iteration (context, TRUE);
  results = gmp_workers_run_finish (workers, arrival.result, &error);
  g_main_context_pop_thread_default (context);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
  g_assert_cmpuint (arrival.n_signals, ==, 2);
  g_object_unref (arrival.result);
}

static void
test_async_error (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  const int ids[] = { 5 };

  gmp_workers_run_async (workers, ids, 1, NULL, gmp_test_done_cb, &result);
  /* Errors that are known at once are reported later as well. */
  g_assert_null (result);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&result), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

static gpointer
run_in_thread (gpointer data G_GNUC_UNUSED)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, one, NULL);
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{1: <1>}");
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("run", run_in_thread, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-contexts/cancelled-before", test_cancelled_before);
  gmp_test_add ("/workers-contexts/cancel", test_cancel);
  gmp_test_add ("/workers-contexts/cancel-waiting", test_cancel_waiting);
  gmp_test_add ("/workers-contexts/cancel-deaf", test_cancel_deaf);
  gmp_test_add ("/workers-contexts/own-context", test_own_context);
  gmp_test_add ("/workers-contexts/async-context", test_async_context);
  gmp_test_add ("/workers-contexts/async-error", test_async_error);
  gmp_test_add ("/workers-contexts/threads", test_threads);
  return g_test_run ();
}
