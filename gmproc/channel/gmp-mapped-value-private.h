/* gmp-mapped-value-private.h: a received value inside a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-normal-form-private.h"
#include "channel/gmp-arena-private.h"

G_BEGIN_DECLS

void    gmp_mapped_value_watch_memory (GmpMemory *memory);
GBytes *gmp_mapped_value_new_bytes    (GmpMemory         *memory,
                                       const GmpBlock    *block,
                                       const char        *type,
                                       GmpNormalFormLook *look,
                                       GError           **error);

G_END_DECLS
