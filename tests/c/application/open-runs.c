/* open-runs.c: runs of GmpClientServer that the program drives
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

/* A client that meets the application after its response. */

#define TEST_TYPE_MEETER (test_meeter_get_type ())
G_DECLARE_FINAL_TYPE (TestMeeter, test_meeter, TEST, MEETER, GmpClientWorker)

struct _TestMeeter
{
  GmpClientWorker parent_instance;

  char *meeting;
};

G_DEFINE_FINAL_TYPE (TestMeeter, test_meeter, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_meeter_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  TEST_MEETER (worker)->meeting = g_variant_dup_string (params, NULL);
  return TRUE;
}

static gboolean
test_meeter_update (GmpClientWorker *client,
                    GVariant        *response G_GNUC_UNUSED,
                    GError         **error G_GNUC_UNUSED)
{
  gmp_test_meet (TEST_MEETER (client)->meeting);
  return TRUE;
}

static void
test_meeter_finalize (GObject *object)
{
  g_free (TEST_MEETER (object)->meeting);
  G_OBJECT_CLASS (test_meeter_parent_class)->finalize (object);
}

static void
test_meeter_class_init (TestMeeterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_meeter_finalize;
  GMP_WORKER_CLASS (klass)->start = test_meeter_start;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_meeter_update;
}

static void
test_meeter_init (TestMeeter *self G_GNUC_UNUSED)
{
}

static GmpClientServer *
open_new (const char *one,
          const char *two)
{
  GmpClientServer *application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GError) error = NULL;

  test_add_client (application, "one", one);
  test_add_client (application, "two", two);
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_no_error (error);
  return application;
}

/* Receives and answers @n requests. Returns how many there were. */
static guint
serve (GmpClientServer *application,
       guint            n)
{
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GError) error = NULL;

  requests = gmp_client_server_receive (application, n, -1, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < requests->len; i++)
    {
      g_assert_no_error (gmp_request_get_error (requests->pdata[i]));
      gmp_request_respond (requests->pdata[i], gmp_request_get_value (requests->pdata[i]), &error);
      g_assert_no_error (error);
    }
  return requests->len;
}

static GVariant *
close_run (GmpClientServer *application)
{
  g_autoptr (GError) error = NULL;
  GVariant *results = gmp_client_server_close (application, NULL, &error);

  g_assert_no_error (error);
  return results;
}

/* Receives all at once, then the remaining ones. */
static void
test_all (void)
{
  g_autoptr (GmpClientServer) application = open_new ("{'turns': <uint32 1>}",
                                                      "{'turns': <uint32 2>}");
  g_autoptr (GVariant) results = NULL;

  g_assert_cmpuint (serve (application, 0), ==, 2);
  g_assert_cmpuint (serve (application, 0), ==, 1);
  g_assert_cmpuint (serve (application, 0), ==, 0);
  g_assert_cmpuint (serve (application, 3), ==, 0);
  results = close_run (application);
  gmp_test_check_string (results, "one", "'one start done process update 1 wait done finish '");
}

