/* forks.c: an application that forks when it has used gmproc
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The work of a child. It then exits with 0; the watchdog ends a child that hangs. */
typedef void (*InChild) (GmpWorkers *workers);

static void
check_child (int pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
fork_and (InChild     in_child,
          GmpWorkers *workers)
{
  int pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      in_child (workers);
      _exit (0);
    }
  check_child (pid);
}

static GVariant *
get_pid (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static int
run_once (GmpWorkers *workers)
{
  g_autoptr (GVariant) results = gmp_test_run (workers);
  g_autoptr (GVariant) pid = gmp_test_get_int (results, 1);

  return g_variant_get_int32 (pid);
}

static GmpWorkers *
new_workers (gboolean reuse)
{
  GmpWorkers *workers = gmp_workers_new ();

  g_object_set (workers, "reuse", reuse, NULL);
  gmp_test_add_worker (workers, 1, get_pid, NULL);
  gmp_test_add_worker (workers, 2, get_pid, NULL);
  run_once (workers);
  return workers;
}

/* The parent's objects stay intact, whatever the child does with them. */

static void
drop (GmpWorkers *workers)
{
  g_object_unref (workers);
}

static void
change (GmpWorkers *workers)
{
  g_object_set (workers, "nice", 1, NULL);
  g_object_unref (workers);
}

static void
run_inherited (GmpWorkers *workers)
{
  g_autoptr (GVariant) before = gmp_workers_get_results (workers);
  g_autoptr (GVariant) pid = gmp_test_get_int (before, 1);

  g_assert_cmpint (run_once (workers), !=, g_variant_get_int32 (pid));
  run_once (workers);
  g_object_unref (workers);
}

static void
run_new (GmpWorkers *workers G_GNUC_UNUSED)
{
  g_autoptr (GmpWorkers) fresh = new_workers (FALSE);

  run_once (fresh);
  run_once (fresh);
}

static void
fork_again (GmpWorkers *workers)
{
  run_new (workers);
  fork_and (run_inherited, workers);
  run_inherited (workers);
}

static void
test_forks (void)
{
  static const InChild all[] = { drop, change, run_inherited, run_new, fork_again };

  for (int reuse = 0; reuse < 2; reuse++)
    {
      g_autoptr (GmpWorkers) workers = new_workers (reuse);
      int kept = run_once (workers);

      for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
        {
          int pid;

          fork_and (all[i], workers);
          pid = run_once (workers);
          if (reuse)
            g_assert_true (kill (kept, 0) == 0);
          else
            g_assert_cmpint (pid, !=, kept);
        }
    }
}

/* A child that returns from a handler is in a run of its parent. */

static GVariant *
report_once (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  gmp_worker_report (NULL, error);
  return g_variant_new_int32 (7);
}

static void
fork_cb (GmpWorkers *workers G_GNUC_UNUSED,
         int         id G_GNUC_UNUSED,
         GVariant   *value G_GNUC_UNUSED,
         int        *child)
{
  *child = fork ();
}

static void
test_fork_in_run (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  int child = -1;
  gulong handler;

  gmp_test_add_worker (workers, 1, report_once, NULL);
  handler = g_signal_connect (workers, "progress", G_CALLBACK (fork_cb), &child);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  if (child == 0)
    {
      g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
      g_signal_handler_disconnect (workers, handler);
      results = gmp_test_run (workers);
      gmp_test_check_int (results, 1, "7");
      g_object_unref (workers);
      _exit (0);
    }
  g_assert_no_error (error);
  gmp_test_check_int (results, 1, "7");
  check_child (child);
}

static gboolean
wait_and_fork_cb (gpointer user_data)
{
  *(int *) user_data = fork ();
  return G_SOURCE_REMOVE;
}

/* The child does not receive the result that the parent's main loop waits for. */
static void
test_fork_in_loop (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  int child = -1;

  gmp_test_add_worker (workers, 1, report_once, NULL);
  g_source_set_callback (source, wait_and_fork_cb, &child, NULL);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  g_source_attach (source, g_main_context_get_thread_default ());
  while (child == -1)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  if (child == 0)
    {
      for (int i = 0; i < 100; i++)
        g_main_context_iteration (g_main_context_get_thread_default (), FALSE);
      g_assert_null (result);
      results = gmp_test_run (workers);
      gmp_test_check_int (results, 1, "7");
      _exit (0);
    }
  check_child (child);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), NULL);
  gmp_test_check_int (results, 1, "7");
}

/* The parent's processes end with its object, although a child holds their sockets too. */

static void
leave_mark (void)
{
  g_file_set_contents (g_getenv ("MARK"), "", 0, NULL);
}

static GVariant *
leave_mark_at_exit (GVariant *params,
                    GError  **error G_GNUC_UNUSED)
{
  g_setenv ("MARK", g_variant_get_bytestring (params), TRUE);
  atexit (leave_mark);
  return NULL;
}

static void
test_fork_holds_sockets (void)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("mark");
  g_autoptr (GVariant) results = NULL;
  int child;

  g_object_set (workers, "reuse", TRUE, NULL);
  gmp_test_add_worker (workers, 1, leave_mark_at_exit, g_variant_new_bytestring (path));
  results = gmp_test_run (workers);
  child = fork ();
  if (child == 0)
    for (;;)
      pause ();
  g_object_unref (workers);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/forks/workers", test_forks);
  gmp_test_add ("/forks/in-run", test_fork_in_run);
  gmp_test_add ("/forks/in-loop", test_fork_in_loop);
  gmp_test_add ("/forks/sockets", test_fork_holds_sockets);
  return g_test_run ();
}
