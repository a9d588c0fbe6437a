/* gmp-life-cycle.c: the two loops of a client-server application, over a channel
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-life-cycle-private.h"

#include "base/gmp-error.h"
#include "worker/gmp-worker-private.h"

/* Methods of the user are free to return a floating variant. */
static GVariant *
take (GVariant *value)
{
  return value != NULL ? g_variant_take_ref (value) : NULL;
}

/* Moves @local to @error; language bindings return FALSE where the user returned nothing, so that
 * alone is no failure. */
static gboolean
succeeded (GError  *local,
           GError **error)
{
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

gboolean
gmp_life_cycle_start (const GmpServerMethods *methods,
                      gpointer                server,
                      GVariant               *params,
                      GError                **error)
{
  GError *local = NULL;

  methods->start (server, params, &local);
  return succeeded (local, error);
}

/* %TRUE also with an error set. */
gboolean
gmp_life_cycle_is_done (const GmpServerMethods *methods,
                        gpointer                server,
                        GmpInbox               *inbox,
                        GError                **error)
{
  GError *local = NULL;
  gboolean done = methods->done (server, &local);

  /* Without clients no request can come: a loop that waited for one would never end. */
  return !succeeded (local, error) || done || gmp_inbox_get_n_open (inbox) == 0;
}

/* One turn: the request in @mail, its response, wait. */
gboolean
gmp_life_cycle_respond (const GmpServerMethods *methods,
                        gpointer                server,
                        GmpMail                *mail,
                        GError                **error)
{
  g_autoptr (GVariant) response = NULL;
  GError *local = NULL;

  response = take (methods->process (server, mail->id, mail->payload, &local));
  if (!succeeded (local, error) || !gmp_channel_send (mail->channel, response, error))
    return FALSE;
  methods->wait (server, &local);
  return succeeded (local, error);
}

GVariant *
gmp_life_cycle_finish (const GmpServerMethods *methods,
                       gpointer                server,
                       GmpInbox               *inbox,
                       GError                **error)
{
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_SERVER_DONE,
                                                   "The server is done, and answers no more");
  GError *local = NULL;

  gmp_inbox_close_all (inbox, reason);
  result = take (methods->finish (server, &local));
  return succeeded (local, error) ? g_steal_pointer (&result) : NULL;
}

/* Ends the clients' requests when the server has failed. */
void
gmp_life_cycle_abandon (GmpInbox     *inbox,
                        const GError *reason)
{
  g_autoptr (GError) told = g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED, "The server failed: %s",
                                         reason->message);

  gmp_inbox_close_all (inbox, told);
}

static gboolean
server_start (gpointer  self,
              GVariant *params,
              GError  **error)
{
  return GMP_WORKER_GET_CLASS (self)->start (self, params, error);
}

static GVariant *
server_process (gpointer    self,
                const char *client_id,
                GVariant   *request,
                GError    **error)
{
  return GMP_SERVER_WORKER_GET_CLASS (self)->process (self, client_id, request, error);
}

static gboolean
server_wait (gpointer self,
             GError **error)
{
  return GMP_WORKER_GET_CLASS (self)->wait (self, error);
}

static gboolean
server_done (gpointer self,
             GError **error)
{
  return GMP_WORKER_GET_CLASS (self)->done (self, error);
}

static GVariant *
server_finish (gpointer self,
               GError **error)
{
  return GMP_WORKER_GET_CLASS (self)->finish (self, error);
}

static const GmpServerMethods server_methods = {
  server_start, server_process, server_wait, server_done, server_finish,
};

static gboolean
serve (GmpServerWorker *server,
       GmpInbox        *inbox,
       GCancellable    *cancellable,
       GError         **error)
{
  GError *local = NULL;

  while (!gmp_life_cycle_is_done (&server_methods, server, inbox, &local))
    {
      g_auto (GmpMail) mail = { 0, };
      GmpInboxStatus status = gmp_inbox_take (inbox, &mail);

      if (status == GMP_INBOX_STOPPED)
        break;
      if (status == GMP_INBOX_PAYLOAD &&
          !gmp_life_cycle_respond (&server_methods, server, &mail, &local))
        break;
    }
  /* The last responses, before the channels are closed. */
  if (local == NULL)
    gmp_inbox_flush (inbox);
  return succeeded (local, error) && !g_cancellable_set_error_if_cancelled (cancellable, error);
}

