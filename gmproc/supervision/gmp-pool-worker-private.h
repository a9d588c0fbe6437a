/* gmp-pool-worker-private.h: a kept process that executes calls
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-time-limit-private.h"
#include "channel/gmp-call-protocol-private.h"
#include "supervision/gmp-pool-call-private.h"
#include "supervision/gmp-worker-proxy-private.h"

G_BEGIN_DECLS

/* One worker of a pool, and the calls sent to it. The dispatcher's lock guards everything but the
 * proxy, which belongs to the dispatcher's thread. */
typedef struct _GmpPoolWorker {
  gpointer dispatcher;
  guint number;
  char *runtime;
  GmpWorkerProxy *proxy;
  GmpChannel *channel;  /* this end of it */
  GmpMark *mark;        /* (nullable): no call is sent ahead */

  gboolean is_ready;    /* it takes calls */
  gboolean is_reported; /* that was reported to the owner */
  gboolean is_retiring; /* it gets no more calls, and ends after those that it has */
  gboolean is_closed;   /* the channel is closed by either end */
  gboolean is_ending;   /* the proxy is ending it */
  GError *end_reason;   /* (nullable): the reason for ending it early */
  int pid;              /* 0: not known yet */

  GQueue sent;          /* of GmpPoolCall: the first is being executed */
  GmpPoolCall *dropped; /* (nullable): was the first; its answer is no longer needed */
  const char *target;   /* (nullable): interned, that of the call sent last */
  guint32 n_sent;       /* calls that were sent, and not withdrawn */
  guint32 n_answered;
  gint64 since;         /* when the first of @sent could begin, or when @sent became empty; in
                           microseconds of the monotonic clock, as all times */
  GmpTimeLimit limit;   /* of the call that began at limit_since; see gmp-dispatcher-thread.c */
  gint64 limit_since;
  double pace;          /* the approximate duration of a call in microseconds; 0: not known */
  gint64 looked_at;     /* when its memory was checked */
  GVariant *report;     /* (nullable): its last report */
  GmpFailure *failure;  /* (nullable): how it ended */
  gint64 lost_at;       /* when it closed its channel; 0 if it has not */
} GmpPoolWorker;

GmpPoolWorker   *gmp_pool_worker_new       (const char     *runtime,
                                            guint           number,
                                            GmpChannel     *channel);
void             gmp_pool_worker_free      (GmpPoolWorker  *self);
gboolean         gmp_pool_worker_set_up    (GmpPoolWorker  *self,
                                            const char     *target,
                                            GVariant       *params,
                                            GError        **error);
guint            gmp_pool_worker_get_room  (GmpPoolWorker  *self,
                                            guint           max_calls);
gint64           gmp_pool_worker_get_stall (GmpPoolWorker  *self);
gboolean         gmp_pool_worker_send      (GmpPoolWorker  *self,
                                            GmpPoolCall    *call,
                                            GError        **error);
void             gmp_pool_worker_withdraw  (GmpPoolWorker  *self,
                                            GQueue         *queue);
GmpPoolCall     *gmp_pool_worker_receive   (GmpPoolWorker  *self,
                                            gboolean       *is_more);
void             gmp_pool_worker_drop_first (GmpPoolWorker *self);
gboolean         gmp_pool_worker_is_busy   (GmpPoolWorker  *self);
gboolean         gmp_pool_worker_has_begun (GmpPoolWorker  *self,
                                            GmpPoolCall    *call);
guint64          gmp_pool_worker_read_memory (GmpPoolWorker *self);
void             gmp_pool_worker_close     (GmpPoolWorker  *self);

G_END_DECLS
