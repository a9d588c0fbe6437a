/* gmp-pool-binding.h: calls of a pool without GTask and main contexts, for bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-pool.h"
#include "report/gmp-failure.h"

G_BEGIN_DECLS

#ifndef __GI_SCANNER__

typedef struct _GmpPoolCall GmpPoolCall;

/* Called in any thread, without locks. */
typedef struct {
  /* Takes ownership of @calls, which are over, and of a reference to each. Called in the pool's
   * thread, in gmp_pool_cancel_call(), and in gmp_pool_look_for(), where gmp_pool_leave() may be
   * called. */
  void (*finished) (GmpPoolCall **calls,
                    gsize         n_calls,
                    gpointer      user_data);
  /* A worker has called gmp_worker_report(). */
  void (*reported) (guint         worker,
                    GVariant     *value,
                    gpointer      user_data);
} GmpPoolBinding;

/* Options of one call that replace the pool's properties. */
typedef struct {
  const char *name;   /* (nullable): of the function, for errors */
  double run_timeout; /* in seconds; 0: none */
  guint retries;
  int priority;
} GmpPoolCallOptions;

GMP_PUBLIC void          gmp_pool_set_binding        (GmpPool                  *self,
                                                      const GmpPoolBinding     *binding,
                                                      gpointer                  user_data);
GMP_PUBLIC GmpPoolCall  *gmp_pool_submit             (GmpPool                  *self,
                                                      const char               *target,
                                                      GVariant                 *params,
                                                      const GmpPoolCallOptions *options,
                                                      gpointer                  user_data,
                                                      GError                  **error);
GMP_PUBLIC GmpPoolCall  *gmp_pool_try_submit         (GmpPool                  *self,
                                                      const char               *target,
                                                      GVariant                 *params,
                                                      const GmpPoolCallOptions *options,
                                                      gpointer                  user_data);
GMP_PUBLIC gboolean      gmp_pool_look_for           (GmpPool                  *self,
                                                      GmpPoolCall              *call);
GMP_PUBLIC gboolean      gmp_pool_leave              (GmpPool                  *self,
                                                      GmpPoolCall              *call);
GMP_PUBLIC gboolean      gmp_pool_cancel_call        (GmpPool                  *self,
                                                      GmpPoolCall              *call);
GMP_PUBLIC void          gmp_pool_cancel_waiting     (GmpPool                  *self);
GMP_PUBLIC void          gmp_pool_kill               (GmpPool                  *self,
                                                      gboolean                  is_hard);
GMP_PUBLIC int           gmp_pool_get_call_pid       (GmpPool                  *self,
                                                      GmpPoolCall              *call);
GMP_PUBLIC GVariant     *gmp_pool_list_workers       (GmpPool                  *self);

GMP_PUBLIC gpointer      gmp_pool_call_get_user_data (GmpPoolCall *self);
GMP_PUBLIC GVariant     *gmp_pool_call_get_value     (GmpPoolCall *self);
GMP_PUBLIC const GError *gmp_pool_call_get_error     (GmpPoolCall *self);
GMP_PUBLIC GVariant     *gmp_pool_call_get_report    (GmpPoolCall *self);
GMP_PUBLIC GmpFailure   *gmp_pool_call_get_failure   (GmpPoolCall *self);
GMP_PUBLIC gboolean      gmp_pool_call_is_left       (GmpPoolCall *self);
GMP_PUBLIC void          gmp_pool_call_unref         (GmpPoolCall *self);

#endif

G_END_DECLS
