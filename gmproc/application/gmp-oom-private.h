/* gmp-oom-private.h: whether the kernel kills processes for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the kernel had counted when a worker began, and where. Cleared by gmp_oom_mark_clear(). */
typedef struct {
  char *groups; /* (nullable): those that it counts for, as the kernel tells them */
  char *path;   /* (nullable): it counts nothing */
  guint64 count;
} GmpOomMark;

void     gmp_oom_mark_begin    (GmpOomMark       *self);
void     gmp_oom_mark_follow   (GmpOomMark       *self,
                                int               pid);
gboolean gmp_oom_mark_explains (const GmpOomMark *self);
void     gmp_oom_mark_clear    (GmpOomMark       *self);

G_END_DECLS
