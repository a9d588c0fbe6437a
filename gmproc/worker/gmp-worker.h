/* gmp-worker.h: the common base of server and client workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

#define GMP_TYPE_WORKER (gmp_worker_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpWorker, gmp_worker, GMP, WORKER, GObject)

/**
 * GmpWorkerClass:
 * @parent_class: the parent class
 * @start: called once, before anything else
 * @done: whether the life cycle ends here
 * @wait: called at the end of each turn
 * @finish: called once, at the end
 *
 * The life cycle that servers and clients share.
 *
 * Since: 0.1
 */
struct _GmpWorkerClass
{
  GObjectClass parent_class;

  gboolean  (*start)  (GmpWorker *self,
                       GVariant  *params,
                       GError   **error);
  gboolean  (*done)   (GmpWorker *self,
                       GError   **error);
  gboolean  (*wait)   (GmpWorker *self,
                       GError   **error);
  GVariant *(*finish) (GmpWorker *self,
                       GError   **error);

  /*< private >*/
  gpointer _reserved[8];
};

GMP_PUBLIC const char   *gmp_worker_get_id          (GmpWorker *self);
GMP_PUBLIC gboolean      gmp_worker_report          (GVariant  *value,
                                                     GError   **error);
GMP_PUBLIC gboolean      gmp_worker_report_turn     (GVariant  *value,
                                                     GError   **error);
GMP_PUBLIC GVariant     *gmp_worker_repeat_turn     (void);
GMP_PUBLIC GCancellable *gmp_worker_get_cancellable (void);
GMP_PUBLIC const char   *gmp_worker_get_node        (void);

G_END_DECLS