GVariant *
gmp_life_cycle_run_server (GmpServerWorker *server,
                           GVariant        *params,
                           GmpInbox        *inbox,
                           GCancellable    *stop,
                           GCancellable    *cancellable,
                           GError         **error)
{
  g_autoptr (GVariant) result = NULL;
  GError *local = NULL;

  gmp_worker_set_inbox (GMP_WORKER (server), inbox);
  gmp_inbox_set_stop (inbox, stop);
  if (gmp_life_cycle_start (&server_methods, server, params, &local) &&
      serve (server, inbox, cancellable, &local))
    result = gmp_life_cycle_finish (&server_methods, server, inbox, &local);
  if (local != NULL)
    gmp_life_cycle_abandon (inbox, local);
  gmp_inbox_set_stop (inbox, NULL);
  gmp_worker_set_inbox (GMP_WORKER (server), NULL);
  return succeeded (local, error) ? g_steal_pointer (&result) : NULL;
}

typedef enum {
  TURN_NEXT,  /* the request was answered */
  TURN_LAST,  /* no more requests: the server is done, or this client was told to stop */
  TURN_FAILED
} Turn;

static Turn
ask (GmpClientWorker *client,
     GmpInbox        *inbox,
     GmpChannel      *channel,
     GError         **error)
{
  GmpClientWorkerClass *klass = GMP_CLIENT_WORKER_GET_CLASS (client);
  g_autoptr (GVariant) request = NULL;
  g_auto (GmpMail) mail = { 0, };
  GError *local = NULL;

  request = take (klass->process (client, &local));
  if (!succeeded (local, error) || !gmp_channel_send (channel, request, error))
    return TURN_FAILED;

  switch (gmp_inbox_take (inbox, &mail))
    {
    case GMP_INBOX_PAYLOAD:
      klass->update (client, mail.payload, &local);
      if (local == NULL)
        GMP_WORKER_GET_CLASS (client)->wait (GMP_WORKER (client), &local);
      return succeeded (local, error) ? TURN_NEXT : TURN_FAILED;

    case GMP_INBOX_CLOSED:
      if (g_error_matches (mail.error, GMP_ERROR, GMP_ERROR_SERVER_DONE))
        return TURN_LAST;
      g_propagate_error (error, g_steal_pointer (&mail.error));
      return TURN_FAILED;

    case GMP_INBOX_STOPPED:
    case GMP_INBOX_EMPTY:
    default:
      return TURN_LAST;
    }
}

static gboolean
live (GmpClientWorker *client,
      GmpInbox        *inbox,
      GmpChannel      *channel,
      GCancellable    *stop,
      GError         **error)
{
  Turn turn = TURN_NEXT;

  while (turn == TURN_NEXT && !g_cancellable_is_cancelled (stop))
    {
      GError *local = NULL;
      gboolean done = GMP_WORKER_GET_CLASS (client)->done (GMP_WORKER (client), &local);

      if (!succeeded (local, error))
        return FALSE;
      if (done)
        break;
      turn = ask (client, inbox, channel, error);
    }
  return turn != TURN_FAILED;
}

GVariant *
gmp_life_cycle_run_client (GmpClientWorker *client,
                           GVariant        *params,
                           GmpInbox        *inbox,
                           GCancellable    *stop,
                           GCancellable    *cancellable,
                           GError         **error)
{
  GmpWorkerClass *klass = GMP_WORKER_GET_CLASS (client);
  GmpWorker *worker = GMP_WORKER (client);
  g_autoptr (GmpChannel) channel = gmp_inbox_ref_first (inbox);
  g_autoptr (GVariant) result = NULL;
  GError *local = NULL;

  gmp_worker_set_inbox (worker, inbox);
  gmp_inbox_set_stop (inbox, stop);
  klass->start (worker, params, &local);
  if (local == NULL)
    live (client, inbox, channel, stop, &local);
  if (local == NULL)
    g_cancellable_set_error_if_cancelled (cancellable, &local);
  if (local == NULL)
    result = take (klass->finish (worker, &local));
  gmp_inbox_set_stop (inbox, NULL);
  gmp_worker_set_inbox (worker, NULL);
  gmp_channel_close (channel, NULL);
  return succeeded (local, error) ? g_steal_pointer (&result) : NULL;
}
