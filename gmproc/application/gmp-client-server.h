/* gmp-client-server.h: one server and its clients, each in its own process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-runner.h"
#include "worker/gmp-request.h"

G_BEGIN_DECLS

#define GMP_TYPE_CLIENT_SERVER (gmp_client_server_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpClientServer, gmp_client_server, GMP, CLIENT_SERVER,
                                     GmpRunner)

/**
 * GmpClientServerClass:
 * @parent_class: the parent class
 * @start: called once, before the clients start
 * @process: answers one request
 * @wait: called after each response
 * @done: whether the life cycle ends here
 * @finish: called once, at the end
 * @update: takes what a client reported
 * @client_failed: called when a client has failed
 * @request: takes one request, to be answered now or later
 * @process_batch: takes several requests at once
 *
 * The methods of a subclass that serves its clients itself, in the application. With a server type
 * only @update is called.
 *
 * Since: 0.1
 */
struct _GmpClientServerClass
{
  GmpRunnerClass parent_class;

  gboolean  (*start)   (GmpClientServer *self,
                        GVariant        *params,
                        GError         **error);
  GVariant *(*process) (GmpClientServer *self,
                        const char      *client_id,
                        GVariant        *request,
                        GError         **error);
  gboolean  (*wait)    (GmpClientServer *self,
                        GError         **error);
  gboolean  (*done)    (GmpClientServer *self,
                        GError         **error);
  GVariant *(*finish)  (GmpClientServer *self,
                        GError         **error);
  gboolean  (*update)  (GmpClientServer *self,
                        const char      *client_id,
                        GVariant        *progress,
                        GError         **error);

  gboolean  (*client_failed) (GmpClientServer *self,
                              const char      *client_id,
                              const GError    *reason,
                              GError         **error);
  gboolean  (*request)       (GmpClientServer *self,
                              GmpRequest      *request,
                              GError         **error);
  gboolean  (*process_batch) (GmpClientServer *self,
                              GPtrArray       *requests,
                              GError         **error);

  /*< private >*/
  gpointer _reserved[6];
};

GMP_PUBLIC GmpClientServer *gmp_client_server_new                (GType                server_type);
GMP_PUBLIC GmpClientServer *gmp_client_server_new_for_target     (const char *server_target);
GMP_PUBLIC gboolean         gmp_client_server_add_client         (GmpClientServer     *self,
                                                                  const char          *id,
                                                                  GType                client_type,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_add_client_target  (GmpClientServer     *self,
                                                                  const char          *id,
                                                                  const char          *target,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_add_clients        (GmpClientServer     *self,
                                                                  guint                n,
                                                                  GType                client_type,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_add_clients_target (GmpClientServer     *self,
                                                                  guint                n,
                                                                  const char          *target,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_new_worker         (GmpClientServer     *self,
                                                                  const char          *id,
                                                                  GType                client_type,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_new_worker_target  (GmpClientServer     *self,
                                                                  const char          *id,
                                                                  const char          *target,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_new_workers        (GmpClientServer     *self,
                                                                  guint                n,
                                                                  GType                client_type,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_set_params         (GmpClientServer     *self,
                                                                  const char          *id,
                                                                  GVariant            *params,
                                                                  GError             **error);
GMP_PUBLIC GVariant        *gmp_client_server_run                (GmpClientServer     *self,
                                                                  GVariant            *params,
                                                                  GCancellable        *cancellable,
                                                                  GError             **error);
GMP_PUBLIC void             gmp_client_server_run_async          (GmpClientServer     *self,
                                                                  GVariant            *params,
                                                                  GCancellable        *cancellable,
                                                                  GAsyncReadyCallback  callback,
                                                                  gpointer             user_data);
GMP_PUBLIC GVariant        *gmp_client_server_run_finish         (GmpClientServer     *self,
                                                                  GAsyncResult        *result,
                                                                  GError             **error);
GMP_PUBLIC gboolean         gmp_client_server_open               (GmpClientServer     *self,
                                                                  GVariant            *params,
                                                                  GCancellable        *cancellable,
                                                                  GError             **error);
GMP_PUBLIC void             gmp_client_server_open_async         (GmpClientServer     *self,
                                                                  GVariant            *params,
                                                                  GCancellable        *cancellable,
                                                                  GAsyncReadyCallback  callback,
                                                                  gpointer             user_data);
GMP_PUBLIC gboolean         gmp_client_server_open_finish        (GmpClientServer     *self,
                                                                  GAsyncResult        *result,
                                                                  GError             **error);
GMP_PUBLIC GPtrArray       *gmp_client_server_receive            (GmpClientServer     *self,
                                                                  guint                n,
                                                                  double               timeout,
                                                                  GCancellable        *cancellable,
                                                                  GError             **error);
GMP_PUBLIC void             gmp_client_server_receive_async      (GmpClientServer     *self,
                                                                  guint                n,
                                                                  double               timeout,
                                                                  GCancellable        *cancellable,
                                                                  GAsyncReadyCallback  callback,
                                                                  gpointer             user_data);
GMP_PUBLIC GPtrArray       *gmp_client_server_receive_finish     (GmpClientServer     *self,
                                                                  GAsyncResult        *result,
                                                                  GError             **error);
GMP_PUBLIC GVariant        *gmp_client_server_close              (GmpClientServer     *self,
                                                                  GCancellable        *cancellable,
                                                                  GError             **error);
GMP_PUBLIC void             gmp_client_server_close_async        (GmpClientServer     *self,
                                                                  GCancellable        *cancellable,
                                                                  GAsyncReadyCallback  callback,
                                                                  gpointer             user_data);
GMP_PUBLIC GVariant        *gmp_client_server_close_finish       (GmpClientServer     *self,
                                                                  GAsyncResult        *result,
                                                                  GError             **error);
GMP_PUBLIC void             gmp_client_server_stop               (GmpClientServer     *self);
GMP_PUBLIC GVariant        *gmp_client_server_get_results        (GmpClientServer     *self);
GMP_PUBLIC GVariant        *gmp_client_server_get_server_result  (GmpClientServer     *self);
GMP_PUBLIC const GError    *gmp_client_server_get_error          (GmpClientServer     *self,
                                                                  const char          *id);
GMP_PUBLIC guint            gmp_client_server_get_n_clients      (GmpClientServer     *self);
GMP_PUBLIC const char      *gmp_client_server_get_node           (GmpClientServer     *self,
                                                                  const char          *id);

G_END_DECLS
