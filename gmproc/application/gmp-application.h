/* gmp-application.h: what GmpWorkers and GmpClientServer have in common
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "report/gmp-failure.h"

G_BEGIN_DECLS

#define GMP_TYPE_APPLICATION (gmp_application_get_type ())
GMP_PUBLIC G_DECLARE_DERIVABLE_TYPE (GmpApplication, gmp_application, GMP, APPLICATION, GObject)

/**
 * GmpApplicationClass:
 * @parent_class: the parent class
 *
 * Nothing to override: what programs derive from is [class@Gmp.Workers] or
 * [class@Gmp.ClientServer].
 *
 * Since: 0.1
 */
struct _GmpApplicationClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer _reserved[8];
};

GMP_PUBLIC GPtrArray *gmp_application_get_failures (GmpApplication *self);

G_END_DECLS
