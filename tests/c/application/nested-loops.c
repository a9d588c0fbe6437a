/* nested-loops.c: handlers of a run that run the main loop
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whatever happens in the nested loop, the run does not return before the code that it has
 * called. */
typedef struct {
  GCancellable *cancellable;
  GAsyncResult *result; /* (nullable): set when the run has returned */
  guint n_reports;
  guint n_failed;
  char *last_line;      /* (nullable): of the output */
} Run;

static GVariant *
return_pid (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static GVariant *
report_pid (GVariant *params G_GNUC_UNUSED,
            GError  **error)
{
  gmp_worker_report (g_variant_new_int32 (getpid ()), error);
  return NULL;
}

#define N_LINES 5

/* Its pid, and the other lines: in one piece, or one by one, without an end of the last line. */
static GVariant *
print_pid (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "%d", getpid ());
  for (int i = 1; i < N_LINES; i++)
    g_string_append_printf (text, "\n%d", i);
  g_assert_cmpint (write (STDOUT_FILENO, text->str, text->len), ==, text->len);
  return NULL;
}

static GVariant *
print_pid_slowly (GVariant *params G_GNUC_UNUSED,
                  GError  **error G_GNUC_UNUSED)
{
  printf ("%d", getpid ());
  for (int i = 1; i < N_LINES; i++)
    printf ("\n%d", i);
  return NULL;
}

static void
iterate (Run *run)
{
  while (g_main_context_iteration (g_main_context_get_thread_default (), FALSE))
    ;
  g_assert_null (run->result);
}

/* Nested, until the worker has ended. */
static void
await_end (Run *run,
           int  pid)
{
  if (run->n_reports++ > 0)
    return;
  while (kill (pid, 0) == 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  iterate (run);
}

static void
progress_cb (GmpWorkers *workers G_GNUC_UNUSED,
             int         id G_GNUC_UNUSED,
             GVariant   *value,
             Run        *run)
{
  await_end (run, g_variant_get_int32 (value));
}

static void
output_cb (GmpWorkers     *workers G_GNUC_UNUSED,
           int             id G_GNUC_UNUSED,
           GmpOutputStream stream G_GNUC_UNUSED,
           const char     *line,
           Run            *run)
{
  if (run->last_line != NULL)
    g_assert_cmpint (atoi (line), ==, run->n_reports);
  g_free (run->last_line);
  run->last_line = g_strdup (line);
  await_end (run, atoi (line));
}

/* The handler of the first result waits for all others, and for any event that follows. */
static void
result_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GVariant   *value G_GNUC_UNUSED,
           Run        *run)
{
  if (run->n_reports++ > 0)
    return;
  while (run->n_reports < 3)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  iterate (run);
}

static void
check (GmpMethod   method,
       guint       n,
       const char *signal_name,
       GCallback   callback)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  Run run = { 0, };

  g_signal_connect (workers, signal_name, callback, &run);
  for (guint i = 0; i < n; i++)
    gmp_test_add_worker (workers, (int) i, method, NULL);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &run.result);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&run.result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, n);
  g_assert_cmpuint (run.n_reports, >, 0);
  if (run.last_line != NULL)
    g_assert_cmpuint (run.n_reports, ==, N_LINES);
  g_free (run.last_line);
  g_object_unref (run.result);
}

static void
test_progress (void)
{
  check (report_pid, 1, "progress", G_CALLBACK (progress_cb));
}

/* All lines come, and in their order. */
static void
test_output (void)
{
  check (print_pid, 1, "output", G_CALLBACK (output_cb));
  check (print_pid_slowly, 1, "output", G_CALLBACK (output_cb));
}

static void
test_result (void)
{
  check (return_pid, 3, "result", G_CALLBACK (result_cb));
}

/* Cancels a run that waits for a place, and that gets no results. */
static void
failed_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GError     *error G_GNUC_UNUSED,
           Run        *run)
{
  if (run->n_failed++ > 0)
    return;
  while (run->n_failed < 2)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  iterate (run);
}

static void
cancel_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GVariant   *value G_GNUC_UNUSED,
           Run        *run)
{
  g_cancellable_cancel (run->cancellable);
}

static GVariant *
report_and_wait (GVariant *params G_GNUC_UNUSED,
                 GError  **error)
{
  gmp_worker_report (NULL, error);
  for (;;)
    pause ();
  return NULL;
}

