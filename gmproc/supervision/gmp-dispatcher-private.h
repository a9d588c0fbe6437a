/* gmp-dispatcher-private.h: gives calls to kept workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-options-private.h"
#include "supervision/gmp-pool-call-private.h"

G_BEGIN_DECLS

/* A queue of calls, and the workers that execute them. It may be used from any thread. */
typedef struct _GmpDispatcher GmpDispatcher;

typedef struct {
  guint waiting;   /* calls in the queue, or sent ahead to a worker */
  guint running;
  guint64 done;    /* that have returned */
  guint64 failed;
} GmpDispatcherCounts;

/* Called in any thread, without the lock. */
typedef struct {
  /* Takes ownership of @calls, which are done, with a reference to each. */
  void (*finished) (GQueue   *calls,
                    gpointer  owner);
  /* The counts have changed. */
  void (*changed)  (gpointer  owner);
  void (*reported) (guint     number,
                    GVariant *value,
                    gpointer  owner);
  /* A worker takes calls now, on @node (nullable), as in what follows. */
  void (*started)  (guint       number,
                    const char *node,
                    int         pid,
                    gpointer    owner);
  void (*output)   (guint       number,
                    const char *node,
                    guint       stream,
                    const char *line,
                    gpointer    owner);
  void (*log)      (guint          number,
                    const char    *node,
                    const char    *domain,
                    GLogLevelFlags level,
                    const char    *message,
                    gpointer       owner);
} GmpDispatcherEvents;

/* Options of workers that are started, or get a call, after it is set. */
typedef struct {
  guint max_workers;      /* 0: one for each processor */
  double idle_timeout;    /* in seconds; 0: none */
  guint max_calls;        /* of one process; 0: no limit */
  guint64 recycle_memory; /* in bytes; 0: no limit */
  guint64 shared_memory_limit;
  char *setup_target;     /* (nullable): the first call of a worker */
  GVariant *setup_params; /* (nullable) */
} GmpDispatcherLimits;

typedef enum {
  GMP_DISPATCHER_KILL_NOT,
  GMP_DISPATCHER_KILL_SOFT, /* as if their calls were cancelled */
  GMP_DISPATCHER_KILL_HARD  /* SIGKILL */
} GmpDispatcherKill;

/* The state of a worker, for the program. */
typedef struct {
  guint number;
  int pid;          /* 0: it is being started */
  gboolean is_busy;
  guint64 call;     /* the number of its current call */
  char *name;       /* (nullable): of that call */
  double seconds;   /* since the start of that call, or since it became idle */
} GmpDispatcherWorker;

GmpDispatcher *gmp_dispatcher_new          (const GmpDispatcherEvents *events,
                                            gpointer                   owner,
                                            GError                   **error);
void           gmp_dispatcher_set_options  (GmpDispatcher             *self,
                                            GmpOptions                *options);
void           gmp_dispatcher_set_limits   (GmpDispatcher             *self,
                                            const GmpDispatcherLimits *limits);
void           gmp_dispatcher_submit       (GmpDispatcher *self,
                                            GmpPoolCall   *call);
gboolean       gmp_dispatcher_try_submit   (GmpDispatcher *self,
                                            GmpPoolCall   *call);
void           gmp_dispatcher_wait         (GmpDispatcher *self,
                                            GmpPoolCall   *call);
gboolean       gmp_dispatcher_spin         (GmpDispatcher *self,
                                            GmpPoolCall   *call);
void           gmp_dispatcher_look         (GmpDispatcher *self);
gboolean       gmp_dispatcher_leave        (GmpDispatcher *self,
                                            GmpPoolCall   *call);
gboolean       gmp_dispatcher_cancel       (GmpDispatcher *self,
                                            GmpPoolCall   *call);
void           gmp_dispatcher_cancel_later (GmpDispatcher *self,
                                            GmpPoolCall   *call);
void           gmp_dispatcher_cancel_waiting (GmpDispatcher *self);
int            gmp_dispatcher_find_pid     (GmpDispatcher *self,
                                            GmpPoolCall   *call);
void           gmp_dispatcher_kill         (GmpDispatcher    *self,
                                            GmpDispatcherKill how);
void           gmp_dispatcher_close        (GmpDispatcher *self);
GmpDispatcher *gmp_dispatcher_ref          (GmpDispatcher             *self);
void           gmp_dispatcher_unref        (GmpDispatcher *self);
void           gmp_dispatcher_count        (GmpDispatcher       *self,
                                            GmpDispatcherCounts *counts);
GArray        *gmp_dispatcher_list_workers (GmpDispatcher *self);
gboolean       gmp_dispatcher_is_inherited (GmpDispatcher *self);

G_END_DECLS
