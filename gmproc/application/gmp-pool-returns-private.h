/* gmp-pool-returns-private.h: the ends of asynchronous calls, on their way to a main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "supervision/gmp-dispatcher-private.h"

G_BEGIN_DECLS

/* One source for a pool in a main context: it wakes the main loop once for all calls that have
 * ended, instead of once for each GTask. */
typedef struct _GmpPoolReturns GmpPoolReturns;

typedef void (*GmpPoolReturn) (GmpPoolCall *call);

GmpPoolReturns *gmp_pool_returns_new    (GmpDispatcher  *dispatcher,
                                         int             priority,
                                         GmpPoolReturn   callback);
gboolean        gmp_pool_returns_serves (GmpPoolReturns *self,
                                         GmpDispatcher  *dispatcher,
                                         GMainContext   *context);
gboolean        gmp_pool_returns_add    (GmpPoolReturns *self,
                                         GmpPoolCall    *call);
void            gmp_pool_returns_wake   (GmpPoolReturns *self);
gboolean        gmp_pool_returns_is_over (GmpPoolReturns *self);
void            gmp_pool_returns_end    (GmpPoolReturns *self);
GmpPoolReturns *gmp_pool_returns_ref    (GmpPoolReturns *self);
void            gmp_pool_returns_unref  (GmpPoolReturns *self);

G_END_DECLS
