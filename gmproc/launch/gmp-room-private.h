/* gmp-room-private.h: checks for descriptors and processes for another worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean gmp_room_allows     (int fd);
gboolean gmp_room_is_ample   (void);
gboolean gmp_room_await      (GSource *source);
gboolean gmp_room_is_wide    (void);
void     gmp_room_enter      (gboolean ends,
                              gboolean starts);
void     gmp_room_leave      (gboolean ends);
gboolean gmp_room_refuse     (gboolean ends);
void     gmp_room_promise    (int n);
GSource *gmp_room_source_new (void);

G_END_DECLS
