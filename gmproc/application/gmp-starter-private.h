/* gmp-starter-private.h: starts processes, ahead where that helps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-order-private.h"
#include "application/gmp-worker-process-private.h"

G_BEGIN_DECLS

/* One for all of the application, as long as there is an object that has workers. */
typedef struct _GmpStarter GmpStarter;

/* A process that was started. */
typedef struct {
  GmpWorkerProcess *process;
  int control_fd;   /* the application's end of the control socket */
  gboolean is_warm; /* it was not started for this order alone, as it would be by hand */
} GmpStarted;

GmpStarter *gmp_starter_ref_default  (void);
GmpStarter *gmp_starter_ref          (GmpStarter           *self);
void        gmp_starter_unref        (GmpStarter           *self);
void        gmp_starter_start_async  (GmpStarter           *self,
                                      GmpOrder             *order,
                                      gboolean              as_ever,
                                      GCancellable         *cancellable,
                                      GAsyncReadyCallback   callback,
                                      gpointer              user_data);
GmpStarted *gmp_starter_start_finish (GmpStarter           *self,
                                      GAsyncResult         *result,
                                      GError              **error);
gboolean    gmp_starter_drop_spares  (GmpStarter           *self);

G_END_DECLS
