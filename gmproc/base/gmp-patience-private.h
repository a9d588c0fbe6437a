/* gmp-patience-private.h: tries something again, for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*GmpPatienceFunc) (gpointer user_data);

typedef struct
{
  GmpPatienceFunc again;
  gpointer user_data;
  GSource *source; /* (nullable): of a pause */
  double pause;    /* in seconds, the next one; 0: there was none yet */
  gint64 end;      /* when it gives up */
} GmpPatience;

void     gmp_patience_init        (GmpPatience    *self,
                                   GmpPatienceFunc again,
                                   gpointer        user_data);
gboolean gmp_patience_begin_pause (GmpPatience *self,
                                   int          priority);
void     gmp_patience_hurry       (GmpPatience *self,
                                   int          priority);
void     gmp_patience_clear       (GmpPatience *self);

G_END_DECLS
