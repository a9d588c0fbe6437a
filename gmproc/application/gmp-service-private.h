/* gmp-service-private.h: one run of a server with its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-crew-private.h"
#include "worker/gmp-life-cycle-private.h"

G_BEGIN_DECLS

/* The server is a worker, or the application itself; the clients are a crew; and they end
 * together. */
typedef struct _GmpService GmpService;

GmpService *gmp_service_new           (const GmpCrewEvents    *events,
                                       GmpApplication         *owner,
                                       GmpOptions             *options,
                                       guint                   n_workers,
                                       guint64                 arena_size);
void        gmp_service_free          (GmpService             *self);
gboolean    gmp_service_set_target    (GmpService             *self,
                                       const char             *server_target,
                                       GError                **error);
gboolean    gmp_service_set_methods   (GmpService             *self,
                                       const GmpServerMethods *methods,
                                       GError                **error);
gboolean    gmp_service_add_client    (GmpService             *self,
                                       const char             *id,
                                       const char             *target,
                                       GVariant               *params,
                                       GError                **error);
void        gmp_service_run_async     (GmpService             *self,
                                       GVariant               *params,
                                       GCancellable           *cancellable,
                                       GAsyncReadyCallback     callback,
                                       gpointer                user_data);
gboolean    gmp_service_run_finish    (GmpService             *self,
                                       GAsyncResult           *result,
                                       GError                **error);
void        gmp_service_fail          (GmpService             *self,
                                       GError                 *error);
void        gmp_service_stop          (GmpService             *self);
void        gmp_service_kill          (GmpService             *self);
guint       gmp_service_get_n_clients (GmpService             *self);
GVariant   *gmp_service_get_value     (GmpService             *self);
GmpOutcome *gmp_service_get_outcome   (GmpService             *self);
const GError *
gmp_service_get_server_error          (GmpService             *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpService, gmp_service_free)

G_END_DECLS
