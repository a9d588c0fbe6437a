/* gmp-host.h: the worker's side of a process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "worker/gmp-worker.h"

G_BEGIN_DECLS

#define GMP_TYPE_HOST (gmp_host_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpHost, gmp_host, GMP, HOST, GObject)

/**
 * GmpHostClass:
 * @parent_class: the parent class
 * @call: calls a function
 * @build: makes a server or a client
 * @load: loads what workers will need, in a process that will be forked
 * @fork: forks it
 * @prepare: loads what a job needs
 * @release: lets go of what a job has had
 *
 * The methods with which a runtime finds and runs its code.
 *
 * Since: 0.1
 */
struct _GmpHostClass
{
  GObjectClass parent_class;

  GVariant  *(*call)  (GmpHost    *self,
                       const char *description,
                       const char *id,
                       GVariant   *params,
                       GError    **error);
  GmpWorker *(*build) (GmpHost    *self,
                       const char *description,
                       const char *id,
                       GError    **error);
  gboolean   (*load)  (GmpHost    *self,
                       GVariant   *what,
                       GError    **error);
  int        (*fork)  (GmpHost    *self,
                       GError    **error);
  gboolean   (*prepare) (GmpHost    *self,
                         const char *description,
                         const char *id,
                         GVariant   *params,
                         GError    **error);
  gboolean   (*release) (GmpHost    *self,
                         GError    **error);

  /*< private >*/
  gpointer _reserved[4];
};

GMP_PUBLIC gboolean gmp_host_is_worker (void);
GMP_PUBLIC int      gmp_host_run       (GmpHost *self);

GMP_PUBLIC gboolean gmp_host_check_fork     (GmpHost             *self,
                                             GError             **error);
GMP_PUBLIC GVariant *gmp_host_call_instance (GmpHost             *self,
                                             GObject             *instance,
                                             const char          *id,
                                             GVariant            *params,
                                             GError             **error);
GMP_PUBLIC void     gmp_host_end_forked     (void);
GMP_PUBLIC void     gmp_host_exit           (int          status);
GMP_PUBLIC void     gmp_host_report_modules (GmpHost             *self,
                                             const char * const  *names);
GMP_PUBLIC void     gmp_host_report_slow    (GmpHost             *self,
                                             const char * const  *names);

G_END_DECLS
