/* gmp-net-letter-private.h: how a process gets its end of a connection to another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How many characters the name of a channel has, a UUID; and its token, which is random bits. */
#define GMP_NET_NAME_SIZE  ((gsize) 36)
#define GMP_NET_TOKEN_SIZE ((gsize) 64)

/* By what the two ends of a channel know each other. The certificate is the server's: with its key
 * for the server, and without it for the client, who accepts no other. The token is the client's
 * proof, and good once. */
typedef struct {
  gboolean is_server;
  char *certificate; /* PEM */
  char *token;
} GmpNetKey;

/* What came: the socket, or the error by which there is none. */
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
