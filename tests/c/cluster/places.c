/* places.c: where workers run, and what goes wrong there: nodes are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"
#include "test-group.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_CLIENTS 2
#define N_TURNS   5

/* Returns the node, or an empty string, and has printed it. */
static GVariant *
tell_node (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  const char *node = gmp_worker_get_node ();

  printf ("%s\n", node != NULL ? node : "");
  return g_variant_new_string (node != NULL ? node : "");
}

/* @launcher is nullable, as the property. */
static GmpWorkers *
new_workers (GmpMethod   method,
             const char *launcher)
{
  GmpWorkers *workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, method, NULL);
  g_object_set (workers, "launcher", launcher, NULL);
  return workers;
}

static char *
run_one (GmpWorkers *workers)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_variant_get_child (results, 0, "{iv}", NULL, &value);
  return g_variant_dup_string (value, NULL);
}

/* The property counts before the variable, in both directions. */
static void
test_property (void)
{
  g_autofree char *launcher = g_strdup (g_getenv ("GMPROC_LAUNCHER"));
  g_autoptr (GmpWorkers) local = new_workers (tell_node, "local");
  g_autoptr (GmpWorkers) usual = new_workers (tell_node, NULL);
  g_autoptr (GmpWorkers) given = new_workers (tell_node, launcher);
  g_autofree char *here = run_one (local);
  g_autofree char *there = run_one (usual);
  g_autofree char *also_here = NULL;
  g_autofree char *also_there = NULL;

  g_assert_cmpstr (here, ==, "");
  g_assert_cmpstr (there, !=, "");
  g_assert_cmpuint (gmp_runner_count_slots (GMP_RUNNER (local)), ==, g_get_num_processors ());
  g_assert_cmpuint (gmp_runner_count_slots (GMP_RUNNER (usual)), ==, 2 * g_get_num_processors ());
  g_unsetenv ("GMPROC_LAUNCHER");
  also_here = run_one (usual);
  also_there = run_one (given);
  g_setenv ("GMPROC_LAUNCHER", launcher, TRUE);
  g_assert_cmpstr (also_here, ==, "");
  g_assert_cmpstr (also_there, !=, "");
}

static void
output_cb (GmpWorkers     *workers,
           int             id,
           GmpOutputStream stream G_GNUC_UNUSED,
           const char     *line,
           gpointer        n_lines)
{
  g_assert_cmpstr (gmp_workers_get_node (workers, id), ==, line);
  ++*(guint *) n_lines;
}

/* A handler of output learns on which node the line was printed. */
static void
test_output (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, NULL);
  g_autofree char *node = NULL;
  guint n_lines = 0;

  g_object_set (workers, "capture-output", TRUE, NULL);
  g_signal_connect (workers, "output", G_CALLBACK (output_cb), &n_lines);
  node = run_one (workers);
  g_assert_cmpstr (node, !=, "");
  g_assert_cmpuint (n_lines, ==, 1);
  g_assert_null (gmp_workers_get_node (workers, 1));
}

/* A client that counts, and finishes with the number of inner threads. Its server reports its
 * start. */

/* The variable with the path of a fifo, which opens when the test has opened its other end. */
#define GATE "GMP_TEST_GATE"

#define PLAIN_TYPE_SERVER (plain_server_get_type ())
G_DECLARE_FINAL_TYPE (PlainServer, plain_server, PLAIN, SERVER, GmpServerWorker)

struct _PlainServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (PlainServer, plain_server, GMP_TYPE_SERVER_WORKER)

static gboolean
plain_server_start (GmpWorker *self G_GNUC_UNUSED,
                    GVariant  *params G_GNUC_UNUSED,
                    GError   **error)
{
  return gmp_worker_report (NULL, error);
}

/* Waits until the test opens the gate, if there is one. */
static GVariant *
plain_server_process (GmpServerWorker *self G_GNUC_UNUSED,
                      const char      *client_id G_GNUC_UNUSED,
                      GVariant        *request G_GNUC_UNUSED,
                      GError         **error G_GNUC_UNUSED)
{
  const char *gate = g_getenv (GATE);

  if (gate != NULL)
    close (open (gate, O_RDONLY | O_CLOEXEC));
  return NULL;
}

static void
plain_server_class_init (PlainServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = plain_server_start;
  GMP_SERVER_WORKER_CLASS (klass)->process = plain_server_process;
}

