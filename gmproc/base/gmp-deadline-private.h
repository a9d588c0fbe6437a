/* gmp-deadline-private.h: limits of time, of which there may be many
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GmpDeadline GmpDeadline;

GmpDeadline *gmp_deadline_new   (double        seconds,
                                 int           priority,
                                 GSourceFunc   callback,
                                 gpointer      user_data);
void         gmp_deadline_clear (GmpDeadline **place);

G_END_DECLS
