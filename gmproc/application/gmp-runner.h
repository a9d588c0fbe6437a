/* gmp-runner.h: the common base of GmpWorkers and GmpClientServer
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "report/gmp-failure.h"

G_BEGIN_DECLS

#define GMP_TYPE_RUNNER (gmp_runner_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpRunner, gmp_runner, GMP, RUNNER, GObject)

/**
 * GmpRunnerClass:
 * @parent_class: the parent class
 *
 * It has nothing to override. Programs derive from [class@Gmp.Workers] or [class@Gmp.ClientServer].
 *
 * Since: 0.1
 */
struct _GmpRunnerClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer _reserved[8];
};

GMP_PUBLIC GPtrArray *gmp_runner_get_failures (GmpRunner *self);
GMP_PUBLIC guint      gmp_runner_count_slots  (GmpRunner *self);

/* The former name. It was misleading: this is not a GApplication, and applications do not derive
 * from it. */
#ifndef __GI_SCANNER__
typedef GmpRunner GmpApplication G_GNUC_DEPRECATED_FOR (GmpRunner);

#define GMP_TYPE_APPLICATION GLIB_DEPRECATED_MACRO_FOR (GMP_TYPE_RUNNER) GMP_TYPE_RUNNER
#define GMP_APPLICATION(object) GLIB_DEPRECATED_MACRO_FOR (GMP_RUNNER) GMP_RUNNER (object)
#define GMP_IS_APPLICATION(object) GLIB_DEPRECATED_MACRO_FOR (GMP_IS_RUNNER) GMP_IS_RUNNER (object)
#define gmp_application_get_type GLIB_DEPRECATED_MACRO_FOR (gmp_runner_get_type) gmp_runner_get_type
#define gmp_application_get_failures \
  GLIB_DEPRECATED_MACRO_FOR (gmp_runner_get_failures) gmp_runner_get_failures
#endif

G_END_DECLS
