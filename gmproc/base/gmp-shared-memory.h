/* gmp-shared-memory.h: memory that several processes read and write
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/**
 * GmpSharedMemoryClass:
 * @parent_class: the parent class
 *
 * The class of a final type.
 *
 * Since: 0.1
 */

#define GMP_TYPE_SHARED_MEMORY (gmp_shared_memory_get_type ())
GMP_PUBLIC G_DECLARE_FINAL_TYPE (GmpSharedMemory, gmp_shared_memory, GMP, SHARED_MEMORY, GObject)

GMP_PUBLIC GmpSharedMemory *gmp_shared_memory_new          (gsize            size,
                                                            GError         **error);
GMP_PUBLIC GmpSharedMemory *gmp_shared_memory_from_variant (GVariant        *variant,
                                                            GError         **error);
GMP_PUBLIC GVariant        *gmp_shared_memory_to_variant   (GmpSharedMemory *self);
GMP_PUBLIC gsize            gmp_shared_memory_get_size     (GmpSharedMemory *self);
GMP_PUBLIC gpointer         gmp_shared_memory_get_data     (GmpSharedMemory *self);
GMP_PUBLIC GBytes          *gmp_shared_memory_get_bytes    (GmpSharedMemory *self);

G_END_DECLS
