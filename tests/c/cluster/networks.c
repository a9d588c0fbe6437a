/* networks.c: networks that refuse, or lead elsewhere: each is an error that names the node
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"
#include "test-client-server.h"

#include <errno.h>
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

static void
test_channel_silent (void)
{
  const char *text = g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER");
  g_autofree char *timeout = g_strdup_printf ("%d", 6 * (text != NULL ? atoi (text) : 1));

  g_setenv ("GMPROC_NODE_TIMEOUT", timeout, TRUE);
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

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
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
  return g_test_run ();
}
