/* gmp-source-private.h: sources that an object has for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

GSource *gmp_source_attach        (GSource      *source,
                                   int           priority,
                                   GSourceFunc   callback,
                                   gpointer      user_data);
GSource *gmp_source_attach_limit  (double        seconds,
                                   int           priority,
                                   GSourceFunc   callback,
                                   gpointer      user_data);
GSource *gmp_source_new_cancel    (GCancellable *cancellable);
void     gmp_source_add_cancel    (GSource      *source,
                                   GCancellable *cancellable);
GSource *gmp_source_attach_cancel (GCancellable *cancellable,
                                   int           priority,
                                   GSourceFunc   callback,
                                   gpointer      user_data);
void     gmp_source_clear         (GSource     **place);

G_END_DECLS
