/* memory-groups.c: errors about workers that the kernel kills for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * In control groups of the test's own, of version 1 or 2, where the system lets it have them;
 * tests/memory-groups/run has a machine with the other version.
 */

#include "test-group.h"

#include <signal.h>
#include <string.h>

static void
check_killed (GmpMethod method,
              gboolean  out_of_memory)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, method, NULL, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "signal 9");
  g_assert_cmpint (strstr (error->message, "perhaps by the kernel for lack of memory") != NULL,
                   ==, out_of_memory);
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  g_assert_cmpint (gmp_failure_get_out_of_memory (failures->pdata[0]), ==, out_of_memory);
}

/* The application and its workers share a group, as on a desktop. */
static void
test_same_group (void)
{
  g_autoptr (TestGroup) group = test_group_new ("memory", test_group_memory_limits, "64M");

  if (group == NULL)
    return;
  test_group_enter (group);
  check_killed (test_group_devour, TRUE);
  check_killed (test_group_kill_self, FALSE);
  check_killed (test_group_devour, TRUE);
}

/* Another process of the group was killed for lack of memory before the worker started. */
static void
test_other_process (void)
{
  g_autoptr (TestGroup) group = test_group_new ("memory", test_group_memory_limits, "64M");
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { program, "--devour", NULL };
  g_autoptr (GSubprocess) other = NULL;
  g_autoptr (GError) error = NULL;

  if (group == NULL)
    return;
  test_group_enter (group);
  check_killed (test_group_kill_self, FALSE);
  other = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_subprocess_wait (other, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_signaled (other));
  g_assert_cmpint (g_subprocess_get_term_sig (other), ==, SIGKILL);
  check_killed (test_group_kill_self, FALSE);
  check_killed (test_group_devour, TRUE);
}

/* The worker has its own group, and the application is in an unrelated one. */
static void
test_own_group (void)
{
  g_autoptr (TestGroup) group = test_group_new ("memory", test_group_memory_limits, "64M");
  g_autofree char *wrap = NULL;

  if (group == NULL)
    return;
  wrap = g_strdup_printf ("sh -c 'echo 0 >%s/cgroup.procs && exec \"$@\"' sh",
                          test_group_get_folder (group));
  g_setenv ("GMPROC_WRAP", wrap, TRUE);
  check_killed (test_group_devour, TRUE);
  check_killed (test_group_kill_self, FALSE);
  g_unsetenv ("GMPROC_WRAP");
}

int
main (int    argc,
      char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--devour"))
    test_group_devour (NULL, NULL);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/memory-groups/same-group", test_same_group);
  gmp_test_add ("/memory-groups/other-process", test_other_process);
  gmp_test_add ("/memory-groups/own-group", test_own_group);
  return g_test_run ();
}
