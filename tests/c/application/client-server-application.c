/* client-server-application.c: the application as the server of its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <string.h>

#define BIG (4 * 1024 * 1024)

/* The resident bytes of the memory that this process shares with its clients. */
static gsize
get_shared_memory (void)
{
  g_autofree char *text = NULL;
  gboolean is_shared = FALSE;
  gsize result = 0;

  g_assert_true (g_file_get_contents ("/proc/self/smaps", &text, NULL, NULL));
  for (char *line = strtok (text, "\n"); line != NULL; line = strtok (NULL, "\n"))
    if (strchr (line, '-') != NULL && strchr (line, ':') != NULL && strstr (line, "kB") == NULL)
      is_shared = strstr (line, "/memfd:gmproc") != NULL;
    else if (is_shared && g_str_has_prefix (line, "Rss:"))
      result += g_ascii_strtoull (line + strlen ("Rss:"), NULL, 10) * 1024;
  return result;
}

/* Answers with the number of the turn, and records the called methods. */

#define TEST_TYPE_APPLICATION (test_application_get_type ())
G_DECLARE_FINAL_TYPE (TestApplication, test_application, TEST, APPLICATION, GmpClientServer)

struct _TestApplication
{
  GmpClientServer parent_instance;

  GString *trace;
  const char *failing;   /* (nullable): the name of a method */
  GCancellable *to_cancel; /* (nullable): by process */
  guint max_turns;
  guint n_turns;
  gsize shared_memory; /* while it processed the last large request */
};

G_DEFINE_FINAL_TYPE (TestApplication, test_application, GMP_TYPE_CLIENT_SERVER)

static TestApplication *
enter (gpointer    self,
       const char *method,
       GError    **error)
{
  TestApplication *application = TEST_APPLICATION (self);

  g_string_append_printf (application->trace, "%s ", method);
  if (g_strcmp0 (application->failing, method) == 0)
    g_set_error (error, TEST_ERROR, 8, "%s fails", method);
  return application;
}

static gboolean
test_application_start (GmpClientServer *self,
                        GVariant        *params,
                        GError         **error)
{
  g_autofree char *text = params != NULL ? g_variant_print (params, FALSE) : g_strdup ("NULL");
  TestApplication *application = enter (self, "start", error);

  g_string_append_printf (application->trace, "%s ", text);
  return TRUE;
}

static GVariant *
test_application_process (GmpClientServer *self,
                          const char      *client_id,
                          GVariant        *request,
                          GError         **error)
{
  TestApplication *application = enter (self, "process", error);

  g_string_append_printf (application->trace, "%s ", client_id);
  if (application->to_cancel != NULL)
    g_cancellable_cancel (application->to_cancel);
  application->n_turns++;
  if (request != NULL && g_variant_get_size (request) >= BIG)
    application->shared_memory = get_shared_memory ();
  return request != NULL ? g_variant_new ("(vu)", request, application->n_turns) : NULL;
}

static gboolean
test_application_wait (GmpClientServer *self,
                       GError         **error)
{
  enter (self, "wait", error);
  return TRUE;
}

static gboolean
test_application_done (GmpClientServer *self,
                       GError         **error)
{
  TestApplication *application = enter (self, "done", error);

  return application->n_turns >= application->max_turns ||
         GMP_CLIENT_SERVER_CLASS (test_application_parent_class)->done (self, error);
}

static GVariant *
test_application_finish (GmpClientServer *self,
                         GError         **error)
{
  enter (self, "finish", error);
  return g_variant_new_string ("finished");
}

static gboolean
test_application_update (GmpClientServer *self,
                         const char      *client_id,
                         GVariant        *progress,
                         GError         **error)
{
  g_autofree char *text = g_variant_print (progress, FALSE);
  TestApplication *application = enter (self, "update", error);

  g_string_append_printf (application->trace, "%s %s ", client_id, text);
  return TRUE;
}

static void
test_application_finalize (GObject *object)
{
  g_string_free (TEST_APPLICATION (object)->trace, TRUE);
  G_OBJECT_CLASS (test_application_parent_class)->finalize (object);
}

static void
test_application_class_init (TestApplicationClass *klass)
{
  GmpClientServerClass *parent_class = GMP_CLIENT_SERVER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_application_finalize;
  parent_class->start = test_application_start;
  parent_class->process = test_application_process;
  parent_class->wait = test_application_wait;
  parent_class->done = test_application_done;
  parent_class->finish = test_application_finish;
  parent_class->update = test_application_update;
}

static void
test_application_init (TestApplication *self)
{
  self->trace = g_string_new (NULL);
  self->max_turns = G_MAXUINT;
}

static TestApplication *
application_new (const char *client_params)
{
  TestApplication *application = g_object_new (TEST_TYPE_APPLICATION, NULL);
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_worker (GMP_CLIENT_SERVER (application), "one", TEST_TYPE_CLIENT,
                                client_params != NULL ? test_params (client_params) : NULL,
                                &error);
  g_assert_no_error (error);
  return application;
}

