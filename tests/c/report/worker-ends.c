/* worker-ends.c: threads of the user's, and processes that a worker has forked, at its end
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_RUNS    4
#define N_THREADS 4

/* Never returns, so it runs while the process ends. */
static gpointer
chat_thread (gpointer user_data G_GNUC_UNUSED)
{
  while (TRUE)
    {
      gmp_worker_report (g_variant_new_int32 (1), NULL);
      g_cancellable_is_cancelled (gmp_worker_get_cancellable ());
      g_message ("chat");
    }
  return NULL;
}

static gpointer
report_thread (gpointer user_data G_GNUC_UNUSED)
{
  while (TRUE)
    gmp_worker_report (g_variant_new_int32 (1), NULL);
  return NULL;
}

static void
start_threads (GThreadFunc function)
{
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_unref (g_thread_new ("user", function, NULL));
}

/* A server whose start may start threads, and that may fork. */

#define ENDS_TYPE_SERVER (ends_server_get_type ())
G_DECLARE_FINAL_TYPE (EndsServer, ends_server, ENDS, SERVER, GmpServerWorker)

struct _EndsServer
{
  GmpServerWorker parent_instance;

  gboolean forks;
  guint n_children; /* that exited as expected */
};

G_DEFINE_FINAL_TYPE (EndsServer, ends_server, GMP_TYPE_SERVER_WORKER)

static gboolean
ends_server_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  ENDS_SERVER (worker)->forks = g_variant_get_boolean (params);
  if (!ENDS_SERVER (worker)->forks)
    start_threads (chat_thread);
  return TRUE;
}

/* The child returns a response, which must not reach the client. */
static GVariant *
ends_server_process (GmpServerWorker *server,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *request,
                     GError         **error G_GNUC_UNUSED)
{
  EndsServer *self = ENDS_SERVER (server);
  int pid = self->forks ? fork () : -1;
  int status = 0;

  if (pid == 0)
    return g_variant_new_int32 (-1);
  if (pid > 0 && waitpid (pid, &status, 0) == pid && WIFEXITED (status))
    self->n_children++;
  return g_variant_ref (request);
}

static GVariant *
ends_server_finish (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (ENDS_SERVER (worker)->n_children);
}

static void
ends_server_class_init (EndsServerClass *klass)
{
  GMP_SERVER_WORKER_CLASS (klass)->process = ends_server_process;
  GMP_WORKER_CLASS (klass)->start = ends_server_start;
  GMP_WORKER_CLASS (klass)->finish = ends_server_finish;
}

static void
ends_server_init (EndsServer *self G_GNUC_UNUSED)
{
}

/* Sends three requests, and adds the responses. */

#define ENDS_TYPE_CLIENT (ends_client_get_type ())
G_DECLARE_FINAL_TYPE (EndsClient, ends_client, ENDS, CLIENT, GmpClientWorker)

struct _EndsClient
{
  GmpClientWorker parent_instance;

  int n_answers;
  int sum;
};

G_DEFINE_FINAL_TYPE (EndsClient, ends_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
ends_client_process (GmpClientWorker *client G_GNUC_UNUSED,
                     GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (10);
}

static gboolean
ends_client_update (GmpClientWorker *client,
                    GVariant        *response,
                    GError         **error G_GNUC_UNUSED)
{
  ENDS_CLIENT (client)->n_answers++;
  ENDS_CLIENT (client)->sum += g_variant_get_int32 (response);
  return TRUE;
}

static gboolean
ends_client_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return ENDS_CLIENT (worker)->n_answers == 3;
}

static GVariant *
ends_client_finish (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (ENDS_CLIENT (worker)->sum);
}

static void
ends_client_class_init (EndsClientClass *klass)
{
  GMP_CLIENT_WORKER_CLASS (klass)->process = ends_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = ends_client_update;
  GMP_WORKER_CLASS (klass)->done = ends_client_done;
  GMP_WORKER_CLASS (klass)->finish = ends_client_finish;
}

static void
ends_client_init (EndsClient *self G_GNUC_UNUSED)
{
}

static gboolean
handled_cb (void)
{
  return TRUE;
}

static void
run_server (gboolean    forks,
            const char *n_children)
{
  g_autoptr (GmpClientServer) application = g_object_new (GMP_TYPE_CLIENT_SERVER,
                                                          "server-type", ENDS_TYPE_SERVER,
                                                          "capture-output", TRUE, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  /* The log messages of the threads. */
  g_signal_connect (application, "log", G_CALLBACK (handled_cb), NULL);
  gmp_client_server_new_workers (application, 2, ENDS_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, g_variant_new_boolean (forks), NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{'0': <30>, '1': <30>}");
  value = gmp_client_server_get_server_result (application);
  gmp_test_check_value (value, n_children);
}

/* Threads that log and report neither keep a process from exiting nor crash it: the library
 * would warn about that, and warnings are fatal here. */
static void
test_threads (void)
{
  for (guint i = 0; i < N_RUNS; i++)
    run_server (FALSE, "uint32 0");
}

/* A process that a server has forked serves no client. */
static void
test_forked_server (void)
{
  run_server (TRUE, "uint32 6");
}

static GVariant *
chat_method (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  start_threads (chat_thread);
  return g_variant_new_int32 (getpid ());
}

static void
count_cb (GmpWorkers *workers G_GNUC_UNUSED,
          int         id G_GNUC_UNUSED,
          GVariant   *value G_GNUC_UNUSED,
          guint      *n)
{
  (*n)++;
}

/* A kept process with threads that do not know when its runs begin and end. */
static void
test_threads_between_runs (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE,
                                                 "capture-output", TRUE, NULL);
  int pid = 0;

  g_signal_connect (workers, "log", G_CALLBACK (handled_cb), NULL);
  gmp_test_add_worker (workers, 1, chat_method, NULL);
  for (guint i = 0; i < N_RUNS; i++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);
      g_autoptr (GVariant) value = gmp_test_get_int (results, 1);

      g_assert_true (pid == 0 || pid == g_variant_get_int32 (value));
      pid = g_variant_get_int32 (value);
    }
}

