/* gmp-guard-private.h: calls of the user's methods
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-fork-private.h"

G_BEGIN_DECLS

/* Two things may come back from a call of the user's method that are no answer.
 *
 * In a worker, a process that the method has forked: it ends there, for worker and channels are its
 * parent's.
 *
 * GJS refuses all calls from C while it collects garbage, which it may do in steps over many calls:
 * it logs that, and returns 0 or NULL, which looks like an answer. So its methods say that they
 * were entered; where none did, the collection is ended and the call made again. A method may call
 * others in the same way: what it has entered itself shows at its end. */
#define GMP_GUARD(result, method, ...)                                    \
  do                                                                      \
    {                                                                     \
      guint before = gmp_guard_count ();                                  \
                                                                          \
      do                                                                  \
        result = method (__VA_ARGS__);                                    \
      while (gmp_guard_is_made_again ((gpointer) method, before));        \
    }                                                                     \
  while (0)

void        gmp_guard_set_worker    (const char *id);
const char *gmp_guard_get_worker    (void);
void        gmp_guard_end_forked    (void);
void        gmp_guard_mark          (void);
guint       gmp_guard_count         (void);
gboolean    gmp_guard_is_made_again (gpointer    method,
                                     guint       before);
void        gmp_guard_make_ready    (void);

G_END_DECLS
