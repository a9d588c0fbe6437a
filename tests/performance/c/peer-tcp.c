/* peer-tcp.c: a TCP connection to the client, plain or with TLS by GIO
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Usage: peer-tcp plain|tls WORK..., see peer.h. One client. GMPROC_AGENT makes the certificate.
 */

#include "peer.h"

#include <gio/gio.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean has_tls;
static gboolean has_sizes; /* an int comes as it is */
static char *pem;
static int server_fd, client_fd;
static GIOStream *stream;
static guint8 *buffer;

static void
open_pair (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int one = 1;

  client_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind (listener, (struct sockaddr *) &address, size) != 0 || listen (listener, 1) != 0 ||
      getsockname (listener, (struct sockaddr *) &address, &size) != 0 ||
      connect (client_fd, (struct sockaddr *) &address, size) != 0)
    work_fail ("No connection on this machine");
  server_fd = accept (listener, NULL, NULL);
  close (listener);
  setsockopt (server_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt (client_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void
tcp_open (guint n_clients,
          gsize max_size)
{
  const char *argv[] = { g_getenv ("GMPROC_AGENT"), "--certificate", NULL };
  g_autoptr (GError) error = NULL;

  if (n_clients != 1)
    work_fail ("There can be one client");
  has_sizes = max_size > 64;
  buffer = g_malloc (max_size);
  if (has_tls && argv[0] == NULL)
    work_fail ("GMPROC_AGENT is not set");
  if (has_tls && !g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, &pem, NULL, NULL,
                                &error))
    work_fail ("%s", error->message);
  open_pair ();
}

static gboolean
accept_cb (void)
{
  return TRUE;
}

/* In the process of the end. */
static void
begin (int      fd,
       gboolean is_server)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);
  GIOStream *plain;

  if (socket == NULL)
    work_fail ("%s", error->message);
  plain = G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
  stream = plain;
  if (!has_tls)
    return;
  if (is_server)
    {
      GTlsCertificate *certificate = g_tls_certificate_new_from_pem (pem, -1, &error);

      if (certificate == NULL)
        work_fail ("%s", error->message);
      stream = g_tls_server_connection_new (plain, certificate, &error);
    }
  else
    {
      stream = g_initable_new (
        g_tls_backend_get_client_connection_type (g_tls_backend_get_default ()), NULL, &error,
        "base-io-stream", plain, "database", NULL, NULL);
      g_signal_connect (stream, "accept-certificate", G_CALLBACK (accept_cb), NULL);
    }
  if (!g_tls_connection_handshake (G_TLS_CONNECTION (stream), NULL, &error))
    work_fail ("%s", error->message);
}

static void
send_message (gconstpointer data,
              gsize         size)
{
  GOutputStream *output = g_io_stream_get_output_stream (stream);
  g_autoptr (GError) error = NULL;

  if ((has_sizes && !g_output_stream_write_all (output, &size, sizeof size, NULL, NULL, &error)) ||
      !g_output_stream_write_all (output, data, size, NULL, NULL, &error))
    work_fail ("%s", error->message);
}

static void
read_all (gpointer data,
          gsize    size)
{
  g_autoptr (GError) error = NULL;
  gsize n;

  if (!g_input_stream_read_all (g_io_stream_get_input_stream (stream), data, size, &n, NULL,
                                &error) || n < size)
    work_fail ("%s", error != NULL ? error->message : "The other side is gone");
}

static PeerMessage
receive_message (void)
{
  gsize size = sizeof (gint32);

  if (has_sizes)
    read_all (&size, sizeof size);
  read_all (buffer, size);
  return (PeerMessage) { buffer, size };
}

static void
tcp_serve (void)
{
  close (client_fd);
  begin (server_fd, TRUE);
  while (!peer_is_over ())
    {
      PeerMessage request = receive_message ();
      PeerMessage response = peer_answer (request.data, request.size);

      send_message (response.data, response.size);
    }
}

static void
tcp_join (guint client G_GNUC_UNUSED)
{
  close (server_fd);
  begin (client_fd, FALSE);
}

static PeerMessage
tcp_ask (gconstpointer request,
         gsize         size)
{
  send_message (request, size);
  return receive_message ();
}

int
main (int    argc,
      char **argv)
{
  static const Peer peer = { tcp_open, tcp_serve, tcp_join, tcp_ask };

  if (argc < 2)
    work_fail ("Usage: %s plain|tls WORK...", argv[0]);
  has_tls = strcmp (argv[1], "tls") == 0;
  return peer_main (&peer, argc - 1, argv + 1);
}
