/* peer-gdbus.c: GDBus on a socketpair, answered by a message filter or a registered object
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct { int server, client; } *pairs;
static guint n_pairs;
static gboolean has_filter;
static GMainLoop *loop;
static GDBusConnection *connection;

static const char introspection[] =
  "<node><interface name='org.gmproc.Measure'>"
  "  <method name='Ask'><arg type='v' direction='in'/><arg type='v' direction='out'/></method>"
  "</interface></node>";

static void
gdbus_open (guint n_clients,
            gsize max_size G_GNUC_UNUSED)
{
  n_pairs = n_clients;
  pairs = g_malloc_n (n_clients, sizeof *pairs);
  for (guint i = 0; i < n_clients; i++)
    {
      int fds[2];

      if (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        work_fail ("socketpair: %s", g_strerror (errno));
      pairs[i].server = fds[0];
      pairs[i].client = fds[1];
    }
}

/* The response to an int or to an array of bytes. */
static GVariant *
answer (GVariant *parameters)
{
  g_autoptr (GVariant) value = NULL;
  gint32 number, response;
  gsize size;
  gconstpointer bytes;

  g_variant_get (parameters, "(v)", &value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT32))
    {
      number = g_variant_get_int32 (value);
      memcpy (&response, peer_answer (&number, sizeof number).data, sizeof response);
      return g_variant_new ("(v)", g_variant_new_int32 (response));
    }
  bytes = g_variant_get_fixed_array (value, &size, 1);
  peer_answer (bytes, size);
  return g_variant_new ("(v)", value);
}

static void
stop_when_over (GDBusConnection *client)
{
  if (!peer_is_over ())
    return;
  g_dbus_connection_flush (client, NULL, NULL, NULL);
  g_main_loop_quit (loop);
}

/* Called in GDBus's only thread. */
static GDBusMessage *
filter_cb (GDBusConnection *client,
           GDBusMessage    *message,
           gboolean         incoming,
           gpointer         user_data G_GNUC_UNUSED)
{
  g_autoptr (GDBusMessage) reply = NULL;

  if (!incoming || g_dbus_message_get_message_type (message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    return message;
  reply = g_dbus_message_new_method_reply (message);
  g_dbus_message_set_body (reply, answer (g_dbus_message_get_body (message)));
  g_dbus_connection_send_message (client, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  stop_when_over (client);
  g_object_unref (message);
  return NULL;
}

static void
call_cb (GDBusConnection       *client,
         const char            *sender G_GNUC_UNUSED,
         const char            *path G_GNUC_UNUSED,
         const char            *interface G_GNUC_UNUSED,
         const char            *method G_GNUC_UNUSED,
         GVariant              *parameters,
         GDBusMethodInvocation *invocation,
         gpointer               user_data G_GNUC_UNUSED)
{
  g_dbus_method_invocation_return_value (invocation, answer (parameters));
  stop_when_over (client);
}

static GDBusConnection *
connect_to (int                  fd,
            GDBusConnectionFlags flags,
            const char          *guid)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);
  g_autoptr (GSocketConnection) stream = NULL;
  GDBusConnection *result = NULL;

  if (socket != NULL)
    {
      stream = g_socket_connection_factory_create_connection (socket);
      result = g_dbus_connection_new_sync (G_IO_STREAM (stream), guid, flags, NULL, NULL, &error);
    }
  if (result == NULL)
    work_fail ("No connection: %s", error->message);
  return result;
}

static void
gdbus_serve (void)
{
  static const GDBusInterfaceVTable vtable = { .method_call = call_cb };
  g_autoptr (GDBusNodeInfo) info = g_dbus_node_info_new_for_xml (introspection, NULL);

  loop = g_main_loop_new (NULL, FALSE);
  for (guint i = 0; i < n_pairs; i++)
    {
      g_autofree char *guid = g_dbus_generate_guid ();
      GDBusConnection *client;

      close (pairs[i].client);
      client = connect_to (pairs[i].server,
                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                           G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, guid);
      if (has_filter)
        g_dbus_connection_add_filter (client, filter_cb, NULL, NULL);
      else
        g_dbus_connection_register_object (client, "/org/gmproc/Measure", info->interfaces[0],
                                           &vtable, NULL, NULL, NULL);
      g_dbus_connection_start_message_processing (client);
    }
  g_main_loop_run (loop);
}

static void
gdbus_join (guint client)
{
  for (guint i = 0; i < n_pairs; i++)
    close (pairs[i].server);
  connection = connect_to (pairs[client].client,
                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL);
  /* The server exits when all clients have been stopped, although some may not have ended. */
  g_dbus_connection_set_exit_on_close (connection, FALSE);
}

static PeerMessage
gdbus_ask (gconstpointer data,
           gsize         size)
{
  static GVariant *value;
  static gint32 number;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *request;
  gsize got;
  gconstpointer bytes;

  if (size == sizeof number)
    {
      memcpy (&number, data, size);
      request = g_variant_new_int32 (number);
    }
  else
    request = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, NULL, NULL);
  reply = g_dbus_connection_call_sync (connection, NULL, "/org/gmproc/Measure",
                                       "org.gmproc.Measure", "Ask", g_variant_new ("(v)", request),
                                       G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                       &error);
  if (reply == NULL)
    work_fail ("No reply: %s", error->message);
  g_clear_pointer (&value, g_variant_unref);
  g_variant_get (reply, "(v)", &value);
  if (size == sizeof number)
    {
      number = g_variant_get_int32 (value);
      return (PeerMessage) { &number, sizeof number };
    }
  bytes = g_variant_get_fixed_array (value, &got, 1);
  return (PeerMessage) { bytes, got };
}

static const Peer peer = { gdbus_open, gdbus_serve, gdbus_join, gdbus_ask };

int
main (int    argc,
      char **argv)
{
  has_filter = argc > 1 && g_str_equal (argv[1], "filter");
  if (!has_filter && !(argc > 1 && g_str_equal (argv[1], "object")))
    work_fail ("Usage: %s filter|object ...", argv[0]);
  return peer_main (&peer, argc - 1, argv + 1);
}
