/* gmp-message-stream-private.h: D-Bus messages over a socket, without GDBus's threads
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

typedef struct _GmpMessageStream GmpMessageStream;

GmpMessageStream *gmp_message_stream_new           (int      fd,
                                                    GError **error);
void              gmp_message_stream_free          (GmpMessageStream *self);
GSource          *gmp_message_stream_create_source (GmpMessageStream *self,
                                                    int               priority,
                                                    GIOCondition      condition,
                                                    GCancellable     *cancellable,
                                                    GSocketSourceFunc callback,
                                                    gpointer          user_data);
gboolean          gmp_message_stream_is_foreign    (GmpMessageStream *self);
gboolean          gmp_message_stream_is_open       (GmpMessageStream *self);
guint64           gmp_message_stream_get_n_taken   (GmpMessageStream *self);
gsize             gmp_message_stream_get_n_waiting (GmpMessageStream *self);
int               gmp_message_stream_get_fd        (GmpMessageStream *self);
gboolean          gmp_message_stream_greet         (GmpMessageStream *self,
                                                    GError          **error);
gboolean          gmp_message_stream_take_greeting (GmpMessageStream *self,
                                                    GError          **error);
GDBusMessage     *gmp_message_stream_receive       (GmpMessageStream *self,
                                                    GError          **error);
gboolean          gmp_message_stream_send          (GmpMessageStream *self,
                                                    GDBusMessage     *message,
                                                    GError          **error);
gboolean          gmp_message_stream_post          (GmpMessageStream *self,
                                                    GDBusMessage     *message);
gboolean          gmp_message_stream_flush         (GmpMessageStream *self);
gboolean          gmp_message_stream_has_unsent    (GmpMessageStream *self);

gboolean      gmp_message_stream_has_arguments (GDBusMessage  *message,
                                                GDBusArgInfo **arguments);
char         *gmp_message_stream_limit_text    (const char *text);
GError       *gmp_message_stream_read_error    (GDBusMessage *reply);
GDBusMessage *gmp_message_stream_new_error     (GDBusMessage *call,
                                                const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpMessageStream, gmp_message_stream_free)

G_END_DECLS