static void
plain_server_init (PlainServer *self G_GNUC_UNUSED)
{
}

#define PLAIN_TYPE_CLIENT (plain_client_get_type ())
G_DECLARE_FINAL_TYPE (PlainClient, plain_client, PLAIN, CLIENT, GmpClientWorker)

struct _PlainClient
{
  GmpClientWorker parent_instance;
  guint n_turns;
};

G_DEFINE_FINAL_TYPE (PlainClient, plain_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
plain_client_done (GmpWorker *self,
                   GError   **error G_GNUC_UNUSED)
{
  return PLAIN_CLIENT (self)->n_turns++ == N_TURNS;
}

static GVariant *
plain_client_process (GmpClientWorker *self G_GNUC_UNUSED,
                      GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

static GVariant *
plain_client_finish (GmpWorker *self G_GNUC_UNUSED,
                     GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_string (g_getenv ("OMP_NUM_THREADS"));
}

static void
plain_client_class_init (PlainClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->done = plain_client_done;
  GMP_WORKER_CLASS (klass)->finish = plain_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = plain_client_process;
}

static void
plain_client_init (PlainClient *self G_GNUC_UNUSED)
{
}

static GVariant *
run_clients (GmpClientServer *cs,
             guint            n)
{
  g_autoptr (GError) error = NULL;
  GVariant *results;

  gmp_client_server_add_clients (cs, n, PLAIN_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (cs, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, n);
  return results;
}

/* The inner threads of a server and a client are a share of the nodes' processors. */
static void
test_share (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (PLAIN_TYPE_SERVER);
  g_autofree char *expected = g_strdup_printf ("%u", g_get_num_processors ());
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;

  g_unsetenv ("OMP_NUM_THREADS");
  results = run_clients (cs, 1);
  g_variant_get_child (results, 0, "{sv}", NULL, &value);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

typedef struct {
  guint n_starts;
  guint n_restarts;
  int gate; /* -1: not yet open */
} Losing;

static void
kill_agents (void)
{
  g_autoptr (GArray) agents = test_agents_find ();

  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), SIGKILL);
}

static void
progress_cb (GmpClientServer *cs,
             const char      *id,
             GVariant        *value G_GNUC_UNUSED,
             gpointer         user_data)
{
  Losing *self = user_data;

  g_assert_nonnull (gmp_client_server_get_node (cs, id));
  if (self->n_starts++ > 0)
    return;
  kill_agents ();
  self->gate = open (g_getenv (GATE), O_RDWR | O_CLOEXEC);
  g_assert_cmpint (self->gate, !=, -1);
}

static void
restarted_cb (GmpClientServer *cs G_GNUC_UNUSED,
              const char      *id,
              GmpFailure      *failure,
              gpointer         user_data)
{
  g_assert_error (gmp_failure_get_error (failure), GMP_ERROR, GMP_ERROR_NODE_LOST);
  ((Losing *) user_data)->n_restarts += g_str_equal (id, "server");
}

/* When all nodes are lost, a server waits for others, as all workers do. No request is answered
 * before that. */
static void
test_no_node_left (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (PLAIN_TYPE_SERVER);
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *gate = g_build_filename (folder, "gate", NULL);
  g_autoptr (GVariant) results = NULL;
  Losing losing = { .gate = -1 };

  g_assert_cmpint (mkfifo (gate, 0600), ==, 0);
  g_setenv (GATE, gate, TRUE);
  g_object_set (cs, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 20, "resend-requests", TRUE,
                NULL);
  g_signal_connect (cs, "progress", G_CALLBACK (progress_cb), &losing);
  g_signal_connect (cs, "restarted", G_CALLBACK (restarted_cb), &losing);
  results = run_clients (cs, N_CLIENTS);
  g_assert_cmpuint (losing.n_restarts, >, 0);
  g_unsetenv (GATE);
  close (losing.gate);
  g_remove (gate);
  g_rmdir (folder);
}

/* A node whose command hangs keeps no other from its work. */
static void
test_hanging (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (
    tell_node, "command:sh -c 'test {node} = alpha || exec sleep 60; exec {agent}'");

  for (int i = 2; i <= 4; i++)
    gmp_test_add_worker (workers, i, tell_node, NULL);
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *node = run_one (workers);

      g_assert_cmpstr (node, ==, "alpha");
    }
}

static gboolean
cancel_cb (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

/* Waiting for nodes does not count as a start, and can be cancelled. */
static void
test_all_hang (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, "command:sh -c 'exec sleep 60' {agent}");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (workers, "startup-timeout", 0.02, NULL);
  gmp_workers_run_async (workers, NULL, 0, cancellable, gmp_test_done_cb, &result);
  /* Ten times the limit of a start. */
  g_timeout_add (200, cancel_cb, cancellable);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static guint64
count_read_bytes (void)
{
  g_autofree char *text = NULL;
  guint64 n = 0;

  g_file_get_contents ("/proc/self/io", &text, NULL, NULL);
  if (text != NULL)
    sscanf (text, "rchar: %" G_GINT64_MODIFIER "u", &n);
  return n;
}

/* AddressSanitizer reads the list of this process's memory again and again. */
#ifdef __SANITIZE_ADDRESS__
#define MOST_READ (1024 * 1024)
#else
#define MOST_READ (128 * 1024)
#endif

/* The application does not read the certificates of the system, some 200 KiB, for each agent. This
 * is the first case, which starts them. */
static void
test_authorities (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, NULL);
  guint64 n = count_read_bytes ();
  g_autofree char *node = run_one (workers);

  g_test_message ("%" G_GUINT64_FORMAT " bytes were read", count_read_bytes () - n);
  g_assert_cmpuint (count_read_bytes () - n, <, MOST_READ);
}

/* A copy of a program, in which the byte behind each occurrence of @pattern is another one. */
static char *
make_other (const char *path,
            const char *pattern,
            gsize       size)
{
  GError *error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("gmp-places-XXXXXX", NULL);
  char *copy = g_build_filename (folder, "program", NULL);
  g_autofree char *bytes = NULL;
  gsize n;
  guint n_changed = 0;

  g_file_get_contents (path, &bytes, &n, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i + size < n; i++)
    if (memcmp (bytes + i, pattern, size) == 0)
      {
        bytes[i + size] ^= 1;
        n_changed++;
      }
  g_assert_cmpuint (n_changed, >, 0);
  g_file_set_contents_full (copy, bytes, (gssize) n, G_FILE_SET_CONTENTS_NONE, 0755, &error);
  g_assert_no_error (error);
  return copy;
}

static void
remove_other (const char *copy)
{
  g_autofree char *folder = g_path_get_dirname (copy);

  unlink (copy);
  rmdir (folder);
}

/* The node has file systems of its own, which @command changes. %NULL if that is impossible. */
static char *
make_launcher (const char *command)
{
  int status = 0;

  if (g_spawn_command_line_sync ("unshare --mount true", NULL, NULL, &status, NULL) && status == 0)
    return g_strdup_printf ("command:unshare --mount sh -c '%s && exec {agent}'", command);
  g_test_skip ("file systems of its own cannot be had");
  return NULL;
}

/* The run fails, with an error that names the node and has these words. */
static void
check_failure (GmpMethod   method,
               const char *command,
               const char *words)
{
  g_autofree char *launcher = make_launcher (command);
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GError) error = NULL;

  if (launcher == NULL)
    return;
  workers = new_workers (method, launcher);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "on node "));
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_other_program (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *command = g_strdup_printf ("mount --bind /bin/false %s", program);

  check_failure (tell_node, command, "exit");
}

