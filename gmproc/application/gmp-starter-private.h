/* gmp-starter-private.h: starts processes, ahead where that helps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-kind-private.h"

G_BEGIN_DECLS

/* One for all of the application, as long as there is an object that has workers, and some seconds
 * more. */
typedef struct _GmpStarter GmpStarter;

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
