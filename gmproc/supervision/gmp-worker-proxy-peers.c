/* gmp-worker-proxy-peers.c: the node of a worker, its channels, and reports about its peers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-proxy-core-private.h"

/* As gmp_worker_start_set_place(). */
void
gmp_worker_proxy_set_place (GmpWorkerProxy *self,
                            GmpAgentProxy  *place)
{
  gmp_worker_start_set_place (&self->start, place);
}

/* (nullable): NULL if it has received none. */
GmpAgentProxy *
gmp_worker_proxy_get_place (GmpWorkerProxy *self)
{
  return self->start.place;
}

/* (nullable): this machine, or there is no process yet. */
const char *
gmp_worker_proxy_get_node (GmpWorkerProxy *self)
{
  return self->process != NULL ? gmp_worker_process_get_node (self->process) : NULL;
}

/* Takes ownership of @port: one end of a channel to @peer, whose runtime is @runtime, for the next
 * run; or for the current run, as a replacement, because the peer was restarted. */
void
gmp_worker_proxy_add_channel (GmpWorkerProxy        *self,
                              const char            *peer,
                              const char            *runtime,
                              GmpChannelDescriptors *port)
{
  GmpPeerChannel end = { g_strdup (peer), g_strdup (runtime), port,
                         gmp_cluster_get (self->options->launcher) };
  GError *error = NULL;

  if (!self->has_begun)
    {
      gmp_peers_add_channel (self->peers, end);
      return;
    }
  if (self->connection != NULL && !gmp_worker_connection_connect (self->connection, &end, &error))
    gmp_worker_proxy_fail (self, error);
  gmp_peer_channel_clear (&end);
}

/* A peer has ended. If it is restarted before this run has begun, the worker need not know. If it
 * has ended permanently, the worker is informed when the run has begun. This applies to a peer that
 * has finished too: it reported that to the previous server, and never had the channel of this
 * one. */
void
gmp_worker_proxy_peer_ended (GmpWorkerProxy *self,
                             const char     *peer,
                             const GError   *reason,
                             gboolean        returns)
{
  if (self->has_begun && self->connection != NULL)
    gmp_worker_connection_send_gone (self->connection, peer, reason, returns);
  else if (!self->has_begun && !returns)
    gmp_peers_add_gone (self->peers, peer, reason);
}
