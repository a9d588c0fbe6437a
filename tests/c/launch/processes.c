/* processes.c: more workers than there can be processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The limit is that of a user who has no other processes, or of a control group of the test's own,
 * where the system lets it have one.
 */

#include "test-client-server.h"
#include "test-group.h"

#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_WORKERS 20

/* Users without processes. Each case has another one, because processes of the last may not have
 * ended yet. */
#define FIRST_USER 61184

static const char * const pids_limits[] = { "pids.max", "pids.max" };

static GVariant *
same (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

/* Runs twice, because processes that were started ahead for the second run need room. */
static void
run_many (gboolean reuse)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  g_object_set (workers, "reuse", reuse, NULL);
  for (int i = 0; i < N_WORKERS; i++)
    gmp_test_add_worker (workers, i, same, g_variant_new_int32 (i));
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, N_WORKERS);
    }
}

/* A pool starts many workers at once, and some have started when there is no more room. */
static void
run_pool (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (N_WORKERS);

  gmp_test_call_all (pool, same, N_WORKERS);
}

/* No room for any process. */
static void
run_none (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 3; i++)
    gmp_test_add_worker (workers, i, same, g_variant_new_int32 (i));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "the limit on processes");
}

/* There is no room for a thread of the program's own: not even GLib has one. */

static void
check_no_thread (const GError *error)
{
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "the limit on processes");
}

static void
run_without_thread (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autoptr (GAsyncResult) run = NULL;
  g_autoptr (GAsyncResult) call = NULL;
  g_autoptr (GError) run_error = NULL;
  g_autoptr (GError) call_error = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, same, g_variant_new_int32 (1));
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &run);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&run), &run_error));
  check_no_thread (run_error);
  gmp_pool_call_async (pool, same, g_variant_new_int32 (1), NULL, gmp_test_done_cb, &call);
  g_assert_null (gmp_pool_call_finish (pool, gmp_test_wait (&call), &call_error));
  check_no_thread (call_error);
  g_assert_null (gmp_pool_call (pool, same, g_variant_new_int32 (1), NULL, &error));
  check_no_thread (error);
}

/* A server and two clients, for which there is just room enough when what was started ahead has
 * given way, but for a fork server that one of them is a fork of. */
static void
run_clients (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 2, TEST_TYPE_CLIENT,
                                 test_params ("{'turns': <uint32 3>}"), &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) results = gmp_client_server_run (application, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, 2);
    }
}

/* One pool after the other, each with room for one worker: what the library keeps between them
 * gives way. */
static void
run_pools (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GmpPool) pool = gmp_pool_new (2);

      gmp_test_call_all (pool, same, 3);
    }
}

static void
run_named (const char *what)
{
  if (g_str_equal (what, "none"))
    run_none ();
  else if (g_str_equal (what, "thread"))
    run_without_thread ();
  else if (g_str_equal (what, "clients"))
    run_clients ();
  else if (g_str_equal (what, "pools"))
    run_pools ();
  else if (g_str_equal (what, "pool"))
    run_pool ();
  else
    run_many (g_str_equal (what, "reuse"));
}

typedef struct {
  rlim_t n;
  uid_t user;
} Limit;

/* In a child: becomes a user without other processes, or whose only process it is in a
 * namespace. */
static void
limit_cb (gpointer user_data)
{
  const Limit *asked = user_data;
  struct rlimit limit = { asked->n, asked->n };

  if (geteuid () == 0 ? setgroups (0, NULL) != 0 || setgid (asked->user) != 0 ||
                        setrlimit (RLIMIT_NPROC, &limit) != 0 || setuid (asked->user) != 0
                      : unshare (CLONE_NEWUSER) != 0 || setrlimit (RLIMIT_NPROC, &limit) != 0)
    _exit (77);
}

/* Starts a program and returns its status. Orphans of its user count until their parent has waited
 * for them. An init may take its time, so this process is their parent. */
static int
run_as_init (char               **argv,
             GSpawnChildSetupFunc setup,
             gpointer             user_data,
             GError             **error)
{
  int status = -1;
  GPid pid;

  prctl (PR_SET_CHILD_SUBREAPER, 1);
  if (g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, setup, user_data, &pid, error))
    while (waitpid (-1, &status, 0) != pid)
      continue;
  return status;
}

static void
check_under_limit (guint       n,
                   const char *what)
{
  static uid_t user = FIRST_USER;
  Limit limit = { n, user++ };
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  char *argv[] = { program, (char *) "--run", (char *) what, NULL };
  g_autoptr (GError) error = NULL;
  int status;

  status = run_as_init (argv, limit_cb, &limit, &error);
  if (g_error_matches (error, G_SPAWN_ERROR, G_SPAWN_ERROR_ACCES) || status == 77 << 8)
    {
      g_test_skip ("This takes another user who may read the build, or a user namespace");
      return;
    }
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

static void
test_user (void)
{
  /* Newer versions of GLib have a thread that starts those of its pool. */
  guint n_more = glib_check_version (2, 76, 0) == NULL ? 1 : 0;

  check_under_limit (8, "many");
  check_under_limit (12, "reuse");
  check_under_limit (30, "many");
  check_under_limit (12, "pool");
  check_under_limit (1, "thread");
  check_under_limit (10 + n_more, "clients");
  check_under_limit (6 + n_more, "pools");
}

static void
check_in_group (const char *n,
                const char *what)
{
  g_autoptr (TestGroup) group = test_group_new ("pids", pids_limits, n);

  if (group == NULL)
    return;
  test_group_enter (group);
  run_named (what);
}

static void
test_group (void)
{
  check_in_group ("2", "none");
  check_in_group ("8", "many");
  check_in_group ("12", "reuse");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  if (argc == 3 && g_str_equal (argv[1], "--run"))
    {
      gmp_init (&argc, &argv);
      run_named (argv[2]);
      return 0;
    }
  gmp_test_init (&argc, &argv);
  gmp_test_forgo_leak_check ();
  gmp_test_add ("/processes/user", test_user);
  gmp_test_add ("/processes/group", test_group);
  return g_test_run ();
}
