/* warm.c: workers that are forks of a process that waits warm
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-warm.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The worker's side. */

static int
compare_strings (gconstpointer a,
                 gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

/* The state that a process inherits. */
static GVariant *
get_surroundings (GVariant *params G_GNUC_UNUSED,
                  GError  **error G_GNUC_UNUSED)
{
  g_autofree char *folder = g_get_current_dir ();
  g_autofree char *input = g_file_read_link ("/proc/self/fd/0", NULL);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  /* Only this variable may differ. */
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "GMPROC_WARM");
  g_autofree char *command = NULL;
  sigset_t blocked;
  mode_t mask = umask (0);

  umask (mask);
  g_assert_true (g_file_get_contents ("/proc/self/cmdline", &command, NULL, NULL));
  pthread_sigmask (SIG_BLOCK, NULL, &blocked);
  qsort (environment, g_strv_length (environment), sizeof (char *),
         compare_strings);
  return g_variant_new ("(ssss^asubb)", folder, input, program, command, environment, mask,
                        sigismember (&blocked, SIGINT), g_getenv ("GMPROC_WORKER") != NULL);
}

static GVariant *
exit_with (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  g_printerr ("before the end\n");
  exit (g_variant_get_int32 (params));
}

static GVariant *
raise_signal (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  raise (g_variant_get_int32 (params));
  return NULL;
}

static GVariant *
fail (GVariant *params G_GNUC_UNUSED,
      GError  **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_EMPTY, "not empty at all");
  return NULL;
}

static GVariant *
print (GVariant *params G_GNUC_UNUSED,
       GError  **error G_GNUC_UNUSED)
{
  printf ("to stdout\n");
  g_printerr ("to stderr\n");
  return NULL;
}

static GVariant *
leave_in_bss (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  static int n_calls;

  return g_variant_new_int32 (++n_calls);
}

/* The application's side. */

static void
test_forks (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  g_autoptr (GHashTable) pids = g_hash_table_new (NULL, NULL);
  int server = 0;

  for (int turn = 0; turn < 5; turn++)
    {
      g_autoptr (GVariant) both = test_warm_run (workers);
      int pid, parent;

      g_variant_get (both, "(ii)", &pid, &parent);
      g_assert_true (g_hash_table_add (pids, GINT_TO_POINTER (pid)));
      g_assert_cmpint (parent == getpid (), ==, turn == 0);
      if (turn > 1)
        g_assert_cmpint (parent, ==, server);
      server = parent;
    }
  /* A server, and the processes that it has forked ahead, end with the last object. */
  g_assert_no_errno (kill (server, 0));
  g_clear_object (&workers);
  g_assert_cmpint (kill (server, 0), ==, -1);
}

static void
test_two_objects (void)
{
  g_autoptr (GmpWorkers) first = test_warm_new (test_warm_get_pids, NULL);
  g_autoptr (GmpWorkers) second = test_warm_new (test_warm_get_pids, NULL);
  int server = test_warm_up (first);
  g_autoptr (GVariant) of_both = NULL;
  int parent;

  g_clear_object (&first);
  of_both = test_warm_run (second);
  g_variant_get (of_both, "(ii)", NULL, &parent);
  g_assert_cmpint (parent, ==, server);
}

/* A program that creates an object for each call has warm starts too. */
static void
test_lingers (void)
{
  g_autoptr (GmpWorkers) last = NULL;
  int server = 0;

  g_setenv ("GMPROC_LINGER", "100", TRUE);
  for (int turn = 0; turn < 4; turn++)
    {
      g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
      g_autoptr (GVariant) pids = test_warm_run (workers);
      int parent;

      g_variant_get (pids, "(ii)", NULL, &parent);
      g_assert_cmpint (parent == getpid (), ==, turn == 0);
      if (turn > 1)
        g_assert_cmpint (parent, ==, server);
      server = parent;
    }
  g_assert_no_errno (kill (server, 0));
  g_setenv ("GMPROC_LINGER", "0", TRUE);
  last = test_warm_new (test_warm_get_pids, NULL);
  g_clear_object (&last);
}

