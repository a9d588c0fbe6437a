/* gmp-remote-exchange-private.h: one command, and the wait for its state
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* The game's address and state. */
typedef struct
{
  char *name;             /* for errors: host and port */
  GInetAddress *address;  /* NULL until the host is looked up */
  guint output_port;
  GSocket *socket;        /* NULL until it is open */
  double timeout;
  guint max_size;
  gboolean has_answered;  /* since it last disappeared */
} GmpRemoteGame;

typedef struct _GmpRemoteExchange GmpRemoteExchange;

GmpRemoteExchange *gmp_remote_exchange_new           (GmpRemoteGame     *game,
                                                      const char        *command_name,
                                                      GString           *command);
void               gmp_remote_exchange_free          (GmpRemoteExchange *self);
gboolean           gmp_remote_exchange_begin         (GmpRemoteExchange *self,
                                                      GError           **error);
gboolean           gmp_remote_exchange_turn          (GmpRemoteExchange *self,
                                                      GVariant         **state,
                                                      GError           **error);
gboolean           gmp_remote_exchange_wait          (GmpRemoteExchange *self,
                                                      GCancellable      *cancellable,
                                                      GError           **error);
GSource           *gmp_remote_exchange_create_source (GmpRemoteExchange *self,
                                                      GCancellable      *cancellable);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpRemoteExchange, gmp_remote_exchange_free)

G_END_DECLS
