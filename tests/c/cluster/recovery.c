/* recovery.c: a cluster after agents that came late, and starts and workers that came to nothing
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Twice the bytes of reports that are in flight without an acknowledgement. */
#define N_REPORTS   32
#define REPORT_SIZE ((gsize) 64 * 1024)

/* A start has fewer. */
#define N_TURNS 5

#define RESULT_SIZE ((gsize) 4 * 1024 * 1024)
#define FILE_LIMIT  ((gsize) 1024 * 1024)

static GVariant *
new_bytes (gsize size)
{
  gpointer bytes = g_malloc0 (size);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

static GVariant *
tell_node (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (gmp_worker_get_node ());
}

/* Returns the node of a worker of this worker. */
static GVariant *
run_another (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  GVariant *value = NULL;

  if (g_getenv ("GMPROC_LAUNCHER") != NULL)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED, "workers would run elsewhere");
      return NULL;
    }
  if (gmp_workers_add (workers, 1, tell_node, NULL, error))
    results = gmp_workers_run (workers, NULL, 0, NULL, error);
  if (results != NULL)
    g_variant_get_child (results, 0, "{iv}", NULL, &value);
  return value;
}

/* On the node alpha, reports that and waits: its agent ends it. */
static GVariant *
wait_on_alpha (GVariant *params,
               GError  **error)
{
  if (!g_str_equal (gmp_worker_get_node (), "alpha"))
    return tell_node (params, error);
  gmp_worker_report (NULL, error);
  for (;;)
    pause ();
}

/* More than its connection takes while nothing is read. */
static GVariant *
report_much (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  for (int i = 0; i < N_REPORTS; i++)
    if (!gmp_worker_report (g_variant_new ("(i@ay)", getpid (), new_bytes (REPORT_SIZE)), error))
      return NULL;
  return NULL;
}

static GVariant *
return_much (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  return new_bytes (RESULT_SIZE);
}

static GVariant *
print_forever (GVariant *params G_GNUC_UNUSED,
               GError  **error G_GNUC_UNUSED)
{
  while (TRUE)
    puts ("a line");
  return NULL;
}

/* Only the test or its agent ends it. */
static GVariant *
print_and_wait (GVariant *params G_GNUC_UNUSED,
                GError  **error G_GNUC_UNUSED)
{
  puts ("a line");
  fflush (stdout);
  while (TRUE)
    pause ();
  return NULL;
}

/* A server that reports its start, and a client that finishes with its node. */

#define NEAR_TYPE_SERVER (near_server_get_type ())
G_DECLARE_FINAL_TYPE (NearServer, near_server, NEAR, SERVER, GmpServerWorker)

struct _NearServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (NearServer, near_server, GMP_TYPE_SERVER_WORKER)

static gboolean
near_server_start (GmpWorker *self G_GNUC_UNUSED,
                   GVariant  *params,
                   GError   **error)
{
  return gmp_worker_report (tell_node (params, NULL), error);
}

static void
near_server_class_init (NearServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = near_server_start;
}

static void
near_server_init (NearServer *self G_GNUC_UNUSED)
{
}

#define NEAR_TYPE_CLIENT (near_client_get_type ())
G_DECLARE_FINAL_TYPE (NearClient, near_client, NEAR, CLIENT, GmpClientWorker)

struct _NearClient
{
  GmpClientWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (NearClient, near_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
near_client_done (GmpWorker *self G_GNUC_UNUSED,
                  GError   **error G_GNUC_UNUSED)
{
  return TRUE;
}

static GVariant *
near_client_finish (GmpWorker *self G_GNUC_UNUSED,
                    GError   **error)
{
  return tell_node (NULL, error);
}

static void
near_client_class_init (NearClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->done = near_client_done;
  GMP_WORKER_CLASS (klass)->finish = near_client_finish;
}

static void
near_client_init (NearClient *self G_GNUC_UNUSED)
{
}

static GmpWorkers *
new_workers (GmpMethod   method,
             const char *launcher)
{
  GmpWorkers *workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, method, NULL);
  g_object_set (workers, "launcher", launcher, NULL);
  return workers;
}

/* Returns the node. */
static char *
run_one (const char *launcher)
{
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, launcher);
  g_autoptr (GVariant) results = gmp_test_run (workers);
  g_autoptr (GVariant) value = NULL;

  g_variant_get_child (results, 0, "{iv}", NULL, &value);
  return g_variant_dup_string (value, NULL);
}