static void
test_fresh (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (leave_in_bss, NULL);

  for (int turn = 0; turn < 4; turn++)
    {
      g_autoptr (GVariant) value = test_warm_run (workers);

      gmp_test_check_value (value, "1");
    }
}

static char *
describe_surroundings (GmpWorkers *workers)
{
  g_autoptr (GVariant) value = test_warm_run (workers);

  return g_variant_print (value, TRUE);
}

/* A fork has the same state as a process that is started cold: in the first run, and after the
 * application has changed something since the server was started. */
static void
test_surroundings (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (get_surroundings, NULL);
  g_autofree char *before = g_get_current_dir ();
  mode_t mask = umask (022);

  for (int turn = 0; turn < 3; turn++)
    {
      g_autofree char *cold = NULL;

      g_setenv ("GMPROC_WARM", "0", TRUE);
      cold = describe_surroundings (workers);
      g_unsetenv ("GMPROC_WARM");
      for (int i = 0; i < 4; i++)
        {
          g_autofree char *warm = describe_surroundings (workers);

          g_assert_cmpstr (warm, ==, cold);
        }
      g_setenv ("GMP_TEST_WARM", turn == 0 ? "one" : "two", TRUE);
      g_assert_no_errno (g_chdir (turn == 0 ? "/" : "/usr"));
      umask (turn == 0 ? 077 : 002);
    }
  g_unsetenv ("GMP_TEST_WARM");
  g_assert_no_errno (g_chdir (before));
  umask (mask);
}

static char *
get_failure (GmpMethod method,
             GVariant *params,
             gboolean  is_warm)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) pid = g_regex_new ("pid \\d+|Run time: [\\d.]+|[\\d.]+ MiB", 0, 0, NULL);
  const int ids[] = { 2 };

  if (is_warm)
    test_warm_up (workers);
  gmp_workers_add (workers, 2, method, params, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, ids, 1, NULL, &error));
  return g_regex_replace_literal (pid, error->message, -1, 0, "...", 0, NULL);
}

static void
check_failure (GmpMethod method,
               int       number,
               const char *words)
{
  g_autofree char *cold = get_failure (method, g_variant_new_int32 (number), FALSE);
  g_autofree char *warm = get_failure (method, g_variant_new_int32 (number), TRUE);

  gmp_test_check_in (cold, words);
  g_assert_cmpstr (cold, ==, warm);
}

static void
test_failures (void)
{
  check_failure (exit_with, 3, "exited with status 3");
  check_failure (exit_with, 0, "before the end");
  check_failure (raise_signal, SIGKILL, "signal 9");
  check_failure (raise_signal, SIGTERM, "signal 15");
  check_failure (fail, 0, "not empty at all");
}

static void
output_cb (GmpWorkers     *workers G_GNUC_UNUSED,
           int             id G_GNUC_UNUSED,
           GmpOutputStream stream,
           const char     *line,
           gpointer        user_data)
{
  g_string_append_printf (user_data, "%d %s\n", stream, line);
}

static void
test_output (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (print, NULL);
  GString *lines = g_string_new (NULL);

  g_object_set (workers, "capture-output", TRUE, NULL);
  g_signal_connect (workers, "output", G_CALLBACK (output_cb), lines);
  for (int turn = 0; turn < 4; turn++)
    {
      g_autoptr (GVariant) nothing = test_warm_run (workers);

      g_assert_cmpint (lines->len, ==, strlen ("0 to stdout\n1 to stderr\n"));
      gmp_test_check_in (lines->str, "0 to stdout\n");
      gmp_test_check_in (lines->str, "1 to stderr\n");
      g_string_truncate (lines, 0);
    }
  g_string_free (lines, TRUE);
}

/* Without capturing, output goes to the application's current standard output. */
static void
test_redirected_output (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (print, NULL);
  int before = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

  fflush (stdout);
  for (int turn = 0; turn < 4; turn++)
    {
      g_autofree char *name = g_strdup_printf ("output-%d", turn / 2);
      g_autofree char *path = gmp_test_build_path (name);
      int fd = g_open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      g_autoptr (GVariant) nothing = NULL;

      dup2 (fd, STDOUT_FILENO);
      close (fd);
      nothing = test_warm_run (workers);
      dup2 (before, STDOUT_FILENO);
      g_assert_cmpuint (gmp_test_count_lines (path), ==, turn % 2 + 1);
    }
  close (before);
}

