/* requests.c: requests that are answered later, and in batches
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <string.h>

/* What a server does with its requests, in a process of its own and as the application. Its
 * parameters are an a{sv}:
 *
 *   how: s      barrier: answers when all clients have asked
 *               thread: a thread answers each
 *               keep: never answers
 *               drop: forgets each at once
 *               fail: each fails with TEST_ERROR and the code 9
 *               twice: answers each twice
 *               wait: keeps that of "one" until it has failed, and answers it then
 *   turns: u    is done after so many requests */
typedef struct {
  char *how;
  guint turns;
  guint n_requests;
  GPtrArray *kept; /* of GmpRequest */
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

/* Writes down what came of it. */
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

static void
desk_request (Desk       *self,
              GmpRequest *request,
              guint       n_clients)
{
  g_autoptr (GError) reason = g_error_new_literal (TEST_ERROR, 9, "refused");

  self->n_requests++;
  if (g_str_equal (self->how, "thread"))
    g_thread_unref (g_thread_new ("answer", answer_in_thread, g_object_ref (request)));
  else if (g_str_equal (self->how, "fail"))
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

/* A server that takes batches, and answers with their sizes. */

#define TEST_TYPE_BATCH_SERVER (test_batch_server_get_type ())
G_DECLARE_FINAL_TYPE (TestBatchServer, test_batch_server, TEST, BATCH_SERVER, GmpServerWorker)

struct _TestBatchServer
{
  GmpServerWorker parent_instance;

  GString *trace;
};

G_DEFINE_FINAL_TYPE (TestBatchServer, test_batch_server, GMP_TYPE_SERVER_WORKER)

static void
set_batch_rule (gpointer  object,
                GVariant *params)
{
  guint size = 0;
  double timeout = 0;

  g_variant_lookup (params, "size", "u", &size);
  g_variant_lookup (params, "timeout", "d", &timeout);
  g_object_set (object, "batch-size", size, "batch-timeout", timeout, NULL);
}

static void
answer_batch (GString   *trace,
              GPtrArray *requests)
{
  g_string_append_printf (trace, "%u ", requests->len);
  for (guint i = 0; i < requests->len; i++)
    g_assert_true (gmp_request_respond (requests->pdata[i], g_variant_new_uint32 (requests->len),
                                        NULL));
}

static gboolean
test_batch_server_start (GmpWorker *worker,
                         GVariant  *params,
                         GError   **error G_GNUC_UNUSED)
{
  set_batch_rule (worker, params);
  return TRUE;
}

static gboolean
test_batch_server_process_batch (GmpServerWorker *server,
                                 GPtrArray       *requests,
                                 GError         **error G_GNUC_UNUSED)
{
  answer_batch (TEST_BATCH_SERVER (server)->trace, requests);
  return TRUE;
}

static GVariant *
test_batch_server_finish (GmpWorker *worker,
                          GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_string (TEST_BATCH_SERVER (worker)->trace->str);
}

static void
test_batch_server_finalize (GObject *object)
{
  g_string_free (TEST_BATCH_SERVER (object)->trace, TRUE);
  G_OBJECT_CLASS (test_batch_server_parent_class)->finalize (object);
}

static void
test_batch_server_class_init (TestBatchServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_batch_server_finalize;
  GMP_WORKER_CLASS (klass)->start = test_batch_server_start;
  GMP_WORKER_CLASS (klass)->finish = test_batch_server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process_batch = test_batch_server_process_batch;
}

static void
test_batch_server_init (TestBatchServer *self)
{
  self->trace = g_string_new (NULL);
}

/* The application that takes batches. */

#define TEST_TYPE_BATCH_APPLICATION (test_batch_application_get_type ())
G_DECLARE_FINAL_TYPE (TestBatchApplication, test_batch_application, TEST, BATCH_APPLICATION,
                      GmpClientServer)

struct _TestBatchApplication
{
  GmpClientServer parent_instance;

  GString *trace;
};

G_DEFINE_FINAL_TYPE (TestBatchApplication, test_batch_application, GMP_TYPE_CLIENT_SERVER)

static gboolean
test_batch_application_start (GmpClientServer *application,
                              GVariant        *params,
                              GError         **error G_GNUC_UNUSED)
{
  set_batch_rule (application, params);
  return TRUE;
}

static gboolean
test_batch_application_process_batch (GmpClientServer *application,
                                      GPtrArray       *requests,
                                      GError         **error G_GNUC_UNUSED)
{
  answer_batch (TEST_BATCH_APPLICATION (application)->trace, requests);
  return TRUE;
}

static GVariant *
test_batch_application_finish (GmpClientServer *application,
                               GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_string (TEST_BATCH_APPLICATION (application)->trace->str);
}

static void
test_batch_application_finalize (GObject *object)
{
  g_string_free (TEST_BATCH_APPLICATION (object)->trace, TRUE);
  G_OBJECT_CLASS (test_batch_application_parent_class)->finalize (object);
}

static void
test_batch_application_class_init (TestBatchApplicationClass *klass)
{
  GmpClientServerClass *parent_class = GMP_CLIENT_SERVER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_batch_application_finalize;
  parent_class->start = test_batch_application_start;
  parent_class->process_batch = test_batch_application_process_batch;
  parent_class->finish = test_batch_application_finish;
}

static void
test_batch_application_init (TestBatchApplication *self)
{
  self->trace = g_string_new (NULL);
}

/* Each case runs twice: with a server process, and with the application as server. */

static GmpClientServer *
server_new (GType    server_type,
            GType    application_type,
            gboolean is_application)
{
  return is_application ? g_object_new (application_type, NULL)
                        : gmp_client_server_new (server_type);
}

static void
add (GmpClientServer *application,
     const char      *id,
     const char      *params)
{
  g_autoptr (GError) error = NULL;

  gmp_client_server_add_client (application, id, TEST_TYPE_CLIENT, test_params (params), &error);
  g_assert_no_error (error);
}

/* What the server's finish returned; *error is that of the run. */
static char *
run (GmpClientServer *application,
     const char      *params,
     GVariant       **results,
     GError         **error)
{
  g_autoptr (GVariant) server = NULL;

  *results = gmp_client_server_run (application, test_params (params), NULL, error);
  server = gmp_client_server_get_server_result (application);
  return server != NULL ? g_variant_dup_string (server, NULL) : NULL;
}

#define DESKS \
  for (gboolean is_application = FALSE; is_application <= TRUE; is_application++)

static void
test_barrier (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "{'turns': <uint32 2>}");
      add (application, "two", "{'turns': <uint32 2>}");
      add (application, "three", "{'turns': <uint32 2>}");
      trace = run (application, "{'how': <'barrier'>}", &results, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (trace, ==, "");
      gmp_test_check_string (results, "two", "'two start done process update 3 wait done "
                             "process update 3 wait done finish '");
    }
}

static void
test_thread (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "{'turns': <uint32 2>}");
      add (application, "two", "{'turns': <uint32 100>}");
      trace = run (application, "{'how': <'thread'>}", &results, &error);
      g_assert_no_error (error);
      gmp_test_check_string (results, "one", "'one start done process update 1 wait done "
                             "process update 2 wait done finish '");
    }
}

