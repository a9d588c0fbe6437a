/* client-server-errors.c: failing servers and clients, and the effect on the others
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

static const char * const server_methods[] = { "start", "process", "wait", "done", "finish" };
static const char * const client_methods[] = {
  "start", "process", "update", "wait", "done", "finish",
};

static GError *
run_failing (GmpClientServer *application,
             const char      *params)
{
  GError *error = NULL;

  g_assert_null (gmp_client_server_run (application, test_params (params), NULL, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_cmpuint (gmp_client_server_get_n_clients (application), ==, 0);
  return error;
}

/* Client 'good' succeeds. Client 'bad' fails in each of its methods in turn. */
static void
check_client (const char *verb,
              GQuark      domain,
              int         code)
{
  for (guint i = 0; i < G_N_ELEMENTS (client_methods); i++)
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
      g_autofree char *params = g_strdup_printf ("{'%s': <'%s'>, 'turns': <uint32 2>}", verb,
                                                 client_methods[i]);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GVariant) good = NULL;
      g_autoptr (GVariant) server = NULL;
      g_autoptr (GError) error = NULL;

      test_add_client (application, "bad", params);
      test_add_client (application, "good", "{'turns': <uint32 5>}");
      error = run_failing (application, NULL);
      g_assert_error (error, domain, code);
      gmp_test_check_in (error->message, "'bad'");
      g_assert_error (gmp_client_server_get_error (application, "bad"), domain, code);
      g_assert_null (gmp_client_server_get_error (application, "good"));

      results = gmp_client_server_get_results (application);
      g_assert_cmpuint (g_variant_n_children (results), ==, 1);
      good = gmp_test_get_string (results, "good");
      gmp_test_check_in (g_variant_get_string (good, NULL), "update 5 wait done finish ");
      /* The server was not affected. */
      server = gmp_client_server_get_server_result (application);
      g_assert_true (g_str_has_suffix (g_variant_get_string (server, NULL), " done finish "));
    }
}

static void
test_client_fails (void)
{
  check_client ("fail", TEST_ERROR, 7);
}

static void
test_client_killed (void)
{
  check_client ("kill", GMP_ERROR, GMP_ERROR_CRASHED);
}

static void
check_server (const char *verb,
              GQuark      domain,
              int         code)
{
  for (guint i = 0; i < G_N_ELEMENTS (server_methods); i++)
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
      g_autofree char *params = g_strdup_printf ("{'%s': <'%s'>}", verb, server_methods[i]);
      g_autoptr (GVariant) server = NULL;
      g_autoptr (GError) error = NULL;

      test_add_client (application, "one", "{'turns': <uint32 3>}");
      test_add_client (application, "two", "{'turns': <uint32 3>}");
      error = run_failing (application, params);
      g_assert_error (error, domain, code);
      gmp_test_check_in (error->message, "server");
      g_assert_error (gmp_client_server_get_error (application, "server"), domain, code);
      server = gmp_client_server_get_server_result (application);
      g_assert_null (server);
    }
}

static void
test_server_fails (void)
{
  check_server ("fail", TEST_ERROR, 7);
}

static void
test_server_killed (void)
{
  check_server ("kill", GMP_ERROR, GMP_ERROR_CRASHED);
}

static void
test_all_fail (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 3, TEST_TYPE_CLIENT,
                                 test_params ("{'fail': <'process'>}"), NULL);
  error = run_failing (application, NULL);
  g_assert_error (error, TEST_ERROR, 7);
  for (int i = 0; i < 3; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", i);
      g_autofree char *quoted = g_strdup_printf ("'%s'", id);

      g_assert_error (gmp_client_server_get_error (application, id), TEST_ERROR, 7);
      gmp_test_check_in (error->message, quoted);
    }
  results = gmp_client_server_get_results (application);
  gmp_test_check_value (results, "@a{sv} {}");
}

static void
failed_cb (GmpClientServer *application G_GNUC_UNUSED,
           const char      *id,
           GError          *error,
           gpointer         user_data)
{
  g_string_append_printf (user_data, "%s %d;", id, error->code);
}

