/* nodes.c: workers on two nodes, which are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"
#include "test-client-server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The environment of a worker on its node. */
#define NODE_ENV TEST_AGENTS_NODE

#define BIG ((gsize) 20 * 1000 * 1000)

/* More connections than are admitted at the same time; a third of them send something else than
 * TLS, and a third the beginning of a handshake. */
#define N_STRANGERS 350

/* More threads than a pool of GLib's needs for two agents, and not more than it has at most while
 * each waits for something. */
#define N_THREADS 10

/* The parameter is a number, or the path of a meeting, where all workers wait for each other. */
static GVariant *
name_node (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  if (g_variant_is_of_type (params, G_VARIANT_TYPE_STRING))
    {
      gmp_test_meet (g_variant_get_string (params, NULL));
      return g_variant_new ("(ss)", g_getenv ("GMPROC_NODE"), g_getenv ("CUDA_VISIBLE_DEVICES"));
    }
  return g_variant_new ("(is)", params != NULL ? g_variant_get_int32 (params) : 0,
                        g_getenv (NODE_ENV));
}

static GVariant *
return_bytes (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

static GVariant *
crash (GVariant *params G_GNUC_UNUSED,
       GError  **error G_GNUC_UNUSED)
{
  fprintf (stderr, "the last words\n");
  raise (SIGKILL);
  return NULL;
}

static GVariant *
refuse (GVariant *params G_GNUC_UNUSED,
        GError  **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no space on %s", g_getenv (NODE_ENV));
  return NULL;
}

static GVariant *
print (GVariant *params,
       GError  **error G_GNUC_UNUSED)
{
  printf ("out %d\n", g_variant_get_int32 (params));
  fflush (stdout);
  fprintf (stderr, "err %d\n", g_variant_get_int32 (params));
  return NULL;
}

/* Reports its pid, and waits: only the test or its agent ends it. */
static GVariant *
wait_for_end (GVariant *params G_GNUC_UNUSED,
              GError  **error)
{
  if (gmp_worker_report (g_variant_new ("(is)", getpid (), g_getenv (NODE_ENV)), error))
    for (;;)
      pause ();
  return NULL;
}

static GmpWorkers *
new_workers (GmpMethod method,
             int       n)
{
  GmpWorkers *workers = gmp_workers_new ();

  for (int i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      gmp_workers_add (workers, i, method, g_variant_new_int32 (i), &error);
      g_assert_no_error (error);
    }
  return workers;
}

/* Workers are divided among the nodes, and among the GPUs of each. */
static void
test_nodes (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (8);
  const char *path = gmp_test_meeting_path (meeting);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  GVariantIter iter;
  GVariant *value;
  guint n[2][2] = { 0 };

  for (int i = 0; i < 8; i++)
    gmp_workers_add (workers, i, name_node, g_variant_new_string (path), NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "{iv}", NULL, &value))
    {
      const char *node;
      const char *gpu;

      g_variant_get (value, "(&s&s)", &node, &gpu);
      n[g_str_equal (node, "alpha")][g_str_equal (gpu, "4")]++;
    }
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (n[i / 2][i % 2], ==, 2);
  unlink (path);
  rmdir (folder);
}

static void
test_big (void)
{
  g_autofree guint8 *bytes = g_malloc (BIG);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) sent = NULL;
  g_autoptr (GVariant) received = NULL;
  g_autoptr (GVariant) results = NULL;

  for (gsize i = 0; i < BIG; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);
  sent = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, BIG, 1));
  gmp_workers_add (workers, 1, return_bytes, sent, &error);
  g_assert_no_error (error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_variant_get_child (results, 0, "{iv}", NULL, &received);
  g_assert_cmpuint (g_variant_get_size (received), ==, BIG);
  g_assert_cmpint (memcmp (g_variant_get_data (received), bytes, BIG), ==, 0);
}

