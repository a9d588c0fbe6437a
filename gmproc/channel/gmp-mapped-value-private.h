/* gmp-mapped-value-private.h: a received value inside a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-private-memory-private.h"
#include "channel/gmp-arena-private.h"

G_BEGIN_DECLS

/* The functions for gmp_private_memory_add_lent() of a GmpMemory's arena_in. */
extern const GmpPrivateMemoryFuncs gmp_mapped_value_memory_funcs;

GVariant *gmp_mapped_value_new_value (GmpMemory       *memory,
                                      const GmpBlock  *block,
                                      const char      *type,
                                      GError         **error);

G_END_DECLS
