/* warm-servers.c: fork servers, or their application, that are killed or do not answer
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-warm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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
      g_autoptr (GVariant) pids = test_warm_run (workers);

      g_variant_get (pids, "(ii)", NULL, &another);
    }
  return another;
}

/* The server is killed. Workers are started cold until there is another one. */
static void
test_server_killed (void)
{
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  int server = test_warm_up (workers);

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
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  int server = test_warm_up (workers);

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
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);

  test_warm_up (workers);
  gmp_test_add_worker (workers, 2, test_warm_report_and_meet,
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
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  const int ids[] = { 2 };

  test_warm_up (workers);
  gmp_workers_add (workers, 2, test_warm_report_and_meet,
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
  g_autoptr (GmpWorkers) workers = test_warm_new (test_warm_get_pids, NULL);
  const int ids[] = { 2 };

  test_warm_up (workers);
  gmp_workers_add (workers, 2, stay, NULL, NULL);
  gmp_workers_run (workers, ids, 1, NULL, NULL);
  return EXIT_FAILURE;
}

int
main (int    argc,
      char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--victim"))
    {
      gmp_init (&argc, &argv);
      return be_victim ();
    }
  if (!test_warm_init (&argc, &argv))
    return EXIT_SUCCESS;
  gmp_test_add ("/warm-servers/server-killed", test_server_killed);
  gmp_test_add ("/warm-servers/server-stalls", test_server_stalls);
  gmp_test_add ("/warm-servers/server-stalls-meanwhile", test_server_stalls_meanwhile);
  gmp_test_add ("/warm-servers/server-killed-meanwhile", test_server_killed_meanwhile);
  gmp_test_add ("/warm-servers/application-killed", test_application_killed);
  return g_test_run ();
}