static void
test_crash (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (crash, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) failures = NULL;
  GmpFailure *failure;

  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_nonnull (strstr (error->message, "on node "));
  g_assert_nonnull (strstr (error->message, "the last words"));
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  failure = failures->pdata[0];
  g_assert_cmpint (gmp_failure_get_signal (failure), ==, SIGKILL);
  g_assert_cmpuint (gmp_failure_get_peak_memory (failure), >, 100000);
  g_assert_nonnull (gmp_failure_get_node (failure));
  g_assert_cmpstr (gmp_failure_get_last_lines (failure)[0], ==, "the last words");
}

static void
test_error (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (refuse, 1);
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
}

static void
output_cb (GmpWorkers     *workers G_GNUC_UNUSED,
           int             id G_GNUC_UNUSED,
           GmpOutputStream stream,
           const char     *line,
           gpointer        lines)
{
  g_string_append_printf (lines, "%d %s\n", stream, line);
}

static void
test_output (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (print, 1);
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  g_object_set (workers, "capture-output", TRUE, NULL);
  g_signal_connect (workers, "output", G_CALLBACK (output_cb), lines);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (lines->str, "0 out 0\n"));
  g_assert_nonnull (strstr (lines->str, "1 err 0\n"));
}

static void
test_folder (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (name_node, 1);
  g_autoptr (GError) error = NULL;

  g_object_set (workers, "working-directory", "/no/such/folder", NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
}

/* A server and its clients run on one node, whose memory they share. */
static void
test_client_server (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) params = g_variant_ref_sink (test_params ("{'turns': <uint32 50>}"));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  gmp_client_server_add_clients (cs, 4, TEST_TYPE_CLIENT, params, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 2; i++)
    {
      g_clear_pointer (&results, g_variant_unref);
      results = gmp_client_server_run (cs, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, 4);
    }
}

static void
test_client_dies (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) good = g_variant_ref_sink (test_params ("{'turns': <uint32 5>}"));
  g_autoptr (GVariant) bad = g_variant_ref_sink (
    test_params ("{'turns': <uint32 5>, 'kill': <'update'>}"));
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GVariant) results = NULL;

  gmp_client_server_add_client (cs, "good", TEST_TYPE_CLIENT, good, &error);
  gmp_client_server_add_client (cs, "bad", TEST_TYPE_CLIENT, bad, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (cs, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  results = gmp_client_server_get_results (cs);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
  failures = gmp_runner_get_failures (GMP_RUNNER (cs));
  g_assert_nonnull (gmp_failure_get_node (failures->pdata[0]));
}

/* The reports of waiting workers. */
typedef struct {
  int pids[2];
  gboolean is_alpha[2];
  guint n_waiting;
  int signum;     /* sent to one of the agents when all wait */
  GArray *agents;
  GCancellable *cancellable;
} Waiting;

static void
waiting_cb (GmpWorkers *workers G_GNUC_UNUSED,
            int         id,
            GVariant   *value,
            gpointer    user_data)
{
  Waiting *self = user_data;
  const char *node;

  g_variant_get (value, "(i&s)", &self->pids[id], &node);
  self->is_alpha[id] = g_str_equal (node, "alpha");
  if (++self->n_waiting < 2)
    return;
  if (self->signum != 0)
    kill (g_array_index (self->agents, int, 0), self->signum);
  else
    g_cancellable_cancel (self->cancellable);
}

/* One node is lost, and only its worker fails. Then the other worker is cancelled. */
static void
failed_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GError     *error G_GNUC_UNUSED,
           gpointer    user_data)
{
  g_cancellable_cancel (((Waiting *) user_data)->cancellable);
}

