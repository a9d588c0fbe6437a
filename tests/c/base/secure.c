/* secure.c: a program that has more rights than its caller
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-runtime.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* An unprivileged user. */
#define NOBODY 65534

/* The exit status of the copy if it has no additional rights. */
#define EXIT_NOT_SECURE 77

/* In a worker: the variables of gmproc that have reached it. */
static GVariant *
list_method (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  g_auto (GStrv) names = g_listenv ();
  GString *found = g_string_new (NULL);

  for (char **name = names; *name != NULL; name++)
    /* gmp_test_init() sets one in each process of a test. */
    if (g_str_has_prefix (*name, "GMPROC_") && !g_str_equal (*name, "GMPROC_LINGER"))
      g_string_append_printf (found, "%s ", *name);
  return g_variant_new_take_string (g_string_free (found, FALSE));
}

/* The copy: @program has no additional rights. The caller has set all variables. */
static int
be_secure (const char *program)
{
  const char *argv[] = { program, NULL };
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  if (!gmp_environment_is_secure ())
    return EXIT_NOT_SECURE;
  workers = gmp_workers_new ();
  gmp_test_add_worker (workers, 1, list_method, NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_null (results);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "setuid");
  g_clear_error (&error);

  g_assert_cmpint (setresuid (0, 0, 0), ==, 0);
  gmp_runtime_set_command ("native", argv);
  for (guint i = 0; i < 3; i++)
    {
      g_clear_pointer (&results, g_variant_unref);
      results = gmp_workers_run (workers, NULL, 0, NULL, &error);
      g_assert_no_error (error);
      gmp_test_check_int (results, 1, "''");
    }
  return EXIT_SUCCESS;
}

/* Runs a copy of this program that has the rights of another user. */
static char *
make_copy (const char *program)
{
  char *copy = gmp_test_build_path ("secure");
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_file_get_contents (program, &bytes, &size, &error);
  g_assert_no_error (error);
  g_file_set_contents (copy, bytes, (gssize) size, &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (gmp_test_get_folder (), 0755), ==, 0);
  g_assert_cmpint (chown (copy, NOBODY, (gid_t) -1), ==, 0);
  g_assert_cmpint (chmod (copy, 04755), ==, 0);
  return copy;
}

static void
test_setuid (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *copy = NULL;
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;
  int status;

  if (geteuid () != 0)
    {
      g_test_skip ("root alone can make a program that runs as another user");
      return;
    }
  if (gmp_test_skip_under_valgrind ("no setuid program is executed"))
    return;
  copy = make_copy (program);
  environment = g_environ_setenv (environment, "GMPROC_WORKER", "3", TRUE);
  environment = g_environ_setenv (environment, "GMPROC_WARM_SERVER", "1", TRUE);
  environment = g_environ_setenv (environment, "GMPROC_WRAP", "/bin/false", TRUE);
  environment = g_environ_setenv (environment, "GMPROC_NATIVE_HOST", "/bin/false", TRUE);
  environment = g_environ_setenv (environment, "GMPROC_CHANNEL", "dbus", TRUE);
  g_spawn_sync (NULL, (char *[]) { copy, program, NULL }, environment,
                G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (status));
  if (WEXITSTATUS (status) == EXIT_NOT_SECURE)
    g_test_skip ("this folder is on a file system, or in a sandbox, without setuid programs");
  else
    g_assert_cmpint (WEXITSTATUS (status), ==, EXIT_SUCCESS);
}

int
main (int    argc,
      char **argv)
{
  if (argc == 2 && argv[1][0] == '/')
    {
      gmp_init (&argc, &argv);
      return be_secure (argv[1]);
    }
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/secure/setuid", test_setuid);
  return g_test_run ();
}