static void
test_other_build (void)
{
  /* The note that has the build id of a program. */
  static const guint32 note[] = { 4, 20, 3 };
  char pattern[sizeof note + 4];
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *other = NULL;
  g_autofree char *command = NULL;

  memcpy (pattern, note, sizeof note);
  memcpy (pattern + sizeof note, "GNU", 4);
  other = make_other (program, pattern, sizeof pattern);
  command = g_strdup_printf ("mount --bind %s %s", other, program);
  check_failure (tell_node, command, "build");
  remove_other (other);
}

static void
test_missing_program (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (program);
  g_autofree char *command = g_strdup_printf ("mount -t tmpfs none %s", folder);

  check_failure (tell_node, command, "No such file or directory");
}

static GVariant *
write_file (GVariant *params G_GNUC_UNUSED,
            GError  **error)
{
  g_file_set_contents ("/mnt/file", "text", -1, error);
  return NULL;
}

/* Nothing can be written to the node's disk. Workers need none; the error of one that does is its
 * own, and has its code. /tmp stays readable, because the agent may be there. */
static void
test_full_disk (void)
{
  static const char command[] = "mount -t tmpfs -o size=4k,nr_inodes=1 none /mnt && "
    "mount --bind /mnt /dev/shm && mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp";
  g_autofree char *launcher = make_launcher (command);
  g_autoptr (GmpWorkers) workers = NULL;
  g_autofree char *node = NULL;

  if (launcher == NULL)
    return;
  workers = new_workers (tell_node, launcher);
  node = run_one (workers);
  g_assert_cmpstr (node, !=, "");
  check_failure (write_file, command, "No space left on device");
}

