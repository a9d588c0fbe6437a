/* warm.c: workers that are forks of a process that waits warm
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The worker's side. */

/* The process's pid, and that of its parent. */
static GVariant *
get_pids (GVariant *params G_GNUC_UNUSED,
          GError  **error G_GNUC_UNUSED)
{
  return g_variant_new ("(ii)", getpid (), getppid ());
}

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

/* Reports its identity, and waits for its meeting. */
static GVariant *
report_and_meet (GVariant *params,
                 GError  **error G_GNUC_UNUSED)
{
  gmp_worker_report (g_variant_new ("(ii)", getpid (), getppid ()), NULL);
  gmp_test_meet (g_variant_get_string (params, NULL));
  return g_variant_new_int32 (1);
}

static GVariant *
leave_in_bss (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  static int n_calls;

  return g_variant_new_int32 (++n_calls);
}

/* The application's side. */

static GmpWorkers *
workers_for (GmpMethod method,
             GVariant *params)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, method, params, &error);
  g_assert_no_error (error);
  return workers;
}

static GVariant *
run_one (GmpWorkers *workers)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);

  g_assert_no_error (error);
  return gmp_test_get_int (results, 1);
}

/* Runs workers until they are forks: the first is not, and the second start creates the server. */
static int
warm_up (GmpWorkers *workers)
{
  int server = 0;

  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GVariant) pids = run_one (workers);

      g_variant_get (pids, "(ii)", NULL, &server);
    }
  g_assert_cmpint (server, !=, getpid ());
  return server;
}

static void
test_forks (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
  g_autoptr (GHashTable) pids = g_hash_table_new (NULL, NULL);
  int server = 0;

  for (int turn = 0; turn < 5; turn++)
    {
      g_autoptr (GVariant) both = run_one (workers);
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
  g_autoptr (GmpWorkers) first = workers_for (get_pids, NULL);
  g_autoptr (GmpWorkers) second = workers_for (get_pids, NULL);
  int server = warm_up (first);
  g_autoptr (GVariant) of_both = NULL;
  int parent;

  g_clear_object (&first);
  of_both = run_one (second);
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
      g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
      g_autoptr (GVariant) pids = run_one (workers);
      int parent;

      g_variant_get (pids, "(ii)", NULL, &parent);
      g_assert_cmpint (parent == getpid (), ==, turn == 0);
      if (turn > 1)
        g_assert_cmpint (parent, ==, server);
      server = parent;
    }
  g_assert_no_errno (kill (server, 0));
  g_setenv ("GMPROC_LINGER", "0", TRUE);
  last = workers_for (get_pids, NULL);
  g_clear_object (&last);
}

static void
test_fresh (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (leave_in_bss, NULL);

  for (int turn = 0; turn < 4; turn++)
    {
      g_autoptr (GVariant) value = run_one (workers);

      gmp_test_check_value (value, "1");
    }
}

static char *
describe_surroundings (GmpWorkers *workers)
{
  g_autoptr (GVariant) value = run_one (workers);

  return g_variant_print (value, TRUE);
}

/* A fork has the same state as a process that is started cold: in the first run, and after the
 * application has changed something since the server was started. */
static void
test_surroundings (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_surroundings, NULL);
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
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) pid = g_regex_new ("pid \\d+|Run time: [\\d.]+|[\\d.]+ MiB", 0, 0, NULL);
  const int ids[] = { 2 };

  if (is_warm)
    warm_up (workers);
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
  g_autoptr (GmpWorkers) workers = workers_for (print, NULL);
  GString *lines = g_string_new (NULL);

  g_object_set (workers, "capture-output", TRUE, NULL);
  g_signal_connect (workers, "output", G_CALLBACK (output_cb), lines);
  for (int turn = 0; turn < 4; turn++)
    {
      g_autoptr (GVariant) nothing = run_one (workers);

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
  g_autoptr (GmpWorkers) workers = workers_for (print, NULL);
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
      nothing = run_one (workers);
      dup2 (before, STDOUT_FILENO);
      g_assert_cmpuint (gmp_test_count_lines (path), ==, turn % 2 + 1);
    }
  close (before);
}

