/* gmp-process-spec-private.h: a process that is wanted
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-options-private.h"

G_BEGIN_DECLS

/* The process to start, and the state of this process that it would inherit now. */
typedef struct {
  char *runtime;
  char **argv;
  GmpOptions *options;     /* of the run that it is for */
  char **environment;
  char *working_directory; /* (nullable): NULL if it no longer exists */
  gboolean is_ahead;       /* no run waits for the process yet */
  guint inner_threads;     /* for libraries that start a thread for each processor */
  /* For processes of this machine: */
  char *server_key; /* equal if forks of one process can serve two orders */
  char *spare_key;  /* equal if the same process, started ahead, can serve them */
} GmpProcessSpec;

GmpProcessSpec *gmp_process_spec_new                   (const char         *runtime,
                                                        const char * const *argv,
                                                        GmpOptions         *options,
                                                        guint               inner_threads);
GmpProcessSpec *gmp_process_spec_new_elsewhere         (const char         *runtime,
                                                        const char * const *argv,
                                                        GmpOptions         *options,
                                                        guint               inner_threads);
gboolean        gmp_process_spec_check_folder          (GmpProcessSpec *self,
                                                        GError        **error);
void            gmp_process_spec_free                  (GmpProcessSpec *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpProcessSpec, gmp_process_spec_free)

G_END_DECLS
