/* gmp-net-opening-private.h: a connection to another machine, until it can be used
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-doorbell-private.h"

G_BEGIN_DECLS

/* Waits for the letter (GmpNetLetter) that brings a socket, does the handshake, and checks the
 * token; all of it in the thread of gmp_bus_get_context(). */
typedef struct _GmpNetOpening GmpNetOpening;

GmpNetOpening *gmp_net_opening_new     (int            fd,
                                        GError       **error);
void           gmp_net_opening_watch   (GmpNetOpening *self,
                                        GmpDoorbell   *doorbell);
gboolean       gmp_net_opening_is_done (GmpNetOpening *self);
GIOStream     *gmp_net_opening_finish  (GmpNetOpening *self,
                                        GError       **error);
void           gmp_net_opening_free    (GmpNetOpening *self);

G_END_DECLS
