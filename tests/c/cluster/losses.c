/* losses.c: workers and calls that begin again when nodes are lost one after the other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"
#include "test-client-server.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In seconds: longer than any case takes, so all losses belong together. */
#define NODE_TIMEOUT "600"

/* How often something is started that may begin again once for a failure, and once more because
 * there is another node that is lost too. */
#define N_STARTS 3

#define N_CALLS 8

/* Adds one to the number in the file, and returns it. */
static int
count_start (const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  int n = g_file_get_contents (path, &text, NULL, NULL) ? atoi (text) + 1 : 1;
  g_autofree char *changed = g_strdup_printf ("%d", n);

  g_file_set_contents (path, changed, -1, &error);
  g_assert_no_error (error);
  return n;
}

/* In a worker. Its agent is its parent, or its fork server's. */
static void
kill_agent (void)
{
  int pid = getpid ();

  while (pid > 1)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
      g_autofree char *text = NULL;

      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      if (strstr (text, "(gmproc-agent)") != NULL)
        break;
      pid = atoi (strrchr (text, ')') + 4);
    }
  g_assert_cmpint (pid, >, 1);
  kill (pid, SIGKILL);
}

/* Returns the number of its starts, if that is the one of the parameters. Before, its node is lost
 * each time. */
static GVariant *
lose_node (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  const char *path;
  int last;
  int n;

  g_variant_get (params, "(&si)", &path, &last);
  n = count_start (path);
  if (n == last)
    return g_variant_new_int32 (n);
  kill_agent ();
  for (;;)
    pause ();
}

typedef GVariant *(*Lose) (const char *launcher,
                           GVariant   *params,
                           GError    **error);

/* Each launcher has agents of its own. */
static void
check_starts (Lose        lose,
              const char *launcher,
              int         last)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *path = g_build_filename (folder, "starts", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = lose (launcher, g_variant_new ("(si)", path, last), &error);

  g_assert_cmpint (count_start (path), ==, N_STARTS + 1);
  if (last == N_STARTS)
    g_assert_no_error (error);
  else
    g_assert_error (error, GMP_ERROR, GMP_ERROR_NODE_LOST);
  g_assert_true ((value != NULL) == (last == N_STARTS));
  g_remove (path);
  g_rmdir (folder);
  test_agents_end ();
}

static GVariant *
run_worker (const char *launcher,
            GVariant   *params,
            GError    **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, lose_node, params);
  g_object_set (workers, "launcher", launcher, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 1,
                NULL);
  return gmp_workers_run (workers, NULL, 0, NULL, error);
}

static GVariant *
call (const char *launcher,
      GVariant   *params,
      GError    **error)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);

  g_object_set (pool, "launcher", launcher, "retries", 1, NULL);
  return gmp_pool_call (pool, lose_node, params, NULL, error);
}

/* A worker whose node is lost gets to another one that is about to be lost as well. That uses up
 * one restart, as if both were lost at the same moment. */
static void
test_worker (void)
{
  check_starts (run_worker, "command:env A=1 {agent}", N_STARTS);
}

/* A worker that is the cause of the losses does not go on with that when there are new nodes. */
static void
test_guilty_worker (void)
{
  check_starts (run_worker, "command:env A=2 {agent}", N_STARTS + 1);
}

/* The same for calls. */
static void
test_call (void)
{
  check_starts (call, "command:env A=3 {agent}", N_STARTS);
}

static void
test_guilty_call (void)
{
  check_starts (call, "command:env A=4 {agent}", N_STARTS + 1);
}

static GVariant *
square (GVariant *params,
        GError  **error G_GNUC_UNUSED)
{
  gint32 n = g_variant_get_int32 (params);

  return g_variant_new_int32 (n * n);
}

static void
send_to_agents (int signum)
{
  g_autoptr (GArray) agents = test_agents_find ();

  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), signum);
}

/* @error is %NULL, or that of a worker that is not started in time. */
static void
run_square (const char *launcher,
            GError    **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, square, g_variant_new_int32 (1));
  g_object_set (workers, "launcher", launcher, NULL);
  if (error != NULL)
    g_object_set (workers, "startup-timeout", 0.5, NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, error);
  g_assert_true ((results == NULL) == (error != NULL));
}

static void
called_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      n_left)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = gmp_pool_call_finish (GMP_POOL (source), result, &error);

  g_assert_no_error (error);
  (*(guint *) n_left)--;
}

/* A node is lost on which all workers of a pool are about to start, each for a call. The calls wait
 * for other nodes. */
static void
test_start (void)
{
  static const char launcher[] = "command:env A=5 {agent}";
  g_autoptr (GmpPool) pool = gmp_pool_new (N_CALLS);
  g_autoptr (GError) error = NULL;
  guint n_left = N_CALLS;

  run_square (launcher, NULL);
  send_to_agents (SIGSTOP);
  g_object_set (pool, "launcher", launcher, NULL);
  for (guint i = 0; i < N_CALLS; i++)
    gmp_pool_call_async (pool, square, g_variant_new_int32 ((gint32) i), NULL, called_cb, &n_left);
  /* By then the others are about to start too. */
  run_square (launcher, &error);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  send_to_agents (SIGKILL);
  while (n_left > 0)
    g_main_context_iteration (NULL, TRUE);
  test_agents_end ();
}

/* The agent has passed on everything that was sent before. */
static void
finished_cb (GmpClientServer *cs G_GNUC_UNUSED,
             const char      *id,
             GVariant        *value G_GNUC_UNUSED,
             gpointer         launcher)
{
  if (!g_str_equal (id, "server"))
    return;
  run_square (launcher, NULL);
  send_to_agents (SIGKILL);
}

/* The last node is lost when the server is done. A client that would be restarted there does not
 * wait for the server's next node, for there is none. */
static void
test_server_done (void)
{
  static const char launcher[] = "command:env A=6 {agent}";
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  g_setenv ("GMPROC_NODES", "alpha", TRUE);
  test_add_client (cs, "late", "{'hang': <'start'>}");
  test_add_client (cs, "other", "{'turns': <uint32 1>}");
  g_object_set (cs, "launcher", launcher, "restart", GMP_RESTART_ON_FAILURE, NULL);
  g_signal_connect (cs, "progress", G_CALLBACK (finished_cb), (gpointer) launcher);
  g_assert_null (gmp_client_server_run (cs, test_params ("{'turns': <uint32 1>, "
                                                         "'report': <'finish'>}"),
                                        NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NODE_LOST);
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  test_agents_end ();
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  g_setenv ("GMPROC_NODE_TIMEOUT", NODE_TIMEOUT, TRUE);
  test_agents_add ("/cluster/losses/worker", test_worker);
  test_agents_add ("/cluster/losses/guilty-worker", test_guilty_worker);
  test_agents_add ("/cluster/losses/call", test_call);
  test_agents_add ("/cluster/losses/guilty-call", test_guilty_call);
  test_agents_add ("/cluster/losses/start", test_start);
  test_agents_add ("/cluster/losses/server-done", test_server_done);
  return g_test_run ();
}
