/* gmp-refusal-private.h: asynchronous calls that cannot begin
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void     gmp_refusal_report    (gpointer            source_object,
                                GAsyncReadyCallback callback,
                                gpointer            user_data,
                                GError             *error);

gboolean gmp_refusal_propagate (GAsyncResult       *result,
                                GError            **error);

G_END_DECLS
