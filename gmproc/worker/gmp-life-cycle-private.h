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

/* @stop ends the loop at its next turn: with finish, or with an error if @cancellable is cancelled
 * as well. A client that waits for an answer when its server is restarted sends its request again
 * if it @resends, and fails otherwise. */
GVariant *gmp_life_cycle_run_server (GmpServerWorker        *server,
                                     GVariant               *params,
                                     GmpInbox               *inbox,
                                     GCancellable           *stop,
                                     GCancellable           *cancellable,
                                     GError                **error);
GVariant *gmp_life_cycle_run_client (GmpClientWorker        *client,
                                     GVariant               *params,
                                     GmpInbox               *inbox,
                                     gboolean                resends,
                                     GCancellable           *stop,
                                     GCancellable           *cancellable,
                                     GError                **error);

G_END_DECLS
