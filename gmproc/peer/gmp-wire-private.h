/* gmp-wire-private.h: D-Bus messages over a socket, without GDBus's threads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _GmpWire GmpWire;

GmpWire      *gmp_wire_new           (int                  fd,
                                      GError             **error);
void          gmp_wire_free          (GmpWire             *self);
int           gmp_wire_get_fd        (GmpWire             *self);
gboolean      gmp_wire_take_greeting (GmpWire             *self,
                                      GError             **error);
GDBusMessage *gmp_wire_receive       (GmpWire             *self,
                                      GError             **error);
gboolean      gmp_wire_send          (GmpWire             *self,
                                      GDBusMessage        *message,
                                      GError             **error);

gboolean      gmp_wire_has_arguments (GDBusMessage        *message,
                                      GDBusArgInfo       **arguments);
GDBusMessage *gmp_wire_new_error     (GDBusMessage        *call,
                                      const GError        *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpWire, gmp_wire_free)

G_END_DECLS
