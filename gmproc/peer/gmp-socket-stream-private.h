/* gmp-socket-stream-private.h: D-Bus messages over a socket, without GDBus's threads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-message-stream-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_SOCKET_STREAM (gmp_socket_stream_get_type ())
G_DECLARE_FINAL_TYPE (GmpSocketStream, gmp_socket_stream, GMP, SOCKET_STREAM, GmpMessageStream)

GmpSocketStream *gmp_socket_stream_new           (int      fd,
                                                  GError **error);
int              gmp_socket_stream_get_fd        (GmpSocketStream *self);
gboolean         gmp_socket_stream_greet         (GmpSocketStream *self,
                                                  GError         **error);
gboolean         gmp_socket_stream_take_greeting (GmpSocketStream *self,
                                                  GError         **error);
GSocket         *gmp_socket_stream_steal_socket  (GmpSocketStream *self);

G_END_DECLS
