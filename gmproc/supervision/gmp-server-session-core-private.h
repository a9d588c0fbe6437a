/* gmp-server-session-core-private.h: declarations that the sources of GmpServerSession share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "supervision/gmp-restarts-private.h"
#include "supervision/gmp-server-session-private.h"

G_BEGIN_DECLS

/* The run is over when both the clients and the server have ended. A server that is done early
 * stays until its clients have ended, because they may still send requests; then it is released. A
 * server that fails ends its clients. */
struct _GmpServerSession
{
  const GmpSupervisorEvents *events;
  gpointer owner; /* has the signals */
  GmpResults *results; /* of the server and the clients */
  GmpFailureLog *failure_log;
  guint n_workers;    /* that run together */
  guint64 arena_size; /* of each side of a channel, in bytes */

  GmpCluster *cluster;  /* (nullable) */
  GmpAgentProxy *node;  /* (nullable): the server's, where it is a worker elsewhere */

  GmpSupervisor *supervisor;
  GmpJobSpec spec;              /* of the server; all 0 where the application is */
  char *server_runtime;
  GmpWorkerProxy *server;      /* (nullable): the application is the server */
  GmpLocalServer *local_server; /* (nullable): a worker is the server */
  GHashTable *runtimes;         /* of the clients, by id */
  GmpRestarts restarts;         /* of the server */
  GmpFailure *waits_after;      /* (nullable): it waits for a node, to be restarted after this */

  GmpServerSessionEnded ended;  /* (nullable): NULL before its start and after its end */
  gpointer ended_data;
  GCancellable *outer;          /* (nullable): the caller's */
  GCancellable *cancellable;    /* of all workers: cancelled with the caller's, or when the server
                                   fails */
  GSource *cancel_source;
  GSource *stop_source;
  GSource *return_source;       /* (nullable): of a delayed return */
  GSource *limit_source;        /* (nullable): the limit of a server without clients */
  guint n_retiring;             /* previous servers that have not ended */
  gboolean is_ending;           /* the server has no more clients, and is not restarted */
  gboolean clients_ended;
  gboolean server_ended;
  GError *error; /* (nullable): of the run; the cause of clients that fail from now on */
};

extern const GmpSupervisorServer gmp_server_session_clients;

gboolean gmp_server_session_is_elsewhere (GmpServerSession *self);

G_END_DECLS
