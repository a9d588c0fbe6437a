/* gmp-agent-connector.c: connects a worker's channel to another node
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/gmp-agent-connector-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-source-private.h"
#include "peer/gmp-door-private.h"

#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* The most seconds that an address has to answer. */
#define CONNECT_LIMIT 5

/* The seconds that a door may take from its first byte to the second, which is more than it needs,
 * and the milliseconds after which a disconnected client connects again. */
#define WAIT_LIMIT 15
#define PAUSE      200

/* A client's end of a channel that is being connected. The server may be missing for a while: then
 * the door keeps the connection for some seconds, and closes it. This continues with the next
 * address, because another machine with the same address may have answered, and starts again after
 * the last, until the worker has ended or dropped the channel.
 *
 * A silent node may be frozen, and then the application decides what becomes of the channel. If no
 * door has answered for as long as that takes, something else listens there. */
typedef struct {
  GSocketClient *client;
  GCancellable *cancellable; /* the worker no longer waits */
  char *name;
  GmpNetKey key;
  char **addresses;
  guint next;        /* of these */
  gboolean may_come; /* at one of these: it has not refused */
  gint64 end;        /* unless a door answers */
  gint64 timeout;    /* in microseconds */
  guint16 port;
  int fd; /* to the worker */
  GSource *hang_up_source;
  GSocketConnection *connection; /* (nullable): waits for the door */
} Connector;

static void try_address (Connector    *self,
                         const GError *error);

/* Finishes with @socket, or with @reason. */
static void
deliver (Connector  *self,
         GSocket    *socket,
         const char *reason)
{
  gmp_source_clear (&self->hang_up_source);
  gmp_net_letter_send (self->fd, &self->key, socket, reason);
  g_clear_object (&self->connection);
  g_object_unref (self->client);
  g_object_unref (self->cancellable);
  g_free (self->name);
  gmp_net_key_clear (&self->key);
  g_strfreev (self->addresses);
  g_free (self);
}

static gboolean
again_cb (gpointer user_data)
{
  Connector *self = user_data;

  self->next = 0;
  self->may_come = FALSE;
  try_address (self, NULL);
  return G_SOURCE_REMOVE;
}

/* @error: why the current address is not the one. */
static void
try_next (Connector    *self,
          const GError *error)
{
  gmp_debug ("%s: %s", self->addresses[self->next], error->message);
  self->may_come |= g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_object (&self->connection);
  self->next++;
  try_address (self, error);
}

/* Returns TRUE if the door's last byte has not come. Takes ownership of @error (nullable). */
static gboolean
take_byte (Connector *self,
           GSocket   *socket,
           char       byte,
           GError    *error)
{
  if (byte == GMP_DOOR_BEGIN)
    {
      g_socket_set_timeout (socket, 0);
      deliver (self, socket, NULL);
      return FALSE;
    }
  if (byte == GMP_DOOR_WAIT)
    {
      self->may_come = TRUE;
      self->end = g_get_monotonic_time () + self->timeout;
      g_socket_set_timeout (socket, WAIT_LIMIT);
      return TRUE;
    }
  if (error == NULL)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                                 "The connection is not answered as gmproc does");
  try_next (self, error);
  g_error_free (error);
  return FALSE;
}

static gboolean
answered_cb (GSocket     *socket,
             GIOCondition condition G_GNUC_UNUSED,
             gpointer     user_data)
{
  Connector *self = user_data;
  GError *error = NULL;
  char byte = '\0';

  if (g_cancellable_is_cancelled (self->cancellable))
    {
      deliver (self, NULL, "its worker no longer waits");
      return G_SOURCE_REMOVE;
    }
  g_socket_receive (socket, &byte, 1, NULL, &error);
  return take_byte (self, socket, byte, error);
}

static void
await_answer (Connector *self,
              GSocket   *socket)
{
  g_autoptr (GSource) source = g_socket_create_source (socket, G_IO_IN, self->cancellable);

  g_source_set_callback (source, G_SOURCE_FUNC (answered_cb), self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static void
connected_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  Connector *self = user_data;
  g_autofree char *greeting = g_strconcat (GMP_DOOR_MARK, self->name, NULL);
  g_autoptr (GError) error = NULL;
  GSocket *socket;

  self->connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  socket = self->connection != NULL ? g_socket_connection_get_socket (self->connection) : NULL;
  /* A new connection has room for that. The time limit is the client's. */
  if (socket != NULL &&
      g_socket_send (socket, greeting, GMP_DOOR_GREETING_SIZE, NULL, &error) ==
      (gssize) GMP_DOOR_GREETING_SIZE)
    {
      g_socket_set_blocking (socket, FALSE);
      g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
      await_answer (self, socket);
      return;
    }
  try_next (self, error);
}

/* @error (nullable) is that of the address before. */
static void
try_address (Connector    *self,
             const GError *error)
{
  const char *address = self->addresses[self->next];
  gboolean is_wanted = !g_cancellable_is_cancelled (self->cancellable);
  g_autoptr (GSocketAddress) place = NULL;
  g_autofree char *reason = NULL;

  if (address != NULL)
    place = g_inet_socket_address_new_from_string (address, self->port);
  if (place != NULL && is_wanted)
    {
      g_socket_client_connect_async (self->client, G_SOCKET_CONNECTABLE (place),
                                     self->cancellable, connected_cb, self);
      return;
    }
  if (is_wanted && self->may_come && g_get_monotonic_time () < self->end)
    {
      g_timeout_add (PAUSE, again_cb, self);
      return;
    }
  reason = g_strdup_printf ("none of its addresses answers at port %u (%s). Does a firewall keep "
                            "the nodes from each other?", self->port,
                            error != NULL ? error->message : "it has no address");
  deliver (self, NULL, reason);
}

/* Its cancellation ends the current step. */
static gboolean
hang_up_cb (int          fd G_GNUC_UNUSED,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  Connector *self = user_data;

  g_cancellable_cancel (self->cancellable);
  return G_SOURCE_REMOVE;
}

/* Reaches the server's end of the channel @name by one of the @addresses, which may be silent for
 * @timeout seconds, and sends the worker the socket over @fd, whose ownership is taken. */
void
gmp_agent_connect (const char      *name,
                   const GmpNetKey *key,
                   char           **addresses,
                   guint16          port,
                   double           timeout,
                   int              fd)
{
  Connector *self = g_new0 (Connector, 1);
  double share = timeout / MAX (g_strv_length (addresses), 1);

  self->client = g_socket_client_new ();
  g_socket_client_set_enable_proxy (self->client, FALSE);
  g_socket_client_set_timeout (self->client, (guint) CLAMP (share, 1, CONNECT_LIMIT));
  self->cancellable = g_cancellable_new ();
  self->name = g_strdup (name);
  self->key = (GmpNetKey) { FALSE, g_strdup (key->certificate), g_strdup (key->token) };
  self->addresses = g_strdupv (addresses);
  self->port = port;
  self->timeout = (gint64) (timeout * G_USEC_PER_SEC);
  self->end = g_get_monotonic_time () + self->timeout;
  self->fd = fd;
  self->hang_up_source = g_unix_fd_source_new (fd, G_IO_HUP);
  g_source_set_callback (self->hang_up_source, G_SOURCE_FUNC (hang_up_cb), self, NULL);
  g_source_attach (self->hang_up_source, g_main_context_get_thread_default ());
  try_address (self, NULL);
}
