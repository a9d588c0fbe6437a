/* gmp-agent-channels.c: channels between workers of this node, and to those of others
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/gmp-agent-channels-private.h"

#include "agent/gmp-agent-connector-private.h"
#include "base/gmp-error.h"
#include "peer/gmp-bus-private.h"

#include <string.h>

/* An end whose worker has not connected yet. */
typedef struct {
  GmpChannelDescriptors *end;
  gboolean is_server;
  guint maker; /* the worker that has the other end */
} Left;

struct _GmpAgentChannels
{
  GHashTable *left; /* names, of Left */
  GmpDoor *door;
  double timeout; /* of nodes, in seconds */
};

static void
left_free (gpointer data)
{
  Left *left = data;

  g_clear_pointer (&left->end, gmp_channel_descriptors_free);
  g_free (left);
}

/* By @door, which stays the caller's, clients of other nodes come in. Another node may be silent
 * for @timeout seconds. */
GmpAgentChannels *
gmp_agent_channels_new (GmpDoor *door,
                        double   timeout)
{
  GmpAgentChannels *self = g_new0 (GmpAgentChannels, 1);

  self->door = door;
  self->timeout = timeout;
  self->left = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, left_free);
  return self;
}

void
gmp_agent_channels_free (GmpAgentChannels *self)
{
  g_hash_table_unref (self->left);
  g_free (self);
}

static gboolean
is_of_worker (gpointer name G_GNUC_UNUSED,
              gpointer left,
              gpointer worker)
{
  return ((Left *) left)->maker == GPOINTER_TO_UINT (worker);
}

/* @worker has ended: the remaining ends of its channels are not needed. */
void
gmp_agent_channels_forget (GmpAgentChannels *self,
                           guint             worker)
{
  g_hash_table_foreach_remove (self->left, is_of_worker, GUINT_TO_POINTER (worker));
}

/* The remaining end, or one of a new channel. */
static GmpChannelDescriptors *
take_end (GmpAgentChannels *self,
          const char       *name,
          gboolean          is_server,
          guint64           arena_size,
          guint             n_workers,
          guint             worker,
          GError          **error)
{
  Left *left = g_hash_table_lookup (self->left, name);
  GmpChannelDescriptors *ends[2]; /* client, server */

  if (left != NULL && left->is_server == is_server)
    {
      GmpChannelDescriptors *end = g_steal_pointer (&left->end);

      g_hash_table_remove (self->left, name);
      return end;
    }
  if (left != NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "Duplicate Connect for one end of a channel");
      return NULL;
    }
  if (!gmp_channel_descriptors_new_pair (arena_size, n_workers, &ends[0], &ends[1], error))
    return NULL;
  left = g_new (Left, 1);
  *left = (Left) { ends[!is_server], !is_server, worker };
  g_hash_table_insert (self->left, g_strdup (name), left);
  return ends[is_server];
}

/* An end of a channel to another node: the worker gets its socket when there is a connection. */
static GmpChannelDescriptors *
connect_nodes (GmpAgentChannels *self,
               const char       *name,
               gboolean          is_server,
               GVariant         *remote,
               GError          **error)
{
  GmpNetKey key = { is_server, NULL, NULL };
  g_auto (GStrv) addresses = NULL;
  GmpChannelDescriptors *end = NULL;
  guint16 port = 0;
  int fd;

  if (!gmp_net_key_read (&key, remote) || strlen (name) != GMP_NET_NAME_SIZE ||
      (!is_server && (!g_variant_lookup (remote, "addresses", "^as", &addresses) ||
                      !g_variant_lookup (remote, "port", "q", &port))))
    g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                 "The description of a channel's other node is missing");
  else
    end = gmp_channel_descriptors_new_net (&fd, error);
  if (end != NULL && is_server)
    gmp_door_expect (self->door, name, &key, fd);
  else if (end != NULL)
    gmp_agent_connect (name, &key, addresses, port, self->timeout, fd);
  gmp_net_key_clear (&key);
  return end;
}

/* Turns a call of org.gmproc.Process1.Connect into one of org.gmproc.Worker1.Connect, and leaves
 * others unchanged. */
GDBusMessage *
gmp_agent_channels_translate (GmpAgentChannels *self,
                              GDBusMessage     *call,
                              guint             worker,
                              GError          **error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  g_autoptr (GmpChannelDescriptors) end = NULL;
  g_autoptr (GDBusMessage) message = NULL;
  const char *peer;
  const char *runtime;
  const char *name;
  gboolean is_server;
  guint64 arena_size;
  guint n_workers;
  g_autoptr (GVariant) remote = NULL;
  GVariant *positions;

  if (g_strcmp0 (g_dbus_message_get_interface (call), GMP_PROCESS_INFO->name) != 0)
    return g_object_ref (call);
  if (!g_str_equal (g_dbus_message_get_signature (call), "sssbtua{sv}"))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "The description of a channel is missing");
      return NULL;
    }
  g_variant_get (g_dbus_message_get_body (call), "(&s&s&sbtu@a{sv})", &peer, &runtime, &name,
                 &is_server, &arena_size, &n_workers, &remote);
  if (g_variant_n_children (remote) > 0)
    end = connect_nodes (self, name, is_server, remote, error);
  else
    end = take_end (self, name, is_server, arena_size, n_workers, worker, error);
  positions = end != NULL ? gmp_channel_descriptors_to_handles (end, handles, error) : NULL;
  if (positions == NULL)
    return NULL;
  message = g_dbus_message_new_method_call (NULL, GMP_WORKER_PATH, GMP_WORKER_INFO->name,
                                            "Connect");
  /* The worker's reply goes to the application. */
  g_dbus_message_set_serial (message, g_dbus_message_get_serial (call));
  g_dbus_message_set_body (message, g_variant_new ("(sss@ah)", peer, runtime,
                                                   gmp_channel_descriptors_get_kind (end),
                                                   positions));
  g_dbus_message_set_unix_fd_list (message, handles);
  return g_steal_pointer (&message);
}
