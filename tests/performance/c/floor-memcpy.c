/* floor-memcpy.c: two copies of a message in one process, the minimum of moving it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <string.h>

static guint8 *there, *back;

static void
memcpy_open (guint n_clients G_GNUC_UNUSED,
             gsize max_size)
{
  there = g_malloc (max_size);
  back = g_malloc (max_size);
}

static void
memcpy_join (guint client G_GNUC_UNUSED)
{
}

static PeerMessage
memcpy_ask (gconstpointer request,
            gsize         size)
{
  memcpy (there, request, size);
  memcpy (back, peer_answer (there, size).data, size);
  return (PeerMessage) { back, size };
}

static const Peer peer = { memcpy_open, NULL, memcpy_join, memcpy_ask };

int
main (int    argc,
      char **argv)
{
  return peer_run_as (&peer, 0, argc, argv);
}
