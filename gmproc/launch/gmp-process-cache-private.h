/* gmp-process-cache-private.h: starts processes, ahead of time where that helps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-process-kind-private.h"

G_BEGIN_DECLS

/* One for the whole application, as long as there is an object that has workers, and some seconds
 * longer. */
typedef struct _GmpProcessCache GmpProcessCache;

GmpProcessCache *gmp_process_cache_ref_default  (void);
GmpProcessCache *gmp_process_cache_ref          (GmpProcessCache *self);
void             gmp_process_cache_unref        (GmpProcessCache *self);
void             gmp_process_cache_start_async  (GmpProcessCache    *self,
                                                 GmpProcessSpec     *spec,
                                                 gboolean            is_cold,
                                                 GCancellable       *cancellable,
                                                 GAsyncReadyCallback callback,
                                                 gpointer            user_data);
GmpStarted      *gmp_process_cache_start_finish (GmpProcessCache *self,
                                                 GAsyncResult    *result,
                                                 GError         **error);
gboolean         gmp_process_cache_drop_spares  (GmpProcessCache *self);
void             gmp_process_cache_give_way     (GmpProcessCache *self);

G_END_DECLS
