/* sigchld.c: applications that have habits of their own with children
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The worker's side. */

static GVariant *
get_parent (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getppid ());
}

static GVariant *
be_killed (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  raise (SIGKILL);
  return NULL;
}

/* The application's side. */

static int
run_once (GmpWorkers *workers)
{
  g_autoptr (GVariant) results = gmp_test_run (workers);
  g_autoptr (GVariant) parent = gmp_test_get_int (results, 1);

  return g_variant_get_int32 (parent);
}

/* The first run starts cold, the others warm: their parent is the fork server. */
static void
check_runs (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, get_parent, NULL);
  run_once (workers);
  for (int turn = 0; turn < 3; turn++)
    g_assert_cmpint (run_once (workers), !=, getpid ());
}

/* A worker that was killed never appears to have returned. */
static void
check_death (gboolean is_warm)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  g_object_set (workers, "warm-start", is_warm, NULL);
  gmp_test_add_worker (workers, 1, be_killed, NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
      g_assert_null (strstr (error->message, "status 0"));
      g_clear_error (&error);
    }
}

static void
handle_cb (int signum G_GNUC_UNUSED)
{
}

static void
check_action (void (*handler) (int))
{
  struct sigaction action;

  g_assert_no_errno (sigaction (SIGCHLD, NULL, &action));
  g_assert_true (action.sa_handler == handler);
}

/* The program keeps its handler, also if another part of it waits for the library's processes. */
static void
check_with (void (*handler) (int))
{
  void (*old) (int) = signal (SIGCHLD, handler);

  check_runs ();
  check_death (FALSE);
  check_death (TRUE);
  check_action (handler);
  signal (SIGCHLD, old);
}

static void
test_handled (void)
{
  check_with (handle_cb);
}

/* A child of the program has no threads, neither the library's nor GLib's. Processes that it
 * starts are waited for nevertheless. */
static void
test_forked (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  int status;
  int pid;

  gmp_test_add_worker (workers, 1, get_parent, NULL);
  run_once (workers);
  g_assert_cmpint (run_once (workers), !=, getpid ());
  pid = fork ();
  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      check_runs ();
      check_death (TRUE);
      /* The child does not use the parent's objects. */
      g_object_unref (g_steal_pointer (&workers));
      g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
      g_assert_cmpint (errno, ==, ECHILD);
      _exit (EXIT_SUCCESS);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  run_once (workers);
}

static void
test_ignored (void)
{
  check_with (SIG_IGN);
}

/* A thread of the program that waits for all children, not only for its own. */
static gpointer
reap_all (gpointer is_over)
{
  siginfo_t info;

  while (!g_atomic_int_get ((int *) is_over))
    if (waitid (P_ALL, 0, &info, WEXITED) == -1)
      g_thread_yield ();
  return NULL;
}

static void
test_waited_for (void)
{
  /* GLib logs a warning when another thread has waited for its process. */
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  int is_over = 0;
  GThread *thread = g_thread_new ("reap-all", reap_all, &is_over);

  check_runs ();
  check_death (FALSE);
  check_death (TRUE);
  g_atomic_int_set (&is_over, 1);
  g_thread_join (thread);
  g_log_set_always_fatal (fatal);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/sigchld/handled", test_handled);
  gmp_test_add ("/sigchld/forked", test_forked);
  /* After these tests the library knows that others wait for children. */
  gmp_test_add ("/sigchld/ignored", test_ignored);
  gmp_test_add ("/sigchld/waited-for", test_waited_for);
  return g_test_run ();
}
