/* gmp-cluster-private.h: the agents of this program, and which of them gets a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cluster/gmp-agent-proxy-private.h"

G_BEGIN_DECLS

typedef struct _GmpCluster GmpCluster;

GmpCluster    *gmp_cluster_get            (const char         *launcher);
void           gmp_cluster_reserve_async  (GmpCluster         *self,
                                           int                 priority,
                                           GCancellable       *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);
GmpAgentProxy *gmp_cluster_reserve_now    (GmpCluster         *self,
                                           GmpAgentProxy      *near);
void           gmp_cluster_get_loss       (GmpCluster         *self,
                                           guint              *n_nodes,
                                           double             *seconds);
guint          gmp_cluster_count_lost     (GmpCluster         *self);
void           gmp_cluster_introduce      (GmpCluster         *self,
                                           GmpAgentProxy      *agent,
                                           GVariant          **client,
                                           GVariant          **server);
GVariant      *gmp_cluster_serve          (GmpCluster         *self,
                                           const char         *name,
                                           int                 fd);
GmpAgentProxy *gmp_cluster_reserve_finish (GmpCluster   *self,
                                           GAsyncResult *result,
                                           GError      **error);

G_END_DECLS
