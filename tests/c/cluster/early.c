/* early.c: workers whose node is lost before they are called
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"
#include "test-client-server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than both nodes have slots. */
#define N_WORKERS 6

/* The variable with the file in which starts are counted that end the worker's agent. */
#define FATAL_STARTS "TEST_FATAL_STARTS"

#define N_NODES 2

static GVariant *
square (GVariant *params,
        GError  **error G_GNUC_UNUSED)
{
  gint32 n = g_variant_get_int32 (params);

  return g_variant_new_int32 (n * n);
}

static GmpWorkers *
new_workers (const char *launcher,
             int         n)
{
  GmpWorkers *workers = gmp_workers_new ();

  for (int i = 0; i < n; i++)
    gmp_test_add_worker (workers, i, square, g_variant_new_int32 (i));
  g_object_set (workers, "launcher", launcher, NULL);
  return workers;
}

/* Both agents have come. */
static void
begin_nodes (const char *launcher)
{
  g_autoptr (GmpWorkers) workers = new_workers (launcher, N_NODES);
  g_autoptr (GVariant) results = gmp_test_run (workers);
  g_autoptr (GArray) agents = test_agents_find ();

  g_assert_cmpuint (agents->len, ==, N_NODES);
}

static void
send_to_agents (GArray *agents,
                int     signum)
{
  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), signum);
}

static void
restarted_cb (void)
{
  g_assert_not_reached ();
}

/* Until the run waits for its agents. */
static void
iterate (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
check_squares (GVariant *results)
{
  g_assert_cmpuint (g_variant_n_children (results), ==, N_WORKERS);
  for (int i = 0; i < N_WORKERS; i++)
    {
      g_autofree char *text = g_strdup_printf ("%d", i * i);

      gmp_test_check_int (results, i, text);
    }
}

/* Workers begin on agents that do not answer, of which @n_lost are then lost. */
static void
check_workers (const char *launcher,
               guint       n_lost,
               gboolean    reuse)
{
  g_autoptr (GmpWorkers) workers = new_workers (launcher, N_WORKERS);
  g_autoptr (GArray) agents = NULL;
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  begin_nodes (launcher);
  agents = test_agents_find ();
  g_object_set (workers, "reuse", reuse, NULL);
  if (reuse)
    before = gmp_test_run_in_loop (workers);
  g_signal_connect (workers, "restarted", G_CALLBACK (restarted_cb), NULL);
  send_to_agents (agents, SIGSTOP);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  iterate ();
  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), i < n_lost ? SIGKILL : SIGCONT);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  check_squares (results);
  g_clear_object (&workers);
  test_agents_end ();
}

/* They go to the other node, and no restart is reported. */
static void
test_one_node (void)
{
  check_workers ("command:env A=1 {agent}", 1, FALSE);
}

/* They go to new agents. */
static void
test_all_nodes (void)
{
  check_workers ("command:env A=2 {agent}", N_NODES, FALSE);
}

/* As are processes that have run before. */
static void
test_kept (void)
{
  check_workers ("command:env A=3 {agent}", N_NODES, TRUE);
}

/* The application is the server. */

#define EARLY_TYPE_APPLICATION (early_application_get_type ())
G_DECLARE_FINAL_TYPE (EarlyApplication, early_application, EARLY, APPLICATION, GmpClientServer)

struct _EarlyApplication
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (EarlyApplication, early_application, GMP_TYPE_CLIENT_SERVER)

static GVariant *
early_application_process (GmpClientServer *self G_GNUC_UNUSED,
                           const char      *client_id G_GNUC_UNUSED,
                           GVariant        *request,
                           GError         **error G_GNUC_UNUSED)
{
  return g_variant_ref (request);
}

static void
early_application_class_init (EarlyApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = early_application_process;
}

static void
early_application_init (EarlyApplication *self G_GNUC_UNUSED)
{
}

/* Clients begin at the same time as their server. Takes ownership of @application. */
static void
check_clients (GmpClientServer *application,
               const char      *launcher,
               guint            n_lost)
{
  g_autoptr (GmpClientServer) cs = application;
  g_autoptr (GArray) agents = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  begin_nodes (launcher);
  agents = test_agents_find ();
  g_object_set (cs, "launcher", launcher, NULL);
  g_signal_connect (cs, "restarted", G_CALLBACK (restarted_cb), NULL);
  for (int i = 0; i < N_WORKERS; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", i);

      test_add_client (cs, id, "{'turns': <uint32 3>}");
    }
  send_to_agents (agents, SIGSTOP);
  gmp_client_server_run_async (cs, NULL, NULL, gmp_test_done_cb, &result);
  iterate ();
  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), i < n_lost ? SIGKILL : SIGCONT);
  results = gmp_client_server_run_finish (cs, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, N_WORKERS);
  g_clear_object (&cs);
  test_agents_end ();
}

/* Either node has the server. */
static void
test_server (void)
{
  check_clients (gmp_client_server_new (TEST_TYPE_SERVER), "command:env A=4 {agent}", 1);
  check_clients (gmp_client_server_new (TEST_TYPE_SERVER), "command:env A=4 {agent}", 1);
}

static void
test_all_servers (void)
{
  check_clients (gmp_client_server_new (TEST_TYPE_SERVER), "command:env A=5 {agent}", N_NODES);
}

static void
test_application (void)
{
  check_clients (g_object_new (EARLY_TYPE_APPLICATION, NULL), "command:env A=7 {agent}", N_NODES);
}

/* If every agent ends when it starts the worker, that is tried on each node, and once more. */
static void
test_bound (void)
{
  static const char launcher[] = "command:env A=6 {agent}";
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *path = g_build_filename (folder, "starts", NULL);
  g_autoptr (GmpWorkers) workers = new_workers (launcher, 1);
  g_autoptr (GError) error = NULL;

  begin_nodes (launcher);
  g_setenv (FATAL_STARTS, path, TRUE);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_unsetenv (FATAL_STARTS);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NODE_LOST);
  g_assert_cmpuint (gmp_test_count_lines (path), ==, N_NODES + 1);
  unlink (path);
  rmdir (folder);
  test_agents_end ();
}

/* In a worker that has not connected: its parent is the agent, because it is not forked. */
static void
kill_agent (const char *path)
{
  g_autofree char *command = g_strdup_printf ("echo >> '%s'", path);

  g_assert_cmpint (system (command), ==, 0);
  kill (getppid (), SIGKILL);
}

int
main (int    argc,
      char **argv)
{
  if (g_getenv (FATAL_STARTS) != NULL)
    kill_agent (g_getenv (FATAL_STARTS));
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  g_setenv ("GMPROC_NODE_TIMEOUT", "600", TRUE);
  test_agents_add ("/cluster/early/one-node", test_one_node);
  test_agents_add ("/cluster/early/all-nodes", test_all_nodes);
  test_agents_add ("/cluster/early/kept", test_kept);
  test_agents_add ("/cluster/early/server", test_server);
  test_agents_add ("/cluster/early/all-servers", test_all_servers);
  test_agents_add ("/cluster/early/application", test_application);
  test_agents_add ("/cluster/early/bound", test_bound);
  return g_test_run ();
}
