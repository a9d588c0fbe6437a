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

/* A server's life cycle for whoever has its methods: a GmpServerWorker in its process, where one
 * waits in the loop, or the application, which serves on its main loop a message at a time. Only
 * *error tells that a method failed. */
typedef struct {
  gboolean  (*start)         (gpointer      self,
                              GVariant     *params,
                              GError      **error);
  GVariant *(*process)       (gpointer      self,
                              const char   *client_id,
                              GVariant     *request,
                              GError      **error);
  gboolean  (*wait)          (gpointer      self,
                              GError      **error);
  gboolean  (*done)          (gpointer      self,
                              GError      **error);
  GVariant *(*finish)        (gpointer      self,
                              GError      **error);
  gboolean  (*client_failed) (gpointer      self,
                              const char   *client_id,
                              const GError *reason,
                              GError      **error);
} GmpServerMethods;

gboolean  gmp_life_cycle_start      (const GmpServerMethods *methods,
                                     gpointer                server,
                                     GVariant               *params,
                                     GError                **error);
gboolean  gmp_life_cycle_is_done    (const GmpServerMethods *methods,
                                     gpointer                server,
                                     GmpInbox               *inbox,
                                     GError                **error);
gboolean  gmp_life_cycle_respond    (const GmpServerMethods *methods,
                                     gpointer                server,
                                     GmpMail                *mail,
                                     GError                **error);
gboolean  gmp_life_cycle_tell_end   (const GmpServerMethods *methods,
                                     gpointer                server,
                                     GmpMail                *mail,
                                     GError                **error);
GVariant *gmp_life_cycle_finish     (const GmpServerMethods *methods,
                                     gpointer                server,
                                     GmpInbox               *inbox,
                                     GError                **error);
void      gmp_life_cycle_abandon    (GmpInbox               *inbox,
                                     const GError           *reason);

/* @stop ends the loop at its next turn: with finish, or with an error if @cancellable is cancelled
 * as well. A client that waits for an answer when its server is restarted asks again where it
 * @resends, and fails otherwise. */
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
