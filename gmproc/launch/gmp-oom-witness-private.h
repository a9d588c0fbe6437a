/* gmp-oom-witness-private.h: detects kills by the kernel for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The kernel's count when a worker started, and its place. gmp_oom_witness_clear() frees it. */
typedef struct {
  char *groups; /* (nullable): the control groups that it counts for, as the kernel lists them */
  char *path;   /* (nullable): NULL if there is no count */
  guint64 count;
} GmpOomWitness;

void     gmp_oom_witness_begin    (GmpOomWitness *self);
void     gmp_oom_witness_follow   (GmpOomWitness *self,
                                   int            pid);
gboolean gmp_oom_witness_explains (const GmpOomWitness *self);
void     gmp_oom_witness_clear    (GmpOomWitness *self);

G_END_DECLS
