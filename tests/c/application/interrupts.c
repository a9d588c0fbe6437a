/* interrupts.c: Ctrl-C during runs that block
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void
wait_until_cancelled (void)
{
  GPollFD fd;

  g_cancellable_make_pollfd (gmp_worker_get_cancellable (), &fd);
  g_poll (&fd, 1, -1);
  g_cancellable_release_fd (gmp_worker_get_cancellable ());
}

/* Reports its start, and waits to be cancelled. */
static GVariant *
heed (GVariant *params G_GNUC_UNUSED,
      GError  **error)
{
  gmp_worker_report (NULL, NULL);
  wait_until_cancelled ();
  g_cancellable_set_error_if_cancelled (gmp_worker_get_cancellable (), error);
  return NULL;
}

/* Also reports that it was cancelled, and does not return. */
static GVariant *
be_deaf (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  signal (SIGTERM, SIG_IGN);
  gmp_worker_report (NULL, NULL);
  wait_until_cancelled ();
  gmp_worker_report (NULL, NULL);
  while (TRUE)
    pause ();
  return NULL;
}

/* A server that ignores cancellation in the same way. */

#define DEAF_TYPE_SERVER (deaf_server_get_type ())
G_DECLARE_FINAL_TYPE (DeafServer, deaf_server, DEAF, SERVER, GmpServerWorker)

struct _DeafServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (DeafServer, deaf_server, GMP_TYPE_SERVER_WORKER)

static gboolean
deaf_server_start (GmpWorker *worker G_GNUC_UNUSED,
                   GVariant  *params,
                   GError   **error)
{
  be_deaf (params, error);
  return TRUE;
}

static void
deaf_server_class_init (DeafServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = deaf_server_start;
}

static void
deaf_server_init (DeafServer *self G_GNUC_UNUSED)
{
}

/* Presses Ctrl-C at each report. */
static void
interrupt_cb (void)
{
  kill (getpid (), SIGINT);
}

static gboolean
has_default_handler (void)
{
  struct sigaction action;

  g_assert_no_errno (sigaction (SIGINT, NULL, &action));
  return action.sa_handler == SIG_DFL;
}

static void
check_interrupted (const GError *error)
{
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (g_str_has_prefix (error->message, "Interrupted: "));
  g_assert_true (has_default_handler ());
}

static void
test_first (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, heed, NULL, &error);
  g_signal_connect (workers, "progress", G_CALLBACK (interrupt_cb), NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  check_interrupted (error);
}

/* The grace period is endless, so only the second Ctrl-C can kill. */
static void
test_second (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "stop-grace", 1e6, NULL);
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, be_deaf, NULL, &error);
  g_signal_connect (workers, "progress", G_CALLBACK (interrupt_cb), NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  check_interrupted (error);
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  g_assert_cmpuint (failures->len, ==, 1);
  g_assert_cmpint (gmp_failure_get_signal (failures->pdata[0]), ==, SIGKILL);
}

static void
test_second_client_server (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (DEAF_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  g_object_set (application, "stop-grace", 1e6, NULL);
  gmp_client_server_new_worker (application, "one", TEST_TYPE_CLIENT, NULL, &error);
  g_signal_connect (application, "progress", G_CALLBACK (interrupt_cb), NULL);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  check_interrupted (error);
}

/* Ctrl-C ends the runs of both threads. */

typedef struct {
  GAsyncQueue *begun;
  GError *error;
} Run;

static void
begun_cb (GmpWorkers *workers G_GNUC_UNUSED,
          int         id G_GNUC_UNUSED,
          GVariant   *value G_GNUC_UNUSED,
          gpointer    user_data)
{
  Run *run = user_data;

  g_async_queue_push (run->begun, run);
}

static gpointer
run_thread (gpointer user_data)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  Run *run = user_data;

  gmp_workers_add (workers, 1, heed, NULL, NULL);
  g_signal_connect (workers, "progress", G_CALLBACK (begun_cb), run);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &run->error));
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GAsyncQueue) begun = g_async_queue_new ();
  Run runs[2] = { { begun, NULL }, { begun, NULL } };
  GThread *threads[2];

  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    threads[i] = g_thread_new ("run", run_thread, &runs[i]);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    g_async_queue_pop (begun);
  kill (getpid (), SIGINT);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      check_interrupted (runs[i].error);
      g_error_free (runs[i].error);
    }
}

/* A program that handles Ctrl-C itself. */

static GCancellable *own_cancellable;

static void
own_handler (int signum G_GNUC_UNUSED)
{
}

static void
own_cb (void)
{
  kill (getpid (), SIGINT);
  g_cancellable_cancel (own_cancellable);
}

static void
test_own_handler (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  signal (SIGINT, own_handler);
  own_cancellable = g_cancellable_new ();
  gmp_workers_add (workers, 1, heed, NULL, &error);
  g_signal_connect (workers, "progress", G_CALLBACK (own_cb), NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, own_cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (strstr (error->message, "Interrupted"));
  g_assert_true (signal (SIGINT, SIG_DFL) == own_handler);
  g_clear_object (&own_cancellable);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (DEAF_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/interrupts/first", test_first);
  gmp_test_add ("/interrupts/second", test_second);
  gmp_test_add ("/interrupts/second-client-server", test_second_client_server);
  gmp_test_add ("/interrupts/threads", test_threads);
  gmp_test_add ("/interrupts/own-handler", test_own_handler);
  return g_test_run ();
}
