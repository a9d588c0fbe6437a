/* gmp-worker-start-private.h: gets a process for a worker, here or on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-job-spec-private.h"
#include "cluster/gmp-cluster-private.h"
#include "launch/gmp-process-cache-private.h"

G_BEGIN_DECLS

/* A process, and the way to it: a socket on this machine, a stream elsewhere. */
typedef struct {
  GmpWorkerProcess *process;
  int control_fd;           /* -1: on another machine */
  GmpMessageStream *stream; /* (nullable): it has ended before it was connected */
  gboolean is_warm;         /* it was started ahead */
} GmpWorkerStarted;

typedef struct {
  /* There is a place for it, so from now on the time limit counts. */
  void (*begun)   (gboolean          is_elsewhere,
                   gpointer          user_data);
  /* Takes ownership of the contents of @started; with %NULL, of @error. */
  void (*started) (GmpWorkerStarted *started,
                   GError           *error,
                   gpointer          user_data);
} GmpWorkerStartEvents;

typedef struct {
  GmpProcessCache *cache;
  GmpOptions *options;
  guint inner_threads;
  GmpAgentProxy *place;      /* (nullable): the only node that the worker may run on */
  gboolean has_reserved;     /* a worker there, for its next process */

  const GmpJobSpec *job;     /* of the current start, like the following */
  gboolean is_plain;         /* a warm process must not be used */
  GCancellable *cancellable;
  const GmpWorkerStartEvents *events;
  gpointer user_data;
} GmpWorkerStart;

void gmp_worker_start_init      (GmpWorkerStart  *self,
                                 GmpProcessCache *cache,
                                 GmpOptions      *options,
                                 guint            inner_threads);
void gmp_worker_start_clear     (GmpWorkerStart  *self);
void gmp_worker_start_set_place (GmpWorkerStart  *self,
                                 GmpAgentProxy   *place);
void gmp_worker_start_begin     (GmpWorkerStart             *self,
                                 const GmpJobSpec           *job,
                                 gboolean                    is_plain,
                                 GCancellable               *cancellable,
                                 const GmpWorkerStartEvents *events,
                                 gpointer                    user_data);

G_END_DECLS
