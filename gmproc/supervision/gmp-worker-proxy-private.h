/* gmp-worker-proxy-private.h: a worker as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cluster/gmp-cluster-private.h"
#include "launch/gmp-process-cache-private.h"
#include "peer/gmp-channel-descriptors-private.h"
#include "report/gmp-failure-private.h"
#include "supervision/gmp-job-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_WORKER_PROXY (gmp_worker_proxy_get_type ())
G_DECLARE_FINAL_TYPE (GmpWorkerProxy, gmp_worker_proxy, GMP, WORKER_PROXY, GObject)

/* Events of a run, called in the main context of the run. */
typedef struct {
  void (*progress) (const char      *id,
                    GVariant        *value,
                    gpointer         owner);
  void (*turn)     (const char      *id,
                    GVariant        *value,
                    gpointer         owner);
  void (*output)   (const char      *id,
                    GmpOutputStream  stream,
                    const char      *line,
                    gpointer         owner);
  void (*log)      (const char      *id,
                    const char      *domain,
                    GLogLevelFlags   level,
                    const char      *message,
                    gpointer         owner);
  /* (nullable): only a server reports a client that is late */
  void (*late)     (const char      *client_id,
                    gpointer         owner);
} GmpWorkerProxyEvents;

typedef void (*GmpWorkerProxyEnded) (GmpWorkerProxy *self,
                                     gpointer        user_data);

typedef enum {
  GMP_WORKER_PROXY_END,  /* the process ends with the run */
  GMP_WORKER_PROXY_KEEP  /* it waits for another run, or for gmp_worker_proxy_retire() */
} GmpWorkerProxyAfter;

GmpWorkerProxy *gmp_worker_proxy_new           (GmpProcessCache            *cache,
                                                GmpOptions                 *options,
                                                guint                       inner_threads,
                                                const GmpWorkerProxyEvents *events,
                                                gpointer                    owner);
void            gmp_worker_proxy_set_place     (GmpWorkerProxy *self,
                                                GmpAgentProxy  *agent);
GmpAgentProxy  *gmp_worker_proxy_get_place     (GmpWorkerProxy *self);
const char     *gmp_worker_proxy_get_node      (GmpWorkerProxy *self);
void            gmp_worker_proxy_add_channel   (GmpWorkerProxy        *self,
                                                const char            *peer,
                                                const char            *runtime,
                                                GmpChannelDescriptors *port);
void            gmp_worker_proxy_peer_ended    (GmpWorkerProxy *self,
                                                const char     *peer,
                                                const GError   *reason,
                                                gboolean        returns);
void            gmp_worker_proxy_run           (GmpWorkerProxy     *self,
                                                GmpJob             *job,
                                                GmpWorkerProxyAfter after,
                                                GCancellable       *cancellable,
                                                GmpWorkerProxyEnded ended,
                                                gpointer            user_data);
gboolean        gmp_worker_proxy_take_result   (GmpWorkerProxy *self,
                                                GVariant      **value,
                                                GmpFailure    **failure);
gboolean        gmp_worker_proxy_had_turns     (GmpWorkerProxy *self);
gboolean        gmp_worker_proxy_was_refused   (GmpWorkerProxy *self);
gboolean        gmp_worker_proxy_was_lost_early (GmpWorkerProxy *self);
gboolean        gmp_worker_proxy_is_kept       (GmpWorkerProxy *self);
void            gmp_worker_proxy_disconnect    (GmpWorkerProxy *self);
void            gmp_worker_proxy_end_sync      (GmpWorkerProxy *self);
void            gmp_worker_proxy_retire        (GmpWorkerProxy     *self,
                                                GmpWorkerProxyEnded ended,
                                                gpointer            user_data);
void            gmp_worker_proxy_stop          (GmpWorkerProxy *self);
void            gmp_worker_proxy_fail          (GmpWorkerProxy *self,
                                                GError         *error);
void            gmp_worker_proxy_cancel        (GmpWorkerProxy *self);
void            gmp_worker_proxy_kill          (GmpWorkerProxy *self);

G_END_DECLS
