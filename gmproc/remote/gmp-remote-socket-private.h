/* gmp-remote-socket-private.h: the datagrams between an environment and its game
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* The result of looking for a datagram. */
typedef enum {
  GMP_REMOTE_NOTHING,   /* nothing has arrived */
  GMP_REMOTE_DATAGRAM,  /* one from the game's host */
  GMP_REMOTE_FOREIGN,   /* one from another host */
  GMP_REMOTE_REFUSED,   /* the game's host has refused a command: nothing listens there */
  GMP_REMOTE_ERROR
} GmpRemoteFound;

GSocket        *gmp_remote_socket_new     (GInetAddress  *address,
                                           guint          input_port,
                                           GError       **error);
gboolean        gmp_remote_socket_drain   (GSocket       *socket);
gboolean        gmp_remote_socket_send    (GSocket       *socket,
                                           GInetAddress  *address,
                                           guint          output_port,
                                           const GString *command,
                                           gboolean      *is_refused,
                                           GError       **error);
GmpRemoteFound  gmp_remote_socket_receive (GSocket       *socket,
                                           GInetAddress  *address,
                                           char          *buffer,
                                           gsize          size,
                                           gsize         *received,
                                           GError       **error);

G_END_DECLS
