/* client-server.c: the life cycle of servers and clients that are worker processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <string.h>

#define N_BIG ((gsize) 20 * 1024 * 1024)

/* Sends a large value, filled with the turn's number, and checks the response. */

#define TEST_TYPE_BIG_CLIENT (test_big_client_get_type ())
G_DECLARE_FINAL_TYPE (TestBigClient, test_big_client, TEST, BIG_CLIENT, GmpClientWorker)

struct _TestBigClient
{
  GmpClientWorker parent_instance;

  GVariant *sent;
  guint n_right;
};

G_DEFINE_FINAL_TYPE (TestBigClient, test_big_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
test_big_client_process (GmpClientWorker *client,
                         GError         **error G_GNUC_UNUSED)
{
  TestBigClient *self = TEST_BIG_CLIENT (client);
  guint8 *bytes = g_malloc (N_BIG);

  memset (bytes, (int) self->n_right + 1, N_BIG);
  g_clear_pointer (&self->sent, g_variant_unref);
  self->sent = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes,
                                                            N_BIG, TRUE, g_free, bytes));
  return g_variant_ref (self->sent);
}

static gboolean
test_big_client_update (GmpClientWorker *client,
                        GVariant        *response,
                        GError         **error)
{
  TestBigClient *self = TEST_BIG_CLIENT (client);

  if (gmp_test_is_same (self->sent, response))
    self->n_right++;
  else
    g_set_error_literal (error, TEST_ERROR, 1, "another value came back");
  return TRUE;
}

static gboolean
test_big_client_done (GmpWorker *worker,
                      GError   **error G_GNUC_UNUSED)
{
  return TEST_BIG_CLIENT (worker)->n_right == 3;
}

static GVariant *
test_big_client_finish (GmpWorker *worker,
                        GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (TEST_BIG_CLIENT (worker)->n_right);
}

static void
test_big_client_finalize (GObject *object)
{
  g_clear_pointer (&TEST_BIG_CLIENT (object)->sent, g_variant_unref);
  G_OBJECT_CLASS (test_big_client_parent_class)->finalize (object);
}

static void
test_big_client_class_init (TestBigClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_big_client_finalize;
  GMP_WORKER_CLASS (klass)->done = test_big_client_done;
  GMP_WORKER_CLASS (klass)->finish = test_big_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_big_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_big_client_update;
}

static void
test_big_client_init (TestBigClient *self G_GNUC_UNUSED)
{
}

static GVariant *
run (GmpClientServer *application,
     const char      *params)
{
  g_autoptr (GError) error = NULL;
  GVariant *results = gmp_client_server_run (application, test_params (params), NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (results), ==, "a{sv}");
  g_assert_cmpuint (gmp_client_server_get_n_clients (application), ==, 0);
  return results;
}

static void
check_server_result (GmpClientServer *application,
                     const char      *expected)
{
  g_autoptr (GVariant) value = gmp_client_server_get_server_result (application);

  g_assert_cmpstr (value != NULL ? g_variant_get_string (value, NULL) : NULL, ==, expected);
}

static void
test_life_cycle (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;

  test_add_client (application, "one", "{'turns': <uint32 2>}");
  results = run (application, "{'x': <1>}");
  gmp_test_check_value (results,
                        "{'one': <'one start done process update 1 wait "
                        "done process update 2 wait done finish '>}");
  /* Without clients the server is done, whether or not done was called before the last client
   * ended. */
  check_server_result (application, "server:1 start done process one wait done process one wait "
                       "done done finish ");
}

static void
test_no_params (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;

  test_add_client (application, "", NULL);
  results = run (application, NULL);
  gmp_test_check_value (results,
                        "{'': <' start(NULL) done process update 1 wait done finish '>}");
  check_server_result (application, "server:1 start(NULL) done process  wait done done finish ");
}

