/* gmp-receiver-private.h: takes values out of a ring, or sees them in blocks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"
#include "channel/gmp-memory-private.h"

G_BEGIN_DECLS

/* The receiving half of one end. Nothing that it receives is trusted. */
typedef struct _GmpReceiver GmpReceiver;

GmpReceiver     *gmp_receiver_new   (GmpMemory    *memory,
                                     int           bell,
                                     GmpChannel   *channel);
void             gmp_receiver_free  (GmpReceiver *self);
GmpChannelStatus gmp_receiver_take  (GmpReceiver  *self,
                                     guint64       limit,
                                     guint8       *tag,
                                     GVariant    **payload,
                                     GError      **error);
gboolean         gmp_receiver_sleep (GmpReceiver *self);
void             gmp_receiver_wake  (GmpReceiver *self);
GError          *gmp_receiver_error (const char   *what);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpReceiver, gmp_receiver_free)

G_END_DECLS
