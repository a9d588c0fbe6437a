/* gmp-peers-private.h: what a worker learns about its peers when it starts
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "supervision/gmp-worker-connection-private.h"

G_BEGIN_DECLS

/* The other ends of a worker's channels, until the worker is connected. */
typedef struct _GmpPeers GmpPeers;

GmpPeers *gmp_peers_new         (void);
void      gmp_peers_free        (GmpPeers *self);
void      gmp_peers_clear       (GmpPeers *self);
void      gmp_peers_add_channel (GmpPeers      *self,
                                 GmpPeerChannel end);
void      gmp_peers_add_gone    (GmpPeers     *self,
                                 const char   *peer,
                                 const GError *reason);
gboolean  gmp_peers_connect     (GmpPeers            *self,
                                 GmpWorkerConnection *connection,
                                 GError             **error);
void      gmp_peers_send_gone   (GmpPeers            *self,
                                 GmpWorkerConnection *connection);

G_END_DECLS
