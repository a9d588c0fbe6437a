/* gmp-server-worker.h: the server of a client-server application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "worker/gmp-request.h"
#include "worker/gmp-worker.h"

G_BEGIN_DECLS

#define GMP_TYPE_SERVER_WORKER (gmp_server_worker_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpServerWorker, gmp_server_worker, GMP, SERVER_WORKER,
                                     GmpWorker)

/**
 * GmpServerWorkerClass:
 * @parent_class: the parent class
 * @process: answers one request
 * @client_failed: called when a client has failed
 * @request: takes one request, to be answered now or later
 * @process_batch: takes several requests at once
 *
 * The server's part of the life cycle.
 *
 * Since: 0.1
 */
struct _GmpServerWorkerClass
{
  GmpWorkerClass parent_class;

  GVariant *(*process)       (GmpServerWorker *self,
                              const char      *client_id,
                              GVariant        *request,
                              GError         **error);
  gboolean  (*client_failed) (GmpServerWorker *self,
                              const char      *client_id,
                              const GError    *reason,
                              GError         **error);
  gboolean  (*request)       (GmpServerWorker *self,
                              GmpRequest      *request,
                              GError         **error);
  gboolean  (*process_batch) (GmpServerWorker *self,
                              GPtrArray       *requests,
                              GError         **error);

  /*< private >*/
  gpointer _reserved[6];
};

GMP_PUBLIC guint gmp_server_worker_get_n_clients (GmpServerWorker *self);

G_END_DECLS
