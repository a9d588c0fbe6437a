/* requests.c: requests that are answered later
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

/* What a server does with its requests, in a process of its own and as the application. Its
 * parameters are an a{sv}:
 *
 *   how: s      barrier: answers when all clients have asked
 *               thread: a thread answers each
 *               keep: never answers
 *               drop: forgets each at once
 *               fail: each fails with TEST_ERROR and the code 9
 *               lose: each fails with GMP_ERROR_DISCONNECTED
 *               nameless: each fails with an error whose domain has no name
 *               twice: answers each twice
 *               wait: keeps that of "one" until it has failed, and answers it then
 *   turns: u    is done after so many requests */
typedef struct {
  char *how;
  guint turns;
  guint n_requests;
  GPtrArray *kept; /* GmpRequests */
  GString *trace;
} Desk;

static void
desk_init (Desk *self)
{
  self->kept = g_ptr_array_new_with_free_func (g_object_unref);
  self->trace = g_string_new (NULL);
}

static void
desk_clear (Desk *self)
{
  g_free (self->how);
  g_ptr_array_unref (self->kept);
  g_string_free (self->trace, TRUE);
}

static void
desk_start (Desk     *self,
            GVariant *params)
{
  g_variant_lookup (params, "how", "s", &self->how);
  g_variant_lookup (params, "turns", "u", &self->turns);
}

/* Records the outcome. */
static void
desk_answer (Desk       *self,
             GmpRequest *request,
             GVariant   *response)
{
  g_autoptr (GError) error = NULL;

  if (gmp_request_respond (request, response, &error))
    return;
  g_assert_true (error->domain == GMP_ERROR);
  g_string_append_printf (self->trace, "%s:%d ", gmp_request_get_client_id (request), error->code);
}

