/* gmp-dispatcher-core-private.h: declarations that the sources of GmpDispatcher share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-spin-private.h"
#include "supervision/gmp-dispatcher-private.h"
#include "supervision/gmp-pool-worker-private.h"

G_BEGIN_DECLS

/* Workers that end one after the other before they take a call: where there is no other, the calls
 * that wait would wait for ever. */
#define GMP_DISPATCHER_MAX_START_FAILURES 3

/* Two kinds of threads take part.
 *
 * Callers submit: a call goes straight into the ring of a worker that has room, under the lock. A
 * caller that waits looks for its answer itself for as long as that is worth it, and takes all
 * other answers on the way.
 *
 * The dispatcher's own thread does everything else: it starts and ends workers, knows when one has
 * died, keeps time limits, and reads answers while no caller looks for one. It owns the proxies. */
struct _GmpDispatcher
{
  guint generation;      /* of this process, by gmp_fork_get_generation() */
  gatomicrefcount ref_count; /* the owner's, and the thread's */
  const GmpDispatcherEvents *events;
  GMainContext *context;
  GThread *thread;
  GmpDoorbell *doorbell; /* that the workers ring */
  GSource *answers;      /* reads what they send */
  GSource *control;      /* does what the thread has to do */
  GmpProcessCache *cache;

  GMutex lock;           /* what follows is under it */
  gpointer owner;        /* (nullable): closed */
  GmpOptions *options;
  GmpDispatcherLimits limits;
  GQueue queue;          /* of GmpPoolCall */
  GPtrArray *workers;    /* of GmpPoolWorker */
  GQueue finished;       /* of GmpPoolCall: to be told of when the lock is let go */
  gboolean has_changed;  /* the counts: likewise */
  GPtrArray *unwanted;   /* of GmpPoolCall, to be cancelled by the thread */
  guint next;            /* the worker that is looked at first for the next call */
  guint n_workers;       /* that were ever started, which is the last one's number */
  guint n_start_failures; /* one after the other */
  guint64 n_calls;
  guint64 n_done;
  guint64 n_failed;
  GmpSpin spin;
  gboolean has_spinner;  /* a caller looks for answers, so nobody has to be rung for */
  GmpDispatcherKill kill; /* how all workers are to be ended */
  gboolean is_kicked;    /* the thread will look what there is to do */
  gboolean is_watching;  /* it will look whether calls lie ahead of a slow one */
  gboolean is_closing;
};

guint    gmp_dispatcher_get_limit     (GmpDispatcher *self);
gboolean gmp_dispatcher_wants_worker  (GmpDispatcher *self);
gboolean gmp_dispatcher_is_of_runtime (GmpPoolCall   *call,
                                       GmpPoolWorker *worker);
gboolean gmp_dispatcher_is_in_the_way (GmpDispatcher *self,
                                       GmpPoolWorker *worker);
void     gmp_dispatcher_kick          (GmpDispatcher *self);
void     gmp_dispatcher_assign        (GmpDispatcher *self);
void     gmp_dispatcher_finish        (GmpDispatcher *self,
                                       GmpPoolCall   *call,
                                       GError        *error);
void     gmp_dispatcher_collect       (GmpDispatcher *self);
void     gmp_dispatcher_collect_from  (GmpDispatcher *self,
                                       GmpPoolWorker *worker);
gboolean gmp_dispatcher_lie_down      (GmpDispatcher *self);
void     gmp_dispatcher_get_up        (GmpDispatcher *self);
void     gmp_dispatcher_unlock        (GmpDispatcher *self);

gboolean gmp_dispatcher_start_thread  (GmpDispatcher *self,
                                       GError       **error);

G_END_DECLS
