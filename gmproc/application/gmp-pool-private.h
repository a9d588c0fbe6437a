/* gmp-pool-private.h: declarations that the sources of GmpPool share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-pool-returns-private.h"
#include "application/gmp-pool-binding.h"
#include "supervision/gmp-dispatcher-private.h"

G_BEGIN_DECLS

struct _GmpPool
{
  GmpRunner parent_instance;

  GMainContext *context;      /* that signals are emitted in */
  GmpDispatcher *dispatcher;  /* (nullable): before the first call; atomic */
  GmpDispatcherLimits limits;
  guint retries;
  int call_priority;
  double run_timeout;         /* a copy of the property */
  int task_priority;          /* likewise */
  guint news_worker;          /* 0: no signal about one is being emitted */
  const char *news_node;      /* (nullable): where it runs; interned */
  int is_notifying;           /* atomic: the counts will be notified */
  gboolean is_closed;

  const GmpPoolBinding *binding; /* (nullable) */
  gpointer binding_data;

  GMutex lock;
  GPtrArray *returns;         /* of GmpPoolReturns: one for each main context; under lock */
};

extern const GmpDispatcherEvents gmp_pool_events;

GmpDispatcher *gmp_pool_get_dispatcher  (GmpPool *self,
                                         GError **error);
void           gmp_pool_give_to_binding (GmpPool *self,
                                         GQueue  *calls);
void           gmp_pool_finished        (GQueue  *calls,
                                         gpointer owner);
void           gmp_pool_install_signals (GType type);

G_END_DECLS
