/* gmp-client-worker.h: a client of a client-server application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "worker/gmp-worker.h"

G_BEGIN_DECLS

#define GMP_TYPE_CLIENT_WORKER (gmp_client_worker_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpClientWorker, gmp_client_worker, GMP, CLIENT_WORKER,
                                     GmpWorker)

/**
 * GmpClientWorkerClass:
 * @parent_class: the parent class
 * @process: makes one request
 * @update: takes the response to it
 *
 * The client's part of the life cycle.
 *
 * Since: 0.1
 */
struct _GmpClientWorkerClass
{
  GmpWorkerClass parent_class;

  GVariant *(*process) (GmpClientWorker *self,
                        GError         **error);
  gboolean  (*update)  (GmpClientWorker *self,
                        GVariant        *response,
                        GError         **error);

  /*< private >*/
  gpointer _reserved[8];
};

G_END_DECLS