static void
test_failed_signal (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_signal_connect (application, "failed", G_CALLBACK (failed_cb), text);
  test_add_client (application, "bad", "{'fail': <'start'>}");
  test_add_client (application, "good", NULL);
  error = run_failing (application, NULL);
  g_assert_cmpstr (text->str, ==, "bad 7;");
  g_assert_null (gmp_client_server_get_error (application, "server"));
}

static void
test_failed_signal_of_server (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_signal_connect (application, "failed", G_CALLBACK (failed_cb), text);
  error = run_failing (application, "{'fail': <'start'>}");
  g_assert_cmpstr (text->str, ==, "server 7;");
  failures = gmp_runner_get_failures (GMP_RUNNER (application));
  g_assert_cmpuint (failures->len, ==, 1);
  g_assert_cmpstr (gmp_failure_get_id (failures->pdata[0]), ==, "server");
  g_clear_error (&error);

  gmp_client_server_new_worker (application, "server", TEST_TYPE_CLIENT, NULL, &error);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
}

static void
restarted_cb (GmpClientServer *application G_GNUC_UNUSED,
              const char      *id,
              GmpFailure      *failure G_GNUC_UNUSED,
              gpointer         user_data)
{
  g_string_append_printf (user_data, "%s again;", id);
}

static void
given_up_cb (GmpClientServer *application G_GNUC_UNUSED,
             const char      *id,
             GError          *error G_GNUC_UNUSED,
             gpointer         user_data)
{
  g_string_append_printf (user_data, "%s;", id);
}

static void
run_hanging (const char *client_params,
             const char *server_params,
             const char *culprit,
             const char *expected)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_object_set (application, "run-timeout", gmp_test_stretch (0.4), "restart",
                GMP_RESTART_ON_FAILURE, "max-restarts", 1, NULL);
  g_signal_connect (application, "failed", G_CALLBACK (given_up_cb), text);
  g_signal_connect (application, "restarted", G_CALLBACK (restarted_cb), text);
  test_add_client (application, "one", client_params);
  error = run_failing (application, server_params);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  g_assert_true (g_str_has_prefix (error->message, culprit));
  g_assert_cmpstr (text->str, ==, expected);
}

/* The server waits for a client whose turn does not end. The failure is not that client's. */
static void
test_client_hangs (void)
{
  run_hanging ("{'hang': <'update'>}", NULL, "Client 'one'", "one again;one;");
}

static void
test_server_hangs (void)
{
  run_hanging (NULL, "{'hang': <'process'>}", "The server", "one again;one;server;");
}

static void
check_no_server (GmpClientServer *application,
                 const char      *part)
{
  g_autoptr (GError) error = NULL;

  test_add_client (application, "one", NULL);
  error = run_failing (application, NULL);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, part);
}

static void
test_no_server (void)
{
  const GType types[] = { G_TYPE_NONE, GMP_TYPE_SERVER_WORKER, TEST_TYPE_CLIENT, G_TYPE_OBJECT };
  const char *parts[] = { "server", "GmpServerWorker", "TestClient", "GObject" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new (types[i]);

      check_no_server (application, parts[i]);
    }
}

static void
test_bad_targets (void)
{
  const char *servers[] = {
    "no target", "native::test_nothing_get_type", "native::type=TestNothing",
    "native::type=TestClient",
  };
  const char *parts[] = { "no target", "test_nothing_get_type", "TestNothing", "TestClient" };

  for (guint i = 0; i < G_N_ELEMENTS (servers); i++)
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new_for_target (servers[i]);

      check_no_server (application, parts[i]);
    }
}