/* It is none of GLib's: memory that GLib keeps for a thread has no owner in a fork. */
static void *
idle_thread (void *data G_GNUC_UNUSED)
{
  for (;;)
    pause ();
  return NULL;
}

static void
check_cold (GmpWorkers *workers)
{
  g_autoptr (GVariant) pids = test_warm_run (workers);
  int parent;

  g_variant_get (pids, "(ii)", NULL, &parent);
  g_assert_cmpint (parent, ==, getpid ());
}

/* A program that starts a thread before gmp_init() is not forked, and works otherwise. This is
 * logged once, for the second process. */
static void
test_threads (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  g_autofree char *before = gmp_runtime_get_cold_start_reason ("native");
  g_autofree char *after = NULL;

  g_assert_null (before);
  g_setenv ("GMP_TEST_THREAD", "idle", TRUE);
  check_cold (workers);
  check_cold (workers);
  g_test_expect_message ("gmproc", G_LOG_LEVEL_MESSAGE,
                         "Workers of runtime native start slowly*2 threads*after gmp_init*");
  check_cold (workers);
  g_test_assert_expected_messages ();
  check_cold (workers);
  after = gmp_runtime_get_cold_start_reason ("native");
  gmp_test_check_in (after, "2 threads");
  g_unsetenv ("GMP_TEST_THREAD");
}

/* Forks can do without a thread of jemalloc. */
static void
test_harmless_thread (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);

  g_setenv ("GMP_TEST_THREAD", "jemalloc_bg_thd", TRUE);
  test_warm_up (workers);
  g_unsetenv ("GMP_TEST_THREAD");
}

static void
test_switched_off (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);

  g_object_set (workers, "warm-start", FALSE, NULL);
  for (int turn = 0; turn < 3; turn++)
    check_cold (workers);
  g_object_set (workers, "warm-start", TRUE, NULL);
  test_warm_up (workers);
}

/* All workers run at the same time. */
static void
test_many (void)
{
  const int n = 40;
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (n);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  for (int id = 0; id < n; id++)
    gmp_workers_add (workers, id, test_warm_report_and_meet,
                     g_variant_new_string (gmp_test_meeting_path (meeting)), NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, n);
    }
}

/* A name that is no text is no module of a fork server. */
static void
test_fresh_modules (void)
{
  const char *names[] = { "\377", "module", NULL };
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "fresh-modules", names, NULL);

  gmp_test_add_worker (workers, 1, get_surroundings, NULL);
  for (guint turn = 0; turn < 3; turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      g_assert_cmpuint (g_variant_n_children (results), ==, 1);
    }
}

int
main (int    argc,
      char **argv)
{
  if (g_getenv ("GMP_TEST_THREAD") != NULL)
    {
      pthread_t thread;

      g_assert_cmpint (pthread_create (&thread, NULL, idle_thread, NULL), ==, 0);
      g_assert_cmpint (pthread_setname_np (thread, g_getenv ("GMP_TEST_THREAD")), ==, 0);
    }
  if (!test_warm_init (&argc, &argv))
    return EXIT_SUCCESS;
  gmp_test_add ("/warm/forks", test_forks);
  gmp_test_add ("/warm/two-objects", test_two_objects);
  gmp_test_add ("/warm/lingers", test_lingers);
  gmp_test_add ("/warm/fresh", test_fresh);
  gmp_test_add ("/warm/switched-off", test_switched_off);
  gmp_test_add ("/warm/surroundings", test_surroundings);
  gmp_test_add ("/warm/failures", test_failures);
  gmp_test_add ("/warm/output", test_output);
  gmp_test_add ("/warm/redirected-output", test_redirected_output);
  gmp_test_add ("/warm/threads", test_threads);
  gmp_test_add ("/warm/harmless-thread", test_harmless_thread);
  gmp_test_add ("/warm/many", test_many);
  gmp_test_add ("/warm/fresh-modules", test_fresh_modules);
  return g_test_run ();
}