static void
kill_agents (int signum)
{
  g_autoptr (GArray) agents = test_agents_find ();

  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), signum);
}

static void
kill_agents_cb (GmpWorkers *workers G_GNUC_UNUSED,
                int         id G_GNUC_UNUSED,
                GVariant   *value G_GNUC_UNUSED,
                gpointer    unused G_GNUC_UNUSED)
{
  kill_agents (SIGKILL);
}

static void
open_gate_cb (GmpWorkers *workers G_GNUC_UNUSED,
              int         id G_GNUC_UNUSED,
              GmpFailure *failure G_GNUC_UNUSED,
              gpointer    gate)
{
  g_assert_cmpint (write (*(int *) gate, "\n", 1), ==, 1);
}

/* When the only node that has come so far is lost, workers get the next one that comes, and do not
 * wait for all others. Beta comes through the gate, gamma never. */
static void
test_late_node (void)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *path = g_build_filename (folder, "gate", NULL);
  g_autofree char *launcher = g_strdup_printf (
    "command:sh -c 'test {node} != gamma || exec sleep 60; test {node} != beta || read line <%s; "
    "exec {agent}'", path);
  g_autofree char *first = NULL;
  g_autofree char *node = NULL;
  g_autoptr (GmpWorkers) workers = new_workers (wait_on_alpha, launcher);
  g_autoptr (GVariant) results = NULL;
  int gate;

  g_assert_no_errno (mkfifo (path, 0600));
  gate = open (path, O_RDWR | O_CLOEXEC);
  g_setenv ("GMPROC_NODES", "alpha, beta, gamma", TRUE);
  first = run_one (launcher);
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  g_assert_cmpstr (first, ==, "alpha");
  g_object_set (workers, "restart", GMP_RESTART_ON_FAILURE, NULL);
  g_signal_connect (workers, "progress", G_CALLBACK (kill_agents_cb), NULL);
  g_signal_connect (workers, "restarted", G_CALLBACK (open_gate_cb), &gate);
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "'beta'");
  close (gate);
  g_remove (path);
  g_rmdir (folder);
  test_agents_end ();
}

typedef struct {
  const char *launcher;
  GCancellable *cancellable;
} Talk;

/* The worker dies while nothing is read. When another one has run, its agent knows it. */
static void
kill_talker_cb (GmpWorkers *workers G_GNUC_UNUSED,
                int         id G_GNUC_UNUSED,
                GVariant   *value,
                gpointer    user_data)
{
  Talk *self = user_data;
  g_autofree char *process = NULL;
  g_autofree char *node = NULL;
  int pid;

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  g_variant_get (value, "(i@ay)", &pid, NULL);
  process = g_strdup_printf ("/proc/%d", pid);
  kill (pid, SIGKILL);
  while (g_file_test (process, G_FILE_TEST_EXISTS))
    g_usleep (1000);
  node = run_one (self->launcher);
  g_cancellable_cancel (self->cancellable);
}

/* A call to a worker that has ended, although not all that it sent has been read, does no harm to
 * its agent. */
static void
test_dead_talker (void)
{
  static const char launcher[] = "command:env A=1 {agent}";
  g_autoptr (GmpWorkers) workers = new_workers (report_much, launcher);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GArray) agents = NULL;
  g_autoptr (GArray) later = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *node = NULL;
  Talk talk = { launcher, cancellable };

  g_setenv ("GMPROC_NODES", "alpha", TRUE);
  node = run_one (launcher);
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  agents = test_agents_find ();
  g_signal_connect (workers, "progress", G_CALLBACK (kill_talker_cb), &talk);
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  g_test_message ("%s", error->message);
  g_assert_false (g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST));
  g_clear_pointer (&node, g_free);
  node = run_one (launcher);
  later = test_agents_find ();
  g_assert_cmpuint (agents->len, ==, 1);
  g_assert_cmpuint (later->len, ==, 1);
  g_assert_cmpint (g_array_index (agents, int, 0), ==, g_array_index (later, int, 0));
  test_agents_end ();
}

/* The application may not have files as large as a result, which comes in pieces. The worker ends
 * nevertheless: no message says that it does not. */
