/* gmp-job-spec-private.h: what a worker is asked to do
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The arguments of org.gmproc.Worker1.Run that identify the code and its role. */
typedef struct {
  char *role;       /* "call", "client", "server" or "pool" */
  char *id;         /* a number in decimal for GmpWorkers; "server" for a server */
  char *label;      /* (nullable): what messages call it in place of the id */
  char *target;
  GVariant *params; /* (nullable) */
} GmpJobSpec;

void gmp_job_spec_init       (GmpJobSpec *self,
                              const char *role,
                              const char *id,
                              const char *target,
                              GVariant   *params);
void gmp_job_spec_copy       (GmpJobSpec       *self,
                              const GmpJobSpec *other);
const char *gmp_job_spec_get_label (const GmpJobSpec *self);
void gmp_job_spec_set_params (GmpJobSpec *self,
                              GVariant   *params);
void gmp_job_spec_clear      (GmpJobSpec *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GmpJobSpec, gmp_job_spec_clear)

G_END_DECLS
