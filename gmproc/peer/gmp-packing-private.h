/* gmp-packing-private.h: packs and unpacks large payloads outside the main loop
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

typedef struct _GmpPacking GmpPacking;

GmpPacking *gmp_packing_begin (GVariant    *payload,
                               int          priority,
                               GSourceFunc  done,
                               gpointer     user_data);
void        gmp_packing_hurry (GmpPacking  *self);
gboolean    gmp_packing_get   (GmpPacking   *self,
                               GVariant    **packed,
                               GUnixFDList **handles,
                               GError      **error);
void        gmp_packing_free  (GmpPacking  *self);

typedef struct _GmpUnpacking GmpUnpacking;

GmpUnpacking *gmp_unpacking_begin  (GVariant     *packed,
                                    GUnixFDList  *handles,
                                    guint64       limit,
                                    int           priority,
                                    GSourceFunc   done,
                                    gpointer      user_data);
gboolean      gmp_unpacking_finish (GmpUnpacking *self,
                                    GVariant    **payload,
                                    GError      **error);
void          gmp_unpacking_free   (GmpUnpacking *self);

G_END_DECLS
