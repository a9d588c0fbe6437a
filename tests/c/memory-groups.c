/* memory-groups.c: what is told of workers that the kernel kills for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * In control groups of the test's own, of version 1 or 2, where the system lets it have them;
 * tests/memory-groups/run has a machine with the other version.
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

/* Takes memory until the kernel has no more. */
static GVariant *
devour (GVariant *params G_GNUC_UNUSED,
        GError  **error G_GNUC_UNUSED)
{
  for (;;)
    {
      volatile char *block = g_malloc (MIB);

      for (gsize i = 0; i < MIB; i += 4096)
        block[i] = 1;
    }
  return NULL;
}

static GVariant *
kill_self (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  raise (SIGKILL);
  return NULL;
}

static gboolean
write_text (const char *folder,
            const char *name,
            const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean result = fd != -1 && write (fd, text, strlen (text)) == (gssize) strlen (text);

  if (fd != -1)
    close (fd);
  return result;
}

/* The group that this process is in, as its line in /proc/self/cgroup has it after @label; inside a
 * container that may be a path of the host, and what is mounted at @root its own. */
static char *
find_own_group (const char *label,
                const char *root)
{
  g_autofree char *text = NULL;
  g_autofree char *path = NULL;
  const char *found = NULL;

  if (g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    found = strstr (text, label);
  if (found == NULL)
    return NULL;
  found += strlen (label);
  path = g_strndup (found, strcspn (found, "\n"));
  if (!g_str_equal (path, "/"))
    {
      g_autofree char *own = g_build_filename (root, path, NULL);

      if (g_file_test (own, G_FILE_TEST_IS_DIR))
        return g_steal_pointer (&own);
    }
  return g_strdup (root);
}

/* A new group that has 64 MiB, beside @own, which this process is in: there the owner of a
 * desktop's session may make one too. Or NULL, and a test that is skipped. */
static char *
make_group (char **own)
{
  const struct {
    const char *label, *root, *limit;
  } kinds[] = {
    { ":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes" },
    { "0::", "/sys/fs/cgroup", "memory.max" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds) && !gmp_test_is_stretched (); i++)
    {
      g_autofree char *origin = find_own_group (kinds[i].label, kinds[i].root);
      g_autofree char *parent = NULL;
      g_autofree char *folder = NULL;

      if (origin == NULL)
        continue;
      parent = g_str_equal (origin, kinds[i].root) ? g_strdup (origin)
                                                   : g_path_get_dirname (origin);
      folder = g_strdup_printf ("%s/gmproc-test-%d", parent, getpid ());
      if (g_mkdir (folder, 0700) == -1)
        continue;
      /* Whether it may be entered is seen by doing so. */
      if (write_text (folder, kinds[i].limit, "64M") &&
          write_text (folder, "cgroup.procs", "0") && write_text (origin, "cgroup.procs", "0"))
        {
          *own = g_steal_pointer (&origin);
          return g_steal_pointer (&folder);
        }
      g_rmdir (folder);
    }
  g_test_skip ("This takes the right to make a control group, and no valgrind");
  return NULL;
}

static void
leave_group (const char *group,
             const char *own)
{
  g_assert_true (write_text (own, "cgroup.procs", "0"));
  g_assert_no_errno (g_rmdir (group));
}

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

/* The application and its workers in one group, as on a desktop. */
static void
test_same_group (void)
{
  g_autofree char *own = NULL;
  g_autofree char *group = make_group (&own);

  if (group == NULL)
    return;
  g_assert_true (write_text (group, "cgroup.procs", "0"));
  check_killed (devour, TRUE);
  check_killed (kill_self, FALSE);
  check_killed (devour, TRUE);
  leave_group (group, own);
}

/* Another process of the group had its death of memory before the worker began. */
static void
test_other_process (void)
{
  g_autofree char *own = NULL;
  g_autofree char *group = make_group (&own);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { program, "--devour", NULL };
  g_autoptr (GSubprocess) other = NULL;
  g_autoptr (GError) error = NULL;

  if (group == NULL)
    return;
  g_assert_true (write_text (group, "cgroup.procs", "0"));
  check_killed (kill_self, FALSE);
  other = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_subprocess_wait (other, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_signaled (other));
  g_assert_cmpint (g_subprocess_get_term_sig (other), ==, SIGKILL);
  check_killed (kill_self, FALSE);
  check_killed (devour, TRUE);
  leave_group (group, own);
}

/* The worker in a group of its own, and the application in none that has to do with it. */
static void
test_own_group (void)
{
  g_autofree char *own = NULL;
  g_autofree char *group = make_group (&own);
  g_autofree char *wrap = NULL;

  if (group == NULL)
    return;
  wrap = g_strdup_printf ("sh -c 'echo 0 >%s/cgroup.procs && exec \"$@\"' sh", group);
  g_setenv ("GMPROC_WRAP", wrap, TRUE);
  check_killed (devour, TRUE);
  check_killed (kill_self, FALSE);
  g_unsetenv ("GMPROC_WRAP");
  g_assert_no_errno (g_rmdir (group));
}

int
main (int    argc,
      char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--devour"))
    devour (NULL, NULL);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/memory-groups/same-group", test_same_group);
  gmp_test_add ("/memory-groups/other-process", test_other_process);
  gmp_test_add ("/memory-groups/own-group", test_own_group);
  return g_test_run ();
}
