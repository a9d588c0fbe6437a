/* gmp-peers.c: what a worker learns about its peers when it starts
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-peers-private.h"

/* A peer that has ended. */
typedef struct {
  char *peer;
  GError *reason; /* (nullable): it has finished */
} Gone;

struct _GmpPeers
{
  GArray *channels; /* of GmpPeerChannel: to be passed on */
  GPtrArray *gone;  /* of Gone */
};

static void
gone_free (gpointer data)
{
  Gone *gone = data;

  g_free (gone->peer);
  g_clear_error (&gone->reason);
  g_free (gone);
}

GmpPeers *
gmp_peers_new (void)
{
  GmpPeers *self = g_new0 (GmpPeers, 1);

  self->channels = g_array_new (FALSE, FALSE, sizeof (GmpPeerChannel));
  g_array_set_clear_func (self->channels, gmp_peer_channel_clear);
  self->gone = g_ptr_array_new_with_free_func (gone_free);
  return self;
}

void
gmp_peers_free (GmpPeers *self)
{
  g_array_unref (self->channels);
  g_ptr_array_unref (self->gone);
  g_free (self);
}

void
gmp_peers_clear (GmpPeers *self)
{
  g_array_set_size (self->channels, 0);
  g_ptr_array_set_size (self->gone, 0);
}

/* Takes the contents of @end: a channel that replaces one to the same peer. */
void
gmp_peers_add_channel (GmpPeers      *self,
                       GmpPeerChannel end)
{
  for (guint i = 0; i < self->channels->len; i++)
    if (g_str_equal (g_array_index (self->channels, GmpPeerChannel, i).peer, end.peer))
      g_array_remove_index (self->channels, i--);
  g_array_append_val (self->channels, end);
}

/* @peer has ended permanently: for @reason, or because it had finished. */
void
gmp_peers_add_gone (GmpPeers     *self,
                    const char   *peer,
                    const GError *reason)
{
  Gone *gone = g_new0 (Gone, 1);

  gone->peer = g_strdup (peer);
  gone->reason = reason != NULL ? g_error_copy (reason) : NULL;
  g_ptr_array_add (self->gone, gone);
}

/* Passes the channels on. Only the worker holds them from here on, so that the other ends notice
 * its death. */
gboolean
gmp_peers_connect (GmpPeers            *self,
                   GmpWorkerConnection *connection,
                   GError             **error)
{
  for (guint i = 0; i < self->channels->len; i++)
    if (!gmp_worker_connection_connect (connection,
                                        &g_array_index (self->channels, GmpPeerChannel, i), error))
      return FALSE;
  g_array_set_size (self->channels, 0);
  return TRUE;
}

void
gmp_peers_send_gone (GmpPeers            *self,
                     GmpWorkerConnection *connection)
{
  for (guint i = 0; i < self->gone->len; i++)
    {
      Gone *gone = self->gone->pdata[i];

      gmp_worker_connection_send_gone (connection, gone->peer, gone->reason, FALSE);
    }
}
