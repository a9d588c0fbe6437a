/* gmp-message-stream-private.h: D-Bus messages, to and from another process
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

/* The carrier of a worker's D-Bus messages: a socket to a process of this machine
 * (GmpSocketStream), or a GDBusConnection (GmpBusStream).
 *
 * create_source: a source whose callback is a GSocketSourceFunc, with or without a socket.
 * attach:        attaches such a source to a main context, which outlives it.
 * is_open:       TRUE if the other end is connected.
 * get_n_taken:   the bytes of the messages that have been taken.
 * get_n_waiting: the bytes that have arrived and were not taken.
 * receive:       takes a message, without waiting: NULL without an error if none has arrived.
 * send:          sends a message, and waits while the other end does not read. In any thread.
 * post:          sends as much as there is room for, and keeps the rest; TRUE if everything that
 *                can be sent has been sent.
 * flush:         the same for kept messages.
 *
 * A message that has a serial keeps it. */

#define GMP_TYPE_MESSAGE_STREAM (gmp_message_stream_get_type ())
G_DECLARE_DERIVABLE_TYPE (GmpMessageStream, gmp_message_stream, GMP, MESSAGE_STREAM, GObject)

struct _GmpMessageStreamClass
{
  GObjectClass parent_class;

  GSource      *(*create_source) (GmpMessageStream *self,
                                  GIOCondition      condition,
                                  GCancellable     *cancellable);
  void          (*attach)        (GmpMessageStream *self,
                                  GSource          *source,
                                  GMainContext     *context);
  gboolean      (*is_open)       (GmpMessageStream *self);
  guint64       (*get_n_taken)   (GmpMessageStream *self);
  gsize         (*get_n_waiting) (GmpMessageStream *self);
  GDBusMessage *(*receive)       (GmpMessageStream *self,
                                  GError          **error);
  gboolean      (*send)          (GmpMessageStream *self,
                                  GDBusMessage     *message,
                                  GError          **error);
  gboolean      (*post)          (GmpMessageStream *self,
                                  GDBusMessage     *message);
  gboolean      (*flush)         (GmpMessageStream *self);
  gboolean      (*has_unsent)    (GmpMessageStream *self);
};

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

G_END_DECLS