static void
test_set_params (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GError) error = NULL;

  test_add_client (application, "one", "{'null': <true>}");
  first = run (application, NULL);
  gmp_test_check_value (first, "{'one': <@mv nothing>}");

  g_assert_true (gmp_client_server_set_params (application, "one", NULL, &error));
  g_assert_no_error (error);
  second = run (application, NULL);
  gmp_test_check_value (second,
                        "{'one': <'one start(NULL) done process update 1 wait done finish '>}");

  g_assert_false (gmp_client_server_set_params (application, "two", NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

static void
test_null_messages (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;

  test_add_client (application, "null", "{'request': <@mi nothing>}");
  test_add_client (application, "maybe", "{'request': <@mmi just nothing>}");
  test_add_client (application, "empty", "{'null': <true>}");
  results = run (application, "{'null': <true>}");
  gmp_test_check_value (results,
                        "{'null': <'null start done process update NULL wait done finish '>, "
                        "'maybe': <'maybe start done process update nothing wait done finish '>, "
                        "'empty': <@mv nothing>}");
  check_server_result (application, NULL);
}

static void
test_no_clients (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = run (application, NULL);

  gmp_test_check_value (results, "@a{sv} {}");
  check_server_result (application, "server:0 start(NULL) done finish ");
}

static void
test_new_workers (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_client_server_new_workers (application, 3, TEST_TYPE_CLIENT,
                                                test_params ("{'turns': <uint32 0>}"), &error));
  g_assert_no_error (error);
  results = run (application, NULL);
  gmp_test_check_value (results, "{'0': <'0 start done finish '>, '1': <'1 start done finish '>, "
                        "'2': <'2 start done finish '>}");
}

static void
test_exists (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  test_add_client (application, "2", "{'turns': <uint32 0>}");
  g_assert_false (gmp_client_server_new_worker (application, "2", TEST_TYPE_CLIENT, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (gmp_client_server_new_workers (application, 4, TEST_TYPE_CLIENT, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  gmp_test_check_in (error->message, "'2'");
  g_clear_error (&error);
  g_assert_false (gmp_client_server_new_worker_target (application, "2", "native::x", NULL,
                                                       &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);

  /* All or none: "0" and "1" were not added. */
  results = run (application, NULL);
  gmp_test_check_value (results, "{'2': <'2 start done finish '>}");
}

/* The server is done while the clients still send requests. */
static void
test_done_early (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) server = NULL;
  GVariantIter iter;
  const char *id;
  GVariant *value;

  gmp_client_server_new_workers (application, 4, TEST_TYPE_CLIENT,
                                 test_params ("{'turns': <uint32 4294967295>}"), NULL);
  results = run (application, "{'turns': <uint32 10>}");
  g_assert_cmpuint (g_variant_n_children (results), ==, 4);
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "{&sv}", &id, &value))
    {
      const char *trace = g_variant_get_string (value, NULL);

      /* A request without a response has no update and no wait. */
      g_assert_true (g_str_has_suffix (trace, " done process finish "));
      g_assert_null (gmp_client_server_get_error (application, id));
    }
  server = gmp_client_server_get_server_result (application);
  g_assert_true (g_str_has_suffix (g_variant_get_string (server, NULL), " wait done finish "));
}

static void
test_done_at_once (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;

  test_add_client (application, "one", NULL);
  results = run (application, "{'turns': <uint32 0>}");
  gmp_test_check_value (results, "{'one': <'one start(NULL) done process finish '>}");
  check_server_result (application, "server:1 start done finish ");
}

static void
test_never_done (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) server = NULL;

  test_add_client (application, "one", NULL);
  test_add_client (application, "two", NULL);
  results = run (application, "{'never-done': <true>}");
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
  server = gmp_client_server_get_server_result (application);
  g_assert_true (g_str_has_suffix (g_variant_get_string (server, NULL), " done finish "));
}

static void
test_many (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (16);
  g_autofree char *params = g_strdup_printf ("{'turns': <uint32 20>, 'meet': <'%s'>}",
                                             gmp_test_meeting_path (meeting));
  g_autoptr (GVariant) results = NULL;

  /* Each continues only when all of them have started. */
  gmp_client_server_new_workers (application, 16, TEST_TYPE_CLIENT, test_params (params), NULL);
  results = run (application, NULL);
  for (int i = 0; i < 16; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", i);
      g_autoptr (GVariant) value = gmp_test_get_string (results, id);

      gmp_test_check_in (g_variant_get_string (value, NULL),
                         " done process update 20 wait done finish ");
    }
}

static void
test_twice (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);

  test_add_client (application, "one", NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GVariant) results = run (application, NULL);

      gmp_test_check_value (results, "{'one': <'one start(NULL) done process update 1 wait done "
                            "finish '>}");
      check_server_result (application,
                           "server:1 start(NULL) done process one wait done done finish ");
    }
}

static void
test_big (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;

  gmp_client_server_new_workers (application, 2, TEST_TYPE_BIG_CLIENT, NULL, NULL);
  results = run (application, NULL);
  gmp_test_check_value (results, "{'0': <uint32 3>, '1': <uint32 3>}");
}

static void
test_properties (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GmpClientServer) targeted = gmp_client_server_new_for_target ("native::x");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) server_result = NULL;
  g_autofree char *target = NULL;
  GType type;

  g_object_get (application, "server-type", &type, "results", &results, "server-result",
                &server_result, NULL);
  g_object_get (targeted, "server-target", &target, NULL);
  g_assert_true (type == TEST_TYPE_SERVER);
  gmp_test_check_value (results, "@a{sv} {}");
  g_assert_null (server_result);
  g_assert_cmpstr (target, ==, "native::x");
  g_assert_null (gmp_client_server_get_error (application, "nobody"));
}

static void
report_cb (GmpClientServer *application G_GNUC_UNUSED,
           const char      *id,
           GVariant        *value,
           gpointer         user_data)
{
  g_autofree char *text = g_variant_print (value, FALSE);

  g_string_append_printf (user_data, "%s %s;", id, text);
}

