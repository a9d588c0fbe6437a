/* gmp-doorbell-private.h: wakes a thread, or a main loop, that waits for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An eventfd: any thread or process that holds it may ring, one side waits. */
typedef struct _GmpDoorbell GmpDoorbell;

GmpDoorbell *gmp_doorbell_new           (GError      **error);
GmpDoorbell *gmp_doorbell_ref           (GmpDoorbell  *self);
void         gmp_doorbell_unref         (GmpDoorbell  *self);
void         gmp_doorbell_ring          (GmpDoorbell  *self);
void         gmp_doorbell_clear         (GmpDoorbell  *self);
void         gmp_doorbell_wait          (GmpDoorbell  *self,
                                         GCancellable *stop);
GSource     *gmp_doorbell_create_source (GmpDoorbell  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpDoorbell, gmp_doorbell_unref)

G_END_DECLS