static void
test_bad_client_types (void)
{
  const GType types[] = { GMP_TYPE_CLIENT_WORKER, TEST_TYPE_SERVER, G_TYPE_OBJECT, G_TYPE_INVALID };
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (gmp_client_server_new_worker (application, "x", types[i], NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
      g_clear_error (&error);
      g_assert_false (gmp_client_server_new_workers (application, 2, types[i], NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
    }
}

static void
test_bad_client_target (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (gmp_client_server_new_worker_target (application, "x", "x", NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  gmp_client_server_new_worker_target (application, "bad", "native::type=TestServer", NULL, &error);
  g_assert_no_error (error);
  test_add_client (application, "good", "{'turns': <uint32 0>}");
  error = run_failing (application, NULL);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  results = gmp_client_server_get_results (application);
  gmp_test_check_value (results, "{'good': <'good start done finish '>}");
}

/* A payload that cannot be sent is a failure of its sender. */
static void
test_bad_payload (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_worker (application, "one", TEST_TYPE_CLIENT, g_variant_new_handle (0),
                                NULL);
  error = run_failing (application, NULL);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, "'one'");
}

static void
cancel_cb (GmpClientServer *application G_GNUC_UNUSED,
           const char      *id G_GNUC_UNUSED,
           GVariant        *value G_GNUC_UNUSED,
           gpointer         user_data)
{
  g_cancellable_cancel (user_data);
}

static void
check_cancel (const char *server_params,
              const char *client_params)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) server = NULL;
  g_autoptr (GError) error = NULL;

  g_signal_connect (application, "progress", G_CALLBACK (cancel_cb), cancellable);
  test_add_client (application, "one", client_params);
  test_add_client (application, "two", client_params);
  g_assert_null (gmp_client_server_run (application, test_params (server_params), cancellable,
                                        &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  server = gmp_client_server_get_server_result (application);
  g_assert_null (server);
}

static void
test_cancel (void)
{
  check_cancel ("{'hang': <'process'>}", "{'turns': <uint32 1>}");
  check_cancel ("{'x': <1>}", "{'hang': <'process'>}");
  check_cancel ("{'report': <'process'>}", "{'turns': <uint32 4294967295>}");
}

static void
test_cancelled_before (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  test_add_client (application, "one", NULL);
  g_assert_null (gmp_client_server_run (application, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A new run clears the failures of the previous one. */
static void
test_next_run (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) failure = NULL;
  g_autoptr (GError) error = NULL;

  test_add_client (application, "one", "{'fail': <'start'>}");
  failure = run_failing (application, NULL);
  failures = gmp_runner_get_failures (GMP_RUNNER (application));
  g_assert_cmpuint (failures->len, ==, 1);

  gmp_client_server_set_params (application, "one", NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  none = gmp_runner_get_failures (GMP_RUNNER (application));
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_no_error (gmp_client_server_get_error (application, "one"));
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/client-server-errors/client-fails", test_client_fails);
  gmp_test_add ("/client-server-errors/client-killed", test_client_killed);
  gmp_test_add ("/client-server-errors/server-fails", test_server_fails);
  gmp_test_add ("/client-server-errors/server-killed", test_server_killed);
  gmp_test_add ("/client-server-errors/all-fail", test_all_fail);
  gmp_test_add ("/client-server-errors/failed-signal", test_failed_signal);
  gmp_test_add ("/client-server-errors/failed-signal-of-server", test_failed_signal_of_server);
  gmp_test_add ("/client-server-errors/client-hangs", test_client_hangs);
  gmp_test_add ("/client-server-errors/server-hangs", test_server_hangs);
  gmp_test_add ("/client-server-errors/no-server", test_no_server);
  gmp_test_add ("/client-server-errors/bad-targets", test_bad_targets);
  gmp_test_add ("/client-server-errors/bad-client-types", test_bad_client_types);
  gmp_test_add ("/client-server-errors/bad-client-target", test_bad_client_target);
  gmp_test_add ("/client-server-errors/bad-payload", test_bad_payload);
  gmp_test_add ("/client-server-errors/cancel", test_cancel);
  gmp_test_add ("/client-server-errors/cancelled-before", test_cancelled_before);
  gmp_test_add ("/client-server-errors/next-run", test_next_run);
  return g_test_run ();
}
