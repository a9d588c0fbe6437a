/* gmp-mapped-value-private.h: a received value inside a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-arena-private.h"

G_BEGIN_DECLS

void      gmp_mapped_value_watch_memory (GmpMemory *memory);
GVariant *gmp_mapped_value_new_value    (GmpMemory       *memory,
                                         const GmpBlock  *block,
                                         const char      *type,
                                         GError         **error);

G_END_DECLS
