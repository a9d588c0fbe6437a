/* gmp-doorbell-private.h: wakes a thread, or a main loop, that waits for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* One side waits. Any thread of this process may ring; other processes ring through the watched
 * descriptors, their own eventfds and sockets. A ring while no thread waits is kept for the next
 * wait. */
typedef struct _GmpDoorbell GmpDoorbell;

/* A watched descriptor. The waiting side sets @has_rung, and reports @key if that is not 0. */
typedef struct {
  gboolean has_rung;
  guint key;
} GmpBell;

GmpDoorbell *gmp_doorbell_new    (GError      **error);
GmpDoorbell *gmp_doorbell_ref    (GmpDoorbell *self);
void         gmp_doorbell_unref  (GmpDoorbell *self);
void         gmp_doorbell_ring   (GmpDoorbell *self);
gboolean     gmp_doorbell_listen (GmpDoorbell  *self,
                                  int           fd,
                                  guint32       events,
                                  GmpBell      *bell);
void         gmp_doorbell_forget (GmpDoorbell  *self,
                                  int           fd);
gboolean     gmp_doorbell_wait   (GmpDoorbell  *self,
                                  int           limit);
gboolean     gmp_doorbell_check  (GmpDoorbell  *self,
                                  GError      **error);
guint        gmp_doorbell_take_key (GmpDoorbell *self);
int          gmp_doorbell_get_fd (GmpDoorbell *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpDoorbell, gmp_doorbell_unref)

G_END_DECLS