/* The clients of a server that is done finish. */
static void
test_kept (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "@a{sv} {}");
      add (application, "two", "@a{sv} {}");
      trace = run (application, "{'how': <'keep'>, 'turns': <uint32 2>}", &results, &error);
      g_assert_no_error (error);
      gmp_test_check_string (results, "one", "'one start done process finish '");
      gmp_test_check_string (results, "two", "'two start done process finish '");
    }
}

static void
test_dropped (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "@a{sv} {}");
      trace = run (application, "{'how': <'drop'>}", &results, &error);
      g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
      gmp_test_check_in (error->message, "dropped");
      gmp_test_check_in (error->message, "one");
      g_assert_cmpstr (trace, ==, "");
    }
}

static void
test_failed (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "@a{sv} {}");
      add (application, "none", "{'turns': <uint32 0>}");
      trace = run (application, "{'how': <'fail'>}", &results, &error);
      g_assert_error (error, TEST_ERROR, 9);
      g_assert_null (gmp_client_server_get_error (application, "none"));
      g_assert_null (gmp_client_server_get_error (application, "server"));
    }
}

static void
test_answered_twice (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *expected = g_strdup_printf ("one:%d ", GMP_ERROR_EXISTS);
      g_autofree char *trace = NULL;

      add (application, "one", "@a{sv} {}");
      trace = run (application, "{'how': <'twice'>}", &results, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (trace, ==, expected);
      gmp_test_check_string (results, "one", "'one start done process update NULL wait done "
                             "finish '");
    }
}

