/* gmp-door.c: where the clients of this machine's servers come in
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-door-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-source-private.h"

#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The seconds that a connection may wait here, and the number of connections that may wait. */
#define GUEST_LIMIT   10
#define MAX_STRANGERS  256
#define BACKLOG        1024

struct _GmpDoor
{
  GSocketService *service; /* (nullable): NULL if another object listens */
  GHashTable *expected;    /* names, of Expected */
  GQueue strangers;        /* of Stranger: the first has been there longest */
};

/* A channel whose client has not connected. */
typedef struct {
  GmpDoor *owner;
  char *name;
  GmpNetKey key;
  int fd; /* to the server */
  GSource *hang_up_source;
} Expected;

typedef struct {
  GmpDoor *owner;
  GSocketConnection *connection;
  GSource *source;
  GSource *limit;
  char *name; /* (nullable): the name of its channel, once it was received */
} Stranger;

static void
expected_free (gpointer data)
{
  Expected *expected = data;

  gmp_source_clear (&expected->hang_up_source);
  if (expected->fd != -1)
    close (expected->fd);
  gmp_net_key_clear (&expected->key);
  g_free (expected->name);
  g_free (expected);
}

/* The server has ended, or no longer needs the channel. */
static gboolean
hang_up_cb (int          fd G_GNUC_UNUSED,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  Expected *expected = user_data;

  g_hash_table_remove (expected->owner->expected, expected->name);
  return G_SOURCE_REMOVE;
}

static void take_in (Expected *expected,
                     Stranger *stranger);

static Stranger *
find_guest (GmpDoor    *self,
            const char *name)
{
  for (GList *link = self->strangers.head; link != NULL; link = link->next)
    if (g_strcmp0 (((Stranger *) link->data)->name, name) == 0)
      return link->data;
  return NULL;
}

/* Passes the client of the channel @name to its server over @fd, whose ownership is taken. */
void
gmp_door_expect (GmpDoor         *self,
                 const char      *name,
                 const GmpNetKey *key,
                 int              fd)
{
  Expected *expected = g_new0 (Expected, 1);
  Stranger *guest = find_guest (self, name);

  expected->owner = self;
  expected->name = g_strdup (name);
  expected->key = (GmpNetKey) { TRUE, g_strdup (key->certificate), g_strdup (key->token) };
  expected->fd = fd;
  expected->hang_up_source = g_unix_fd_source_new (fd, G_IO_HUP);
  g_source_set_callback (expected->hang_up_source, G_SOURCE_FUNC (hang_up_cb), expected, NULL);
  g_source_attach (expected->hang_up_source, g_main_context_get_thread_default ());
  g_hash_table_replace (self->expected, expected->name, expected);
  if (guest != NULL)
    take_in (expected, guest);
}

static void
stranger_free (Stranger *stranger)
{
  g_queue_remove (&stranger->owner->strangers, stranger);
  gmp_source_clear (&stranger->source);
  gmp_source_clear (&stranger->limit);
  g_object_unref (stranger->connection);
  g_free (stranger->name);
  g_free (stranger);
}

static void
answer (GSocket *socket,
        char     byte)
{
  g_socket_send (socket, &byte, 1, NULL, NULL);
}

static void
take_in (Expected *expected,
         Stranger *stranger)
{
  GSocket *socket = g_socket_connection_get_socket (stranger->connection);

  g_socket_set_option (socket, SOL_SOCKET, SO_RCVLOWAT, 1, NULL);
  answer (socket, GMP_DOOR_BEGIN);
  gmp_net_letter_send (expected->fd, &expected->key, socket, NULL);
  expected->fd = -1;
  g_hash_table_remove (expected->owner->expected, expected->name);
  stranger_free (stranger);
}

static void
refuse (Stranger   *stranger,
        const char *reason)
{
  gmp_debug ("a connection for a channel is refused: %s", reason);
  stranger_free (stranger);
}

/* A client whose server was not there yet connects again. */
static gboolean
limit_cb (gpointer stranger)
{
  refuse (stranger, "its time is over");
  return G_SOURCE_REMOVE;
}

static gboolean
greeted_cb (GSocket     *socket,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  Stranger *stranger = user_data;
  char greeting[GMP_DOOR_GREETING_SIZE + 1] = "";
  Expected *expected;

  /* The socket is readable when this many bytes are there, or no more will arrive. */
  if (recv (g_socket_get_fd (socket), greeting, GMP_DOOR_GREETING_SIZE, MSG_DONTWAIT) !=
      (gssize) GMP_DOOR_GREETING_SIZE || !g_str_has_prefix (greeting, GMP_DOOR_MARK))
    {
      refuse (stranger, "it does not name one");
      return G_SOURCE_REMOVE;
    }
  stranger->name = g_strdup (greeting + GMP_DOOR_MARK_SIZE);
  expected = g_hash_table_lookup (stranger->owner->expected, stranger->name);
  if (expected != NULL)
    {
      take_in (expected, stranger);
      return G_SOURCE_REMOVE;
    }
  answer (socket, GMP_DOOR_WAIT);
  gmp_source_clear (&stranger->source);
  return G_SOURCE_REMOVE;
}

/* A new connection that has not been read from. */
void
gmp_door_take (GmpDoor           *self,
               GSocketConnection *connection)
{
  GSocket *socket = g_socket_connection_get_socket (connection);
  Stranger *stranger = g_new0 (Stranger, 1);

  /* Silent connections do not keep others out. */
  if (self->strangers.length >= MAX_STRANGERS)
    refuse (g_queue_peek_head (&self->strangers), "too many connections are waiting");
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  g_socket_set_option (socket, SOL_SOCKET, SO_RCVLOWAT, (int) GMP_DOOR_GREETING_SIZE, NULL);
  stranger->owner = self;
  stranger->connection = g_object_ref (connection);
  g_queue_push_tail (&self->strangers, stranger);
  stranger->source = g_socket_create_source (socket, G_IO_IN, NULL);
  g_source_set_callback (stranger->source, G_SOURCE_FUNC (greeted_cb), stranger, NULL);
  g_source_attach (stranger->source, g_main_context_get_thread_default ());
  stranger->limit = g_timeout_source_new_seconds (GUEST_LIMIT);
  g_source_set_callback (stranger->limit, limit_cb, stranger, NULL);
  g_source_attach (stranger->limit, g_main_context_get_thread_default ());
}

static gboolean
incoming_cb (GSocketService    *service G_GNUC_UNUSED,
             GSocketConnection *connection,
             GObject           *source G_GNUC_UNUSED,
             gpointer           user_data)
{
  gmp_door_take (user_data, connection);
  return TRUE;
}

/* On a port that the system chooses, on all addresses. */
gboolean
gmp_door_listen (GmpDoor  *self,
                 guint16  *port,
                 GError  **error)
{
  self->service = g_socket_service_new ();
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (self->service), BACKLOG);
  *port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (self->service), NULL, error);
  g_signal_connect (self->service, "incoming", G_CALLBACK (incoming_cb), self);
  return *port != 0;
}

GmpDoor *
gmp_door_new (void)
{
  GmpDoor *self = g_new0 (GmpDoor, 1);

  self->expected = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, expected_free);
  g_queue_init (&self->strangers);
  return self;
}

void
gmp_door_free (GmpDoor *self)
{
  if (self->service != NULL)
    g_socket_service_stop (self->service);
  g_clear_object (&self->service);
  while (self->strangers.length > 0)
    stranger_free (g_queue_peek_head (&self->strangers));
  g_hash_table_unref (self->expected);
  g_free (self);
}
