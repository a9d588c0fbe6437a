/* channels.c: requests and responses between two nodes, which are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BIG     ((gsize) 20 * 1000 * 1000)
#define N_TURNS 20

/* Responds with its node and the request. */

#define ECHO_TYPE_SERVER (echo_server_get_type ())
G_DECLARE_FINAL_TYPE (EchoServer, echo_server, ECHO, SERVER, GmpServerWorker)

struct _EchoServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (EchoServer, echo_server, GMP_TYPE_SERVER_WORKER)

static GVariant *
answer (GVariant *request)
{
  const char *node = g_getenv ("GMPROC_NODE");

  if (request == NULL)
    return NULL;
  return g_variant_new ("(sv)", node != NULL ? node : "here", request);
}

static GVariant *
echo_server_process (GmpServerWorker *self G_GNUC_UNUSED,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *request,
                     GError         **error G_GNUC_UNUSED)
{
  return answer (request);
}

static gboolean
echo_server_start (GmpWorker *self G_GNUC_UNUSED,
                   GVariant  *params G_GNUC_UNUSED,
                   GError   **error)
{
  return gmp_worker_report (g_variant_new ("(is)", getpid (), g_getenv ("GMPROC_NODE")), error);
}

static void
echo_server_class_init (EchoServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = echo_server_start;
  GMP_SERVER_WORKER_CLASS (klass)->process = echo_server_process;
}

static void
echo_server_init (EchoServer *self G_GNUC_UNUSED)
{
}

/* The parameter is the number of bytes in the first turn, or 0 for NULL; each turn has other bytes,
 * and one more or less. A response is held while the next arrives in other memory. The result has
 * the client's node and the server's. In its third turn it reports, so that a case can lose its
 * node then. */

#define ECHO_TYPE_CLIENT (echo_client_get_type ())
G_DECLARE_FINAL_TYPE (EchoClient, echo_client, ECHO, CLIENT, GmpClientWorker)

struct _EchoClient
{
  GmpClientWorker parent_instance;

  guint64 size;
  GVariant *request; /* (nullable) */
  GVariant *last_request;  /* (nullable): of the turn before */
  GVariant *last_response; /* (nullable) */
  char *server_node;
  guint n_turns;
};

G_DEFINE_FINAL_TYPE (EchoClient, echo_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
echo_client_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  ECHO_CLIENT (worker)->size = g_variant_get_uint64 (params);
  return TRUE;
}

static GVariant *
echo_client_process (GmpClientWorker *worker,
                     GError         **error G_GNUC_UNUSED)
{
  EchoClient *self = ECHO_CLIENT (worker);
  gsize size = self->size + self->n_turns % 2;
  guint8 *bytes;

  if (self->size == 0)
    return NULL;
  bytes = g_malloc (size);
  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) (i * 7 + i / 251 + self->n_turns);
  g_clear_pointer (&self->last_request, g_variant_unref);
  self->last_request = g_steal_pointer (&self->request);
  self->request = g_variant_ref_sink (
    g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes));
  return g_variant_ref (self->request);
}

static gboolean
echo_client_update (GmpClientWorker *worker,
                    GVariant        *response,
                    GError         **error)
{
  EchoClient *self = ECHO_CLIENT (worker);
  g_autoptr (GVariant) back = NULL;

  self->n_turns++;
  if (self->n_turns == 3)
    gmp_worker_report (g_variant_new ("(is)", getpid (), g_getenv ("GMPROC_NODE")), NULL);
  if (response == NULL && self->request == NULL)
    return TRUE;
  g_clear_pointer (&self->server_node, g_free);
  g_variant_get (response, "(sv)", &self->server_node, &back);
  if (!g_variant_equal (back, self->request))
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED, "another value has come back");
  else if (self->last_response != NULL && self->last_request != NULL &&
           !g_variant_equal (self->last_response, self->last_request))
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED, "a value has changed");
  g_clear_pointer (&self->last_response, g_variant_unref);
  self->last_response = g_steal_pointer (&back);
  return *error == NULL;
}

static gboolean
echo_client_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return ECHO_CLIENT (worker)->n_turns >= N_TURNS;
}

static GVariant *
echo_client_finish (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  EchoClient *self = ECHO_CLIENT (worker);

  return g_variant_new ("(ss)", g_getenv ("GMPROC_NODE"),
                        self->server_node != NULL ? self->server_node : "");
}

static void
echo_client_finalize (GObject *object)
{
  EchoClient *self = ECHO_CLIENT (object);

  g_clear_pointer (&self->request, g_variant_unref);
  g_clear_pointer (&self->last_request, g_variant_unref);
  g_clear_pointer (&self->last_response, g_variant_unref);
  g_free (self->server_node);
  G_OBJECT_CLASS (echo_client_parent_class)->finalize (object);
}

