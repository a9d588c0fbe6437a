/* gmp-peer-private.h: a D-Bus connection over a socket that both processes were given
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define GMP_CHANNEL_PATH      "/org/gmproc/Channel"
#define GMP_CHANNEL_INTERFACE "org.gmproc.Channel1"

gboolean         gmp_peer_socketpair     (int                  fds[2],
                                          GError             **error);
void             gmp_peer_greet          (int                  fd);
gboolean         gmp_peer_take_greeting  (GSocket             *socket,
                                          GCancellable        *cancellable,
                                          GError             **error);
void             gmp_peer_connect_async  (int                  fd,
                                          GCancellable        *cancellable,
                                          GAsyncReadyCallback  callback,
                                          gpointer             user_data);
GDBusConnection *gmp_peer_connect_finish (GAsyncResult        *result,
                                          GError             **error);

/* The end of a context that connections were made in: see the definition. */
void             gmp_peer_free_context   (GMainContext        *context);

G_END_DECLS