static void
test_signals (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GString) progress = g_string_new (NULL);
  g_autoptr (GString) result = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;

  test_add_client (application, "one", "{'report': <'update'>, 'turns': <uint32 0>}");
  g_signal_connect (application, "progress", G_CALLBACK (report_cb), progress);
  g_signal_connect (application, "result", G_CALLBACK (report_cb), result);
  results = run (application, "{'report': <'start'>}");
  g_assert_cmpstr (progress->str, ==, "server 'start';");
  g_assert_cmpstr (result->str, ==, "one 'one start done finish ';");
}

static void
line_cb (GmpClientServer *application G_GNUC_UNUSED,
         const char      *id,
         GmpOutputStream  stream,
         const char      *line,
         gpointer         user_data)
{
  g_assert_cmpint (stream, ==, GMP_OUTPUT_STDOUT);
  g_string_append_printf (user_data, "%s %s;", id, line);
}

static gboolean
log_cb (GmpClientServer *application G_GNUC_UNUSED,
        const char      *id,
        const char      *domain,
        guint            level,
        const char      *message,
        gpointer         user_data)
{
  g_string_append_printf (user_data, "%s '%s' %u %s;", id, domain, level, message);
  return TRUE;
}

/* Output and log messages of the workers. */
static void
test_words (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;

  g_object_set (application, "capture-output", TRUE, NULL);
  g_signal_connect (application, "output", G_CALLBACK (line_cb), lines);
  g_signal_connect (application, "log", G_CALLBACK (log_cb), log);
  test_add_client (application, "one", "{'say': <'process'>}");
  results = run (application, NULL);
  g_assert_cmpstr (lines->str, ==, "one process;");
  g_assert_cmpstr (log->str, ==, "one 'some' 32 in process;");
}

/* A message without a handler is printed with its client's id. */
static void
test_words_default (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
      g_autoptr (GVariant) results = NULL;

      test_add_client (application, "one", "{'say': <'process'>}");
      results = run (application, NULL);
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*some*worker 'one': in process*");
}

/* One request of a megabyte and its response, which is the server's last. */
static void
check_answer (guint64 shared_memory_limit)
{
  const gsize size = 1000 * 1000;
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autofree char *text = g_strnfill (size, 'x');
  g_autofree char *expected = g_strdup_printf ("one start done process update '%s' wait done "
                                               "process finish ", text);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  GVariantDict params;

  g_variant_dict_init (&params, NULL);
  g_variant_dict_insert (&params, "turns", "u", 2);
  g_variant_dict_insert_value (&params, "request",
                               g_variant_new_maybe (NULL, g_variant_new_string (text)));
  g_object_set (application, "shared-memory-limit", shared_memory_limit, NULL);
  gmp_client_server_new_worker (application, "one", TEST_TYPE_CLIENT, g_variant_dict_end (&params),
                                &error);
  g_assert_no_error (error);
  results = run (application, "{'turns': <uint32 1>}");
  value = gmp_test_get_string (results, "one");
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

/* The server's last response does not fit into the shared memory. The server waits until the
 * client has received it. */
static void
test_last_answer (void)
{
  check_answer (0);
}

/* A limit beyond the address space. */
static void
test_shared_memory_endless (void)
{
  check_answer (G_MAXINT64);
}

static void
test_async (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  test_add_client (application, "one", "{'turns': <uint32 0>}");
  gmp_client_server_run_async (application, NULL, NULL, gmp_test_done_cb, &first);
  gmp_client_server_run_async (application, NULL, NULL, gmp_test_done_cb, &second);
  g_assert_null (gmp_client_server_run_finish (application, gmp_test_wait (&second), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_cmpuint (gmp_client_server_get_n_clients (application), ==, 1);
  results = gmp_client_server_run_finish (application, gmp_test_wait (&first), &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{'one': <'one start done finish '>}");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  g_type_ensure (TEST_TYPE_BIG_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/client-server/life-cycle", test_life_cycle);
  gmp_test_add ("/client-server/no-params", test_no_params);
  gmp_test_add ("/client-server/set-params", test_set_params);
  gmp_test_add ("/client-server/null-messages", test_null_messages);
  gmp_test_add ("/client-server/no-clients", test_no_clients);
  gmp_test_add ("/client-server/new-workers", test_new_workers);
  gmp_test_add ("/client-server/exists", test_exists);
  gmp_test_add ("/client-server/done-early", test_done_early);
  gmp_test_add ("/client-server/done-at-once", test_done_at_once);
  gmp_test_add ("/client-server/never-done", test_never_done);
  gmp_test_add ("/client-server/many", test_many);
  gmp_test_add ("/client-server/twice", test_twice);
  gmp_test_add ("/client-server/big", test_big);
  gmp_test_add ("/client-server/properties", test_properties);
  gmp_test_add ("/client-server/signals", test_signals);
  gmp_test_add ("/client-server/words", test_words);
  gmp_test_add ("/client-server/words-default", test_words_default);
  gmp_test_add ("/client-server/last-answer", test_last_answer);
  gmp_test_add ("/client-server/shared-memory-endless", test_shared_memory_endless);
  gmp_test_add ("/client-server/async", test_async);
  return g_test_run ();
}
