/* gmp-oom-private.h: whether the kernel kills processes for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

void     gmp_oom_begin    (void);
gboolean gmp_oom_explains (void);

G_END_DECLS
