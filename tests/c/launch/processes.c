/* processes.c: more workers than there can be processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The limit is that of a user who has no other processes, or of a control group of the test's own,
 * where the system lets it have one.
 */

#include "test-group.h"

#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

static void
run_what (const char *what)
{
  if (g_str_equal (what, "none"))
    run_none ();
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

  g_spawn_sync (NULL, argv, NULL, G_SPAWN_DEFAULT, limit_cb, &limit, NULL, NULL,
                &status, &error);
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
  check_under_limit (8, "many");
  check_under_limit (12, "reuse");
  check_under_limit (30, "many");
  check_under_limit (12, "pool");
}

static void
check_in_group (const char *n,
                const char *what)
{
  g_autoptr (TestGroup) group = test_group_new ("pids", pids_limits, n);

  if (group == NULL)
    return;
  test_group_enter (group);
  run_what (what);
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
  if (argc == 3 && g_str_equal (argv[1], "--run"))
    {
      gmp_init (&argc, &argv);
      run_what (argv[2]);
      return 0;
    }
  gmp_test_init (&argc, &argv);
  gmp_test_forgo_leak_check ();
  gmp_test_add ("/processes/user", test_user);
  gmp_test_add ("/processes/group", test_group);
  return g_test_run ();
}
