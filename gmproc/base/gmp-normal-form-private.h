/* gmp-normal-form-private.h: checks that bytes are a GVariant in normal form
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* The longest type of a value, and of what is in a variant: GLib's description of a type is many
 * times as large. */
#define GMP_NORMAL_FORM_TYPE_MAX ((gsize) 16 * 1024)

/* Called with bytes that are about to be read. */
typedef void (*GmpNormalFormLook) (const guint8 *data,
                                   gsize         size);

const char *gmp_normal_form_find_fault (const char        *type,
                                        gconstpointer      data,
                                        gsize              size,
                                        GmpNormalFormLook  look);

G_END_DECLS