/* Receives this number, in order of arrival, and never waits for more than can arrive. */
static void
test_some (void)
{
  g_autoptr (GmpClientServer) application = open_new ("{'turns': <uint32 1>}",
                                                      "{'turns': <uint32 1>}");
  g_autoptr (GPtrArray) first = NULL;
  g_autoptr (GPtrArray) second = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  first = gmp_client_server_receive (application, 1, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (first->len, ==, 1);
  second = gmp_client_server_receive (application, 2, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (second->len, ==, 1);
  g_assert_cmpuint (serve (application, 1), ==, 0);

  g_assert_true (gmp_request_respond (first->pdata[0], NULL, &error));
  g_assert_false (gmp_request_respond (first->pdata[0], NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  g_clear_error (&error);
  results = close_run (application);
  text = g_variant_print (results, FALSE);
  gmp_test_check_in (text, "process finish");

  g_assert_false (gmp_request_respond (second->pdata[0], NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_SERVER_DONE);
}

static gpointer
meet_in_thread (gpointer meeting)
{
  gmp_test_meet (meeting);
  return NULL;
}

static void
test_timeout (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autofree char *params = g_strdup_printf ("{'meet': <'%s'>}", gmp_test_meeting_path (meeting));
  g_autoptr (GmpClientServer) application = open_new ("@a{sv} {}", params);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  GThread *thread;

  g_assert_null (gmp_client_server_receive (application, 0, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_null (gmp_client_server_receive (application, 0, 0.01, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_null (gmp_client_server_receive (application, 0, (double) NAN, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  thread = g_thread_new ("meet", meet_in_thread, (gpointer) gmp_test_meeting_path (meeting));
  g_assert_cmpuint (serve (application, 0), ==, 2);
  g_thread_join (thread);
  results = close_run (application);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
}

/* The death of a client is returned as a failure, once; the others continue, and the run has no
 * error. */
static void
test_failure (void)
{
  g_autoptr (GmpClientServer) application = open_new ("{'kill': <'update'>}",
                                                      "{'turns': <uint32 2>}");
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (serve (application, 0), ==, 2);
  requests = gmp_client_server_receive (application, 0, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (requests->len, ==, 2);
  g_assert_cmpstr (gmp_request_get_client_id (requests->pdata[0]), ==, "two");
  g_assert_cmpstr (gmp_request_get_client_id (requests->pdata[1]), ==, "one");
  g_assert_error (gmp_request_get_error (requests->pdata[1]), GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_false (gmp_request_respond (requests->pdata[1], NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  g_assert_true (gmp_request_respond (requests->pdata[0], NULL, NULL));
  g_assert_cmpuint (serve (application, 0), ==, 0);
  results = close_run (application);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
}

static gpointer
respond_in_thread (gpointer request)
{
  g_assert_true (gmp_request_respond (request, NULL, NULL));
  return NULL;
}

/* Another thread's response is sent at once, whatever this thread does. */
static void
test_thread (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_add_client (application, "one", TEST_TYPE_MEETER,
                                g_variant_new_string (gmp_test_meeting_path (meeting)), &error);
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  requests = gmp_client_server_receive (application, 0, -1, NULL, &error);
  g_assert_no_error (error);
  g_thread_join (g_thread_new ("respond", respond_in_thread, requests->pdata[0]));
  gmp_test_meet (gmp_test_meeting_path (meeting));
  results = close_run (application);
}

static void
check_pending (GError *error)
{
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_error_free (error);
}

/* While the main thread is in a receive call. */
static gpointer
call_in_thread (gpointer user_data)
{
  GmpClientServer *application = user_data;
  GError *error = NULL;

  g_assert_null (gmp_client_server_receive (application, 0, -1, NULL, &error));
  check_pending (g_steal_pointer (&error));
  g_assert_null (gmp_client_server_close (application, NULL, &error));
  check_pending (g_steal_pointer (&error));
  g_assert_false (gmp_client_server_add_client (application, "two", TEST_TYPE_CLIENT, NULL,
                                                &error));
  check_pending (g_steal_pointer (&error));
  return NULL;
}

static void
call_in_thread_cb (GmpClientServer *application)
{
  g_thread_join (g_thread_new ("call", call_in_thread, application));
}

/* A second thread's calls are errors at once, and the first thread's call continues. */
static void
test_two_threads (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  test_add_client (application, "one", "{'report': <'process'>}");
  g_signal_connect (application, "progress", G_CALLBACK (call_in_thread_cb), NULL);
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_cmpuint (serve (application, 0), ==, 1);
  /* The report may arrive after the request, but before the client's end. */
  g_assert_cmpuint (serve (application, 0), ==, 0);
  results = close_run (application);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
}

/* A failure that receive did not return is the error of the run. */
static void
test_failure_at_end (void)
{
  g_autoptr (GmpClientServer) application = open_new ("{'fail': <'finish'>}", "@a{sv} {}");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_close (application, NULL, &error));
  g_assert_error (error, TEST_ERROR, 7);
  results = gmp_client_server_get_results (application);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
}

/* A client whose request fails just before the end has failed, whichever of the two it learns
 * first. */
static void
test_failed_before_end (void)
{
  for (int turn = 0; turn < 10; turn++)
    {
      g_autoptr (GmpClientServer) application = open_new ("@a{sv} {}", "@a{sv} {}");
      g_autoptr (GPtrArray) requests = NULL;
      g_autoptr (GError) reason = g_error_new_literal (TEST_ERROR, 9, "refused");
      g_autoptr (GError) error = NULL;

      requests = gmp_client_server_receive (application, 0, -1, NULL, &error);
      g_assert_no_error (error);
      gmp_request_fail (requests->pdata[0], reason, &error);
      g_assert_no_error (error);
      g_assert_null (gmp_client_server_close (application, NULL, &error));
      g_assert_error (error, TEST_ERROR, 9);
    }
}

static void
test_restart (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (application, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 1, NULL);
  test_add_client (application, "one", "{'kill': <'update'>}");
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_cmpuint (serve (application, 0), ==, 1);
  requests = gmp_client_server_receive (application, 0, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (requests->len, ==, 2);
  g_assert_null (gmp_request_get_error (requests->pdata[0]));
  g_assert_error (gmp_request_get_error (requests->pdata[1]), GMP_ERROR, GMP_ERROR_CRASHED);
}

/* Added clients start, whatever the earlier ones do. */
static void
test_add (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_cmpuint (serve (application, 0), ==, 0);
  test_add_client (application, "one", "{'turns': <uint32 2>}");
  g_assert_cmpuint (serve (application, 0), ==, 1);
  test_add_client (application, "two", "@a{sv} {}");
  g_assert_cmpuint (serve (application, 0), ==, 2);
  g_assert_false (gmp_client_server_add_client (application, "one", TEST_TYPE_CLIENT, NULL,
                                                &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  results = close_run (application);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
}

/* No client can start in a run that was cancelled. */
static void
test_add_ended (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_client_server_open (application, NULL, cancellable, &error));
  g_cancellable_cancel (cancellable);
  /* The first call may come before the run has ended. */
  do
    {
      g_clear_pointer (&requests, g_ptr_array_unref);
      requests = gmp_client_server_receive (application, 0, -1, NULL, &error);
    }
  while (requests != NULL);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (gmp_client_server_add_client (application, "one", TEST_TYPE_CLIENT, NULL,
                                                &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_null (gmp_client_server_close (application, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_add_client (application, "one", "@a{sv} {}");
}

/* If one of the ids is in use, no client is added or started. */
static void
test_add_taken (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GVariant) params = g_variant_ref_sink (test_params ("{'turns': <uint32 1>}"));
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  test_add_client (application, "1", "{'turns': <uint32 1>}");
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_false (gmp_client_server_add_clients (application, 3, TEST_TYPE_CLIENT, params, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  g_assert_cmpuint (serve (application, 0), ==, 1);
  g_assert_cmpuint (serve (application, 0), ==, 0);
  results = close_run (application);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
}

/* A new run has the parameters that were set. */
static void
test_again (void)
{
  g_autoptr (GmpClientServer) application = open_new ("@a{sv} {}", "@a{sv} {}");
  g_autoptr (GVariant) first = close_run (application);
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_client_server_set_params (application, "one",
                                               test_params ("{'turns': <uint32 2>}"), &error));
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_cmpuint (serve (application, 0), ==, 2);
  g_assert_cmpuint (serve (application, 0), ==, 1);
  second = close_run (application);
  g_assert_null (gmp_client_server_receive (application, 0, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_bad (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_close (application, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_false (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
}

/* Meanwhile the program's main context does not iterate. */
static gboolean
count_cb (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_CONTINUE;
}

static void
test_context (void)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (GmpClientServer) application = NULL;
  g_autoptr (GVariant) results = NULL;
  guint n = 0;

  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  application = open_new ("@a{sv} {}", "@a{sv} {}");
  g_assert_cmpuint (serve (application, 0), ==, 2);
  results = close_run (application);
  g_source_destroy (source);
  g_assert_cmpuint (n, ==, 0);
}

static gpointer
cancel_in_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* Receiving can be cancelled separately from the run. */
static void
test_cancel (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autofree char *params = g_strdup_printf ("{'meet': <'%s'>}", gmp_test_meeting_path (meeting));
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GCancellable) whole = g_cancellable_new ();
  g_autoptr (GCancellable) part = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread;

  test_add_client (application, "one", params);
  g_assert_true (gmp_client_server_open (application, NULL, whole, &error));
  thread = g_thread_new ("cancel", cancel_in_thread, part);
  g_assert_null (gmp_client_server_receive (application, 0, -1, part, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_thread_join (thread);
  g_assert_null (gmp_client_server_receive (application, 0, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  g_clear_error (&error);

  thread = g_thread_new ("cancel", cancel_in_thread, whole);
  g_assert_null (gmp_client_server_receive (application, 0, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_thread_join (thread);
  g_assert_null (gmp_client_server_close (application, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static gpointer
interrupt_in_thread (gpointer data G_GNUC_UNUSED)
{
  kill (getpid (), SIGINT);
  return NULL;
}

static void
progress_cb (GmpClientServer *application G_GNUC_UNUSED,
             const char      *id G_GNUC_UNUSED,
             GVariant        *value G_GNUC_UNUSED,
             GThread        **thread)
{
  *thread = g_thread_new ("interrupt", interrupt_in_thread, NULL);
}

static void
test_interrupt (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GError) error = NULL;
  GThread *thread = NULL;

  test_add_client (application, "one", "{'hang': <'start'>}");
  g_signal_connect (application, "progress", G_CALLBACK (progress_cb), &thread);
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  g_assert_null (gmp_client_server_receive (application, 0, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gmp_test_check_in (error->message, "Interrupted");
  g_thread_join (thread);
}

/* The fixture checks that no process is left. */
static void
test_dropped (void)
{
  g_autoptr (GmpClientServer) application = open_new ("{'hang': <'start'>}", "@a{sv} {}");
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (serve (application, 1), ==, 1);
}

static void
test_async (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;
  GAsyncResult *received = NULL;

  test_add_client (application, "one", "{'turns': <uint32 2>}");
  gmp_client_server_open_async (application, NULL, NULL, gmp_test_done_cb, &result);
  g_assert_true (gmp_client_server_open_finish (application, gmp_test_wait (&result), &error));
  g_clear_object (&result);
  g_assert_null (gmp_client_server_receive (application, 0, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);

  gmp_client_server_receive_async (application, 0, -1, NULL, gmp_test_done_cb, &result);
  requests = gmp_client_server_receive_finish (application, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_clear_object (&result);
  g_assert_cmpuint (requests->len, ==, 1);

  /* Closing a run ends a pending receive. The client does not end by itself. */
  test_add_client (application, "two", "{'hang': <'start'>}");
  gmp_client_server_receive_async (application, 0, -1, NULL, gmp_test_done_cb, &received);
  gmp_client_server_receive_async (application, 0, -1, NULL, gmp_test_done_cb, &result);
  g_assert_null (gmp_client_server_receive_finish (application, gmp_test_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_clear_object (&result);
  gmp_client_server_close_async (application, cancellable, gmp_test_done_cb, &result);
  none = gmp_client_server_receive_finish (application, gmp_test_wait (&received), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);
  g_clear_object (&received);
  g_cancellable_cancel (cancellable);
  g_assert_null (gmp_client_server_close_finish (application, gmp_test_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&result);
}

typedef struct {
  GmpTestMeeting *meeting;
  double limit; /* in seconds */
  GAsyncResult *received;
} HoldUp;

/* The client sends its request after this, while nothing reads it. */
static void
hold_up_cb (GmpClientServer *application,
            const char      *id G_GNUC_UNUSED,
            GVariant        *value G_GNUC_UNUSED,
            HoldUp          *self)
{
  gmp_client_server_receive_async (application, 0, self->limit, NULL, gmp_test_done_cb,
                                   &self->received);
  gmp_test_meet (gmp_test_meeting_path (self->meeting));
  g_usleep ((gulong) (1.6 * self->limit * G_USEC_PER_SEC));
}

/* Requests that arrive while the main loop is held up have arrived in time. */
static void
test_held_up (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autofree char *params = g_strdup_printf ("{'report': <'start'>, 'meet': <'%s'>}",
                                             gmp_test_meeting_path (meeting));
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) closed = NULL;
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  HoldUp hold_up = { meeting, gmp_test_stretch (0.5), NULL };

  test_add_client (application, "one", params);
  g_signal_connect (application, "progress", G_CALLBACK (hold_up_cb), &hold_up);
  gmp_client_server_open_async (application, NULL, NULL, gmp_test_done_cb, &opened);
  g_assert_true (gmp_client_server_open_finish (application, gmp_test_wait (&opened), &error));
  requests = gmp_client_server_receive_finish (application, gmp_test_wait (&hold_up.received),
                                               &error);
  g_assert_no_error (error);
  g_assert_cmpuint (requests->len, ==, 1);
  g_clear_object (&hold_up.received);

  g_assert_true (gmp_request_respond (requests->pdata[0], NULL, &error));
  gmp_client_server_close_async (application, NULL, gmp_test_done_cb, &closed);
  results = gmp_client_server_close_finish (application, gmp_test_wait (&closed), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
}

static void
test_async_dropped (void)
{
  GmpClientServer *application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  test_add_client (application, "one", "{'hang': <'start'>}");
  gmp_client_server_open_async (application, NULL, NULL, gmp_test_done_cb, &result);
  g_assert_true (gmp_client_server_open_finish (application, gmp_test_wait (&result), &error));
  g_clear_object (&result);
  g_object_add_weak_pointer (G_OBJECT (application), (gpointer *) &application);
  g_object_unref (application);
  while (application != NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  g_type_ensure (TEST_TYPE_MEETER);
  gmp_init (&argc, &argv);
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/open/all", test_all);
  gmp_test_add ("/open/some", test_some);
  gmp_test_add ("/open/timeout", test_timeout);
  gmp_test_add ("/open/thread", test_thread);
  gmp_test_add ("/open/two-threads", test_two_threads);
  gmp_test_add ("/open/failure", test_failure);
  gmp_test_add ("/open/failure-at-end", test_failure_at_end);
  gmp_test_add ("/open/failed-before-end", test_failed_before_end);
  gmp_test_add ("/open/restart", test_restart);
  gmp_test_add ("/open/held-up", test_held_up);
  gmp_test_add ("/open/add", test_add);
  gmp_test_add ("/open/add-ended", test_add_ended);
  gmp_test_add ("/open/add-taken", test_add_taken);
  gmp_test_add ("/open/again", test_again);
  gmp_test_add ("/open/bad", test_bad);
  gmp_test_add ("/open/context", test_context);
  gmp_test_add ("/open/cancel", test_cancel);
  gmp_test_add ("/open/interrupt", test_interrupt);
  gmp_test_add ("/open/dropped", test_dropped);
  gmp_test_add ("/open/async", test_async);
  gmp_test_add ("/open/async-dropped", test_async_dropped);
  return g_test_run ();
}
