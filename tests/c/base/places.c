/* places.c: the surroundings that a worker inherits, and what it leaves behind
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Enough runs that the last ones are forks of a warm process. */
#define N_RUNS 4

static GVariant *
get_mask (GVariant *params G_GNUC_UNUSED,
          GError  **error)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, error))
    return NULL;
  line = strstr (text, "\nSigBlk:");
  return g_variant_new_uint64 (g_ascii_strtoull (line + strlen ("\nSigBlk:\t"), NULL, 16));
}

/* A program that reads its signals from a descriptor blocks them. */
static void
test_blocked_signals (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  sigset_t signals;
  sigset_t old;

  sigemptyset (&signals);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGCHLD);
  sigaddset (&signals, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &signals, &old);
  gmp_test_add_worker (workers, 1, get_mask, NULL);
  for (guint i = 0; i < N_RUNS; i++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      gmp_test_check_int (results, 1, "uint64 0");
    }
  pthread_sigmask (SIG_SETMASK, &old, NULL);
}

static GVariant *
leave_children (GVariant *params G_GNUC_UNUSED,
                GError  **error G_GNUC_UNUSED)
{
  for (guint i = 0; i < 3; i++)
    if (fork () == 0)
      {
        fork ();
        pause ();
      }
  raise (SIGKILL);
  return NULL;
}

/* Leaves a child that ends by itself, long after its parent. */
static GVariant *
leave_one (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  if (fork () == 0)
    {
      char byte;
      int fd = g_open (g_variant_get_string (params, NULL), O_RDONLY, 0);

      _exit (read (fd, &byte, 1) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
  return NULL;
}

/* The library does not report the end of the last child. If none ends, the watchdog ends the
 * test. */
static void
await_no_children (void)
{
  siginfo_t info;

  while (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    g_usleep (1000);
  g_assert_cmpint (errno, ==, ECHILD);
}

/* An application that adopts orphans of its workers, as process 1 of a container does. */
static void
test_adopted_children (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *pipe = gmp_test_build_path ("pipe");
  int fd;

  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  gmp_test_add_worker (workers, 1, leave_children, NULL);
  for (guint i = 0; i < N_RUNS; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
    }
  g_clear_object (&workers);
  await_no_children ();

  workers = gmp_workers_new ();
  gmp_test_add_worker (workers, 1, leave_one, g_variant_new_string (pipe));
  g_variant_unref (gmp_test_run (workers));
  fd = g_open (pipe, O_WRONLY, 0);
  g_clear_object (&workers);
  close (fd);
  await_no_children ();
  prctl (PR_SET_CHILD_SUBREAPER, 0);
}

/* In a started process, and in a fork. */
static void
test_deleted_folder (void)
{
  g_autofree char *folder = gmp_test_build_path ("deleted");

  for (guint n_before = 0; n_before < N_RUNS; n_before += N_RUNS - 1)
    {
      g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "working-directory", folder,
                                                     NULL);
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
      gmp_test_add_worker (workers, 1, get_mask, NULL);
      for (guint i = 0; i < n_before; i++)
        g_variant_unref (gmp_test_run (workers));
      g_assert_cmpint (g_rmdir (folder), ==, 0);
      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
      gmp_test_check_in (error->message, folder);
      gmp_test_check_in (error->message, g_strerror (ENOENT));
    }
}

/* The application's own folder is deleted. */
static void
test_deleted_own_folder (void)
{
  g_autofree char *folder = gmp_test_build_path ("deleted");
  g_autofree char *old = g_get_current_dir ();
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_cmpint (g_chdir (folder), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  gmp_test_add_worker (workers, 1, get_mask, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "deleted");
  g_assert_cmpint (g_chdir (old), ==, 0);
  g_variant_unref (gmp_test_run (workers));
}

/* Why a program without a file of its own cannot be executed there. */
#define PROGRAM_IS_VALGRIND "/proc/self/exe is valgrind itself"

static gboolean
copy_runs (const char *copy,
           const char *mode)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;
  int status;

  g_file_get_contents ("/proc/self/exe", &bytes, &size, &error);
  g_assert_no_error (error);
  g_file_set_contents (copy, bytes, (gssize) size, &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (copy, 0700), ==, 0);
  g_spawn_sync (NULL, (char *[]) { (char *) copy, (char *) "copy", (char *) mode, NULL }, NULL,
                G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  return status == EXIT_SUCCESS;
}

/* A copy of this program, in a folder whose name is not UTF-8, runs workers. */
static void
test_path_without_text (void)
{
  g_autofree char *copy = gmp_test_build_path ("caf\xe9");

  g_assert_true (copy_runs (copy, "there"));
}

/* While the program runs, its file is replaced or deleted. */
static void
test_lost_program (void)
{
  static const char *modes[] = { "deleted", "replaced" };

  if (gmp_test_skip_under_valgrind (PROGRAM_IS_VALGRIND))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autofree char *copy = gmp_test_build_path (modes[i]);

      g_assert_true (copy_runs (copy, modes[i]));
      g_assert_cmpint (access (copy, X_OK) == 0, ==, i == 1);
    }
}

/* The program is in no file system. */
static void
test_program_in_memory (void)
{
  g_autofree char *bytes = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int fd = -1;
  gsize size;
  int status;

  if (gmp_test_skip_under_valgrind (PROGRAM_IS_VALGRIND))
    return;
  g_file_get_contents ("/proc/self/exe", &bytes, &size, &error);
  g_assert_no_error (error);
  fd = memfd_create ("program", 0);
  g_assert_cmpint (write (fd, bytes, size), ==, (gssize) size);
  path = g_strdup_printf ("/proc/%d/fd/%d", getpid (), fd);
  g_spawn_sync (NULL, (char *[]) { path, (char *) "copy", (char *) "in-memory", NULL }, NULL,
                G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, EXIT_SUCCESS);
  close (fd);
}

static GVariant *
run_nested (GVariant *params,
            GError  **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  gint32 depth = g_variant_get_int32 (params);

  if (depth == 0)
    return g_variant_new_int32 (getpid ());
  if (!gmp_workers_add (workers, 1, run_nested, g_variant_new_int32 (depth - 1), error))
    return NULL;
  for (guint i = 0; i < N_RUNS; i++)
    {
      g_clear_pointer (&results, g_variant_unref);
      results = gmp_workers_run (workers, NULL, 0, NULL, error);
      if (results == NULL)
        return NULL;
    }
  return gmp_test_get_int (results, 1);
}

/* Workers start workers, which start workers. */
static void
test_nested (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, run_nested, g_variant_new_int32 (2));
  for (guint i = 0; i < N_RUNS; i++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);
      g_autoptr (GVariant) pid = gmp_test_get_int (results, 1);

      g_assert_cmpint (g_variant_get_int32 (pid), !=, getpid ());
    }
}

