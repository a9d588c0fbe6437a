/* gmp-pool.h: calls of functions in kept processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-runner.h"

G_BEGIN_DECLS

/**
 * GmpPoolClass:
 * @parent_class: the parent class
 *
 * It has nothing to override: a pool is final.
 *
 * Since: 0.1
 */

#define GMP_TYPE_POOL (gmp_pool_get_type ())
GMP_PUBLIC G_DECLARE_FINAL_TYPE (GmpPool, gmp_pool, GMP, POOL, GmpRunner)

GMP_PUBLIC GmpPool  *gmp_pool_new                    (guint                max_workers);
GMP_PUBLIC gboolean  gmp_pool_set_initializer        (GmpPool             *self,
                                                      GmpMethod            method,
                                                      GVariant            *params,
                                                      GError             **error);
GMP_PUBLIC gboolean  gmp_pool_set_initializer_target (GmpPool             *self,
                                                      const char          *target,
                                                      GVariant            *params,
                                                      GError             **error);
GMP_PUBLIC GVariant *gmp_pool_call                   (GmpPool             *self,
                                                      GmpMethod            method,
                                                      GVariant            *params,
                                                      GCancellable        *cancellable,
                                                      GError             **error);
GMP_PUBLIC void      gmp_pool_call_async             (GmpPool             *self,
                                                      GmpMethod            method,
                                                      GVariant            *params,
                                                      GCancellable        *cancellable,
                                                      GAsyncReadyCallback  callback,
                                                      gpointer             user_data);
GMP_PUBLIC GVariant *gmp_pool_call_finish            (GmpPool             *self,
                                                      GAsyncResult        *result,
                                                      GError             **error);
GMP_PUBLIC GVariant *gmp_pool_call_target            (GmpPool             *self,
                                                      const char          *target,
                                                      GVariant            *params,
                                                      GCancellable        *cancellable,
                                                      GError             **error);
GMP_PUBLIC void      gmp_pool_call_target_async      (GmpPool             *self,
                                                      const char          *target,
                                                      GVariant            *params,
                                                      GCancellable        *cancellable,
                                                      GAsyncReadyCallback  callback,
                                                      gpointer             user_data);
GMP_PUBLIC GVariant *gmp_pool_call_target_finish     (GmpPool             *self,
                                                      GAsyncResult        *result,
                                                      GError             **error);
GMP_PUBLIC const char *gmp_pool_get_node             (GmpPool             *self,
                                                      guint                worker);
GMP_PUBLIC void      gmp_pool_close                  (GmpPool             *self);

G_END_DECLS
