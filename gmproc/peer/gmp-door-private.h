/* gmp-door-private.h: where the clients of this machine's servers come in
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-net-letter-private.h"

G_BEGIN_DECLS

/* A client sends the name of its channel, in clear text, and is passed to the server at the other
 * end when there is one. A byte informs the client, and the two prove themselves by TLS
 * (GmpNetOpening). Strangers therefore get no further than this, and cost no handshake. If the
 * server is not there yet, another byte says so at once, and the client waits; when it is
 * disconnected, it connects again. So it can tell a door from whatever else listens.
 *
 * All functions are called in one thread, which has a main context. */
typedef struct _GmpDoor GmpDoor;

/* The bytes that distinguish such a client from whatever else connects to the same port. */
#define GMP_DOOR_MARK      "gmp1:"
#define GMP_DOOR_MARK_SIZE ((gsize) 5)
#define GMP_DOOR_GREETING_SIZE (GMP_DOOR_MARK_SIZE + GMP_NET_NAME_SIZE)

/* An agent begins with this mark and the name in the letter that it was given. */
#define GMP_AGENT_MARK "gmp2:"

#define GMP_DOOR_BEGIN 'b'
#define GMP_DOOR_WAIT  'w'

GmpDoor *gmp_door_new    (void);
void     gmp_door_free   (GmpDoor            *self);
gboolean gmp_door_listen (GmpDoor            *self,
                          guint16            *port,
                          GError            **error);
void     gmp_door_take   (GmpDoor            *self,
                          GSocketConnection  *connection);
void     gmp_door_expect (GmpDoor            *self,
                          const char         *name,
                          const GmpNetKey    *key,
                          int                 fd);

G_END_DECLS
