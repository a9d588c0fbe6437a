/* gmp-time-limit-private.h: a limit of time that a process which was stopped does not use up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All times are in microseconds, and monotonic. */
typedef struct {
  gint64 step;
  gint64 end; /* of the step; -1 for a limit that never comes */
  guint n_left;
  gboolean was_late;
} GmpTimeLimit;

void     gmp_time_limit_begin       (GmpTimeLimit *self,
                                     gint64        duration,
                                     gint64        now);
gboolean gmp_time_limit_continues   (GmpTimeLimit *self,
                                     gint64        now);
void     gmp_time_limit_repeat      (GmpTimeLimit *self,
                                     gint64        now);
gint64   gmp_time_limit_get_elapsed (const GmpTimeLimit *self);

G_END_DECLS
