/* gmp-agent-worker-private.h: a worker of another machine's application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "agent/gmp-agent-channels-private.h"
#include "launch/gmp-process-cache-private.h"
#include "peer/gmp-bus-private.h"

G_BEGIN_DECLS

typedef struct _GmpAgentWorker GmpAgentWorker;

/* The process was started, connected or not; otherwise @error has the reason. */
typedef void (*GmpAgentWorkerStarted) (GmpAgentWorker *self,
                                       gboolean        is_connected,
                                       const GError   *error,
                                       gpointer        user_data);

/* Everything has been reported, so it can be freed. */
typedef void (*GmpAgentWorkerEnded)    (GmpAgentWorker *self,
                                        gpointer        user_data);

GmpAgentWorker *gmp_agent_worker_new         (GmpBus                *bus,
                                              GmpProcessCache       *cache,
                                              GmpAgentChannels      *channels,
                                              guint                  number,
                                              GmpProcessSpec        *spec,
                                              GmpAgentWorkerStarted  started,
                                              GmpAgentWorkerEnded    ended,
                                              gpointer               user_data);
void            gmp_agent_worker_free        (GmpAgentWorker *self);
guint           gmp_agent_worker_get_number  (GmpAgentWorker *self);
int             gmp_agent_worker_get_pid     (GmpAgentWorker *self);
gboolean        gmp_agent_worker_is_warm     (GmpAgentWorker *self);
void            gmp_agent_worker_send_signal (GmpAgentWorker *self,
                                              int             signum);
void            gmp_agent_worker_take_lines  (GmpAgentWorker *self,
                                              guint           n);

G_END_DECLS
