/* gmp-lease-private.h: a received value where it lies, in a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-arena-private.h"

G_BEGIN_DECLS

GBytes *gmp_lease_new_bytes (GmpMemory       *memory,
                             const GmpBlock  *block,
                             GError         **error);

G_END_DECLS
