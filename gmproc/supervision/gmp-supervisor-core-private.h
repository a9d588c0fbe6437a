/* gmp-supervisor-core-private.h: declarations that the sources of GmpSupervisor share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-hold-private.h"
#include "supervision/gmp-restarts-private.h"
#include "supervision/gmp-supervisor-private.h"

G_BEGIN_DECLS

/* A worker of the run, from when it is added until its result is stored. */
typedef struct {
  GmpJobSpec spec;
  GmpChannelDescriptors *port; /* (nullable) */
  GmpAgentProxy *place; /* (nullable): the node that it is to run on, where a worker is reserved */
  char *server_runtime;
  GmpWorkerProxy *worker; /* (nullable): it waits */
  gboolean was_refused;    /* by the application, so that it is not restarted */
  GmpRestarts restarts;
} GmpMember;

struct _GmpSupervisor
{
  guint generation; /* of this process, by gmp_fork_get_generation() */
  const GmpSupervisorEvents *events;
  gpointer owner; /* has the signals */
  GmpResults *results; /* of the current run, or the last one */
  GmpFailureLog *failure_log;
  GmpOptions *options;
  guint max_parallel; /* 0: all */
  gboolean reuse;
  guint share; /* of the processors, for each worker of the run */

  GmpProcessCache *cache;
  GmpKeptWorkers *pool;       /* processes kept for further runs */

  GmpSupervisorEnded ended; /* (nullable): there is no run */
  gpointer ended_data;
  GCancellable *cancellable; /* (nullable): of the run */
  GmpFeed *feed;
  GQueue waiting;      /* of GmpMember: not begun */
  GPtrArray *running;  /* of GmpMember */
  gboolean is_ending;  /* no worker is restarted any more */
  gboolean is_paused;  /* no client begins before gmp_supervisor_renew() */
  gboolean takes_more; /* the run continues without workers, until is_ending */
  const GmpSupervisorServer *server; /* (nullable) */
  gpointer server_data;
  GError *server_end;          /* (nullable): the reason of its final end */
  GmpHold hold;           /* while code of the user's is called */
  GSource *begin_source;  /* (nullable): no worker can begin now */
  GSource *cancel_source;
};

extern const GmpWorkerProxyEvents gmp_supervisor_proxy_events;

GmpMember *gmp_member_new               (const GmpJobSpec *spec);
void       gmp_member_free              (gpointer member);
void       gmp_supervisor_begin_waiting (GmpSupervisor *self);
gboolean   gmp_supervisor_set_no_node   (GError       **error);
void       gmp_supervisor_end_pause     (GmpSupervisor *self);
void       gmp_supervisor_maybe_return  (gpointer self);

G_END_DECLS
