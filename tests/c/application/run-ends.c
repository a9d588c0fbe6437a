/* run-ends.c: what handlers do while a run ends
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

/* An application that cannot start with parameters, and refuses the reports of its clients, which
 * ends the run. */

#define TEST_TYPE_REFUSER (test_refuser_get_type ())
G_DECLARE_FINAL_TYPE (TestRefuser, test_refuser, TEST, REFUSER, GmpClientServer)

struct _TestRefuser
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (TestRefuser, test_refuser, GMP_TYPE_CLIENT_SERVER)

static gboolean
test_refuser_start (GmpClientServer *self G_GNUC_UNUSED,
                    GVariant        *params,
                    GError         **error)
{
  if (params != NULL)
    g_set_error_literal (error, TEST_ERROR, 7, "no parameters");
  return TRUE;
}

static gboolean
test_refuser_update (GmpClientServer *self G_GNUC_UNUSED,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *progress G_GNUC_UNUSED,
                     GError         **error)
{
  g_set_error_literal (error, TEST_ERROR, 7, "no reports");
  return FALSE;
}

static void
test_refuser_class_init (TestRefuserClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->start = test_refuser_start;
  GMP_CLIENT_SERVER_CLASS (klass)->update = test_refuser_update;
}

static void
test_refuser_init (TestRefuser *self G_GNUC_UNUSED)
{
}

static GVariant *
return_one (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (1);
}

/* Both results of two runs, where a handler of the first has begun the second. */
typedef struct {
  GAsyncResult *first;
  GAsyncResult *second;
} Runs;

static void
run_workers_cb (GmpWorkers *workers,
                GParamSpec *pspec G_GNUC_UNUSED,
                Runs       *runs)
{
  g_signal_handlers_disconnect_by_func (workers, run_workers_cb, runs);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &runs->second);
}

static void
check_workers (GmpWorkers   *workers,
               GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run_finish (workers, result, &error);

  g_assert_no_error (error);
  gmp_test_check_value (results, "{1: <1>}");
  g_object_unref (result);
}

static void
test_next_workers (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  Runs runs = { NULL, NULL };

  gmp_test_add_worker (workers, 1, return_one, NULL);
  g_signal_connect (workers, "notify::results", G_CALLBACK (run_workers_cb), &runs);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &runs.first);
  check_workers (workers, gmp_test_wait (&runs.first));
  check_workers (workers, gmp_test_wait (&runs.second));
}

static void
run_client_server_cb (GmpClientServer *application,
                      GParamSpec      *pspec G_GNUC_UNUSED,
                      Runs            *runs)
{
  g_signal_handlers_disconnect_by_func (application, run_client_server_cb, runs);
  gmp_client_server_run_async (application, NULL, NULL, gmp_test_done_cb, &runs->second);
}

static void
check_client_server (GmpClientServer *application,
                     GAsyncResult    *result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_client_server_run_finish (application, result, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
  g_object_unref (result);
}

static void
test_next_client_server (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  Runs runs = { NULL, NULL };

  test_add_client (application, "one", "{'turns': <uint32 1>}");
  g_signal_connect (application, "notify::results", G_CALLBACK (run_client_server_cb), &runs);
  gmp_client_server_run_async (application, NULL, NULL, gmp_test_done_cb, &runs.first);
  check_client_server (application, gmp_test_wait (&runs.first));
  check_client_server (application, gmp_test_wait (&runs.second));
}

/* Opens a run whose client hangs. */
static void
open_hanging (GmpClientServer *application,
              GCancellable    *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  test_add_client (application, "one", "{'hang': <'start'>}");
  gmp_client_server_open_async (application, NULL, cancellable, gmp_test_done_cb, &result);
  g_assert_true (gmp_client_server_open_finish (application, gmp_test_wait (&result), &error));
}

static void
check_closed (GmpClientServer *application,
              GAsyncResult   **closed,
              GQuark           domain,
              int              code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_close_finish (application, gmp_test_wait (closed), &error));
  g_assert_error (error, domain, code);
  g_clear_object (closed);
}

