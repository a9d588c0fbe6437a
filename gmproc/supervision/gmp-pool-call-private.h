/* gmp-pool-call-private.h: one call of a function in a worker of a pool
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"
#include "report/gmp-failure.h"
#include "supervision/gmp-node-losses-private.h"

G_BEGIN_DECLS

typedef enum {
  GMP_POOL_CALL_NEW,
  GMP_POOL_CALL_WAITING, /* in the pool's queue */
  GMP_POOL_CALL_SENT,    /* to a worker: the first of these is being executed */
  GMP_POOL_CALL_DONE
} GmpPoolCallState;

/* The caller's input, set before the call is submitted, and then the outcome. In between the
 * dispatcher owns it, under its lock. */
typedef struct _GmpPoolCall {
  gatomicrefcount ref_count;
  GList link; /* in the queue, among those of a worker, or among those that are done */

  const char *target; /* interned */
  char *name;         /* (nullable): of the function, for errors */
  GVariant *params;   /* (nullable) */
  int priority;       /* lower values come first */
  double run_timeout; /* in seconds; 0: none */
  guint retries;      /* how often it may be executed again after its worker has died */
  GmpNodeLosses losses; /* before that */
  gboolean has_waiter; /* the caller waits, so the end is not reported */
  gboolean is_of_binding;
  gboolean is_left;    /* the binding left it to the dispatcher's thread */
  gboolean is_large;   /* its parameters: sending them takes milliseconds */
  gboolean is_checked; /* parameters that can be sent, except that they may be too large */
  gboolean is_packing; /* large parameters are to be serialised; calls behind it wait */
  gpointer user_data;

  GmpPoolCallState state;
  guint64 number;     /* in its pool, from 1 */
  gboolean is_unwanted; /* it was cancelled, perhaps before it was submitted */
  guint n_unlucky;    /* workers that died before it began in them */
  guint n_stalls;     /* times that a worker was too slow to begin it */
  struct _GmpPoolWorker *worker; /* (nullable): it was sent to this one */
  GCond done;

  GVariant *value;    /* (nullable) */
  GError *error;      /* (nullable) */
  GVariant *report;   /* (nullable): the last report of the failed worker */
  GmpFailure *failure; /* (nullable): how that worker ended */
} GmpPoolCall;

GmpPoolCall *gmp_pool_call_new     (const char  *target,
                                    GVariant    *params);
GmpPoolCall *gmp_pool_call_ref     (GmpPoolCall *self);
GMP_PUBLIC void gmp_pool_call_unref (GmpPoolCall *self);
void         gmp_pool_call_enqueue (GmpPoolCall *self,
                                    GQueue      *queue,
                                    gboolean     is_first);
GError      *gmp_pool_call_blame   (GmpPoolCall  *self,
                                    const GError *reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpPoolCall, gmp_pool_call_unref)

G_END_DECLS
