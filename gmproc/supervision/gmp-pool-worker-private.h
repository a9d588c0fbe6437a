/* gmp-pool-worker-private.h: a kept process that executes calls
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-call-protocol-private.h"
#include "supervision/gmp-pool-call-private.h"
#include "supervision/gmp-worker-proxy-private.h"

G_BEGIN_DECLS

/* One worker of a pool, and what was sent to it. All but the proxy is under the dispatcher's lock;
 * the proxy belongs to the dispatcher's thread. */
typedef struct _GmpPoolWorker {
  gpointer dispatcher;
  guint number;
  char *runtime;
  GmpWorkerProxy *proxy;
  GmpChannel *channel;  /* this end of it */
  GmpMark *mark;        /* (nullable): no call is sent ahead */

  gboolean is_ready;    /* it takes calls */
  gboolean is_told;     /* its owner knows that */
  gboolean is_retiring; /* it gets no more calls, and ends when it has executed those that it has */
  gboolean is_closed;   /* the channel: by either end */
  gboolean is_ending;   /* the proxy was told to end it */
  GError *end_reason;   /* (nullable): to end it for, before its time */
  int pid;              /* 0: not known yet */

  GQueue sent;          /* of GmpPoolCall: the first is being executed */
  GmpPoolCall *dropped; /* (nullable): was the first; nobody waits for its answer any more */
  const char *target;   /* (nullable): interned, that of the call sent last */
  guint32 n_sent;       /* calls that were sent, and not withdrawn */
  guint32 n_answered;
  gint64 since;         /* when the first of @sent could begin, or since when it has none; in
                         * microseconds of the monotonic clock, as all times */
  double pace;          /* microseconds a call takes, about; 0: not known */
  gint64 looked_at;     /* when its memory was looked at */
  GVariant *report;     /* (nullable): what it has reported last */
  gint64 lost_at;       /* when it closed its channel; 0: it has not */
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