static void
test_cancelled (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 1, "stop-grace",
                                                 0.01, NULL);
  g_autoptr (GError) error = NULL;
  Run run = { .cancellable = g_cancellable_new () };

  g_signal_connect (workers, "progress", G_CALLBACK (cancel_cb), &run);
  g_signal_connect (workers, "failed", G_CALLBACK (failed_cb), &run);
  for (int id = 0; id < 2; id++)
    gmp_test_add_worker (workers, id, report_and_wait, NULL);
  gmp_workers_run_async (workers, NULL, 0, run.cancellable, gmp_test_done_cb, &run.result);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&run.result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (run.n_failed, ==, 2);
  g_object_unref (run.result);
  g_object_unref (run.cancellable);
}

/* An application that is the server. During the first request its run is cancelled, and its
 * clients end, before it has responded. */

#define TEST_TYPE_NESTING (test_nesting_get_type ())
G_DECLARE_FINAL_TYPE (TestNesting, test_nesting, TEST, NESTING, GmpClientServer)

struct _TestNesting
{
  GmpClientServer parent_instance;

  Run run;
};

G_DEFINE_FINAL_TYPE (TestNesting, test_nesting, GMP_TYPE_CLIENT_SERVER)

static GVariant *
test_nesting_process (GmpClientServer *server,
                      const char      *client_id G_GNUC_UNUSED,
                      GVariant        *request,
                      GError         **error G_GNUC_UNUSED)
{
  Run *run = &TEST_NESTING (server)->run;

  g_cancellable_cancel (run->cancellable);
  while (run->n_failed == 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  iterate (run);
  return g_variant_ref (request);
}

static void
test_nesting_class_init (TestNestingClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = test_nesting_process;
}

static void
test_nesting_init (TestNesting *self G_GNUC_UNUSED)
{
}

static void
client_failed_cb (GmpClientServer *server G_GNUC_UNUSED,
                  const char      *id G_GNUC_UNUSED,
                  GError          *error G_GNUC_UNUSED,
                  Run             *run)
{
  run->n_failed++;
}

static void
test_server (void)
{
  TestNesting *server = g_object_new (TEST_TYPE_NESTING, NULL);
  g_autoptr (GError) error = NULL;

  server->run.cancellable = g_cancellable_new ();
  g_signal_connect (server, "failed", G_CALLBACK (client_failed_cb), &server->run);
  gmp_client_server_new_worker (GMP_CLIENT_SERVER (server), "one", TEST_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  gmp_client_server_run_async (GMP_CLIENT_SERVER (server), NULL, server->run.cancellable,
                               gmp_test_done_cb, &server->run.result);
  g_assert_null (gmp_client_server_run_finish (GMP_CLIENT_SERVER (server),
                                               gmp_test_wait (&server->run.result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_object_unref (server->run.result);
  g_object_unref (server->run.cancellable);
  g_object_unref (server);
}

/* A client whose request is its pid, until the response is TRUE. */

#define TEST_TYPE_MORTAL (test_mortal_get_type ())
G_DECLARE_FINAL_TYPE (TestMortal, test_mortal, TEST, MORTAL, GmpClientWorker)

struct _TestMortal
{
  GmpClientWorker parent_instance;

  gboolean is_done;
};

G_DEFINE_FINAL_TYPE (TestMortal, test_mortal, GMP_TYPE_CLIENT_WORKER)

static GVariant *
test_mortal_process (GmpClientWorker *client G_GNUC_UNUSED,
                     GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static gboolean
test_mortal_update (GmpClientWorker *client,
                    GVariant        *response,
                    GError         **error G_GNUC_UNUSED)
{
  TEST_MORTAL (client)->is_done = g_variant_get_boolean (response);
  return TRUE;
}

static gboolean
test_mortal_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return TEST_MORTAL (worker)->is_done;
}

static void
test_mortal_class_init (TestMortalClass *klass)
{
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_mortal_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_mortal_update;
  GMP_WORKER_CLASS (klass)->done = test_mortal_done;
}

static void
test_mortal_init (TestMortal *self G_GNUC_UNUSED)
{
}

/* An application that is the server. It kills the first client that sends a request, responds
 * only after that client was restarted, and calls all public functions meanwhile. */

#define TEST_TYPE_ASKING (test_asking_get_type ())
G_DECLARE_FINAL_TYPE (TestAsking, test_asking, TEST, ASKING, GmpClientServer)

struct _TestAsking
{
  GmpClientServer parent_instance;

  guint n_requests;
  guint n_restarted;
};

G_DEFINE_FINAL_TYPE (TestAsking, test_asking, GMP_TYPE_CLIENT_SERVER)

static void
iterate_until (const volatile guint *counter)
{
  while (*counter == 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

/* The other public functions that take a client-server object. */
static void
call_all (GmpClientServer *self)
{
  g_autoptr (GVariant) results = gmp_client_server_get_results (self);
  g_autoptr (GPtrArray) failures = gmp_runner_get_failures (GMP_RUNNER (self));
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_get_server_result (self));
  g_assert_null (gmp_client_server_get_error (self, "mortal"));
  g_assert_cmpuint (g_variant_n_children (results), ==, 0);
  g_object_set (self, "restart", GMP_RESTART_NEVER, "value-size-limit", (guint64) 10, NULL);
  gmp_client_server_new_worker (self, "later", TEST_TYPE_MORTAL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (self, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static GVariant *
test_asking_process (GmpClientServer *server,
                     const char      *client_id,
                     GVariant        *request,
                     GError         **error G_GNUC_UNUSED)
{
  TestAsking *self = TEST_ASKING (server);

  g_assert_cmpuint (gmp_client_server_get_n_clients (server), ==, 1);
  if (self->n_requests++ > 0)
    return g_variant_new_boolean (TRUE);
  kill (g_variant_get_int32 (request), SIGKILL);
  iterate_until (&self->n_restarted);
  g_assert_cmpuint (gmp_client_server_get_n_clients (server), ==, 1);
  call_all (server);
  g_assert_cmpstr (client_id, ==, "mortal");
  g_assert_cmpint (g_variant_get_int32 (request), >, 0);
  /* For the client that has died: the response must not reach its successor. */
  return g_variant_new_boolean (FALSE);
}

static void
test_asking_class_init (TestAskingClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = test_asking_process;
}

static void
test_asking_init (TestAsking *self G_GNUC_UNUSED)
{
}

static void
restarted_cb (GmpClientServer *server,
              const char      *id G_GNUC_UNUSED,
              GmpFailure      *failure G_GNUC_UNUSED,
              gpointer         user_data G_GNUC_UNUSED)
{
  TEST_ASKING (server)->n_restarted++;
}

static void
test_out (void)
{
  TestAsking *server = g_object_new (TEST_TYPE_ASKING, "restart", GMP_RESTART_ON_FAILURE, NULL);
  GmpClientServer *application = GMP_CLIENT_SERVER (server);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_signal_connect (server, "restarted", G_CALLBACK (restarted_cb), NULL);
  gmp_client_server_new_worker (application, "mortal", TEST_TYPE_MORTAL, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
  g_assert_cmpuint (server->n_requests, ==, 2);
  g_object_unref (server);
}

/* The calls of an open run that its handlers make. */
typedef struct {
  guint n_calls;
  guint n_added;
} Calls;

static void
check_refused (GmpClientServer *application)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_close (application, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_null (gmp_client_server_receive (application, 0, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static void
call_cb (GmpClientServer *application,
         const char      *id G_GNUC_UNUSED,
         gpointer         unused G_GNUC_UNUSED,
         Calls           *calls)
{
  g_autoptr (GError) error = NULL;

  calls->n_calls++;
  check_refused (application);
  if (calls->n_added++ > 0)
    return;
  gmp_client_server_add_client (application, "another", TEST_TYPE_CLIENT,
                                test_params ("{'turns': <uint32 2>}"), &error);
  g_assert_no_error (error);
}

/* A handler that waited for the run would wait forever, because the run waits for the handler. */
static void
test_open (void)
{
  g_autoptr (GmpClientServer) application = g_object_new (GMP_TYPE_CLIENT_SERVER, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  Calls calls = { 0, };
  guint n_requests;

  g_signal_connect (application, "progress", G_CALLBACK (call_cb), &calls);
  g_signal_connect (application, "result", G_CALLBACK (call_cb), &calls);
  gmp_client_server_add_client (application, "one", TEST_TYPE_CLIENT,
                                test_params ("{'turns': <uint32 2>}"), &error);
  g_assert_no_error (error);
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  do
    {
      g_autoptr (GPtrArray) requests = gmp_client_server_receive (application, 0, -1, NULL, &error);

      g_assert_no_error (error);
      n_requests = requests->len;
      for (guint i = 0; i < n_requests; i++)
        gmp_request_respond (requests->pdata[i], g_variant_new_int32 (1), NULL);
    }
  while (n_requests > 0 || calls.n_calls == 0);
  results = gmp_client_server_close (application, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
  g_assert_cmpuint (calls.n_calls, >=, 2);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_CLIENT);
  g_type_ensure (TEST_TYPE_MORTAL);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/nested-loops/progress", test_progress);
  gmp_test_add ("/nested-loops/output", test_output);
  gmp_test_add ("/nested-loops/result", test_result);
  gmp_test_add ("/nested-loops/cancelled", test_cancelled);
  gmp_test_add ("/nested-loops/server", test_server);
  gmp_test_add ("/nested-loops/out", test_out);
  gmp_test_add ("/nested-loops/open", test_open);
  return g_test_run ();
}
