/* gmp-worker-proxy-core-private.h: declarations that the sources of GmpWorkerProxy share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-hold-private.h"
#include "base/gmp-patience-private.h"
#include "supervision/gmp-peers-private.h"
#include "supervision/gmp-worker-proxy-private.h"
#include "supervision/gmp-worker-start-private.h"

G_BEGIN_DECLS

/* A run goes from begin_process() or, in a process that was kept, from call_run(), to
 * maybe_return(): when the call of Run has returned and the process is no longer watched, because
 * it has ended or because it is kept. So no callback outlives the run, nor the main context that
 * it was begun in; gmp_workers_run() has a new one each time. */
struct _GmpWorkerProxy
{
  GObject parent_instance;

  GmpOptions *options;       /* of @start */
  const GmpWorkerProxyEvents *events;
  gpointer owner;

  GmpWorkerProcess *process; /* (nullable): not launched, or ended */
  GmpOomWitness memory;      /* of before it was launched */
  GmpWorkerConnection *connection; /* (nullable): not connected */
  GmpWorkerStart start;
  GmpPeers *peers;           /* what the worker receives when the next run begins */

  GmpWorkerProxyEnded ended; /* (nullable): there is no run; what follows is the run's */
  gpointer ended_data;
  GmpJob *job; /* (nullable): the current or the last one */
  GmpWorkerProxyAfter after;
  GCancellable *connecting; /* (nullable): was connected already */
  GSource *lost_source;
  GmpPatience patience;     /* to get a process */
  GmpHold hold;             /* while callbacks run */
  gboolean is_packing;      /* its parameters, before anything else */
  gboolean has_begun;       /* Run was called */
  gboolean is_calling;      /* the connection, or the call of Run, has not returned */
  gboolean is_ending;       /* it is being ended early */
  gboolean was_kept;        /* the process has had a run before */
  gboolean is_warm;         /* the process was started ahead */
  gboolean is_elsewhere;    /* on another machine */
  gboolean is_ready;
  gboolean is_lost;         /* the process has ended, and what comes after this is not read */
  GError *overdue;          /* (nullable): the reason if the run is ended early */
  gboolean was_stopped;
  gboolean was_refused;     /* no process or thread was available for it */
  gboolean was_lost_early;  /* with its node, before Run was called */
  GmpFailure *failure;      /* (nullable): of a run that has failed */
};

extern const GmpWorkerConnectionEvents gmp_worker_proxy_events;

void gmp_worker_proxy_line      (GmpOutputStream stream,
                                 const char     *line,
                                 gpointer        self);
void gmp_worker_proxy_ran       (gboolean        has_value,
                                 GVariant       *value,
                                 GError         *error,
                                 gpointer        self);
void gmp_worker_proxy_caught_up (gpointer        self);
void gmp_worker_proxy_expired   (GError         *reason,
                                 gpointer        self);

G_END_DECLS