static void
close_when_received_cb (GObject      *source,
                        GAsyncResult *result,
                        gpointer      closed)
{
  GmpClientServer *application = GMP_CLIENT_SERVER (source);
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_receive_finish (application, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gmp_client_server_close_async (application, NULL, gmp_test_done_cb, closed);
}

/* A call for requests ends with the run, and its callback closes it. */
static void
test_close_when_received (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *closed = NULL;

  open_hanging (application, cancellable);
  gmp_client_server_receive_async (application, 0, -1, NULL, close_when_received_cb, &closed);
  g_cancellable_cancel (cancellable);
  check_closed (application, &closed, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
close_cb (GmpClientServer *application,
          GParamSpec      *pspec G_GNUC_UNUSED,
          gpointer         closed)
{
  gmp_client_server_close_async (application, NULL, gmp_test_done_cb, closed);
}

/* A handler of the run's end closes it while a call for requests is pending. */
static void
test_close_when_ended (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) received = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *closed = NULL;

  open_hanging (application, cancellable);
  g_signal_connect (application, "notify::results", G_CALLBACK (close_cb), &closed);
  gmp_client_server_receive_async (application, 0, -1, NULL, gmp_test_done_cb, &received);
  g_cancellable_cancel (cancellable);
  check_closed (application, &closed, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (gmp_client_server_receive_finish (application, gmp_test_wait (&received), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
add_cb (GmpClientServer *application,
        const char      *id,
        const GError    *reason G_GNUC_UNUSED,
        guint           *n_refused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *other = g_strdup_printf ("instead of %s", id);

  if (g_str_has_prefix (id, "instead") ||
      gmp_client_server_add_client (application, other, TEST_TYPE_CLIENT,
                                    test_params ("{'hang': <'start'>}"), &error))
    return;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  (*n_refused)++;
}

/* A handler adds a client to a run that is being ended, which therefore ends all the same. */
static void
test_add (void)
{
  g_autoptr (GmpClientServer) application = g_object_new (TEST_TYPE_REFUSER, NULL);
  GAsyncResult *closed = NULL;
  guint n_refused = 0;

  g_signal_connect (application, "failed", G_CALLBACK (add_cb), &n_refused);
  open_hanging (application, NULL);
  while (gmp_client_server_get_error (application, "one") == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  gmp_client_server_close_async (application, NULL, gmp_test_done_cb, &closed);
  check_closed (application, &closed, TEST_ERROR, 7);
  g_assert_cmpuint (n_refused, ==, 2);
}

/* Calls that are made before a run was opened fail, whatever becomes of it. */
static void
test_not_opened (void)
{
  g_autoptr (GmpClientServer) application = g_object_new (TEST_TYPE_REFUSER, NULL);
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) received = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *closed = NULL;

  gmp_client_server_open_async (application, g_variant_new_int32 (1), NULL, gmp_test_done_cb,
                                &opened);
  g_assert_false (gmp_client_server_add_client (application, "one", TEST_TYPE_CLIENT, NULL,
                                                &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  gmp_client_server_receive_async (application, 0, -1, NULL, gmp_test_done_cb, &received);
  gmp_client_server_close_async (application, NULL, gmp_test_done_cb, &closed);
  check_closed (application, &closed, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_null (gmp_client_server_receive_finish (application, gmp_test_wait (&received), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_false (gmp_client_server_open_finish (application, gmp_test_wait (&opened), &error));
  g_assert_error (error, TEST_ERROR, 7);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/run-ends/next-workers", test_next_workers);
  gmp_test_add ("/run-ends/next-client-server", test_next_client_server);
  gmp_test_add ("/run-ends/close-when-received", test_close_when_received);
  gmp_test_add ("/run-ends/close-when-ended", test_close_when_ended);
  gmp_test_add ("/run-ends/add", test_add);
  gmp_test_add ("/run-ends/not-opened", test_not_opened);
  return g_test_run ();
}
