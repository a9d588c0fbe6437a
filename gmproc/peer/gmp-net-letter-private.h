/* gmp-net-letter-private.h: how a process gets its end of a connection to another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The length of a channel's name, a UUID, and of its token, which is random. */
#define GMP_NET_NAME_SIZE  ((gsize) 36)
#define GMP_NET_TOKEN_SIZE ((gsize) 64)

/* The credentials by which the two ends of a channel know each other. The certificate is the
 * server's: the server gets its key too, and the client accepts no other certificate. The token is
 * the client's proof, and valid once. */
typedef struct {
  gboolean is_server;
  char *certificate; /* PEM */
  char *token;
} GmpNetKey;

/* The contents: the socket, or the error that replaces it. */
typedef struct {
  GmpNetKey key;
  GSocketConnection *connection; /* (nullable) */
} GmpNetLetter;

gboolean gmp_net_key_read     (GmpNetKey    *self,
                               GVariant     *description);
void     gmp_net_key_clear    (GmpNetKey    *self);
void     gmp_net_letter_send  (int           fd,
                               const GmpNetKey *key,
                               GSocket      *socket,
                               const char   *reason);
gboolean gmp_net_letter_read  (GmpNetLetter *self,
                               GByteArray   *bytes,
                               int           fd,
                               GError      **error);
void     gmp_net_letter_clear (GmpNetLetter *self);

G_END_DECLS
