/* peer-zeromq.c: ZeroMQ over ipc, REQ with REP or DEALER with ROUTER
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <unistd.h>
#include <zmq.h>

static char *address;
static gboolean has_router;
static void *client_socket;

static void
check (int         result,
       const char *what)
{
  if (result < 0)
    work_fail ("%s: %s", what, zmq_strerror (zmq_errno ()));
}

static void
zeromq_open (guint n_clients G_GNUC_UNUSED,
             gsize max_size G_GNUC_UNUSED)
{
  /* In the abstract namespace: nothing is left in the file system. */
  address = g_strdup_printf ("ipc://@gmproc-measure-%d", getpid ());
}

static void
answer (void *socket)
{
  zmq_msg_t identity, request, response;
  PeerMessage message;

  zmq_msg_init (&identity);
  zmq_msg_init (&request);
  if (has_router)
    check (zmq_msg_recv (&identity, socket, 0), "zmq_msg_recv");
  check (zmq_msg_recv (&request, socket, 0), "zmq_msg_recv");
  message = peer_answer (zmq_msg_data (&request), zmq_msg_size (&request));
  if (has_router)
    check (zmq_msg_send (&identity, socket, ZMQ_SNDMORE), "zmq_msg_send");
  /* An echo goes back without a copy. */
  if (message.data == zmq_msg_data (&request))
    {
      check (zmq_msg_send (&request, socket, 0), "zmq_msg_send");
      return;
    }
  zmq_msg_close (&request);
  zmq_msg_init_size (&response, message.size);
  memcpy (zmq_msg_data (&response), message.data, message.size);
  check (zmq_msg_send (&response, socket, 0), "zmq_msg_send");
}

static void
zeromq_serve (void)
{
  void *context = zmq_ctx_new ();
  void *socket = zmq_socket (context, has_router ? ZMQ_ROUTER : ZMQ_REP);

  check (zmq_bind (socket, address), "zmq_bind");
  while (!peer_is_over ())
    answer (socket);
  /* Another thread sends the last response. This waits for it. */
  zmq_close (socket);
  zmq_ctx_term (context);
}

static void
zeromq_join (guint client G_GNUC_UNUSED)
{
  int soon = 1; /* in ms: the server may not have started yet */

  client_socket = zmq_socket (zmq_ctx_new (), has_router ? ZMQ_DEALER : ZMQ_REQ);
  zmq_setsockopt (client_socket, ZMQ_RECONNECT_IVL, &soon, sizeof soon);
  check (zmq_connect (client_socket, address), "zmq_connect");
}

static void
free_nothing (void *data G_GNUC_UNUSED,
              void *hint G_GNUC_UNUSED)
{
}

static PeerMessage
zeromq_ask (gconstpointer data,
            gsize         size)
{
  static zmq_msg_t response;
  zmq_msg_t request;

  /* Large messages are sent without a copy, because they do not change before the response
   * arrives. */
  if (size > 64 * 1024)
    zmq_msg_init_data (&request, (gpointer) data, size, free_nothing, NULL);
  else
    {
      zmq_msg_init_size (&request, size);
      memcpy (zmq_msg_data (&request), data, size);
    }
  check (zmq_msg_send (&request, client_socket, 0), "zmq_msg_send");
  zmq_msg_close (&response);
  zmq_msg_init (&response);
  check (zmq_msg_recv (&response, client_socket, 0), "zmq_msg_recv");
  return (PeerMessage) { zmq_msg_data (&response), zmq_msg_size (&response) };
}

static const Peer peer = { zeromq_open, zeromq_serve, zeromq_join, zeromq_ask };

int
main (int    argc,
      char **argv)
{
  has_router = argc > 1 && g_str_equal (argv[1], "router");
  if (!has_router && !(argc > 1 && g_str_equal (argv[1], "rep")))
    work_fail ("Usage: %s rep|router ...", argv[0]);
  return peer_main (&peer, argc - 1, argv + 1);
}
