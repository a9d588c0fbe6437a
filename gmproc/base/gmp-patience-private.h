/* gmp-patience-private.h: tries something again, for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Zero it before the first use. */
typedef struct
{
  GSource *source; /* (nullable): tries again */
  double pause;    /* in seconds, before the next time; 0: there was none yet */
  gint64 end;      /* when it gives up */
} GmpPatience;

gboolean gmp_patience_begin_pause (GmpPatience *self,
                                   int          priority,
                                   GSourceFunc  again,
                                   gpointer     user_data);
void     gmp_patience_hurry       (GmpPatience *self,
                                   int          priority,
                                   GSourceFunc  again,
                                   gpointer     user_data);
void     gmp_patience_end_pause   (GmpPatience *self);
void     gmp_patience_clear       (GmpPatience *self);

G_END_DECLS