static void
lose_node (int         signum,
           const char *reason)
{
  g_autoptr (GmpWorkers) workers = new_workers (wait_for_end, 2);
  Waiting waiting = { .signum = signum, .cancellable = g_cancellable_new () };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) failures = NULL;
  guint n_lost = 0;

  waiting.agents = test_agents_find ();
  g_assert_cmpuint (waiting.agents->len, ==, 2);
  g_signal_connect (workers, "progress", G_CALLBACK (waiting_cb), &waiting);
  g_signal_connect (workers, "failed", G_CALLBACK (failed_cb), &waiting);
  g_assert_null (gmp_workers_run (workers, NULL, 0, waiting.cancellable, &error));
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  for (guint i = 0; i < failures->len; i++)
    {
      const GError *cause = gmp_failure_get_error (failures->pdata[i]);

      g_test_message ("%s", cause->message);
      n_lost += g_error_matches (cause, GMP_ERROR, GMP_ERROR_NODE_LOST) &&
                strstr (cause->message, reason) != NULL;
    }
  g_assert_cmpuint (failures->len, ==, 2);
  g_assert_cmpuint (n_lost, ==, 1);
  if (signum == SIGSTOP)
    kill (g_array_index (waiting.agents, int, 0), SIGCONT);
  test_agents_await_end (waiting.pids[0]);
  test_agents_await_end (waiting.pids[1]);
  test_agents_await_end (g_array_index (waiting.agents, int, 0));
  g_array_unref (waiting.agents);
  g_object_unref (waiting.cancellable);
}

static void
test_killed (void)
{
  lose_node (SIGKILL, "closed the connection");
}

/* The agent is terminated, as at the end of a batch job. */
static void
test_terminated (void)
{
  lose_node (SIGTERM, "its agent was terminated");
}

static void
test_again (void)
{
  test_agents_end ();
  for (;;)
    {
      g_autoptr (GmpWorkers) workers = new_workers (name_node, 2);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);

      /* The loss of the last node may be noticed only now. */
      if (error == NULL)
        break;
      g_assert_error (error, GMP_ERROR, GMP_ERROR_NODE_LOST);
    }
}

/* The port that agents connect to. */
static guint16
find_port (void)
{
  for (int fd = 3; fd < 1024; fd++)
    {
      struct sockaddr_in6 address = { 0 };
      socklen_t size = sizeof address;
      int is_listening = 0;
      socklen_t int_size = sizeof is_listening;

      if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &int_size) == 0 &&
          is_listening != 0 && getsockname (fd, (struct sockaddr *) &address, &size) == 0 &&
          address.sin6_family == AF_INET6)
        return address.sin6_port;
    }
  return 0;
}

/* A record of TLS with the first bytes of a longer ClientHello. */
static const char half_hello[] = "\26\3\1\0\10\1\0\20\0\3\3\0";