static void
echo_client_class_init (EchoClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = echo_client_finalize;
  GMP_WORKER_CLASS (klass)->start = echo_client_start;
  GMP_WORKER_CLASS (klass)->done = echo_client_done;
  GMP_WORKER_CLASS (klass)->finish = echo_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = echo_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = echo_client_update;
}

static void
echo_client_init (EchoClient *self G_GNUC_UNUSED)
{
}

/* The application as the server. */

#define ECHO_TYPE_APPLICATION (echo_application_get_type ())
G_DECLARE_FINAL_TYPE (EchoApplication, echo_application, ECHO, APPLICATION, GmpClientServer)

struct _EchoApplication
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (EchoApplication, echo_application, GMP_TYPE_CLIENT_SERVER)

static GVariant *
echo_application_process (GmpClientServer *self G_GNUC_UNUSED,
                          const char      *client_id G_GNUC_UNUSED,
                          GVariant        *request,
                          GError         **error G_GNUC_UNUSED)
{
  return answer (request);
}

static void
echo_application_class_init (EchoApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = echo_application_process;
}

static void
echo_application_init (EchoApplication *self G_GNUC_UNUSED)
{
}

/* The test cases. */

static void
add_clients (GmpClientServer *cs,
             guint            n,
             guint64          size)
{
  g_autoptr (GError) error = NULL;

  gmp_client_server_add_clients (cs, n, ECHO_TYPE_CLIENT, g_variant_new_uint64 (size), &error);
  g_assert_no_error (error);
}

/* Runs @n clients. Returns how many ran on other nodes than their server. */
static guint
run_clients (GmpClientServer *cs,
             guint            n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_client_server_run (cs, NULL, NULL, &error);
  GVariantIter iter;
  GVariant *value;
  guint n_away = 0;

  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, n);
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "{sv}", NULL, &value))
    {
      const char *own;
      const char *server;

      g_variant_get (value, "(&s&s)", &own, &server);
      n_away += !g_str_equal (own, server);
    }
  return n_away;
}

/* A node has two slots: one for the server and one client, the other for two clients. */
static void
test_nodes (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (ECHO_TYPE_SERVER);

  add_clients (cs, 3, 100);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (run_clients (cs, 3), ==, 2);
}

static void
test_null (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (ECHO_TYPE_SERVER);

  add_clients (cs, 3, 0);
  run_clients (cs, 3);
}

