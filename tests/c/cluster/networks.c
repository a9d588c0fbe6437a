/* networks.c: networks that refuse, or lead elsewhere: each is an error that names the node
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"
#include "test-client-server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static GVariant *
name_node (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (g_getenv (TEST_AGENTS_NODE));
}

/* What the network of the agent on node @node does is TEST_NETWORK; NULL for all nodes. */
static void
set_network (const char *node,
             const char *call,
             int         way)
{
  g_autofree char *test = node != NULL ? g_strdup_printf ("test {node} = %s && ", node)
                                       : g_strdup ("");
  g_autofree char *launcher = g_strdup_printf (
    "command:env " TEST_AGENTS_NODE "={node} SLURM_CPUS_ON_NODE=2 sh -c \"%sexport LD_PRELOAD=%s "
    "TEST_NETWORK=%s=%d; exec {agent}\"", test, TEST_NETWORK, call, way);

  g_setenv ("GMPROC_LAUNCHER", launcher, TRUE);
}

/* A client that cuts its connection to the server, once: its parameter names a file that it leaves
 * with its id. */

#define CUT_TYPE_CLIENT (cut_client_get_type ())
G_DECLARE_FINAL_TYPE (CutClient, cut_client, CUT, CLIENT, GmpClientWorker)

struct _CutClient
{
  GmpClientWorker parent_instance;

  char *path;
  guint n_turns;
};

G_DEFINE_FINAL_TYPE (CutClient, cut_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
cut_client_start (GmpWorker *worker,
                  GVariant  *params,
                  GError   **error G_GNUC_UNUSED)
{
  CUT_CLIENT (worker)->path = g_strconcat (g_variant_get_string (params, NULL),
                                           gmp_worker_get_id (worker), NULL);
  return TRUE;
}

static void
cut (void)
{
  for (int fd = 0; fd < 100; fd++)
    {
      struct sockaddr_storage address = { 0 };
      socklen_t size = sizeof address;

      int is_kept_alive = 0;
      socklen_t int_size = sizeof is_kept_alive;

      if (getpeername (fd, (struct sockaddr *) &address, &size) != 0 ||
          (address.ss_family != AF_INET && address.ss_family != AF_INET6))
        continue;
      getsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &is_kept_alive, &int_size);
      g_assert_true (is_kept_alive);
      shutdown (fd, SHUT_RDWR);
    }
}

static GVariant *
cut_client_process (GmpClientWorker *worker,
                    GError         **error G_GNUC_UNUSED)
{
  CutClient *self = CUT_CLIENT (worker);
  int fd;

  if (self->n_turns == 1 && (fd = open (self->path, O_CREAT | O_EXCL | O_WRONLY, 0600)) != -1)
    {
      close (fd);
      cut ();
    }
  return g_variant_new_uint32 (self->n_turns++);
}

static gboolean
cut_client_done (GmpWorker *worker,
                 GError   **error G_GNUC_UNUSED)
{
  return CUT_CLIENT (worker)->n_turns == 3;
}

static void
cut_client_finalize (GObject *object)
{
  g_free (CUT_CLIENT (object)->path);
  G_OBJECT_CLASS (cut_client_parent_class)->finalize (object);
}

static void
cut_client_class_init (CutClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = cut_client_finalize;
  GMP_WORKER_CLASS (klass)->start = cut_client_start;
  GMP_WORKER_CLASS (klass)->done = cut_client_done;
  GMP_CLIENT_WORKER_CLASS (klass)->process = cut_client_process;
}

static void
cut_client_init (CutClient *self G_GNUC_UNUSED)
{
}

static GVariant *
run (GError **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, name_node, NULL);
  return gmp_workers_run (workers, NULL, 0, NULL, error);
}

/* An agent that cannot listen, or reach the application, is a node less. */
static void
refuse_node (const char *call)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  set_network ("alpha", call, EACCES);
  results = run (&error);
  g_assert_no_error (error);
  test_agents_await_log ("Workers have fewer nodes: the command for alpha ");
  gmp_test_check_int (results, 1, "'beta'");

  g_setenv ("GMPROC_NODES", "alpha", TRUE);
  set_network (NULL, call, EPERM);
  g_assert_null (run (&error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "there is no node: the command for alpha");
}

static void
test_bind (void)
{
  refuse_node ("bind");
}

static void
test_connect (void)
{
  refuse_node ("connect");
}