/* Those of the pools of GLib, some of which run tasks. */
static guint
count_pool_threads (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint n = 0;

  while ((task = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", task);
      g_autofree char *name = NULL;

      if (g_file_get_contents (path, &name, NULL, NULL))
        n += g_str_has_prefix (name, "pool-") && !g_str_has_prefix (name, "pool-spawner");
    }
  return n;
}

/* Silent and invalid connections do not keep agents out, and none has a thread. */
static void
test_strangers (void)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = find_port (),
                                  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fds[N_STRANGERS];

  g_assert_cmpint (address.sin6_port, !=, 0);
  for (guint i = 0; i < N_STRANGERS; i++)
    {
      fds[i] = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
      g_assert_no_errno (connect (fds[i], (struct sockaddr *) &address, sizeof address));
      if (i % 3 == 0)
        g_assert_cmpint (send (fds[i], "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), ==, 18);
      else if (i % 3 == 1)
        g_assert_cmpint (send (fds[i], half_hello, sizeof half_hello, MSG_NOSIGNAL), ==,
                         sizeof half_hello);
    }
  test_again ();
  g_assert_cmpuint (count_pool_threads (), <, N_THREADS);
  for (guint i = 0; i < N_STRANGERS; i++)
    close (fds[i]);
}

/* A node that stops responding is lost. When it continues, it terminates its workers. Only the
 * agents of this case have a short time-out: on a busy machine any node may be silent for long. */
static void
test_frozen (void)
{
  const char *text = g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER");
  g_autofree char *timeout = g_strdup_printf ("%d", 3 * (text != NULL ? atoi (text) : 1));

  g_setenv ("GMPROC_NODE_TIMEOUT", timeout, TRUE);
  test_again ();
  lose_node (SIGSTOP, "has not answered");
  g_unsetenv ("GMPROC_NODE_TIMEOUT");
}

static void
test_cancel (void)
{
  g_autoptr (GmpWorkers) workers = NULL;
  Waiting waiting = { .cancellable = g_cancellable_new () };
  g_autoptr (GError) error = NULL;

  test_again ();
  workers = new_workers (wait_for_end, 2);
  g_signal_connect (workers, "progress", G_CALLBACK (waiting_cb), &waiting);
  g_object_set (workers, "stop-grace", 0.1, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, waiting.cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_agents_await_end (waiting.pids[0]);
  test_agents_await_end (waiting.pids[1]);
  g_object_unref (waiting.cancellable);
}

/* A wrong configuration of agents is reported, and a correct one works the next time. */
static void
test_refused (gconstpointer data)
{
  const char * const *settings = data;
  g_autofree char *launcher = g_strdup (g_getenv ("GMPROC_LAUNCHER"));
  g_autofree char *nodes = g_strdup (g_getenv ("GMPROC_NODES"));
  g_autoptr (GmpWorkers) workers = new_workers (name_node, 1);
  g_autoptr (GError) error = NULL;

  test_agents_end ();
  g_setenv ("GMPROC_LAUNCHER", settings[0], TRUE);
  g_setenv ("GMPROC_NODES", settings[1], TRUE);
  /* The loss of the agents may be noticed only now. */
  do
    {
      g_clear_error (&error);
      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
    }
  while (g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST));
  g_setenv ("GMPROC_LAUNCHER", launcher, TRUE);
  g_setenv ("GMPROC_NODES", nodes, TRUE);
  g_assert_nonnull (strstr (error->message, settings[2]));
  test_again ();
}

static const char *wrong_settings[][3] = {
  { "elsewhere", "alpha", "The launcher 'elsewhere' is unknown" },
  { "\377", "alpha", "The launcher '\357\277\275' is unknown" },
  { "command:", "alpha", "The launcher 'command:' has no valid command" },
  { "command:{agent}", "", "GMPROC_NODES" },
  { "command:/no/such/program {agent}", "alpha",
    "could not be started: Failed to execute" },
  { "command:false {agent}", "alpha", "exited with status 1" },
  { "slurm", "", "needs an allocation" },
  /* An agent without the right token is disconnected; an agent with another certificate disconnects
   * itself. */
  { "command:sh -c \"head -n 1 | sed \\\"s/'token': <'/&0/\\\" | {agent}\"", "alpha",
    "exited with status 0" },
  { "command:sh -c \"head -n 1 | sed 's/[A-M]\\(.............-----END\\)/Z\\1/;t;"
    "s/.\\(.............-----END\\)/A\\1/' | {agent}\"", "alpha", "exited with status 1" },
};

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("CUDA_VISIBLE_DEVICES=4,5");
  test_agents_add ("/cluster/nodes", test_nodes);
  test_agents_add ("/cluster/big", test_big);
  test_agents_add ("/cluster/crash", test_crash);
  test_agents_add ("/cluster/error", test_error);
  test_agents_add ("/cluster/output", test_output);
  test_agents_add ("/cluster/folder", test_folder);
  test_agents_add ("/cluster/client-server", test_client_server);
  test_agents_add ("/cluster/client-dies", test_client_dies);
  test_agents_add ("/cluster/killed", test_killed);
  test_agents_add ("/cluster/again", test_again);
  test_agents_add ("/cluster/terminated", test_terminated);
  test_agents_add ("/cluster/terminated-again", test_again);
  test_agents_add ("/cluster/frozen", test_frozen);
  test_agents_add ("/cluster/strangers", test_strangers);
  test_agents_add ("/cluster/cancel", test_cancel);
  for (gsize i = 0; i < G_N_ELEMENTS (wrong_settings); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cluster/refused/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (path, wrong_settings[i], test_refused);
    }
  return g_test_run ();
}
