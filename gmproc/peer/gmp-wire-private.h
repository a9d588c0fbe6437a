/* gmp-wire-private.h: D-Bus messages over a socket, without GDBus's threads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-worker-dbus.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define GMP_WORKER_PATH "/org/gmproc/Worker"
#define GMP_WORKER_INFO ((GDBusInterfaceInfo *) &gmp_dbus_worker1_interface)

typedef struct _GmpWire GmpWire;

gboolean      gmp_wire_socketpair    (int                  fds[2],
                                      GError             **error);
GmpWire      *gmp_wire_new           (int                  fd,
                                      GError             **error);
void          gmp_wire_free          (GmpWire             *self);
GSource      *gmp_wire_create_source (GmpWire             *self,
                                      int                  priority,
                                      GIOCondition         condition,
                                      GCancellable        *cancellable,
                                      GSocketSourceFunc    callback,
                                      gpointer             user_data);
gboolean      gmp_wire_is_foreign    (GmpWire             *self);
gboolean      gmp_wire_is_open       (GmpWire             *self);
guint64       gmp_wire_get_n_taken   (GmpWire             *self);
gsize         gmp_wire_get_n_waiting (GmpWire             *self);
int           gmp_wire_get_fd        (GmpWire             *self);
gboolean      gmp_wire_greet         (GmpWire             *self,
                                      GError             **error);
gboolean      gmp_wire_take_greeting (GmpWire             *self,
                                      GError             **error);
GDBusMessage *gmp_wire_receive       (GmpWire             *self,
                                      GError             **error);
gboolean      gmp_wire_send          (GmpWire             *self,
                                      GDBusMessage        *message,
                                      GError             **error);
gboolean      gmp_wire_post          (GmpWire             *self,
                                      GDBusMessage        *message);
gboolean      gmp_wire_flush         (GmpWire             *self);
gboolean      gmp_wire_has_unsent    (GmpWire             *self);

gboolean      gmp_wire_has_arguments (GDBusMessage        *message,
                                      GDBusArgInfo       **arguments);
char         *gmp_wire_limit_text    (const char          *text);
GError       *gmp_wire_read_error    (GDBusMessage        *reply);
GDBusMessage *gmp_wire_new_error     (GDBusMessage        *call,
                                      const GError        *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpWire, gmp_wire_free)

G_END_DECLS