#ifdef TEST_OTHER_CLOCK

/* The clock of the node is eleven years ahead, when the certificate of the run has expired. */
static void
test_other_clock (void)
{
  g_autofree char *launcher = g_strconcat ("command:env LD_PRELOAD=", TEST_OTHER_CLOCK, " {agent}",
                                           NULL);
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, launcher);
  g_autofree char *node = run_one (workers);

  g_assert_cmpstr (node, !=, "");
}

#endif /* TEST_OTHER_CLOCK */

/* An agent of another version is a warning. */
static void
test_other_version (void)
{
  g_autofree char *version = g_strdup (gmp_get_version_string ());
  gsize n = strlen (version);
  g_autofree char *other = make_other (g_getenv ("GMPROC_AGENT"), version, n - 1);
  g_autofree char *launcher = g_strconcat ("command:", other, NULL);
  g_autofree char *pattern = NULL;
  g_autofree char *node = NULL;
  g_autoptr (GmpWorkers) workers = new_workers (tell_node, launcher);

  g_setenv ("GMPROC_NODES", "alpha", TRUE);
  version[n - 1] ^= 1;
  pattern = g_strdup_printf ("Node alpha has gmproc %s, *", version);
  g_test_expect_message ("gmproc", G_LOG_LEVEL_WARNING, pattern);
  node = run_one (workers);
  g_test_assert_expected_messages ();
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  g_assert_cmpstr (node, ==, "alpha");
  remove_other (other);
}

/* The control group of the node has no more memory; the application's is another. */
static void
test_memory (void)
{
  g_autoptr (TestGroup) group = test_group_new ("memory", test_group_memory_limits, "64M");
  g_autofree char *launcher = NULL;
  const GmpMethod methods[] = { test_group_devour, test_group_kill_self, test_group_devour };

  if (group == NULL)
    return;
  launcher = g_strdup_printf ("command:sh -c 'echo 0 >%s/cgroup.procs && exec {agent}'",
                              test_group_get_folder (group));
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (GmpWorkers) workers = new_workers (methods[i], launcher);
      g_autoptr (GPtrArray) failures = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      failures = gmp_runner_get_failures (GMP_RUNNER (workers));
      g_assert_cmpint (gmp_failure_get_out_of_memory (failures->pdata[0]), ==,
                       methods[i] == test_group_devour);
      g_assert_cmpint (strstr (error->message, "lack of memory") != NULL, ==,
                       methods[i] == test_group_devour);
    }
  test_agents_end ();
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (PLAIN_TYPE_SERVER);
  g_type_ensure (PLAIN_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  test_agents_add ("/cluster/places/authorities", test_authorities);
  test_agents_add ("/cluster/places/property", test_property);
  test_agents_add ("/cluster/places/output", test_output);
  test_agents_add ("/cluster/places/share", test_share);
  test_agents_add ("/cluster/places/no-node-left", test_no_node_left);
  test_agents_add ("/cluster/places/hanging", test_hanging);
  test_agents_add ("/cluster/places/all-hang", test_all_hang);
  test_agents_add ("/cluster/places/other-program", test_other_program);
  test_agents_add ("/cluster/places/other-build", test_other_build);
  test_agents_add ("/cluster/places/missing-program", test_missing_program);
  test_agents_add ("/cluster/places/full-disk", test_full_disk);
#ifdef TEST_OTHER_CLOCK
  test_agents_add ("/cluster/places/other-clock", test_other_clock);
#endif
  test_agents_add ("/cluster/places/other-version", test_other_version);
  test_agents_add ("/cluster/places/memory", test_memory);
  return g_test_run ();
}
