/* gmp-worker-connection-private.h: the control connection to a worker, from the application's side
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"
#include "cluster/gmp-cluster-private.h"
#include "peer/gmp-channel-descriptors-private.h"
#include "peer/gmp-message-stream-private.h"
#include "supervision/gmp-job-private.h"

G_BEGIN_DECLS

/* The calls of the application and the reports of the worker on its connection. */
typedef struct _GmpWorkerConnection GmpWorkerConnection;

/* In the main context of gmp_worker_connection_begin(). */
typedef struct {
  void (*ready)    (guint           pid,
                    gpointer        user_data);
  void (*loaded)   (const char    **names,
                    gpointer        user_data);
  void (*progress) (GVariant       *value,
                    GError         *error,
                    gpointer        user_data);
  void (*turn)     (GVariant       *value,
                    GError         *error,
                    gpointer        user_data);
  void (*late)     (const char     *client_id,
                    gpointer        user_data);
  void (*log)      (const char     *domain,
                    GLogLevelFlags  level,
                    const char     *message,
                    gpointer        user_data);
  /* A call other than Run has failed. The run continues. Passes ownership of @error. */
  void (*refused)  (GError         *error,
                    gpointer        user_data);
  /* The end of a run, once for each: with its result; with an error, whose ownership is passed; or
   * with neither, if the connection was lost. */
  void (*ran)      (gboolean        has_value,
                    GVariant       *value,
                    GError         *error,
                    gpointer        user_data);
  /* The reply to gmp_worker_connection_catch_up(), unless the run has ended before. */
  void (*caught_up) (gpointer       user_data);
} GmpWorkerConnectionEvents;

/* One end of a channel. */
typedef struct {
  char *peer;
  char *runtime;
  GmpChannelDescriptors *port;
  GmpCluster *cluster; /* (nullable): whose nodes the worker may be on */
} GmpPeerChannel;

void gmp_peer_channel_clear (gpointer data);

/* Passes ownership of @connection; %NULL with @error, whose ownership is passed too. */
typedef void (*GmpWorkerConnectionOpened) (GmpWorkerConnection *connection,
                                           GError              *error,
                                           gpointer             user_data);

void                 gmp_worker_connection_open        (int                       fd,
                                                        int                       priority,
                                                        GCancellable             *cancellable,
                                                        GmpWorkerConnectionOpened opened,
                                                        gpointer                  user_data);
GmpWorkerConnection *gmp_worker_connection_new         (GmpMessageStream *stream);
void                 gmp_worker_connection_free        (GmpWorkerConnection *self);
gboolean             gmp_worker_connection_is_open     (GmpWorkerConnection *self);
void                 gmp_worker_connection_close       (GmpWorkerConnection *self);
void                 gmp_worker_connection_begin       (GmpWorkerConnection             *self,
                                                        int                              priority,
                                                        const GmpWorkerConnectionEvents *events,
                                                        gpointer                         user_data);
void                 gmp_worker_connection_end         (GmpWorkerConnection *self);
void                 gmp_worker_connection_catch_up    (GmpWorkerConnection *self);
gboolean             gmp_worker_connection_connect     (GmpWorkerConnection  *self,
                                                        const GmpPeerChannel *end,
                                                        GError              **error);
gboolean             gmp_worker_connection_run         (GmpWorkerConnection *self,
                                                        const GmpJob        *job,
                                                        GVariant            *options,
                                                        guint64              value_limit,
                                                        GError             **error);
void                 gmp_worker_connection_stop        (GmpWorkerConnection *self);
void                 gmp_worker_connection_cancel      (GmpWorkerConnection *self);
void                 gmp_worker_connection_send_gone   (GmpWorkerConnection *self,
                                                        const char          *peer,
                                                        const GError        *reason,
                                                        gboolean             returns);

G_END_DECLS
