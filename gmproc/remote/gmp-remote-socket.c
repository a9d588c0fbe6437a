/* gmp-remote-socket.c: the datagrams between an environment and its game
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "remote/gmp-remote-socket-private.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* More datagrams than a socket's buffer holds, so that draining ends even if a game sends without a
 * pause. */
#define DRAIN_LIMIT 4096

/* The socket is bound but never connected, because the game answers from another port than it
 * listens on. Refusals, which a connected socket gets by itself, have to be requested from the
 * kernel. */
GSocket *
gmp_remote_socket_new (GInetAddress *address,
                       guint         input_port,
                       GError      **error)
{
  GSocketFamily family = g_inet_address_get_family (address);
  gboolean is_v6 = family == G_SOCKET_FAMILY_IPV6;
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GInetAddress) own = NULL;
  g_autoptr (GSocketAddress) name = NULL;

  socket = g_socket_new (family, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
  if (socket == NULL)
    return NULL;
  g_socket_set_blocking (socket, FALSE);
  /* Without it, the end of a game is noticed only by the time-out. */
  (void) g_socket_set_option (socket, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                              is_v6 ? IPV6_RECVERR : IP_RECVERR, 1, NULL);

  own = g_inet_address_get_is_loopback (address) ? g_inet_address_new_loopback (family)
                                                 : g_inet_address_new_any (family);
  name = g_inet_socket_address_new (own, (guint16) input_port);
  if (!g_socket_bind (socket, name, FALSE, error))
    {
      g_prefix_error (error, "Cannot receive states on UDP port %u: ", input_port);
      return NULL;
    }
  return g_steal_pointer (&socket);
}

/* A refusal is an error of the socket, and a message in its error queue as well; for as long as one
 * is there, poll() returns at once. */
static void
clear_refusals (GSocket *socket)
{
  char control[512];
  struct msghdr message = { .msg_control = control };

  do
    message.msg_controllen = sizeof control;
  while (recvmsg (g_socket_get_fd (socket), &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0);
}

/* Discards what does not answer a command: the state that a game sends when it starts, and late
 * answers. %FALSE if there was nothing. */
gboolean
gmp_remote_socket_drain (GSocket *socket)
{
  gboolean had_any = FALSE;
  char byte;

  for (guint i = 0; i < DRAIN_LIMIT; i++)
    {
      g_autoptr (GError) error = NULL;

      clear_refusals (socket);
      if (g_socket_receive (socket, &byte, sizeof byte, NULL, &error) >= 0)
        had_any = TRUE;
      else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
        break;
    }
  return had_any;
}

gboolean
gmp_remote_socket_send (GSocket       *socket,
                        GInetAddress  *address,
                        guint          output_port,
                        const GString *command,
                        gboolean      *is_refused,
                        GError       **error)
{
  g_autoptr (GSocketAddress) game = g_inet_socket_address_new (address, (guint16) output_port);
  g_autoptr (GError) reason = NULL;

  *is_refused = FALSE;
  if (g_socket_send_to (socket, game, command->str, command->len, NULL, &reason) >= 0)
    return TRUE;
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    {
      *is_refused = TRUE;
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

GmpRemoteFound
gmp_remote_socket_receive (GSocket      *socket,
                           GInetAddress *address,
                           char         *buffer,
                           gsize         size,
                           gsize        *received,
                           GError      **error)
{
  g_autoptr (GSocketAddress) sender = NULL;
  g_autoptr (GError) reason = NULL;
  gssize n = g_socket_receive_from (socket, &sender, buffer, size, NULL, &reason);

  if (n < 0)
    {
      if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return GMP_REMOTE_NOTHING;
      if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
        {
          clear_refusals (socket);
          return GMP_REMOTE_REFUSED;
        }
      g_propagate_error (error, g_steal_pointer (&reason));
      return GMP_REMOTE_ERROR;
    }
  *received = (gsize) n;
  if (!g_inet_address_equal (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (sender)),
                             address))
    return GMP_REMOTE_FOREIGN;
  return GMP_REMOTE_DATAGRAM;
}