static void
test_file_size (void)
{
  static const char launcher[] = "command:env A=2 {agent}";
  g_autoptr (GmpWorkers) workers = new_workers (return_much, launcher);
  g_autofree char *node = run_one (launcher);
  g_autoptr (GError) error = NULL;
  GLogLevelFlags mask;
  struct rlimit old;
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_FSIZE, &old));
  limit = (struct rlimit) { FILE_LIMIT, old.rlim_max };
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &limit));
  mask = g_log_set_fatal_mask ("gmproc", G_LOG_FATAL_MASK | G_LOG_LEVEL_MESSAGE);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_log_set_fatal_mask ("gmproc", mask);
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &old));
  g_test_message ("%s", error->message);
  gmp_test_check_in (error->message, "ulimit -f");
  test_agents_end ();
}

static void
server_node_cb (GmpClientServer *cs G_GNUC_UNUSED,
                const char      *id G_GNUC_UNUSED,
                GVariant        *node,
                gpointer         place)
{
  *(char **) place = g_variant_dup_string (node, NULL);
}

/* TRUE if a client runs on its server's node: that has a slot for each of them. */
static gboolean
is_client_near (const char *launcher)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (NEAR_TYPE_SERVER);
  g_autofree char *node = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (cs, "launcher", launcher, NULL);
  g_signal_connect (cs, "progress", G_CALLBACK (server_node_cb), &node);
  gmp_client_server_add_client (cs, "client", NEAR_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (cs, NULL, NULL, &error);
  g_assert_no_error (error);
  g_variant_get_child (results, 0, "{sv}", NULL, &value);
  return g_str_equal (g_variant_get_string (value, NULL), node);
}

static void
begin_nodes (const char *launcher)
{
  g_autofree char *node = run_one (launcher);

  g_assert_true (is_client_near (launcher));
}

static void
cancel_after (const char *launcher,
              guint       n_turns)
{
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, launcher);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_run_async (workers, NULL, 0, cancellable, gmp_test_done_cb, &result);
  for (guint i = 0; i < n_turns; i++)
    g_main_context_iteration (NULL, FALSE);
  g_cancellable_cancel (cancellable);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Starts that are cancelled, in whichever turn of the main loop, take no slot of either node. */
static void
test_cancelled (void)
{
  static const char launcher[] = "command:env SLURM_CPUS_ON_NODE=2 A=3 {agent}";

  begin_nodes (launcher);
  for (guint n_turns = 0; n_turns < N_TURNS; n_turns++)
    {
      cancel_after (launcher, n_turns);
      cancel_after (launcher, n_turns);
      while (!is_client_near (launcher))
        ;
    }
  test_agents_end ();
}

/* Nor do starts that are given up, and then fail. The agents answer late, so their nodes get free
 * at some time after that. */
static void
test_given_up (void)
{
  static const char launcher[] = "command:env SLURM_CPUS_ON_NODE=2 A=4 {agent}";

  begin_nodes (launcher);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GmpWorkers) workers = new_workers (tell_node, launcher);
      g_autoptr (GError) error = NULL;

      g_object_set (workers, "working-directory", "/no/such/folder", "startup-timeout", 0.1, NULL);
      kill_agents (SIGSTOP);
      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      kill_agents (SIGCONT);
      g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
    }
  while (!is_client_near (launcher))
    ;
  test_agents_end ();
}

/* A child of the program does not have GLib's threads, so it cannot have agents. It does not wait
 * for them either; on this machine workers run. */
static void
run_forked (const char *launcher)
{
  g_autoptr (GmpWorkers) elsewhere = new_workers (tell_node, launcher);
  g_autoptr (GmpWorkers) here = new_workers (return_much, "local");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_workers_run (elsewhere, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "was forked");
  results = gmp_test_run (here);
}

static void
test_fork (void)
{
  static const char launcher[] = "command:env A=8 {agent}"; /* not those that have just ended */
  g_autofree char *before = run_one (launcher);
  g_autofree char *after = NULL;
  int status;
  int pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      test_agents_limit ();
      run_forked (launcher);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  after = run_one (launcher);
  test_agents_end ();
}

/* It takes longer than the worker for a line. */
static void
line_cb (GmpWorkers     *workers G_GNUC_UNUSED,
         int             id G_GNUC_UNUSED,
         GmpOutputStream stream G_GNUC_UNUSED,
         const char     *line G_GNUC_UNUSED,
         gpointer        has_begun)
{
  static const guchar bytes[16 * 1024];
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA512, bytes, sizeof bytes);

  *(gboolean *) has_begun = TRUE;
}

