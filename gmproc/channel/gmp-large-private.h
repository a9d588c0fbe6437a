/* gmp-large-private.h: a large value that another thread prepares for a channel
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-doorbell-private.h"
#include "channel/gmp-sender-private.h"
#include "channel/gmp-value-private.h"

G_BEGIN_DECLS

/* A received value that is checked, or one that is serialised and copied before it is sent. The
 * doorbell rings when that is done. */
typedef struct _GmpLarge GmpLarge;

GmpLarge *gmp_large_new_received (const char        *type,
                                  GBytes            *bytes,
                                  GmpNormalFormLook  look,
                                  GmpDoorbell       *doorbell);
GmpLarge *gmp_large_new_sent     (GVariant          *value,
                                  guint8             tag,
                                  guint64            limit,
                                  GmpSender         *sender,
                                  GmpDoorbell       *doorbell);
gboolean  gmp_large_is_sent      (GmpLarge *self);
gboolean  gmp_large_is_done      (GmpLarge *self);
guint8    gmp_large_get_tag      (GmpLarge *self);
GVariant *gmp_large_finish       (GmpLarge  *self,
                                  GError   **error);
void      gmp_large_free         (GmpLarge *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpLarge, gmp_large_free)

G_END_DECLS