/* Workers whose server has died become children of init, or of a process in its place. */
static gboolean
is_own_child (int pid)
{
  siginfo_t info;

  return waitid (P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Runs workers until there is another server, and returns its pid. */
static int
await_server (GmpWorkers *workers,
              int         server)
{
  int another = server;

  while (another == server || another == getpid () || !is_own_child (another))
    {
      g_autoptr (GVariant) pids = run_one (workers);

      g_variant_get (pids, "(ii)", NULL, &another);
    }
  return another;
}

/* The server is killed. Workers are started cold until there is another one. */
static void
test_server_killed (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
  int server = warm_up (workers);

  for (int turn = 0; turn < 3; turn++)
    {
      g_assert_no_errno (kill (server, SIGKILL));
      server = await_server (workers, server);
    }
}

/* A server that does not reply never blocks a main loop. It is stopped before a run, which needs
 * a fork, or during one, whose end it then does not report. Meanwhile the loop runs by events:
 * each iteration triggers the next one, and is counted. */

static guint n_turns;

static gboolean
turn_cb (gpointer user_data G_GNUC_UNUSED)
{
  n_turns++;
  return G_SOURCE_CONTINUE;
}

static GSource *
count_turns (void)
{
  GSource *source = g_timeout_source_new (1);

  n_turns = 0;
  g_source_set_callback (source, turn_cb, NULL, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static void
check_stalled_run (GmpWorkers *workers,
                   int         id)
{
  g_autoptr (GSource) source = count_turns ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_run_async (workers, &id, 1, NULL, gmp_test_done_cb, &result);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_source_destroy (source);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
  g_test_message ("%u turns", n_turns);
  /* The server has seconds to reply. */
  g_assert_cmpuint (n_turns, >, 100);
}

static void
test_server_stalls (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
  int server = warm_up (workers);

  g_assert_no_errno (kill (server, SIGSTOP));
  check_stalled_run (workers, 1);
  /* Others are started cold until there is another server. */
  await_server (workers, server);
}

static void
signal_parent (GVariant       *value,
               int             signum,
               GmpTestMeeting *meeting)
{
  int parent;

  g_variant_get (value, "(ii)", NULL, &parent);
  g_assert_cmpint (parent, !=, getpid ());
  g_assert_no_errno (kill (parent, signum));
  gmp_test_meet (gmp_test_meeting_path (meeting));
}

static void
stop_parent_cb (GmpWorkers *workers G_GNUC_UNUSED,
                int         id G_GNUC_UNUSED,
                GVariant   *value,
                gpointer    user_data)
{
  signal_parent (value, SIGSTOP, user_data);
}

static void
test_server_stalls_meanwhile (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);

  warm_up (workers);
  gmp_test_add_worker (workers, 2, report_and_meet,
                       g_variant_new_string (gmp_test_meeting_path (meeting)));
  g_signal_connect (workers, "progress", G_CALLBACK (stop_parent_cb), meeting);
  check_stalled_run (workers, 2);
}

static void
kill_parent_cb (GmpWorkers *workers G_GNUC_UNUSED,
                int         id G_GNUC_UNUSED,
                GVariant   *value,
                gpointer    user_data)
{
  signal_parent (value, SIGKILL, user_data);
}

/* The server is killed while its worker runs. The worker continues, and its result counts. */
static void
test_server_killed_meanwhile (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  const int ids[] = { 2 };

  warm_up (workers);
  gmp_workers_add (workers, 2, report_and_meet,
                   g_variant_new_string (gmp_test_meeting_path (meeting)), &error);
  g_signal_connect (workers, "progress", G_CALLBACK (kill_parent_cb), meeting);
  results = gmp_workers_run (workers, ids, 1, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{2: <1>}");
}

/* The application is killed. Its server, the worker and waiting processes end, which a pipe
 * shows that only they hold. */
static void
test_application_killed (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { program, "--victim", NULL };
  g_autoptr (GSubprocess) victim = NULL;
  g_autoptr (GError) error = NULL;
  GInputStream *output;
  char byte;

  victim = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  g_assert_no_error (error);
  output = g_subprocess_get_stdout_pipe (victim);
  g_assert_cmpint (g_input_stream_read (output, &byte, 1, NULL, &error), ==, 1);
  g_assert_no_error (error);
  g_subprocess_force_exit (victim);
  g_assert_cmpint (g_input_stream_read (output, &byte, 1, NULL, &error), ==, 0);
  g_assert_true (g_subprocess_wait (victim, NULL, &error));
}

/* Reports on its inherited standard output that it runs, and does not return. */
static GVariant *
stay (GVariant *params G_GNUC_UNUSED,
      GError  **error G_GNUC_UNUSED)
{
  printf ("x");
  fflush (stdout);
  for (;;)
    pause ();
  return NULL;
}

static int
be_victim (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
  const int ids[] = { 2 };

  warm_up (workers);
  gmp_workers_add (workers, 2, stay, NULL, NULL);
  gmp_workers_run (workers, ids, 1, NULL, NULL);
  return EXIT_FAILURE;
}

static gpointer
idle_thread (gpointer begun)
{
  /* The thread has its name now. */
  g_async_queue_push (begun, GINT_TO_POINTER (1));
  for (;;)
    pause ();
  return NULL;
}

static void
check_cold (GmpWorkers *workers)
{
  g_autoptr (GVariant) pids = run_one (workers);
  int parent;

  g_variant_get (pids, "(ii)", NULL, &parent);
  g_assert_cmpint (parent, ==, getpid ());
}

/* A program that starts a thread before gmp_init() is not forked, and works otherwise. This is
 * logged once, for the second process. */
static void
test_threads (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);
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
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);

  g_setenv ("GMP_TEST_THREAD", "jemalloc_bg_thd", TRUE);
  warm_up (workers);
  g_unsetenv ("GMP_TEST_THREAD");
}

static void
test_switched_off (void)
{
  g_autoptr (GmpWorkers) workers = workers_for (get_pids, NULL);

  g_object_set (workers, "warm-start", FALSE, NULL);
  for (int turn = 0; turn < 3; turn++)
    check_cold (workers);
  g_object_set (workers, "warm-start", TRUE, NULL);
  warm_up (workers);
}

/* All workers run at the same time. */
static void
test_many (void)
{
  const int n = 40;
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (n);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  for (int id = 0; id < n; id++)
    gmp_workers_add (workers, id, report_and_meet,
                     g_variant_new_string (gmp_test_meeting_path (meeting)), NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, n);
    }
}

int
main (int    argc,
      char **argv)
{
  int pidfd;

  if (g_getenv ("GMP_TEST_THREAD") != NULL)
    {
      GAsyncQueue *begun = g_async_queue_new ();

      g_thread_new (g_getenv ("GMP_TEST_THREAD"), idle_thread, begun);
      g_async_queue_pop (begun);
    }
  if (argc == 2 && g_str_equal (argv[1], "--victim"))
    {
      gmp_init (&argc, &argv);
      return be_victim ();
    }
  pidfd = syscall (SYS_pidfd_open, getpid (), 0);
  if (pidfd != -1)
    close (pidfd);
  gmp_test_init (&argc, &argv);

  if (pidfd == -1)
    {
      puts ("1..0 # SKIP Nothing is forked where there are no pidfds, as under valgrind");
      return EXIT_SUCCESS;
    }
  gmp_test_add ("/warm/forks", test_forks);
  gmp_test_add ("/warm/two-objects", test_two_objects);
  gmp_test_add ("/warm/lingers", test_lingers);
  gmp_test_add ("/warm/fresh", test_fresh);
  gmp_test_add ("/warm/switched-off", test_switched_off);
  gmp_test_add ("/warm/surroundings", test_surroundings);
  gmp_test_add ("/warm/failures", test_failures);
  gmp_test_add ("/warm/output", test_output);
  gmp_test_add ("/warm/redirected-output", test_redirected_output);
  gmp_test_add ("/warm/server-killed", test_server_killed);
  gmp_test_add ("/warm/server-stalls", test_server_stalls);
  gmp_test_add ("/warm/server-stalls-meanwhile", test_server_stalls_meanwhile);
  gmp_test_add ("/warm/server-killed-meanwhile", test_server_killed_meanwhile);
  gmp_test_add ("/warm/application-killed", test_application_killed);
  gmp_test_add ("/warm/threads", test_threads);
  gmp_test_add ("/warm/harmless-thread", test_harmless_thread);
  gmp_test_add ("/warm/many", test_many);
  return g_test_run ();
}
