/* gmp-job-spec.c: what a worker is asked to do
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-job-spec-private.h"

/* @target and @params are nullable. It takes ownership of nothing. */
void
gmp_job_spec_init (GmpJobSpec *self,
                   const char *role,
                   const char *id,
                   const char *target,
                   GVariant   *params)
{
  *self = (GmpJobSpec) {
    .role = g_strdup (role),
    .id = g_strdup (id),
    .target = g_strdup (target),
    .params = params != NULL ? g_variant_ref (params) : NULL,
  };
}

void
gmp_job_spec_copy (GmpJobSpec       *self,
                   const GmpJobSpec *other)
{
  gmp_job_spec_init (self, other->role, other->id, other->target, other->params);
  self->label = g_strdup (other->label);
}

const char *
gmp_job_spec_get_label (const GmpJobSpec *self)
{
  return self->label != NULL ? self->label : self->id;
}

void
gmp_job_spec_set_params (GmpJobSpec *self,
                         GVariant   *params)
{
  if (params != NULL)
    g_variant_ref (params);
  g_clear_pointer (&self->params, g_variant_unref);
  self->params = params;
}

void
gmp_job_spec_clear (GmpJobSpec *self)
{
  g_clear_pointer (&self->role, g_free);
  g_clear_pointer (&self->id, g_free);
  g_clear_pointer (&self->label, g_free);
  g_clear_pointer (&self->target, g_free);
  g_clear_pointer (&self->params, g_variant_unref);
}
