/* gmp-server-session-clients.c: the clients of a server, and their channels to it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-server-session-core-private.h"

#include "base/gmp-target-private.h"

/* TRUE if the server is a worker on another machine. */
gboolean
gmp_server_session_is_elsewhere (GmpServerSession *self)
{
  return self->spec.target != NULL && self->cluster != NULL;
}

/* A channel between two workers of other machines: in memory if they share a node. %FALSE while
 * there is no node; the server is about to notice. */
static gboolean
connect_elsewhere (GmpServerSession       *self,
                   GmpAgentProxy         **place,
                   GmpChannelDescriptors **client,
                   GmpChannelDescriptors **server)
{
  GVariant *client_remote = NULL;
  GVariant *server_remote = NULL;

  if (*place == NULL)
    *place = gmp_cluster_reserve_now (self->cluster, self->node);
  if (*place == NULL)
    return FALSE;
  if (*place != self->node)
    gmp_cluster_introduce (self->cluster, self->node, &client_remote, &server_remote);
  gmp_channel_descriptors_new_elsewhere (self->arena_size, self->n_workers, client_remote,
                                         server_remote, client, server);
  return TRUE;
}

/* A channel between the server and the client @id: gives the server its end, and returns the
 * client's. */
static GmpChannelDescriptors *
renew_channel (const char     *id,
               GmpAgentProxy **place,
               gpointer        user_data,
               GError        **error)
{
  GmpServerSession *self = user_data;
  const char *runtime = g_hash_table_lookup (self->runtimes, id);
  g_autoptr (GmpChannelDescriptors) client_port = NULL;
  GmpChannelDescriptors *server_port;
  gboolean is_made;

  if (gmp_server_session_is_elsewhere (self))
    is_made = connect_elsewhere (self, place, &client_port, &server_port);
  else if (self->cluster != NULL)
    is_made = gmp_channel_descriptors_new_served (&client_port, &server_port, error);
  else
    is_made = gmp_channel_descriptors_new_pair (self->arena_size, self->n_workers, &client_port,
                                                &server_port, error);
  if (!is_made)
    return NULL;
  /* A server that is done takes none, so the client finds its channel closed. */
  if (self->is_ending)
    gmp_channel_descriptors_free (server_port);
  else if (self->local_server == NULL)
    gmp_worker_proxy_add_channel (self->server, id, runtime, server_port);
  else if (!gmp_local_server_add (self->local_server, id, runtime, server_port, error))
    return NULL;
  return g_steal_pointer (&client_port);
}

/* A client has ended. A client that has finished reports that itself, but its last message may be
 * lost with its process, if it is a D-Bus message. */
static void
client_ended (const char   *id,
              const GError *reason,
              gboolean      returns,
              gpointer      user_data)
{
  GmpServerSession *self = user_data;

  if (self->local_server != NULL)
    gmp_local_server_peer_ended (self->local_server, id, reason, returns);
  else if (self->server != NULL)
    gmp_worker_proxy_peer_ended (self->server, id, reason, returns);
}

const GmpSupervisorServer gmp_server_session_clients = { renew_channel, client_ended };

/* If the run is open, the client starts at once, unless the run is ending. */
gboolean
gmp_server_session_add_client (GmpServerSession *self,
                               const GmpJobSpec *client,
                               GError          **error)
{
  GmpChannelDescriptors *port = NULL;
  GmpAgentProxy *place = NULL;
  char *runtime;

  if (self->is_ending)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                           "The run has ended, or is ending, so no client can start: close it "
                           "first");
      return FALSE;
    }
  runtime = gmp_target_get_runtime (client->target, error);
  if (runtime == NULL)
    return FALSE;
  if (self->ended != NULL)
    self->n_workers++;
  g_hash_table_replace (self->runtimes, g_strdup (client->id), runtime);
  /* Nodes are chosen when there are any. */
  if (!gmp_server_session_is_elsewhere (self) || self->node != NULL)
    {
      port = renew_channel (client->id, &place, self, error);
      if (port == NULL)
        return FALSE;
    }
  return gmp_supervisor_add_client (self->supervisor, client, port, place, self->server_runtime,
                                    error);
}
