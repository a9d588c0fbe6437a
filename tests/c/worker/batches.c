/* batches.c: requests that are answered in batches, and how long they are waited for
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <string.h>

/* A server with batches, which responds with their sizes. */

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

/* An application that is a server with batches. */

#define TEST_TYPE_BATCH_APPLICATION (test_batch_application_get_type ())
G_DECLARE_FINAL_TYPE (TestBatchApplication, test_batch_application, TEST, BATCH_APPLICATION,
                      GmpClientServer)

struct _TestBatchApplication
{
  GmpClientServer parent_instance;

  GString *trace;
  GVariant *change; /* (nullable): the rule that is set when the first request has been gathered */
  guint n_done;
};

G_DEFINE_FINAL_TYPE (TestBatchApplication, test_batch_application, GMP_TYPE_CLIENT_SERVER)

static gboolean
test_batch_application_start (GmpClientServer *application,
                              GVariant        *params,
                              GError         **error G_GNUC_UNUSED)
{
  set_batch_rule (application, params);
  TEST_BATCH_APPLICATION (application)->change =
    g_variant_lookup_value (params, "then", G_VARIANT_TYPE_VARDICT);
  return TRUE;
}

static gboolean
change_cb (gpointer application)
{
  set_batch_rule (application, TEST_BATCH_APPLICATION (application)->change);
  return G_SOURCE_REMOVE;
}

/* It is called before the first request, and after each. */
static gboolean
test_batch_application_done (GmpClientServer *application,
                             GError         **error G_GNUC_UNUSED)
{
  TestBatchApplication *self = TEST_BATCH_APPLICATION (application);
  g_autoptr (GSource) source = NULL;

  if (self->change != NULL && ++self->n_done == 2)
    {
      source = g_idle_source_new ();
      g_source_set_callback (source, change_cb, self, NULL);
      g_source_attach (source, g_main_context_get_thread_default ());
    }
  return gmp_client_server_get_n_clients (application) == 0;
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
  g_clear_pointer (&TEST_BATCH_APPLICATION (object)->change, g_variant_unref);
  G_OBJECT_CLASS (test_batch_application_parent_class)->finalize (object);
}

static void
test_batch_application_class_init (TestBatchApplicationClass *klass)
{
  GmpClientServerClass *parent_class = GMP_CLIENT_SERVER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_batch_application_finalize;
  parent_class->start = test_batch_application_start;
  parent_class->process_batch = test_batch_application_process_batch;
  parent_class->done = test_batch_application_done;
  parent_class->finish = test_batch_application_finish;
}

static void
test_batch_application_init (TestBatchApplication *self)
{
  self->trace = g_string_new (NULL);
}

static void
test_batch_of_all (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      test_run_add (&run, "one", "{'turns': <uint32 1>}");
      test_run_add (&run, "two", "{'turns': <uint32 2>}");
      test_run_add (&run, "three", "{'turns': <uint32 3>}");
      test_run_go (&run, "@a{sv} {}");
      g_assert_no_error (run.error);
      g_assert_cmpstr (run.trace, ==, "3 2 1 ");
    }
}

/* A client that is killed after its first response is not waited for. */
static void
test_batch_shrinks (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      test_run_add (&run, "one", "{'kill': <'update'>}");
      test_run_add (&run, "two", "{'turns': <uint32 2>}");
      test_run_add (&run, "three", "{'turns': <uint32 2>}");
      test_run_go (&run, "@a{sv} {}");
      g_assert_error (run.error, GMP_ERROR, GMP_ERROR_CRASHED);
      g_assert_cmpstr (run.trace, ==, "3 2 ");
    }
}

static void
test_batch_of_some (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      test_run_add (&run, "one", "{'turns': <uint32 4>}");
      test_run_add (&run, "two", "{'turns': <uint32 4>}");
      test_run_add (&run, "three", "{'turns': <uint32 4>}");
      test_run_go (&run, "{'size': <uint32 2>}");
      g_assert_no_error (run.error);
      g_assert_true (g_str_has_prefix (run.trace, "2 2 "));
      g_assert_null (strchr (run.trace, '3'));
    }
}

