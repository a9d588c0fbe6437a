/* gmp-entry-private.h: calls of virtual methods that a language may refuse
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* GJS refuses all calls from C while it collects garbage, which it may do in steps over many calls:
 * it logs that, and returns 0 or NULL, which looks like an answer. So its methods say that they
 * were entered; where none did, the collection is ended and the call made again. */
#define GMP_ENTER(result, method, ...)         \
  do                                           \
    result = method (__VA_ARGS__);             \
  while (gmp_entry_was_refused ((gpointer) method))

void     gmp_entry_mark        (void);
gboolean gmp_entry_was_refused (gpointer method);
void     gmp_entry_make_ready  (void);

G_END_DECLS
