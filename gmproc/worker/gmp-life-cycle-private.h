/* gmp-life-cycle-private.h: the two loops of a client-server application, over a channel
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"
#include "worker/gmp-client-worker.h"
#include "worker/gmp-server-worker.h"

G_BEGIN_DECLS

typedef struct {
  gboolean resends;       /* a request whose server is restarted; otherwise the client fails */
  gboolean was_restarted; /* it fails if the server is done before its first answer */
} GmpClientRules;

/* @stop ends the loop at its next turn: with finish, or with an error if @cancellable is cancelled
 * as well. */
GVariant *gmp_life_cycle_run_server (GmpServerWorker        *server,
                                     GVariant               *params,
                                     GmpInbox               *inbox,
                                     GCancellable           *stop,
                                     GCancellable           *cancellable,
                                     GError                **error);
GVariant *gmp_life_cycle_run_client (GmpClientWorker        *client,
                                     GVariant               *params,
                                     GmpInbox               *inbox,
                                     GmpClientRules          rules,
                                     GCancellable           *stop,
                                     GCancellable           *cancellable,
                                     GError                **error);

G_END_DECLS