/* A program that has dropped its environment, as daemons do, has workers. */
static void
test_no_environment (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  char **old = environ;

  gmp_test_add_worker (workers, 1, get_mask, NULL);
  environ = NULL;
  for (guint i = 0; i < N_RUNS; i++)
    g_variant_unref (gmp_test_run (workers));
  g_object_set (workers, "environment", (const char *[]) { "NAME=value", "NONE", NULL }, NULL);
  g_variant_unref (gmp_test_run (workers));
  environ = old;
}

static int
run_copy (const char *mode)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  if (g_str_equal (mode, "replaced") || g_str_equal (mode, "deleted"))
    g_assert_cmpint (g_unlink (program), ==, 0);
  if (g_str_equal (mode, "replaced"))
    g_assert_cmpint (symlink ("/bin/false", program), ==, 0);
  gmp_test_add_worker (workers, 1, get_mask, NULL);
  for (guint i = 0; i < N_RUNS; i++)
    g_variant_unref (gmp_test_run (workers));
  return EXIT_SUCCESS;
}

int
main (int    argc,
      char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "copy"))
    {
      gmp_init (&argc, &argv);
      return run_copy (argv[2]);
    }
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/places/blocked-signals", test_blocked_signals);
  gmp_test_add ("/places/adopted-children", test_adopted_children);
  gmp_test_add ("/places/deleted-folder", test_deleted_folder);
  gmp_test_add ("/places/deleted-own-folder", test_deleted_own_folder);
  gmp_test_add ("/places/path-without-text", test_path_without_text);
  gmp_test_add ("/places/lost-program", test_lost_program);
  gmp_test_add ("/places/program-in-memory", test_program_in_memory);
  gmp_test_add ("/places/nested", test_nested);
  gmp_test_add ("/places/no-environment", test_no_environment);
  return g_test_run ();
}
