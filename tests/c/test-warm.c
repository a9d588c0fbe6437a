/* test-warm.c: functions for the tests of fork servers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-warm.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The process's pid, and that of its parent. */
GVariant *
test_warm_get_pids (GVariant *params G_GNUC_UNUSED,
                    GError  **error G_GNUC_UNUSED)
{
  return g_variant_new ("(ii)", getpid (), getppid ());
}

/* Reports its identity, and waits for its meeting. */
GVariant *
test_warm_report_and_meet (GVariant *params,
                           GError  **error G_GNUC_UNUSED)
{
  gmp_worker_report (g_variant_new ("(ii)", getpid (), getppid ()), NULL);
  gmp_test_meet (g_variant_get_string (params, NULL));
  return g_variant_new_int32 (1);
}

GmpWorkers *
test_warm_new (GmpMethod method,
               GVariant *params)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, method, params, &error);
  g_assert_no_error (error);
  return workers;
}

GVariant *
test_warm_run (GmpWorkers *workers)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);

  g_assert_no_error (error);
  return gmp_test_get_int (results, 1);
}

/* Runs workers until they are forks: the first is not, and the second start creates the server. */
int
test_warm_up (GmpWorkers *workers)
{
  int server = 0;

  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GVariant) pids = test_warm_run (workers);

      g_variant_get (pids, "(ii)", NULL, &server);
    }
  g_assert_cmpint (server, !=, getpid ());
  return server;
}

gboolean
test_warm_init (int    *argc,
                char ***argv)
{
  int pidfd = (int) syscall (SYS_pidfd_open, getpid (), 0);

  if (pidfd != -1)
    close (pidfd);
  gmp_test_init (argc, argv);
  if (pidfd == -1)
    puts ("1..0 # SKIP Nothing is forked where there are no pidfds, as under valgrind");
  return pidfd != -1;
}
