/* gmp-thread-private.h: threads and main contexts of the library's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <pthread.h>

G_BEGIN_DECLS

gboolean      gmp_thread_start       (pthread_t   *thread,
                                      const char  *name,
                                      GThreadFunc  function,
                                      gpointer     data,
                                      GError     **error);

gboolean      gmp_thread_try         (GError     **error);

gboolean      gmp_thread_begin       (GError     **error);

GMainContext *gmp_thread_context_new (GError     **error);

G_END_DECLS
