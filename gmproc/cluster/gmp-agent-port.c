/* gmp-agent-port.c: the port that agents connect to, and what they have to prove
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-agent-port-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "peer/gmp-pinned-tls-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* The seconds that a connection has to prove that it is an agent, and the number of connections
 * that may try at a time. */
#define PROOF_LIMIT 10
#define MAX_STRANGERS 256
#define BACKLOG 1024

struct _GmpAgentPort
{
  GTlsCertificate *certificate;
  GmpDoor *door;
  GmpAgentPortExpected expected;
  GmpAgentPortArrived arrived;
  gpointer user_data;

  GSocketService *service;
  guint16 number;
  GQueue strangers; /* of Stranger: the first has been there longest */
};

/* A connection that has not proved itself yet. */
typedef struct {
  GmpAgentPort *owner;
  GSocketConnection *socket;
  char *name;     /* (nullable): as it was invited by; it has not been received */
  GIOStream *tls; /* (nullable) */
  GmpBus *bus;    /* (nullable) */
  GCancellable *cancellable;
  GSource *limit;
} Stranger;

static void
stranger_free (Stranger *stranger)
{
  g_queue_remove (&stranger->owner->strangers, stranger);
  g_source_destroy (stranger->limit);
  g_source_unref (stranger->limit);
  g_clear_object (&stranger->bus);
  g_clear_object (&stranger->tls);
  g_object_unref (stranger->socket);
  g_object_unref (stranger->cancellable);
  g_free (stranger->name);
  g_free (stranger);
}

/* A refused client waits forever unless its socket is closed. Takes ownership of @error. */
static void
refuse (Stranger *stranger,
        GError   *error)
{
  gmp_debug ("a connection is refused: %s", error->message);
  g_error_free (error);
  if (stranger->bus != NULL)
    gmp_bus_close (stranger->bus);
  g_socket_shutdown (g_socket_connection_get_socket (stranger->socket), TRUE, TRUE, NULL);
  stranger_free (stranger);
}

static gboolean
limit_cb (gpointer stranger)
{
  g_cancellable_cancel (((Stranger *) stranger)->cancellable);
  return G_SOURCE_REMOVE;
}

static char *
describe_address (GSocketConnection *connection)
{
  g_autoptr (GSocketAddress) address = g_socket_connection_get_remote_address (connection, NULL);

  return address != NULL
         ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address)) : g_strdup ("?");
}

static gboolean
read_hello (Stranger *stranger,
            GVariant *answer)
{
  GmpAgentPort *self = stranger->owner;
  g_autofree char *address = describe_address (stranger->socket);
  GmpAgentHello hello = { 0 };
  g_autofree const char **addresses = NULL;
  const char *token;
  const char *version;
  guint protocol = 0;

  /* The first two are the same in all versions. */
  if (!g_str_has_prefix (g_variant_get_type_string (answer), "(ss"))
    return FALSE;
  g_variant_get_child (answer, 0, "&s", &token);
  g_variant_get_child (answer, 1, "&s", &version);
  if (g_variant_is_of_type (answer, G_VARIANT_TYPE ("(ssusuqasu)")))
    g_variant_get_child (answer, 7, "u", &protocol);
  if (protocol != GMP_AGENT_PROTOCOL)
    return self->arrived (stranger->bus, NULL, token, version, address, self->user_data);
  g_variant_get (answer, "(&s&su&suq^a&su)", NULL, NULL, &hello.node, &hello.name, &hello.slots,
                 &hello.port, &addresses, NULL);
  hello.addresses = addresses;
  return self->arrived (stranger->bus, &hello, token, version, address, self->user_data);
}

static void
hello_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  Stranger *stranger = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) answer =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (answer == NULL)
    refuse (stranger, error);
  else if (!read_hello (stranger, answer))
    refuse (stranger, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "it was not invited"));
  else
    stranger_free (stranger);
}

static void
bus_opened_cb (GObject      *source G_GNUC_UNUSED,
               GAsyncResult *result,
               gpointer      user_data)
{
  Stranger *stranger = user_data;
  GError *error = NULL;

  stranger->bus = gmp_bus_open_finish (result, &error);
  if (stranger->bus == NULL)
    {
      refuse (stranger, error);
      return;
    }
  g_dbus_connection_start_message_processing (gmp_bus_get_connection (stranger->bus));
  g_dbus_connection_call (gmp_bus_get_connection (stranger->bus), NULL, GMP_AGENT_PATH,
                          GMP_AGENT_INFO->name, "Hello", NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
                          G_MAXINT, stranger->cancellable, hello_cb, stranger);
}

static void
handshaken_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  Stranger *stranger = user_data;
  GError *error = NULL;

  if (!g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error))
    {
      refuse (stranger, error);
      return;
    }
  /* The certificate is the application's proof, the token will be the agent's. */
  gmp_bus_open_async (stranger->tls, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS,
                      stranger->cancellable, bus_opened_cb, stranger);
}

static void
begin_handshake (Stranger *stranger)
{
  stranger->tls = gmp_pinned_tls_new_server (G_IO_STREAM (stranger->socket),
                                             stranger->owner->certificate, NULL);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (stranger->tls), G_PRIORITY_DEFAULT,
                                    stranger->cancellable, handshaken_cb, stranger);
}