static gpointer
meet_thread (gpointer path)
{
  gmp_test_meet (path);
  return NULL;
}

static void
join_cb (gpointer thread)
{
  g_thread_join (thread);
}

/* In a thread, because "two" may need the main loop to start. */
static void
meet_cb (GmpClientServer *application,
         const char      *id,
         GVariant        *result G_GNUC_UNUSED,
         gpointer         path)
{
  if (g_str_equal (id, "one"))
    g_object_set_data_full (G_OBJECT (application), "meeting",
                            g_thread_new ("meeting", meet_thread, path), join_cb);
}

/* Client "one" gets a response alone, although "two" has started, which sends no request before
 * that. */
static void
test_batch_timeout (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autofree char *params = g_strdup_printf ("{'meet': <'%s'>}", gmp_test_meeting_path (meeting));

  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_add (&run, "two", params);
      g_signal_connect (run.application, "result", G_CALLBACK (meet_cb),
                        (gpointer) gmp_test_meeting_path (meeting));
      test_run_go (&run, "{'timeout': <0.02>}");
      g_assert_no_error (run.error);
      g_assert_cmpstr (run.trace, ==, "1 1 ");
    }
}

/* As above, with a rule that the application sets while the request of "one" waits. */
static void
test_batch_changes (void)
{
  const char *rules[] = { "{'size': <uint32 1>}", "{'timeout': <0.02>}" };
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autofree char *params = g_strdup_printf ("{'meet': <'%s'>}", gmp_test_meeting_path (meeting));

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      g_autofree char *rule = g_strdup_printf ("{'size': <uint32 2>, 'then': <%s>}", rules[i]);
      g_auto (TestRun) run = { 0, };

      test_run_init (&run, TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, TRUE);
      test_run_add (&run, "one", "@a{sv} {}");
      test_run_add (&run, "two", params);
      g_signal_connect (run.application, "result", G_CALLBACK (meet_cb),
                        (gpointer) gmp_test_meeting_path (meeting));
      test_run_go (&run, rule);
      g_assert_no_error (run.error);
      g_assert_cmpstr (run.trace, ==, "1 1 ");
    }
}

/* A client that hangs in its turn is terminated, and restarted if the rule allows it. The others,
 * which wait longer than a turn may take, are not. */
static void
test_turn_timeout (void)
{
  TEST_BOTH (is_application)
    {
      g_auto (TestRun) run = { 0, };
      g_autoptr (GPtrArray) failures = NULL;

      test_run_init (&run, TEST_TYPE_BATCH_SERVER, TEST_TYPE_BATCH_APPLICATION, is_application);
      g_object_set (run.application, "turn-timeout", gmp_test_stretch (0.05), NULL);
      if (is_application)
        g_object_set (run.application, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 1, NULL);
      test_run_add (&run, "hangs", "{'hang': <'update'>}");
      test_run_add (&run, "two", "{'turns': <uint32 2>}");
      test_run_go (&run, "@a{sv} {}");
      g_assert_error (run.error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
      gmp_test_check_in (run.error->message, "turn-timeout");
      gmp_test_check_in (run.error->message, "hangs");
      g_assert_cmpstr (run.trace, ==, is_application ? "2 2 " : "2 1 ");
      failures = gmp_runner_get_failures (GMP_RUNNER (run.application));
      g_assert_cmpuint (failures->len, ==, 1);
      g_assert_cmpuint (gmp_failure_get_n_restarts (failures->pdata[0]), ==, is_application);
    }
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_BATCH_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/batches/all", test_batch_of_all);
  gmp_test_add ("/batches/shrinks", test_batch_shrinks);
  gmp_test_add ("/batches/some", test_batch_of_some);
  gmp_test_add ("/batches/timeout", test_batch_timeout);
  gmp_test_add ("/batches/changes", test_batch_changes);
  gmp_test_add ("/batches/turn-timeout", test_turn_timeout);
  return g_test_run ();
}
