/* gmp-bus-private.h: a GDBusConnection that carries the messages of any number of workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-agent-dbus.h"
#include "peer/gmp-message-stream-private.h"

G_BEGIN_DECLS

#define GMP_STREAM_INFO  ((GDBusInterfaceInfo *) &gmp_dbus_stream1_interface)
#define GMP_PROCESS_INFO ((GDBusInterfaceInfo *) &gmp_dbus_process1_interface)
#define GMP_AGENT_INFO   ((GDBusInterfaceInfo *) &gmp_dbus_agent1_interface)
#define GMP_AGENT_PATH   "/org/gmproc/Agent"

/* Of Hello. From 2 on, replies have a path, and the application calls TakeLines; from 3 on, several
 * lines are reported at a time. */
#define GMP_AGENT_PROTOCOL 3u

/* The lines of a worker's output that its agent sends ahead, before the application has reported
 * the first of them. The application counts them, and answers for each part of that number. */
#define GMP_LINES_AHEAD 1024u
#define GMP_LINES_PART  256u

#define GMP_TYPE_BUS (gmp_bus_get_type ())
G_DECLARE_FINAL_TYPE (GmpBus, gmp_bus, GMP, BUS, GObject)

#define GMP_TYPE_BUS_STREAM (gmp_bus_stream_get_type ())
G_DECLARE_FINAL_TYPE (GmpBusStream, gmp_bus_stream, GMP, BUS_STREAM, GmpMessageStream)

GDBusConnection *gmp_bus_get_connection (GmpBus *self);
void             gmp_bus_close          (GmpBus *self);
gboolean         gmp_bus_is_enabled     (gboolean is_worker);
void             gmp_bus_open_async     (GIOStream           *stream,
                                         GDBusConnectionFlags flags,
                                         GCancellable        *cancellable,
                                         GAsyncReadyCallback  callback,
                                         gpointer             user_data);
GmpBus          *gmp_bus_open_finish    (GAsyncResult *result,
                                         GError      **error);
GmpBus          *gmp_bus_open_sync      (GIOStream           *stream,
                                         GDBusConnectionFlags flags,
                                         GError             **error);
gboolean         gmp_bus_begin          (GError             **error);
GMainContext    *gmp_bus_get_context    (void);

GmpBusStream    *gmp_bus_stream_new     (GmpBus         *bus,
                                         const char     *path);
GmpMessageStream *gmp_bus_stream_new_single (GmpBus *bus);

/* For the two files of this type. */
void             gmp_bus_add            (GmpBus         *self,
                                         const char     *path,
                                         GmpBusStream   *stream);
void             gmp_bus_remove         (GmpBus         *self,
                                         const char     *path,
                                         GmpBusStream   *stream);
guint32          gmp_bus_next_serial    (GmpBus         *self);
gboolean         gmp_bus_send           (GmpBus         *self,
                                         GDBusMessage   *message,
                                         GError        **error);
void             gmp_bus_stream_take    (GmpBusStream   *self,
                                         GDBusMessage   *message);
void             gmp_bus_stream_lose    (GmpBusStream   *self);

G_END_DECLS