static gboolean
cancel_cb (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

/* A worker that prints without a pause leaves the application's main loop to others. */
static void
test_flood (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (print_forever, "command:env A=5 {agent}");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gboolean has_begun = FALSE;

  g_object_set (workers, "capture-output", TRUE, "stop-grace", 0.0, NULL);
  g_signal_connect (workers, "output", G_CALLBACK (line_cb), &has_begun);
  gmp_workers_run_async (workers, NULL, 0, cancellable, gmp_test_done_cb, &result);
  while (!has_begun)
    g_main_context_iteration (NULL, TRUE);
  g_idle_add (cancel_cb, cancellable);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_agents_end ();
}

static gboolean
continue_cb (gpointer unused G_GNUC_UNUSED)
{
  return G_SOURCE_CONTINUE;
}

static void
cancel_by_line_cb (GmpWorkers     *workers G_GNUC_UNUSED,
                   int             id G_GNUC_UNUSED,
                   GmpOutputStream stream G_GNUC_UNUSED,
                   const char     *line G_GNUC_UNUSED,
                   gpointer        cancellable)
{
  g_cancellable_cancel (cancellable);
}

/* Its lines have the priority of the run, so a main loop that is busy with less does not keep
 * them. */
static void
test_priority (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (print_and_wait, "command:env A=7 {agent}");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint busy = g_idle_add_full (G_PRIORITY_HIGH_IDLE, continue_cb, NULL, NULL);

  g_object_set (workers, "capture-output", TRUE, "priority", G_PRIORITY_DEFAULT, "stop-grace", 0.0,
                NULL);
  g_signal_connect (workers, "output", G_CALLBACK (cancel_by_line_cb), cancellable);
  gmp_workers_run_async (workers, NULL, 0, cancellable, gmp_test_done_cb, &result);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_source_remove (busy);
  test_agents_end ();
}

/* Workers of workers run on the same node, although the agent has the application's variables. */
static void
test_nested (void)
{
  g_autofree char *outer = g_strdup (g_getenv ("GMPROC_LAUNCHER"));
  g_autoptr (GmpWorkers) workers = new_workers (run_another, NULL);
  g_autoptr (GVariant) results = NULL;

  g_setenv ("GMPROC_LAUNCHER", "command:env A=6 {agent}", TRUE);
  g_setenv ("GMPROC_NODES", "beta", TRUE);
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "'beta'");
  g_setenv ("GMPROC_LAUNCHER", outer, TRUE);
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  test_agents_end ();
}

static void
write_program (const char *folder,
               const char *name,
               const char *lines)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = g_strconcat ("#!/bin/sh\n", lines, "\n", NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, &error);
  g_assert_no_error (error);
}

static void
remove_programs (const char *folder)
{
  static const char * const names[] = { "squeue", "scontrol", "srun" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

/* An allocation of Slurm whose controller does not answer: the nodes are those that it began
 * with. */
static void
test_silent_slurm (void)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *old_path = g_strdup (g_getenv ("PATH"));
  g_autofree char *path = g_strconcat (folder, ":", old_path, NULL);
  g_autofree char *node = NULL;

  write_program (folder, "squeue", "exec sleep 1000");
  write_program (folder, "scontrol", "echo \"$3\"");
  write_program (folder, "srun", "for agent; do :; done; export SLURM_NODEID=0\n"
                 "SLURMD_NODENAME=alpha exec \"$agent\"");
  g_setenv ("PATH", path, TRUE);
  g_setenv ("SLURM_JOB_ID", "1", TRUE);
  g_setenv ("SLURM_JOB_NUM_NODES", "1", TRUE);
  g_setenv ("SLURM_JOB_NODELIST", "alpha", TRUE);
  node = run_one ("slurm");
  g_assert_cmpstr (node, ==, "alpha");
  g_unsetenv ("SLURM_JOB_ID");
  g_setenv ("PATH", old_path, TRUE);
  remove_programs (folder);
  test_agents_end ();
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (NEAR_TYPE_SERVER);
  g_type_ensure (NEAR_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  test_agents_add ("/cluster/recovery/late-node", test_late_node);
  test_agents_add ("/cluster/recovery/dead-talker", test_dead_talker);
  test_agents_add ("/cluster/recovery/file-size", test_file_size);
  test_agents_add ("/cluster/recovery/cancelled", test_cancelled);
  test_agents_add ("/cluster/recovery/given-up", test_given_up);
  test_agents_add ("/cluster/recovery/flood", test_flood);
  test_agents_add ("/cluster/recovery/priority", test_priority);
  test_agents_add ("/cluster/recovery/nested", test_nested);
  test_agents_add ("/cluster/recovery/fork", test_fork);
  test_agents_add ("/cluster/recovery/silent-slurm", test_silent_slurm);
  return g_test_run ();
}