/* Many records, which do not fit into the sockets. */
static void
test_big (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (ECHO_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  add_clients (cs, 2, BIG);
  gmp_client_server_add_client (cs, "smaller", ECHO_TYPE_CLIENT, g_variant_new_uint64 (70 * 1000),
                                &error);
  g_assert_no_error (error);
  g_assert_cmpuint (run_clients (cs, 3), >, 0);
}

static void
test_limit (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (ECHO_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  g_object_set (cs, "value-size-limit", (guint64) 1000, NULL);
  add_clients (cs, 3, 2000);
  g_assert_null (gmp_client_server_run (cs, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
}

static void
test_application (void)
{
  g_autoptr (GmpClientServer) cs = g_object_new (ECHO_TYPE_APPLICATION, NULL);

  add_clients (cs, 4, 5000);
  g_assert_cmpuint (run_clients (cs, 4), ==, 4);
}

/* The server is done before any client has reached it. */
static void
test_closed_at_once (void)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  add_clients (cs, 4, 5000);
  gmp_client_server_open (cs, NULL, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_close (cs, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 4);
}

/* The worker whose node is lost when it reports. */
typedef struct {
  const char *id;
  guint n_reports;
  guint n_restarts;
} Losing;

static void
progress_cb (GmpClientServer *cs G_GNUC_UNUSED,
             const char      *id,
             GVariant        *value,
             gpointer         user_data)
{
  Losing *self = user_data;
  int pid;

  g_variant_get (value, "(is)", &pid, NULL);
  if (g_str_equal (id, self->id) && self->n_reports++ == 0)
    kill (test_agents_find_above (pid), SIGKILL);
}

static void
restarted_cb (GmpClientServer *cs G_GNUC_UNUSED,
              const char      *id G_GNUC_UNUSED,
              GmpFailure      *failure,
              gpointer         user_data)
{
  g_assert_error (gmp_failure_get_error (failure), GMP_ERROR, GMP_ERROR_NODE_LOST);
  ((Losing *) user_data)->n_restarts++;
}

static GVariant *
meet (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  gmp_test_meet (g_variant_get_string (params, NULL));
  return g_variant_new_string (g_getenv ("GMPROC_NODE"));
}

/* A run may begin before the second node has connected. */
static void
await_both (void)
{
  gboolean are_both;

  do
    {
      g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
      const char *path = gmp_test_meeting_path (meeting);
      g_autoptr (GmpWorkers) workers = gmp_workers_new ();
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      GVariant *nodes[2];

      for (int i = 0; i < 2; i++)
        gmp_test_add_worker (workers, i, meet, g_variant_new_string (path));
      results = gmp_workers_run (workers, NULL, 0, NULL, &error);
      unlink (path);
      are_both = FALSE;
      /* The loss of agents that ended before may be noticed only now. */
      if (g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST))
        continue;
      g_assert_no_error (error);
      g_variant_get_child (results, 0, "{iv}", NULL, &nodes[0]);
      g_variant_get_child (results, 1, "{iv}", NULL, &nodes[1]);
      are_both = !g_variant_equal (nodes[0], nodes[1]);
      g_variant_unref (nodes[0]);
      g_variant_unref (nodes[1]);
    }
  while (!are_both);
}

/* The workers on the node of @id are restarted elsewhere; the others are not affected. */
static void
lose (const char *id)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (ECHO_TYPE_SERVER);
  Losing losing = { .id = id };

  await_both ();
  g_object_set (cs, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 3, "resend-requests", TRUE,
                NULL);
  g_signal_connect (cs, "progress", G_CALLBACK (progress_cb), &losing);
  g_signal_connect (cs, "restarted", G_CALLBACK (restarted_cb), &losing);
  add_clients (cs, 3, 100 * 1000);
  run_clients (cs, 3);
  g_assert_cmpuint (losing.n_restarts, >, 0);
}

static void
test_client_lost (void)
{
  lose ("2");
}

static void
test_server_lost (void)
{
  test_agents_end ();
  lose ("server");
  test_agents_end ();
}

static void
output_cb (GmpPool         *pool,
           guint            worker,
           GmpOutputStream  stream G_GNUC_UNUSED,
           const char      *line,
           gpointer         n_lines)
{
  g_assert_cmpstr (gmp_pool_get_node (pool, worker), ==, line);
  g_assert_null (gmp_pool_get_node (pool, worker + 1));
  ++*(guint *) n_lines;
}

static GVariant *
print_node (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  printf ("%s\n", gmp_worker_get_node ());
  return NULL;
}

/* A handler of output learns the node that it comes from. */
static void
test_pool_output (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (2);
  g_autoptr (GError) error = NULL;
  guint n_lines = 0;

  g_object_set (pool, "capture-output", TRUE, NULL);
  g_signal_connect (pool, "output", G_CALLBACK (output_cb), &n_lines);
  g_assert_null (gmp_pool_call (pool, print_node, NULL, NULL, &error));
  g_assert_no_error (error);
  while (n_lines == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (gmp_pool_get_node (pool, 1));
}

/* The workers of a pool are divided among the nodes. */
static void
test_pool (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  GVariant *path = g_variant_new_string (gmp_test_meeting_path (meeting));
  g_autoptr (GmpPool) pool = gmp_pool_new (2);
  GAsyncResult *results[2] = { NULL, NULL };
  GVariant *nodes[2] = { NULL, NULL };

  g_variant_ref_sink (path);
  for (guint i = 0; i < 2; i++)
    gmp_pool_call_async (pool, meet, path, NULL, gmp_test_done_cb, &results[i]);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      nodes[i] = gmp_pool_call_finish (pool, gmp_test_wait (&results[i]), &error);
      g_assert_no_error (error);
      g_object_unref (results[i]);
    }
  g_assert_false (g_variant_equal (nodes[0], nodes[1]));
  g_variant_unref (nodes[0]);
  g_variant_unref (nodes[1]);
  unlink (gmp_test_meeting_path (meeting));
  g_variant_unref (path);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_type_ensure (ECHO_TYPE_SERVER);
  g_type_ensure (ECHO_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  test_agents_add ("/cluster/channels/nodes", test_nodes);
  test_agents_add ("/cluster/channels/null", test_null);
  test_agents_add ("/cluster/channels/big", test_big);
  test_agents_add ("/cluster/channels/limit", test_limit);
  test_agents_add ("/cluster/channels/application", test_application);
  test_agents_add ("/cluster/channels/closed-at-once", test_closed_at_once);
  test_agents_add ("/cluster/channels/pool", test_pool);
  test_agents_add ("/cluster/channels/pool-output", test_pool_output);
  test_agents_add ("/cluster/channels/client-lost", test_client_lost);
  test_agents_add ("/cluster/channels/server-lost", test_server_lost);
  status = g_test_run ();
  rmdir (gmp_test_get_folder ());
  return status;
}
