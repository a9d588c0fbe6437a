/* gmp-client-server-private.h: declarations that the sources of GmpClientServer share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-client-server.h"
#include "base/gmp-job-spec-private.h"
#include "launch/gmp-process-cache-private.h"
#include "supervision/gmp-server-session-private.h"

G_BEGIN_DECLS

/* A run that the program drives; see gmp-client-server-open.c. */
typedef struct _GmpOpenRun GmpOpenRun;

typedef struct {
  GType server_type;   /* G_TYPE_NONE: not given */
  char *server_target; /* (nullable) */
  guint generation;    /* of the process that owns session, context and cache */
  guint64 shared_memory_limit;
  gboolean changes_values; /* the program may write to the memory of responses */
  GmpBatchRule batch_rule; /* if the application is the server */
  GPtrArray *clients;  /* of GmpJobSpec, in the order that they were added in */
  GmpServerSession *session; /* (nullable): the current run, or the last one */
  GThread *thread;           /* (nullable): of that run; atomic, and only compared */
  GCancellable *stop;        /* stops the current run from other threads */
  GmpOpenRun *open;          /* (nullable) */
  GMainContext *context; /* (nullable): for runs that block */
  GmpProcessCache *cache;   /* keeps warm processes between runs */
} GmpClientServerPrivate;

GmpClientServerPrivate *gmp_client_server_get_private     (GmpClientServer *self);
void                    gmp_client_server_forget          (GmpClientServer *self);
gboolean                gmp_client_server_claim           (GmpClientServer *self,
                                                           GError         **error);
GmpServerSession       *gmp_client_server_new_session     (GmpClientServer        *self,
                                                           const GmpServerMethods *open_methods,
                                                           GError                **error);
GmpServerSession       *gmp_client_server_begin_session   (GmpClientServer        *self,
                                                           const GmpServerMethods *open_methods,
                                                           GTask                  *task);
gboolean                gmp_client_server_begin_client    (GmpClientServer  *self,
                                                           const GmpJobSpec *client,
                                                           GError          **error);
void                    gmp_client_server_kill            (gpointer         self,
                                                           gpointer         user_data);
void                    gmp_client_server_drop_open       (GmpClientServer *self);
void                    gmp_open_run_free                 (GmpOpenRun *self);
void                    gmp_client_server_notify_results  (GmpClientServer *self);
const GmpServerMethods *gmp_client_server_get_methods     (GmpClientServer *self,
                                                           GmpServerMode   *mode);
void                    gmp_client_server_end_late        (gpointer    self,
                                                           const char *client_id);
void                    gmp_client_server_install_methods (GmpClientServerClass *klass);

G_END_DECLS
