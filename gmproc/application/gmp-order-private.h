/* gmp-order-private.h: a process that is wanted
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-options-private.h"

G_BEGIN_DECLS

/* What is started, and all of this process that it would inherit now. */
typedef struct {
  char *runtime;
  char **argv;
  GmpOptions *options;     /* of the run that it is for */
  char **environment;
  char *working_directory; /* (nullable): it is gone */
  guint inner_threads;     /* for libraries that start a thread for each processor */
  char *server_key; /* equal where two orders can be met by forks of one process */
  char *spare_key;  /* equal where they can be met by the same process, started ahead */
} GmpOrder;

GmpOrder *gmp_order_new                   (const char         *runtime,
                                           const char * const *argv,
                                           GmpOptions         *options,
                                           guint               inner_threads);
gboolean  gmp_order_check_folder          (GmpOrder           *self,
                                           GError            **error);
void      gmp_order_free                  (GmpOrder           *self);
char     *gmp_order_describe_surroundings (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpOrder, gmp_order_free)

G_END_DECLS