/* How often `done` is called while no request arrives is not specified. */
static void
check_trace (TestApplication *application,
             const char      *expected)
{
  g_auto (GStrv) words = g_strsplit (application->trace->str, " ", -1);
  g_autoptr (GString) trace = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++)
    if (!(g_str_equal (words[i], "done") && i > 0 && g_str_equal (words[i - 1], "done")))
      g_string_append_printf (trace, "%s%s", i > 0 ? " " : "", words[i]);
  g_assert_cmpstr (trace->str, ==, expected);
}

static void
test_blocking (void)
{
  g_autoptr (TestApplication) application = application_new ("{'turns': <uint32 2>}");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) server = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (GMP_CLIENT_SERVER (application), g_variant_new_int32 (3), NULL,
                                   &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{'one': <'one start done process update (<uint32 1>, 1) wait "
                        "done "
                        "process update (<uint32 2>, 2) wait done finish '>}");
  check_trace (application, "start 3 done process one wait done process one wait done finish ");
  server = gmp_client_server_get_server_result (GMP_CLIENT_SERVER (application));
  gmp_test_check_value (server, "'finished'");
}

static void
test_null (void)
{
  g_autoptr (TestApplication) application = application_new ("{'request': <@mi nothing>}");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (results,
                        "{'one': <'one start done process update NULL wait done finish '>}");
  check_trace (application, "start NULL done process one wait done finish ");
}

static gboolean
count_cb (gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
  return G_SOURCE_CONTINUE;
}

/* The application's own main loop keeps running meanwhile. */
static void
test_async (void)
{
  g_autoptr (TestApplication) application = application_new ("{'turns': <uint32 3>}");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (GError) error = NULL;
  guint n = 0;

  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  gmp_client_server_run_async (GMP_CLIENT_SERVER (application), NULL, NULL, gmp_test_done_cb,
                               &result);
  results = gmp_client_server_run_finish (GMP_CLIENT_SERVER (application), gmp_test_wait (&result),
                                          &error);
  g_source_destroy (source);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
  g_assert_cmpuint (application->n_turns, ==, 3);
  g_assert_cmpuint (n, >, 3);
}

static void
test_many (void)
{
  g_autoptr (TestApplication) application = g_object_new (TEST_TYPE_APPLICATION, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (GMP_CLIENT_SERVER (application), 8, TEST_TYPE_CLIENT,
                                 test_params ("{'turns': <uint32 10>}"), &error);
  results = gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 8);
  g_assert_cmpuint (application->n_turns, ==, 80);
}

static void
test_no_clients (void)
{
  g_autoptr (TestApplication) application = g_object_new (TEST_TYPE_APPLICATION, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "@a{sv} {}");
  check_trace (application, "start NULL done finish ");
}

static void
test_done_early (void)
{
  g_autoptr (TestApplication) application = application_new ("{'turns': <uint32 4294967295>}");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  application->max_turns = 1;
  results = gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{'one': <'one start done process update (<uint32 1>, 1) wait "
                        "done "
                        "process finish '>}");
  check_trace (application, "start NULL done process one wait done finish ");
}

static void
test_update (void)
{
  g_autoptr (TestApplication) application = application_new ("{'report': <'start'>}");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_in (application->trace->str, "update one 'start' ");
}

/* With its own server, the application still receives progress, and nothing else. */
static void
test_update_only (void)
{
  g_autoptr (TestApplication) application = g_object_new (TEST_TYPE_APPLICATION, "server-type",
                                                          TEST_TYPE_SERVER, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_worker (GMP_CLIENT_SERVER (application), "one", TEST_TYPE_CLIENT, NULL,
                                &error);
  results = gmp_client_server_run (GMP_CLIENT_SERVER (application),
                                   test_params ("{'report': <'start'>}"), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (application->trace->str, ==, "update server 'start' ");
}

static void
test_errors (void)
{
  const char *methods[] = { "start", "process", "wait", "done", "finish", "update" };

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      /* A report takes longer than a few turns: its client must not have finished by then. */
      const char *params = g_str_equal (methods[i], "update")
                           ? "{'report': <'start'>, 'turns': <uint32 4294967295>}"
                           : "{'report': <'start'>, 'turns': <uint32 3>}";
      g_autoptr (TestApplication) application = application_new (params);
      g_autoptr (GVariant) server = NULL;
      g_autoptr (GError) error = NULL;

      application->failing = methods[i];
      g_assert_null (gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error));
      g_assert_error (error, TEST_ERROR, 8);
      gmp_test_check_in (error->message, methods[i]);
      server = gmp_client_server_get_server_result (GMP_CLIENT_SERVER (application));
      g_assert_null (server);
      g_assert_cmpuint (gmp_client_server_get_n_clients (GMP_CLIENT_SERVER (application)), ==, 0);
      /* Only successful runs are finished. */
      if (!g_str_equal (methods[i], "finish"))
        g_assert_null (strstr (application->trace->str, "finish"));
    }
}

