/* gmp-workers.h: functions that run in processes of their own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-runner.h"

G_BEGIN_DECLS

#define GMP_TYPE_WORKERS (gmp_workers_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpWorkers, gmp_workers, GMP, WORKERS, GmpRunner)

/**
 * GmpWorkersClass:
 * @parent_class: the parent class
 * @start: called once, before the first turn, in the worker's process
 * @process: one turn, in the worker's process
 * @update: takes a turn's result, in the application
 * @wait: called between two turns, in the worker's process
 * @done: whether the turn that has ended was the last, in the worker's process
 * @finish: called once, after the last turn, in the worker's process
 *
 * The methods that a subclass may override.
 *
 * Since: 0.1
 */
struct _GmpWorkersClass
{
  GmpRunnerClass parent_class;

  gboolean  (*start)   (GmpWorkers *self,
                        int         id,
                        GVariant   *params,
                        GError    **error);
  GVariant *(*process) (GmpWorkers *self,
                        int         id,
                        GVariant   *params,
                        GError    **error);
  gboolean  (*update)  (GmpWorkers *self,
                        int         id,
                        GVariant   *result,
                        GError    **error);
  gboolean  (*wait)    (GmpWorkers *self,
                        int         id,
                        GError    **error);
  gboolean  (*done)    (GmpWorkers *self,
                        int         id,
                        GError    **error);
  GVariant *(*finish)  (GmpWorkers *self,
                        int         id,
                        GError    **error);

  /*< private >*/
  gpointer _reserved[8];
};

GMP_PUBLIC GmpWorkers   *gmp_workers_new                (void);
GMP_PUBLIC gboolean      gmp_workers_add                (GmpWorkers          *self,
                                                         int                  id,
                                                         GmpMethod            method,
                                                         GVariant            *params,
                                                         GError             **error);
GMP_PUBLIC gboolean      gmp_workers_add_target         (GmpWorkers          *self,
                                                         int                  id,
                                                         const char          *target,
                                                         GVariant            *params,
                                                         GError             **error);
GMP_PUBLIC gboolean      gmp_workers_set_params         (GmpWorkers          *self,
                                                         int                  id,
                                                         GVariant            *params,
                                                         GError             **error);
GMP_PUBLIC GVariant     *gmp_workers_run                (GmpWorkers          *self,
                                                         const int           *ids,
                                                         gsize                n_ids,
                                                         GCancellable        *cancellable,
                                                         GError             **error);
GMP_PUBLIC void          gmp_workers_run_async          (GmpWorkers          *self,
                                                         const int           *ids,
                                                         gsize                n_ids,
                                                         GCancellable        *cancellable,
                                                         GAsyncReadyCallback  callback,
                                                         gpointer             user_data);
GMP_PUBLIC GVariant     *gmp_workers_run_finish         (GmpWorkers          *self,
                                                         GAsyncResult        *result,
                                                         GError             **error);
GMP_PUBLIC gboolean      gmp_workers_run_again          (GmpWorkers          *self,
                                                         int                  id,
                                                         GError             **error);
GMP_PUBLIC gboolean      gmp_workers_fail               (GmpWorkers          *self,
                                                         int                  id,
                                                         const GError        *reason,
                                                         GError             **error);
GMP_PUBLIC const char   *gmp_workers_get_node           (GmpWorkers          *self,
                                                         int                  id);
GMP_PUBLIC GVariant     *gmp_workers_get_results        (GmpWorkers          *self);
GMP_PUBLIC const GError *gmp_workers_get_error          (GmpWorkers          *self,
                                                         int                  id);

G_END_DECLS