/* Those who have overheard a name use no more threads than the agents that it is for: the one that
 * has it longest gives way. */
static gboolean
take_name (Stranger   *stranger,
           const char *name)
{
  GmpAgentPort *self = stranger->owner;
  guint n_expected = self->expected (name, self->user_data);
  Stranger *oldest = NULL;
  guint n = 0;

  for (GList *link = self->strangers.tail; link != NULL; link = link->prev)
    {
      Stranger *other = link->data;

      if (g_strcmp0 (other->name, name) != 0 || g_cancellable_is_cancelled (other->cancellable))
        continue;
      oldest = other;
      n++;
    }
  if (n_expected == 0)
    return FALSE;
  if (n >= n_expected)
    limit_cb (oldest);
  stranger->name = g_strdup (name);
  return TRUE;
}

/* The socket is readable when this many bytes have arrived. */
static void
await_bytes (Stranger *stranger,
             gsize     n)
{
  g_socket_set_option (g_socket_connection_get_socket (stranger->socket), SOL_SOCKET, SO_RCVLOWAT,
                       (int) n, NULL);
}

/* A handshake uses a thread of GTask, so it begins only with those that were invited. */
static void
readable (Stranger *stranger)
{
  GSocket *socket = g_socket_connection_get_socket (stranger->socket);
  char greeting[GMP_DOOR_GREETING_SIZE + 1] = "";
  gssize n = recv (g_socket_get_fd (socket), greeting, GMP_DOOR_GREETING_SIZE,
                   MSG_PEEK | MSG_DONTWAIT);

  if (n != (gssize) GMP_DOOR_GREETING_SIZE || g_cancellable_is_cancelled (stranger->cancellable))
    {
      refuse (stranger, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "its greeting is incomplete"));
    }
  else if (memcmp (greeting, GMP_DOOR_MARK, GMP_DOOR_MARK_SIZE) == 0)
    {
      gmp_door_take (stranger->owner->door, stranger->socket);
      stranger_free (stranger);
    }
  else if (memcmp (greeting, GMP_AGENT_MARK, GMP_DOOR_MARK_SIZE) != 0 ||
           !take_name (stranger, greeting + GMP_DOOR_MARK_SIZE))
    {
      refuse (stranger, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "it was not invited"));
    }
  else
    {
      recv (g_socket_get_fd (socket), greeting, GMP_DOOR_GREETING_SIZE, MSG_DONTWAIT);
      await_bytes (stranger, 1);
      begin_handshake (stranger);
    }
}

static gboolean
readable_cb (GSocket     *socket G_GNUC_UNUSED,
             GIOCondition condition G_GNUC_UNUSED,
             gpointer     stranger)
{
  readable (stranger);
  return G_SOURCE_REMOVE;
}

static gboolean
incoming_cb (GSocketService    *service G_GNUC_UNUSED,
             GSocketConnection *connection,
             GObject           *source G_GNUC_UNUSED,
             gpointer           user_data)
{
  GmpAgentPort *self = user_data;
  GSocket *socket = g_socket_connection_get_socket (connection);
  Stranger *stranger = g_new0 (Stranger, 1);
  g_autoptr (GSource) greeting = NULL;

  /* Silent connections do not keep an agent out. */
  if (self->strangers.length >= MAX_STRANGERS)
    limit_cb (g_queue_peek_head (&self->strangers));
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  stranger->owner = self;
  g_queue_push_tail (&self->strangers, stranger);
  stranger->socket = g_object_ref (connection);
  stranger->cancellable = g_cancellable_new ();
  stranger->limit = g_timeout_source_new_seconds (PROOF_LIMIT);
  g_source_set_callback (stranger->limit, limit_cb, stranger, NULL);
  g_source_attach (stranger->limit, g_main_context_get_thread_default ());
  await_bytes (stranger, GMP_DOOR_GREETING_SIZE);
  greeting = g_socket_create_source (socket, G_IO_IN, stranger->cancellable);
  g_source_set_callback (greeting, G_SOURCE_FUNC (readable_cb), stranger, NULL);
  g_source_attach (greeting, g_main_context_get_thread_default ());
  return TRUE;
}

/* Opens the port, on all interfaces. @certificate is this program's proof; @door, which has to
 * stay, takes the workers that connect a channel. */
GmpAgentPort *
gmp_agent_port_open (GTlsCertificate    *certificate,
                     GmpDoor            *door,
                     GmpAgentPortExpected expected,
                     GmpAgentPortArrived arrived,
                     gpointer            user_data,
                     GError            **error)
{
  g_autoptr (GSocketService) service = g_socket_service_new ();
  GmpAgentPort *self;
  guint16 number;

  /* All agents may come at once. */
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (service), BACKLOG);
  number = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (service), NULL, error);
  if (number == 0)
    return NULL;
  self = g_new0 (GmpAgentPort, 1);
  self->certificate = g_object_ref (certificate);
  self->door = door;
  self->expected = expected;
  self->arrived = arrived;
  self->user_data = user_data;
  self->service = g_steal_pointer (&service);
  self->number = number;
  g_signal_connect (self->service, "incoming", G_CALLBACK (incoming_cb), self);
  return self;
}

guint16
gmp_agent_port_get_number (GmpAgentPort *self)
{
  return self->number;
}