static void
test_client_killed (void)
{
  g_autoptr (TestApplication) application = application_new ("{'kill': <'update'>}");
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_worker (GMP_CLIENT_SERVER (application), "two", TEST_TYPE_CLIENT,
                                test_params ("{'turns': <uint32 3>}"), &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_null (gmp_client_server_get_error (GMP_CLIENT_SERVER (application), "two"));
  g_assert_true (g_str_has_suffix (application->trace->str, "finish "));
}

static void
test_cancel (void)
{
  g_autoptr (TestApplication) application = application_new ("{'turns': <uint32 4294967295>}");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  application->to_cancel = cancellable;
  g_assert_null (gmp_client_server_run (GMP_CLIENT_SERVER (application), NULL, cancellable,
                                        &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (strstr (application->trace->str, "finish"));
}

/* Sends a large request, and no other before it has met the application. */

#define TEST_TYPE_SILENT (test_silent_get_type ())
G_DECLARE_FINAL_TYPE (TestSilent, test_silent, TEST, SILENT, GmpClientWorker)

struct _TestSilent
{
  GmpClientWorker parent_instance;

  char *meeting;
  guint n_turns;
};

G_DEFINE_FINAL_TYPE (TestSilent, test_silent, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_silent_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  TEST_SILENT (worker)->meeting = g_variant_dup_string (params, NULL);
  return TRUE;
}

static GVariant *
test_silent_process (GmpClientWorker *client,
                     GError         **error)
{
  TestSilent *self = TEST_SILENT (client);

  if (++self->n_turns == 1)
    return g_variant_new_take_string (g_strnfill (BIG, 'x'));
  if (!gmp_worker_report (g_variant_new_string ("answered"), error))
    return NULL;
  gmp_test_meet (self->meeting);
  return NULL;
}

static gboolean
test_silent_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return TEST_SILENT (worker)->n_turns == 2;
}

static void
test_silent_finalize (GObject *object)
{
  g_free (TEST_SILENT (object)->meeting);
  G_OBJECT_CLASS (test_silent_parent_class)->finalize (object);
}

static void
test_silent_class_init (TestSilentClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_silent_finalize;
  GMP_WORKER_CLASS (klass)->start = test_silent_start;
  GMP_WORKER_CLASS (klass)->done = test_silent_done;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_silent_process;
}

static void
test_silent_init (TestSilent *self G_GNUC_UNUSED)
{
}

/* Dropping the request drops its private pages; the memory of the response is released. */
static gboolean
look_cb (gpointer user_data)
{
  TestApplication *application = user_data;

  return strstr (application->trace->str, "answered") == NULL || get_shared_memory () > BIG / 2;
}

/* Unused memory is released after two seconds of silence, even if the main loop has other work. */
static void
test_silence (void)
{
  g_autoptr (TestApplication) application = g_object_new (TEST_TYPE_APPLICATION, NULL);
  g_autoptr (GmpTestMeeting) meeting = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GSource) source = g_timeout_source_new (20);
  g_autoptr (GError) error = NULL;

  if (g_getenv ("GMPROC_CHANNEL") != NULL)
    {
      g_test_skip ("without shared memory");
      return;
    }
  meeting = gmp_test_meeting_new (2);
  gmp_client_server_new_worker (GMP_CLIENT_SERVER (application), "one", TEST_TYPE_SILENT,
                                g_variant_new_string (gmp_test_meeting_path (meeting)), &error);
  g_assert_no_error (error);
  g_source_set_callback (source, look_cb, application, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  gmp_client_server_run_async (GMP_CLIENT_SERVER (application), NULL, NULL, gmp_test_done_cb,
                               &result);
  while (!g_source_is_destroyed (source))
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_assert_cmpuint (application->shared_memory, >, BIG / 2);
  gmp_test_meet (gmp_test_meeting_path (meeting));
  results = gmp_client_server_run_finish (GMP_CLIENT_SERVER (application), gmp_test_wait (&result),
                                          &error);
  g_assert_no_error (error);
  g_assert_cmpuint (application->n_turns, ==, 2);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  g_type_ensure (TEST_TYPE_SILENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/client-server-application/blocking", test_blocking);
  gmp_test_add ("/client-server-application/null", test_null);
  gmp_test_add ("/client-server-application/async", test_async);
  gmp_test_add ("/client-server-application/many", test_many);
  gmp_test_add ("/client-server-application/no-clients", test_no_clients);
  gmp_test_add ("/client-server-application/done-early", test_done_early);
  gmp_test_add ("/client-server-application/update", test_update);
  gmp_test_add ("/client-server-application/update-only", test_update_only);
  gmp_test_add ("/client-server-application/errors", test_errors);
  gmp_test_add ("/client-server-application/client-killed", test_client_killed);
  gmp_test_add ("/client-server-application/cancel", test_cancel);
  gmp_test_add ("/client-server-application/silence", test_silence);
  return g_test_run ();
}
