/* gmp-local-server-private.h: the application as the server of its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-options-private.h"
#include "peer/gmp-channel-descriptors-private.h"
#include "worker/gmp-server-cycle-private.h"

G_BEGIN_DECLS

/* A server's life cycle on the main loop: a turn for each request. */
typedef struct _GmpLocalServer GmpLocalServer;

/* The life cycle is over; takes ownership of @error. */
typedef void (*GmpLocalServerEnded) (GVariant *value,
                                     GError   *error,
                                     gpointer  user_data);

/* A message was handled. */
typedef void (*GmpLocalServerTurned) (gpointer user_data);

GmpLocalServer *gmp_local_server_new           (const GmpServerMethods *methods,
                                                gpointer                server,
                                                GmpServerMode           mode,
                                                const GmpBatchRule     *rule,
                                                const GmpOptions       *options,
                                                GmpLocalServerEnded     ended,
                                                gpointer                user_data,
                                                GError                **error);
void            gmp_local_server_free          (GmpLocalServer *self);
gboolean        gmp_local_server_add           (GmpLocalServer        *self,
                                                const char            *client_id,
                                                const char            *runtime,
                                                GmpChannelDescriptors *port,
                                                GError               **error);
void            gmp_local_server_peer_ended    (GmpLocalServer *self,
                                                const char     *client_id,
                                                const GError   *reason,
                                                gboolean        returns);
guint           gmp_local_server_get_n_clients (GmpLocalServer *self);
int             gmp_local_server_get_priority  (GmpLocalServer *self);
gboolean        gmp_local_server_start         (GmpLocalServer *self,
                                                GVariant       *params,
                                                GError        **error);
void            gmp_local_server_set_blocking  (GmpLocalServer *self);
void            gmp_local_server_set_later     (GmpLocalServer *self);
void            gmp_local_server_set_turned    (GmpLocalServer      *self,
                                                GmpLocalServerTurned turned,
                                                gpointer             user_data);
gboolean        gmp_local_server_turn          (GmpLocalServer *self,
                                                gboolean        may_look);
void            gmp_local_server_set_serving   (GmpLocalServer *self,
                                                gboolean        is_serving);
GPtrArray      *gmp_local_server_take_batch    (GmpLocalServer *self,
                                                guint           n);
void            gmp_local_server_stop          (GmpLocalServer *self);
void            gmp_local_server_look          (GmpLocalServer *self);
void            gmp_local_server_fail          (GmpLocalServer *self,
                                                GError         *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpLocalServer, gmp_local_server_free)

G_END_DECLS
