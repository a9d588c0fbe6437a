/* gmp-errand-private.h: work that takes time in proportion to a value, outside the main loop
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One thread does all errands, in their order. It runs no code of the user. */

typedef void (*GmpErrand) (gpointer data);

void     gmp_errand_begin             (GmpErrand      work,
                                       gpointer       data,
                                       GDestroyNotify release);
GSource *gmp_errand_begin_with_source (GmpErrand      work,
                                       gpointer       data,
                                       GDestroyNotify release,
                                       int            priority,
                                       GSourceFunc    done,
                                       gpointer       user_data);
gboolean gmp_errand_is_for            (GVariant      *value);
gboolean gmp_errand_is_here           (void);
void     gmp_errand_join_freed        (GVariant      *value);

G_END_DECLS
