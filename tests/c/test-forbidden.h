/* test-forbidden.h: calls of the system that a test forbids itself
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <linux/filter.h>

G_BEGIN_DECLS

void     gmp_test_set_filter        (struct sock_filter *filter,
                                     gsize               length);
void     gmp_test_forbid            (long                number);
void     gmp_test_forbid_by         (long                number,
                                     guint32             code);
gboolean gmp_test_is_in_own_process (const char         *path);

G_END_DECLS