typedef struct {
  char *before;
  char *after; /* the name of a fifo */
  GError *error;
} Late;

/* Reports after the first run has returned and before the second begins. */
static gpointer
late_thread (gpointer user_data)
{
  Late *late = user_data;

  gmp_test_meet (late->before);
  gmp_worker_report (NULL, &late->error);
  close (open (late->after, O_WRONLY));
  return NULL;
}

/* The first run starts the thread, and the second checks what it did. */
static GVariant *
late_method (GVariant *params,
             GError  **error G_GNUC_UNUSED)
{
  static GCancellable *cancellable;
  static GThread *thread;
  static Late late;

  if (thread == NULL)
    {
      cancellable = gmp_worker_get_cancellable ();
      g_cancellable_cancel (cancellable);
      g_variant_get (params, "(ss)", &late.before, &late.after);
      thread = g_thread_new ("late", late_thread, &late);
      return NULL;
    }
  g_thread_join (thread);
  return g_variant_new ("(bbb)", g_error_matches (late.error, GMP_ERROR, GMP_ERROR_NOT_FOUND),
                        gmp_worker_get_cancellable () == cancellable,
                        g_cancellable_is_cancelled (cancellable));
}

/* A report between two runs is refused, and does not appear in the next one. The cancellable of
 * a run is the same in the next run, and is no longer cancelled. */
static void
test_late_report (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autoptr (GmpTestMeeting) before = gmp_test_meeting_new (2);
  g_autofree char *after = gmp_test_build_path ("after");
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  guint n_reports = 0;

  g_signal_connect (workers, "progress", G_CALLBACK (count_cb), &n_reports);
  gmp_test_add_worker (workers, 1, late_method,
                       g_variant_new ("(ss)", gmp_test_meeting_path (before), after));
  g_assert_cmpint (mkfifo (after, 0600), ==, 0);
  first = gmp_test_run (workers);
  gmp_test_meet (gmp_test_meeting_path (before));
  close (open (after, O_RDONLY));
  second = gmp_test_run (workers);
  gmp_test_check_int (second, 1, "(true, true, false)");
  g_assert_cmpuint (n_reports, ==, 0);
}

static _Noreturn void
run_child (const char *way)
{
  g_autoptr (GError) error = NULL;
  gboolean is_refused = !gmp_worker_report (NULL, &error) &&
                        g_error_matches (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);

  g_message ("%s: %s", way, is_refused ? error->message : "its report was sent");
  if (g_str_equal (way, "exit"))
    exit (0);
  if (g_str_equal (way, "exec"))
    execl ("/bin/sh", "sh", "-c", "test ! -S /proc/self/fd/3", NULL);
  _exit (0);
}

/* Threads report during the forks, and hold any lock that reporting needs. */
static GVariant *
fork_method (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  static const char *ways[] = { "exit", "exec", "_exit" };
  guint n_sound = 0;

  /* GLib stores the text of an error at its first use, under a lock that a child would wait for.
   * The threads use it when their socket is full. */
  g_assert_nonnull (g_strerror (EAGAIN));
  start_threads (report_thread);
  for (guint i = 0; i < 10 * G_N_ELEMENTS (ways); i++)
    {
      int pid = fork ();
      int status;

      if (pid == 0)
        run_child (ways[i % G_N_ELEMENTS (ways)]);
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
      n_sound += status == 0;
    }
  return g_variant_new_uint32 (n_sound);
}

static void
keep_line_cb (GmpWorkers     *workers G_GNUC_UNUSED,
              int             id G_GNUC_UNUSED,
              GmpOutputStream stream G_GNUC_UNUSED,
              const char     *line,
              gpointer        user_data)
{
  g_string_append_printf (user_data, "%s\n", line);
}

static gboolean
refuse_log_cb (void)
{
  g_assert_not_reached ();
}

/* A process that a worker has forked logs to standard error, and sends no reports. */
static void
test_forked_child (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;

  gmp_test_forgo_leak_check ();
  g_signal_connect (workers, "output", G_CALLBACK (keep_line_cb), text);
  g_signal_connect (workers, "log", G_CALLBACK (refuse_log_cb), NULL);
  gmp_test_add_worker (workers, 1, fork_method, NULL);
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "uint32 30");
  gmp_test_check_in (text->str, "exit: Cannot report progress: this process (pid ");
  gmp_test_check_in (text->str, "exec: Cannot report progress: this process (pid ");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (ENDS_TYPE_SERVER);
  g_type_ensure (ENDS_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/worker-ends/threads", test_threads);
  gmp_test_add ("/worker-ends/threads-between-runs", test_threads_between_runs);
  gmp_test_add ("/worker-ends/late-report", test_late_report);
  gmp_test_add ("/worker-ends/forked-child", test_forked_child);
  gmp_test_add ("/worker-ends/forked-server", test_forked_server);
  return g_test_run ();
}
