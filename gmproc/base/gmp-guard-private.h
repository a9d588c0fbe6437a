/* gmp-guard-private.h: calls of the user's methods and callbacks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-fork-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A call of a user method can return in two ways without an answer.
 *
 * In a worker, the method may have forked, and the child returns: it exits here, because worker and
 * channels belong to its parent.
 *
 * GJS refuses all calls from C while it collects garbage, possibly in steps over many calls: it
 * logs that, and returns 0 or NULL, which looks like an answer. GJS methods therefore report that
 * they were entered. If none did, the collection is finished and the call is made again. A method
 * may call others in the same way; the count at its end shows whether it was entered itself. */
#define GMP_GUARD(result, method, ...)                                    \
  do                                                                      \
    {                                                                     \
      guint before = gmp_guard_count ();                                  \
                                                                          \
      do                                                                  \
        result = method (__VA_ARGS__);                                    \
      while (gmp_guard_must_repeat ((gpointer) method, before));        \
    }                                                                     \
  while (0)

void        gmp_guard_set_worker    (const char *id);
const char *gmp_guard_get_worker    (void);
void        gmp_guard_end_forked    (void);
void        gmp_guard_mark          (void);
guint       gmp_guard_count         (void);
gboolean    gmp_guard_must_repeat   (gpointer    method,
                                     guint       before);
void        gmp_guard_make_ready    (void);
GTask      *gmp_guard_task_new      (gpointer            source_object,
                                     GCancellable       *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer            user_data);
gboolean    gmp_guard_collect       (void);
GVariant   *gmp_guard_take          (GVariant   *value);
gboolean    gmp_guard_succeeded     (GError     *local,
                                     GError    **error);

G_END_DECLS
