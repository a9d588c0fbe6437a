/* gmp-sender-private.h: puts values into a ring, or into blocks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-arena-private.h"

G_BEGIN_DECLS

/* The sending half of one end. Payloads without room are kept and sent later, in order. */
typedef struct _GmpSender GmpSender;

GmpSender *gmp_sender_new           (GmpMemory  *memory,
                                     int         bell);
GmpSender *gmp_sender_ref           (GmpSender *self);
void       gmp_sender_unref         (GmpSender *self);
void       gmp_sender_store         (GmpSender *self,
                                     GVariant  *value);
void       gmp_sender_send          (GmpSender  *self,
                                     guint8      tag,
                                     GVariant   *payload);
gboolean   gmp_sender_has_woken     (GmpSender *self);
gboolean   gmp_sender_send_unsent   (GmpSender *self);
gboolean   gmp_sender_has_unsent    (GmpSender *self);
void       gmp_sender_drop_unsent   (GmpSender *self);
gboolean   gmp_sender_wait_for_room (GmpSender *self);
gboolean   gmp_sender_is_broken     (GmpSender *self);
void       gmp_sender_trim          (GmpSender *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpSender, gmp_sender_unref)

G_END_DECLS
