/* gmp-limit-private.h: which limit the kernel has met
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

const char *gmp_limit_describe (int code);

G_END_DECLS