/* One client runs on the other node than its server. */
static void
fail_channel (int         way,
              const char *words)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GError) error = NULL;

  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  set_network (NULL, "reconnect", way);
  gmp_client_server_new_workers (cs, 3, TEST_TYPE_CLIENT, test_params ("{'turns': <uint32 3>}"),
                                 &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (cs, NULL, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  gmp_test_check_in (error->message, "on node ");
  gmp_test_check_in (error->message, "none of its addresses answers at port ");
  gmp_test_check_in (error->message, words);
}

static void
test_channel_refused (void)
{
  fail_channel (EACCES, "Permission denied");
}

/* What listens at a port in place of an agent: for each connection it sends these words and closes
 * it, or does nothing. */
typedef struct {
  int fd;
  guint16 port;
  const char *words; /* (nullable): nothing at all */
} Other;

static gpointer
listen_thread (gpointer user_data)
{
  Other *self = user_data;

  for (;;)
    {
      int fd = accept (self->fd, NULL, NULL);
      char byte;

      /* What is not read when it is closed would make it an error. */
      if (fd == -1 || recv (fd, &byte, 1, 0) != 1)
        return NULL;
      while (recv (fd, &byte, 1, MSG_DONTWAIT) == 1)
        ;
      send (fd, self->words, strlen (self->words), MSG_NOSIGNAL);
      close (fd);
    }
}

static void
other_begin (Other      *self,
             const char *words)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
  socklen_t size = sizeof address;
  int no = 0;

  self->words = words;
  self->fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (setsockopt (self->fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no));
  g_assert_no_errno (bind (self->fd, (struct sockaddr *) &address, size));
  g_assert_no_errno (listen (self->fd, 100));
  g_assert_no_errno (getsockname (self->fd, (struct sockaddr *) &address, &size));
  self->port = ntohs (address.sin6_port);
  if (words != NULL)
    g_thread_unref (g_thread_new ("other", listen_thread, self));
}

static void
fail_channel_at_other (const char *words,
                       const char *expected)
{
  /* The thread never ends. */
  Other *other = g_new0 (Other, 1);

  other_begin (other, words);
  fail_channel (-other->port, expected);
}

/* A busy machine must not lose nodes. */
static void
shorten_timeout (void)
{
  const char *text = g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER");
  g_autofree char *timeout = g_strdup_printf ("%d", 6 * (text != NULL ? atoi (text) : 1));

  g_setenv ("GMPROC_NODE_TIMEOUT", timeout, TRUE);
}

static void
test_channel_silent (void)
{
  shorten_timeout ();
  fail_channel_at_other (NULL, "timed out");
  g_unsetenv ("GMPROC_NODE_TIMEOUT");
}

static void
test_channel_closed (void)
{
  fail_channel_at_other ("", "not answered as gmproc does");
}

static void
test_channel_garbage (void)
{
  fail_channel_at_other ("HTTP/1.1 400 Bad Request\r\n\r\n", "not answered as gmproc does");
}

static void
restarted_cb (GmpClientServer *cs G_GNUC_UNUSED,
              const char      *id G_GNUC_UNUSED,
              GmpFailure      *failure,
              gpointer         n_restarts)
{
  g_assert_error (gmp_failure_get_error (failure), GMP_ERROR, GMP_ERROR_DISCONNECTED);
  (*(guint *) n_restarts)++;
}

/* A client that may be restarted waits for the application to report the end of its server, which
 * lives. */
static void
restart_clients (const char *path)
{
  g_autoptr (GmpClientServer) cs = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  guint n_restarts = 0;

  g_object_set (cs, "restart", GMP_RESTART_ON_FAILURE, NULL);
  g_signal_connect (cs, "restarted", G_CALLBACK (restarted_cb), &n_restarts);
  gmp_client_server_new_workers (cs, 2, CUT_TYPE_CLIENT, g_variant_new_string (path),
                                 &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (cs, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
  g_assert_cmpuint (n_restarts, ==, 1);
}

static void
test_channel_cut (void)
{
  g_autofree char *path = g_build_filename (gmp_test_get_folder (), "cut-", NULL);

  shorten_timeout ();
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  restart_clients (path);
}

/* It gets to its server's node, where the other client has ended. */
static void
test_channel_refused_again (void)
{
  shorten_timeout ();
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  set_network (NULL, "reconnect", EACCES);
  restart_clients ("/no/such/folder/");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  g_type_ensure (CUT_TYPE_CLIENT);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  test_agents_take_log ();
  test_agents_add ("/cluster/networks/bind", test_bind);
  test_agents_add ("/cluster/networks/connect", test_connect);
  test_agents_add ("/cluster/networks/channel-refused", test_channel_refused);
  test_agents_add ("/cluster/networks/channel-silent", test_channel_silent);
  test_agents_add ("/cluster/networks/channel-closed", test_channel_closed);
  test_agents_add ("/cluster/networks/channel-garbage", test_channel_garbage);
  test_agents_add ("/cluster/networks/channel-cut", test_channel_cut);
  test_agents_add ("/cluster/networks/channel-refused-again", test_channel_refused_again);
  return g_test_run ();
}
