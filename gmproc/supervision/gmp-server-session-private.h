/* gmp-server-session-private.h: one run of a server with its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "supervision/gmp-local-server-private.h"
#include "supervision/gmp-supervisor-private.h"
#include "worker/gmp-server-cycle-private.h"

G_BEGIN_DECLS

/* The server is a worker, or the application itself; the clients are a supervisor; and they end
 * together. */
typedef struct _GmpServerSession GmpServerSession;

/* Passes ownership of @error, which is %NULL if the run has succeeded. */
typedef void (*GmpServerSessionEnded) (GError  *error,
                                       gpointer user_data);

GmpServerSession *gmp_server_session_new              (const GmpSupervisorEvents *events,
                                                       gpointer                   owner,
                                                       GmpResults                *results,
                                                       GmpFailureLog             *failure_log,
                                                       GmpOptions                *options,
                                                       guint                      n_workers,
                                                       guint64                    arena_size);
void              gmp_server_session_free             (GmpServerSession *self);
gboolean          gmp_server_session_set_target       (GmpServerSession *self,
                                                       const char       *server_target,
                                                       GError          **error);
gboolean          gmp_server_session_set_methods      (GmpServerSession       *self,
                                                       const GmpServerMethods *methods,
                                                       GmpServerMode           mode,
                                                       const GmpBatchRule     *rule,
                                                       GError                **error);
void              gmp_server_session_set_blocking     (GmpServerSession *self);
void              gmp_server_session_set_later        (GmpServerSession *self);
void              gmp_server_session_set_open         (GmpServerSession    *self,
                                                       GmpLocalServerTurned turned,
                                                       gpointer             user_data);
gboolean          gmp_server_session_add_client       (GmpServerSession *self,
                                                       const GmpJobSpec *client,
                                                       GError          **error);
void              gmp_server_session_run              (GmpServerSession     *self,
                                                       GVariant             *params,
                                                       GCancellable         *cancellable,
                                                       GmpServerSessionEnded ended,
                                                       gpointer              user_data);
void              gmp_server_session_fail             (GmpServerSession *self,
                                                       GError           *error);
void              gmp_server_session_cancel           (GmpServerSession *self);
void              gmp_server_session_end_late         (GmpServerSession *self,
                                                       const char       *client_id);
void              gmp_server_session_stop             (GmpServerSession *self);
void              gmp_server_session_look             (GmpServerSession *self);
void              gmp_server_session_watch_stop       (GmpServerSession *self,
                                                       GCancellable     *stop);
void              gmp_server_session_kill             (GmpServerSession *self);
guint             gmp_server_session_get_n_clients    (GmpServerSession *self);
const char       *gmp_server_session_get_node         (GmpServerSession *self,
                                                       const char       *id);
GmpLocalServer   *gmp_server_session_get_local_server (GmpServerSession *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpServerSession, gmp_server_session_free)

G_END_DECLS