static gpointer
answer_in_thread (gpointer data)
{
  g_autoptr (GmpRequest) request = data;
  g_autoptr (GError) error = NULL;

  gmp_request_respond (request, gmp_request_get_value (request), &error);
  g_assert_no_error (error);
  g_assert_false (gmp_request_respond (request, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  return NULL;
}

static void
desk_answer_all (Desk *self)
{
  for (guint i = 0; i < self->kept->len; i++)
    desk_answer (self, self->kept->pdata[i], g_variant_new_uint32 (self->kept->len));
  g_ptr_array_set_size (self->kept, 0);
}

static GError *
desk_make_reason (Desk *self)
{
  GError *reason;

  if (g_str_equal (self->how, "lose"))
    return g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED, "refused");
  reason = g_error_new_literal (TEST_ERROR, 9, "refused");
  if (g_str_equal (self->how, "nameless"))
    reason->domain = g_quark_from_string ("");
  return reason;
}

static void
desk_request (Desk       *self,
              GmpRequest *request,
              guint       n_clients)
{
  g_autoptr (GError) reason = desk_make_reason (self);

  self->n_requests++;
  if (g_str_equal (self->how, "thread"))
    g_thread_unref (g_thread_new ("answer", answer_in_thread, g_object_ref (request)));
  else if (g_str_equal (self->how, "fail") || g_str_equal (self->how, "lose") ||
           g_str_equal (self->how, "nameless"))
    g_assert_true (gmp_request_fail (request, reason, NULL));
  else if (!g_str_equal (self->how, "drop"))
    g_ptr_array_add (self->kept, g_object_ref (request));

  if (g_str_equal (self->how, "barrier") && self->kept->len == n_clients)
    desk_answer_all (self);
  if (g_str_equal (self->how, "twice"))
    {
      desk_answer (self, request, NULL);
      desk_answer_all (self);
    }
  if (g_str_equal (self->how, "wait") &&
      !g_str_equal (gmp_request_get_client_id (request), "one"))
    {
      g_ptr_array_remove (self->kept, request);
      desk_answer (self, request, NULL);
    }
}

static GVariant *
desk_finish (Desk *self)
{
  GVariant *result = g_variant_new_string (self->trace->str);

  g_ptr_array_set_size (self->kept, 0);
  return result;
}

/* The server. */

#define TEST_TYPE_DESK_SERVER (test_desk_server_get_type ())
G_DECLARE_FINAL_TYPE (TestDeskServer, test_desk_server, TEST, DESK_SERVER, GmpServerWorker)

struct _TestDeskServer
{
  GmpServerWorker parent_instance;

  Desk desk;
};

G_DEFINE_FINAL_TYPE (TestDeskServer, test_desk_server, GMP_TYPE_SERVER_WORKER)

static gboolean
test_desk_server_start (GmpWorker *worker,
                        GVariant  *params,
                        GError   **error G_GNUC_UNUSED)
{
  desk_start (&TEST_DESK_SERVER (worker)->desk, params);
  return TRUE;
}

static gboolean
test_desk_server_request (GmpServerWorker *server,
                          GmpRequest      *request,
                          GError         **error G_GNUC_UNUSED)
{
  desk_request (&TEST_DESK_SERVER (server)->desk, request,
                gmp_server_worker_get_n_clients (server));
  return TRUE;
}

static gboolean
test_desk_server_client_failed (GmpServerWorker *server,
                                const char      *client_id G_GNUC_UNUSED,
                                const GError    *reason G_GNUC_UNUSED,
                                GError         **error G_GNUC_UNUSED)
{
  desk_answer_all (&TEST_DESK_SERVER (server)->desk);
  return TRUE;
}

static gboolean
test_desk_server_done (GmpWorker *worker,
                       GError   **error)
{
  Desk *desk = &TEST_DESK_SERVER (worker)->desk;

  return (desk->turns > 0 && desk->n_requests >= desk->turns) ||
         GMP_WORKER_CLASS (test_desk_server_parent_class)->done (worker, error);
}

static GVariant *
test_desk_server_finish (GmpWorker *worker,
                         GError   **error G_GNUC_UNUSED)
{
  return desk_finish (&TEST_DESK_SERVER (worker)->desk);
}

static void
test_desk_server_finalize (GObject *object)
{
  desk_clear (&TEST_DESK_SERVER (object)->desk);
  G_OBJECT_CLASS (test_desk_server_parent_class)->finalize (object);
}

static void
test_desk_server_class_init (TestDeskServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_desk_server_finalize;
  GMP_WORKER_CLASS (klass)->start = test_desk_server_start;
  GMP_WORKER_CLASS (klass)->done = test_desk_server_done;
  GMP_WORKER_CLASS (klass)->finish = test_desk_server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->request = test_desk_server_request;
  GMP_SERVER_WORKER_CLASS (klass)->client_failed = test_desk_server_client_failed;
}

static void
test_desk_server_init (TestDeskServer *self)
{
  desk_init (&self->desk);
}

/* The application as server. */

#define TEST_TYPE_DESK_APPLICATION (test_desk_application_get_type ())
G_DECLARE_FINAL_TYPE (TestDeskApplication, test_desk_application, TEST, DESK_APPLICATION,
                      GmpClientServer)

struct _TestDeskApplication
{
  GmpClientServer parent_instance;

  Desk desk;
};

G_DEFINE_FINAL_TYPE (TestDeskApplication, test_desk_application, GMP_TYPE_CLIENT_SERVER)

static gboolean
test_desk_application_start (GmpClientServer *application,
                             GVariant        *params,
                             GError         **error G_GNUC_UNUSED)
{
  desk_start (&TEST_DESK_APPLICATION (application)->desk, params);
  return TRUE;
}

static gboolean
test_desk_application_request (GmpClientServer *application,
                               GmpRequest      *request,
                               GError         **error G_GNUC_UNUSED)
{
  desk_request (&TEST_DESK_APPLICATION (application)->desk, request,
                gmp_client_server_get_n_clients (application));
  return TRUE;
}

static gboolean
test_desk_application_client_failed (GmpClientServer *application,
                                     const char      *client_id G_GNUC_UNUSED,
                                     const GError    *reason G_GNUC_UNUSED,
                                     GError         **error G_GNUC_UNUSED)
{
  desk_answer_all (&TEST_DESK_APPLICATION (application)->desk);
  return TRUE;
}

static gboolean
test_desk_application_done (GmpClientServer *application,
                            GError         **error)
{
  Desk *desk = &TEST_DESK_APPLICATION (application)->desk;

  return (desk->turns > 0 && desk->n_requests >= desk->turns) ||
         GMP_CLIENT_SERVER_CLASS (test_desk_application_parent_class)->done (application, error);
}

static GVariant *
test_desk_application_finish (GmpClientServer *application,
                              GError         **error G_GNUC_UNUSED)
{
  return desk_finish (&TEST_DESK_APPLICATION (application)->desk);
}

static void
test_desk_application_finalize (GObject *object)
{
  desk_clear (&TEST_DESK_APPLICATION (object)->desk);
  G_OBJECT_CLASS (test_desk_application_parent_class)->finalize (object);
}

static void
test_desk_application_class_init (TestDeskApplicationClass *klass)
{
  GmpClientServerClass *parent_class = GMP_CLIENT_SERVER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_desk_application_finalize;
  parent_class->start = test_desk_application_start;
  parent_class->request = test_desk_application_request;
  parent_class->client_failed = test_desk_application_client_failed;
  parent_class->done = test_desk_application_done;
  parent_class->finish = test_desk_application_finish;
}

static void
test_desk_application_init (TestDeskApplication *self)
{
  desk_init (&self->desk);
}

static void
test_barrier (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "{'turns': <uint32 2>}");
      test_run_add (&run, "two", "{'turns': <uint32 2>}");
      test_run_add (&run, "three", "{'turns': <uint32 2>}");
      test_run_go (&run, "{'how': <'barrier'>}");
      g_assert_no_error (run.error);
      g_assert_cmpstr (run.trace, ==, "");
      gmp_test_check_string (run.results, "two", "'two start done process update 3 wait done "
                             "process update 3 wait done finish '");
    }
}

