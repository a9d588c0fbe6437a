/* gmp-dispatcher-core-private.h: declarations that the sources of GmpDispatcher share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-spin-private.h"
#include "launch/gmp-surroundings-private.h"
#include "supervision/gmp-dispatcher-private.h"
#include "supervision/gmp-pool-worker-private.h"

G_BEGIN_DECLS

/* The number of workers in a row that end before they take a call. If there are no others, the
 * waiting calls then fail instead of waiting forever. */
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
  pthread_t thread;
  gboolean has_thread;
  GmpDoorbell *doorbell; /* that the workers ring */
  GSource *answers;      /* reads their messages */
  GSource *control;      /* runs the thread's work */
  GmpProcessCache *cache;

  GMutex lock;           /* what follows is under it */
  gpointer owner;        /* (nullable): closed */
  GmpOptions *options;
  GmpDispatcherLimits limits;
  GmpSurroundings surroundings; /* of this process at the last look */
  gint64 looked_at;      /* then */
  gboolean has_looked;   /* for the calls that are being sent */
  GQueue queue;          /* of GmpPoolCall */
  GPtrArray *workers;    /* of GmpPoolWorker */
  GQueue finished;       /* of GmpPoolCall: to be reported by the thread, or who waits for a call */
  GQueue left;           /* of GmpPoolCall: reported again, by the thread */
  gboolean has_changed;  /* the counts: reported when the lock is released */
  GPtrArray *unwanted;   /* of GmpPoolCall, to be cancelled by the thread */
  guint next;            /* the worker that is considered first for the next call */
  guint n_workers;       /* that were ever started; the number of the last one */
  guint n_start_failures; /* in a row */
  GmpNodeLosses losses;   /* before them */
  gboolean lacks_room;   /* for another worker */
  guint64 n_calls;
  guint64 n_done;
  guint64 n_failed;
  GmpSpin spin;
  gint64 vain_since;     /* when a main loop has looked for an answer in vain; 0: found, or slept */
  gboolean has_spinner;  /* a caller polls for answers, so workers need not ring */
  gboolean is_giving;    /* the thread reports calls that are done, perhaps waiting for the GIL */
  GmpDispatcherKill kill; /* how to end all workers */
  gboolean is_kicked;    /* the thread is about to check for work */
  gboolean is_watching;  /* it is about to check for calls behind a slow one */
  gboolean is_closing;
  gboolean has_ended;    /* the thread, and all workers */
  GCond ended;
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
GError  *gmp_dispatcher_make_cancelled (GmpPoolCall  *call);
void     gmp_dispatcher_collect       (GmpDispatcher *self);
void     gmp_dispatcher_collect_from  (GmpDispatcher *self,
                                       GmpPoolWorker *worker);
void     gmp_dispatcher_collect_late  (GmpDispatcher *self);
gboolean gmp_dispatcher_begin_sleep   (GmpDispatcher *self);
void     gmp_dispatcher_end_sleep     (GmpDispatcher *self);
void     gmp_dispatcher_report        (GmpDispatcher *self);
void     gmp_dispatcher_unlock        (GmpDispatcher *self,
                                       GmpPoolCall   *call);
void     gmp_dispatcher_give          (GmpDispatcher *self);

void     gmp_dispatcher_fail_queue    (GmpDispatcher *self,
                                       GmpPoolWorker *worker,
                                       const GError  *error);
void     gmp_dispatcher_start_worker  (GmpDispatcher *self);
gboolean gmp_dispatcher_start_thread  (GmpDispatcher *self,
                                       GError       **error);

G_END_DECLS
