/* gmp-agent-proxy-private.h: an agent as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-process-spec-private.h"
#include "launch/gmp-worker-process-private.h"
#include "peer/gmp-bus-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_AGENT_PROXY (gmp_agent_proxy_get_type ())
G_DECLARE_FINAL_TYPE (GmpAgentProxy, gmp_agent_proxy, GMP, AGENT_PROXY, GObject)

/* A worker's process on another machine. */
typedef struct {
  GmpWorkerProcess *process;
  GmpMessageStream *stream; /* (nullable): it has ended before it was connected */
  gboolean is_warm;         /* it was not started for this order alone */
} GmpRemoteStarted;

/* An agent's description of itself, and what is known about it. */
typedef struct {
  const char         *name;
  guint               node;
  guint               slots;
  guint16             port; /* where workers of other nodes reach those of this one */
  const char * const *addresses;
  const char * const *environment; /* of this process, when it started the agent */
} GmpAgentHello;

/* Called in the thread of gmp_bus_get_context(). */
typedef void (*GmpAgentLost) (GmpAgentProxy *self,
                              gpointer       user_data);

GmpAgentProxy    *gmp_agent_proxy_new           (GmpBus             *bus,
                                                 const GmpAgentHello *hello,
                                                 double              timeout,
                                                 GmpAgentLost        lost,
                                                 gpointer            user_data);
const char       *gmp_agent_proxy_get_name      (GmpAgentProxy      *self);
guint             gmp_agent_proxy_get_slots     (GmpAgentProxy      *self);
gboolean          gmp_agent_proxy_is_lost       (GmpAgentProxy      *self);
gboolean          gmp_agent_proxy_is_silent     (GmpAgentProxy      *self);
guint16           gmp_agent_proxy_get_port      (GmpAgentProxy      *self);
const char * const *gmp_agent_proxy_get_addresses (GmpAgentProxy    *self);
guint             gmp_agent_proxy_get_n_workers (GmpAgentProxy      *self);
GmpAgentProxy    *gmp_agent_proxy_reserve       (GmpAgentProxy      *self);
void              gmp_agent_proxy_release       (GmpAgentProxy      *self);
void              gmp_agent_proxy_close         (GmpAgentProxy      *self);
void              gmp_agent_proxy_start_async   (GmpAgentProxy      *self,
                                                 GmpProcessSpec     *spec,
                                                 gboolean            is_cold,
                                                 GCancellable       *cancellable,
                                                 GAsyncReadyCallback callback,
                                                 gpointer            user_data);
GmpRemoteStarted *gmp_agent_proxy_start_finish  (GmpAgentProxy      *self,
                                                 GAsyncResult       *result,
                                                 GError            **error);

G_END_DECLS