/* The client "one" waits for an answer longer than it may; the answer then says so. */
static void
test_client_gone (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_DESK_SERVER, TEST_TYPE_DESK_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *expected = g_strdup_printf ("one:%d ", GMP_ERROR_DISCONNECTED);
      g_autofree char *trace = NULL;

      g_object_set (application, "request-timeout", gmp_test_stretch (0.1), NULL);
      add (application, "one", "@a{sv} {}");
      add (application, "two", "@a{sv} {}");
      trace = run (application, "{'how': <'wait'>}", &results, &error);
      g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
      g_assert_cmpstr (trace, ==, expected);
      g_assert_null (gmp_client_server_get_error (application, "two"));
    }
}

static void
test_batch_of_all (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "{'turns': <uint32 1>}");
      add (application, "two", "{'turns': <uint32 2>}");
      add (application, "three", "{'turns': <uint32 3>}");
      trace = run (application, "@a{sv} {}", &results, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (trace, ==, "3 2 1 ");
    }
}

/* A client that is killed after its first answer is not waited for. */
static void
test_batch_shrinks (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "{'kill': <'update'>}");
      add (application, "two", "{'turns': <uint32 2>}");
      add (application, "three", "{'turns': <uint32 2>}");
      trace = run (application, "@a{sv} {}", &results, &error);
      g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
      g_assert_cmpstr (trace, ==, "3 2 ");
    }
}

static void
test_batch_of_some (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "{'turns': <uint32 4>}");
      add (application, "two", "{'turns': <uint32 4>}");
      add (application, "three", "{'turns': <uint32 4>}");
      trace = run (application, "{'size': <uint32 2>}", &results, &error);
      g_assert_no_error (error);
      g_assert_true (g_str_has_prefix (trace, "2 2 "));
      g_assert_null (strchr (trace, '3'));
    }
}

static void
meet_cb (GmpClientServer *application G_GNUC_UNUSED,
         const char      *id,
         GVariant        *result G_GNUC_UNUSED,
         gpointer         meeting)
{
  if (g_str_equal (id, "one"))
    gmp_test_meet (meeting);
}

/* The client "one" is answered alone, though "two" is there, which does not ask before that. */
static void
test_batch_timeout (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autofree char *params = g_strdup_printf ("{'meet': <'%s'>}", gmp_test_meeting_path (meeting));

  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      add (application, "one", "@a{sv} {}");
      add (application, "two", params);
      g_signal_connect (application, "result", G_CALLBACK (meet_cb),
                        (gpointer) gmp_test_meeting_path (meeting));
      trace = run (application, "{'timeout': <0.02>}", &results, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (trace, ==, "1 1 ");
    }
}

/* A client that hangs in its turn is ended, and restarted where the rule says so; the others, which
 * wait for longer than a turn may take, are not. */
static void
test_turn_timeout (void)
{
  DESKS
    {
      g_autoptr (GmpClientServer) application =
        server_new (TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GPtrArray) failures = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *trace = NULL;

      g_object_set (application, "turn-timeout", gmp_test_stretch (0.05), NULL);
      if (is_application)
        g_object_set (application, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 1, NULL);
      add (application, "hangs", "{'hang': <'update'>}");
      add (application, "two", "{'turns': <uint32 2>}");
      trace = run (application, "@a{sv} {}", &results, &error);
      g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
      gmp_test_check_in (error->message, "turn-timeout");
      gmp_test_check_in (error->message, "hangs");
      g_assert_cmpstr (trace, ==, is_application ? "2 2 " : "2 1 ");
      failures = gmp_runner_get_failures (GMP_RUNNER (application));
      g_assert_cmpuint (failures->len, ==, 1);
      g_assert_cmpuint (gmp_failure_get_n_restarts (failures->pdata[0]), ==, is_application);
    }
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_DESK_SERVER);
  g_type_ensure (TEST_TYPE_BATCH_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/requests/barrier", test_barrier);
  gmp_test_add ("/requests/thread", test_thread);
  gmp_test_add ("/requests/kept", test_kept);
  gmp_test_add ("/requests/dropped", test_dropped);
  gmp_test_add ("/requests/failed", test_failed);
  gmp_test_add ("/requests/answered-twice", test_answered_twice);
  gmp_test_add ("/requests/client-gone", test_client_gone);
  gmp_test_add ("/requests/batch/all", test_batch_of_all);
  gmp_test_add ("/requests/batch/shrinks", test_batch_shrinks);
  gmp_test_add ("/requests/batch/some", test_batch_of_some);
  gmp_test_add ("/requests/batch/timeout", test_batch_timeout);
  gmp_test_add ("/requests/turn-timeout", test_turn_timeout);
  return g_test_run ();
}
