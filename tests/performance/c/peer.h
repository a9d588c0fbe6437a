/* peer.h: common code of the peers in C: a server and its clients, forked
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "work.h"

G_BEGIN_DECLS

/* A program that measures a peer is called with what it is to do:
 *
 *   request CLIENTS SECONDS
 *   batch CLIENTS SECONDS     the clients are answered together, where the peer can do that
 *   asleep COUNT              one client, which sleeps for a millisecond between its requests
 *   echo SECONDS SIZE...      one client
 *   sit                       one client, which asks once and then waits to be killed
 *
 * and prints one line of JSON. */

#define PEER_SLEEP_US 1000

typedef struct
{
  gconstpointer data;
  gsize         size;
} PeerMessage;

/* The transport. Requests and responses have at most the size given to open(). */
typedef struct
{
  void        (*open)  (guint         n_clients,
                        gsize         max_size); /* before the clients are forked */
  void        (*serve) (void);                   /* until peer_is_over () */
  void        (*join)  (guint         client);   /* in the client's process */
  PeerMessage (*ask)   (gconstpointer request,
                        gsize         size);
} Peer;

/* Called in the server: returns the response to a request, whose data may be the request's own. */
PeerMessage peer_answer  (gconstpointer request,
                          gsize         size);
gboolean    peer_is_over (void);
gboolean    peer_is_batch (void); /* all clients have asked before any is answered */

int         peer_main    (const Peer   *peer,
                          int           argc,
                          char        **argv);

/* For peers that start their own processes: the number of this client, or -1 for the server. */
int         peer_run_as  (const Peer   *peer,
                          int           client,
                          int           argc,
                          char        **argv);
guint       peer_get_n_clients (int     argc,
                                char  **argv);

G_END_DECLS