static void
test_thread (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "{'turns': <uint32 2>}");
      test_run_add (&run, "two", "{'turns': <uint32 100>}");
      test_run_go (&run, "{'how': <'thread'>}");
      g_assert_no_error (run.error);
      gmp_test_check_string (run.results, "one", "'one start done process update 1 wait done "
                             "process update 2 wait done finish '");
    }
}

/* When the server is done, its clients finish. */
static void
test_kept (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_add (&run, "two", "@a{sv} {}");
      test_run_go (&run, "{'how': <'keep'>, 'turns': <uint32 2>}");
      g_assert_no_error (run.error);
      gmp_test_check_string (run.results, "one", "'one start done process finish '");
      gmp_test_check_string (run.results, "two", "'two start done process finish '");
    }
}

static void
test_dropped (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_go (&run, "{'how': <'drop'>}");
      g_assert_error (run.error, GMP_ERROR, GMP_ERROR_FAILED);
      gmp_test_check_in (run.error->message, "dropped");
      gmp_test_check_in (run.error->message, "one");
      g_assert_cmpstr (run.trace, ==, "");
    }
}

static void
test_failed (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_add (&run, "none", "{'turns': <uint32 0>}");
      test_run_go (&run, "{'how': <'fail'>}");
      g_assert_error (run.error, TEST_ERROR, 9);
      g_assert_null (gmp_client_server_get_error (run.application, "none"));
      g_assert_null (gmp_client_server_get_error (run.application, "server"));
    }
}

static void
test_nameless (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_go (&run, "{'how': <'nameless'>}");
      g_assert_error (run.error, GMP_ERROR, GMP_ERROR_FAILED);
      gmp_test_check_in (run.error->message, "refused");
    }
}

/* A client of a server that lives does not wait for the server's restart. */
static void
check_refused (const char *params,
               GmpRestart  restart)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };
      g_autoptr (GPtrArray) failures = NULL;

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_object_set (run.application, "restart", restart, "max-restarts", 1, NULL);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_go (&run, params);
      g_assert_nonnull (run.error);
      g_assert_nonnull (gmp_client_server_get_error (run.application, "one"));
      g_assert_null (gmp_client_server_get_error (run.application, "server"));
      failures = gmp_runner_get_failures (GMP_RUNNER (run.application));
      g_assert_cmpuint (failures->len, ==, 1);
      g_assert_cmpuint (gmp_failure_get_n_restarts (failures->pdata[0]), ==, 1);
    }
}

static void
test_restarts (void)
{
  for (GmpRestart restart = GMP_RESTART_ON_FAILURE; restart <= GMP_RESTART_ALWAYS; restart++)
    {
      check_refused ("{'how': <'fail'>}", restart);
      check_refused ("{'how': <'drop'>}", restart);
      check_refused ("{'how': <'lose'>}", restart);
    }
}

static void
test_answered_twice (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };
      g_autofree char *expected = g_strdup_printf ("one:%d ", GMP_ERROR_EXISTS);

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_go (&run, "{'how': <'twice'>}");
      g_assert_no_error (run.error);
      g_assert_cmpstr (run.trace, ==, expected);
      gmp_test_check_string (run.results, "one", "'one start done process update NULL wait done "
                             "finish '");
    }
}

/* Client "one" waits longer for its response than the limit; the response then fails. */
static void
test_client_gone (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };
      g_autofree char *expected = g_strdup_printf ("one:%d ", GMP_ERROR_DISCONNECTED);

      test_run_init (&run, TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_object_set (run.application, "request-timeout", gmp_test_stretch (0.1), NULL);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_add (&run, "two", "@a{sv} {}");
      test_run_go (&run, "{'how': <'wait'>}");
      g_assert_error (run.error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
      g_assert_cmpstr (run.trace, ==, expected);
      g_assert_null (gmp_client_server_get_error (run.application, "two"));
    }
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_DESK_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/requests/barrier", test_barrier);
  gmp_test_add ("/requests/thread", test_thread);
  gmp_test_add ("/requests/kept", test_kept);
  gmp_test_add ("/requests/dropped", test_dropped);
  gmp_test_add ("/requests/failed", test_failed);
  gmp_test_add ("/requests/nameless", test_nameless);
  gmp_test_add ("/requests/restarts", test_restarts);
  gmp_test_add ("/requests/answered-twice", test_answered_twice);
  gmp_test_add ("/requests/client-gone", test_client_gone);
  return g_test_run ();
}
