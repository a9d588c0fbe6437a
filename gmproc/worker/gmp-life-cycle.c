/* gmp-life-cycle.c: the two loops of a client-server application, over a channel
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-life-cycle-private.h"

#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "worker/gmp-server-cycle-private.h"
#include "worker/gmp-server-worker-private.h"
#include "worker/gmp-worker-private.h"

/* A process that user code has forked ends here when it returns from that code. */
static gboolean
check_own (GmpInbox *inbox,
           GError  **error)
{
  if (!gmp_inbox_is_inherited (inbox))
    return TRUE;
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                       "This process was forked from a worker, and is not a worker itself");
  return FALSE;
}

static gboolean
server_start (gpointer  self,
              GVariant *params,
              GError  **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_WORKER_GET_CLASS (self)->start, self, params, error);
  return result;
}

static GVariant *
server_process (gpointer    self,
                const char *client_id,
                GVariant   *request,
                GError    **error)
{
  GVariant *result;

  GMP_GUARD (result, GMP_SERVER_WORKER_GET_CLASS (self)->process, self, client_id, request, error);
  return result;
}

static gboolean
server_request (gpointer    self,
                GmpRequest *request,
                GError    **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_SERVER_WORKER_GET_CLASS (self)->request, self, request, error);
  return result;
}

static gboolean
server_process_batch (gpointer   self,
                      GPtrArray *requests,
                      GError   **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_SERVER_WORKER_GET_CLASS (self)->process_batch, self, requests, error);
  return result;
}

static gboolean
server_wait (gpointer self,
             GError **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_WORKER_GET_CLASS (self)->wait, self, error);
  return result;
}

static gboolean
server_done (gpointer self,
             GError **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_WORKER_GET_CLASS (self)->done, self, error);
  return result;
}

static GVariant *
server_finish (gpointer self,
               GError **error)
{
  GVariant *result;

  GMP_GUARD (result, GMP_WORKER_GET_CLASS (self)->finish, self, error);
  return result;
}

static gboolean
server_client_failed (gpointer      self,
                      const char   *client_id,
                      const GError *reason,
                      GError      **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_SERVER_WORKER_GET_CLASS (self)->client_failed, self, client_id, reason,
             error);
  return result;
}

/* Only the application can end a client. */
static void
server_client_late (gpointer    self G_GNUC_UNUSED,
                    const char *client_id)
{
  gmp_worker_report_late (client_id);
}

static const GmpServerMethods server_methods = {
  server_start, server_process, server_request, server_process_batch, server_wait, server_done,
  server_finish, server_client_failed, server_client_late,
};

static gboolean
serve (GmpServerCycle *cycle,
       GCancellable   *cancellable,
       GError        **error)
{
  GmpInbox *inbox = cycle->inbox;
  GError *local = NULL;

  while (!gmp_server_cycle_is_done (cycle, &local))
    {
      g_auto (GmpMail) mail = { 0, };
      GmpInboxStatus status;

      gmp_inbox_set_deadline (inbox, gmp_server_cycle_get_deadline (cycle));
      status = gmp_inbox_take (inbox, &mail);
      if (status == GMP_INBOX_INTERRUPTED)
        local = g_steal_pointer (&mail.error);
      if (status == GMP_INBOX_STOPPED || status == GMP_INBOX_INTERRUPTED ||
          !gmp_server_cycle_handle (cycle, status, &mail, &local))
        break;
    }
  /* The last responses, before the channels are closed. */
  if (local == NULL)
    gmp_inbox_flush (inbox, &local);
  return gmp_guard_succeeded (local, error) && check_own (inbox, error) &&
         !g_cancellable_set_error_if_cancelled (cancellable, error);
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
  GmpServerCycle cycle;
  GError *local = NULL;

  gmp_worker_set_inbox (GMP_WORKER (server), inbox);
  gmp_inbox_set_stop (inbox, stop);
  gmp_server_worker_apply_turn_timeout (server);
  gmp_server_cycle_init (&cycle, &server_methods, server, inbox,
                         gmp_server_worker_get_mode (server),
                         gmp_server_worker_get_batch_rule (server));
  if (gmp_server_cycle_start (&cycle, params, &local) && serve (&cycle, cancellable, &local))
    result = gmp_server_cycle_finish (&cycle, &local);
  if (local != NULL)
    gmp_server_cycle_abandon (&cycle, local);
  gmp_server_cycle_clear (&cycle);
  gmp_inbox_set_stop (inbox, NULL);
  gmp_worker_set_inbox (GMP_WORKER (server), NULL);
  return gmp_guard_succeeded (local, error) ? g_steal_pointer (&result) : NULL;
}

typedef enum {
  TURN_WAITING,  /* for the answer */
  TURN_ANSWERED, /* it has arrived */
  TURN_NEXT,     /* and has been taken */
  TURN_LAST,     /* no more requests: the server is done, or stop was requested */
  TURN_FAILED
} Turn;

/* A client's request, from when it was made until it is answered. */
typedef struct {
  GmpInbox *inbox;
  GVariant *payload; /* (nullable) */
  gboolean was_sent; /* sent to the current server, not to the one before it */
  gboolean resends;
} Request;

/* While the server is being restarted, there is no channel to send to. */
static gboolean
send (Request *request,
      GError **error)
{
  GmpChannel *channel = gmp_inbox_get_first (request->inbox);

  request->was_sent = channel != NULL;
  return channel == NULL || gmp_channel_send (channel, request->payload, error);
}

static gboolean
send_again (Request *request,
            GError **error)
{
  if (!request->was_sent || request->resends)
    return send (request, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
               "The server was restarted before it had answered this client's request "
               "(set resend-requests to send it again)");
  return FALSE;
}

static Turn
receive (Request *request,
         GmpMail *mail,
         GError **error)
{
  switch (gmp_inbox_take (request->inbox, mail))
    {
    case GMP_INBOX_PAYLOAD:
      return TURN_ANSWERED;

    case GMP_INBOX_CLOSED:
      if (g_error_matches (mail->error, GMP_ERROR, GMP_ERROR_SERVER_DONE))
        return TURN_LAST;
      g_propagate_error (error, g_steal_pointer (&mail->error));
      return TURN_FAILED;

    case GMP_INBOX_INTERRUPTED:
    case GMP_INBOX_REFUSED:
      g_propagate_error (error, g_steal_pointer (&mail->error));
      return TURN_FAILED;

    case GMP_INBOX_LEFT:
      g_clear_error (&mail->error);
      return TURN_WAITING;

    case GMP_INBOX_RENEWED:
      return send_again (request, error) ? TURN_WAITING : TURN_FAILED;

    case GMP_INBOX_TIMED_OUT:
      g_set_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT,
                   "The server did not answer this client's request within %g seconds "
                   "(request-timeout)", gmp_inbox_get_timeout (request->inbox));
      return TURN_FAILED;

    case GMP_INBOX_STOPPED:
    case GMP_INBOX_EMPTY:
    default:
      return TURN_LAST;
    }
}

static Turn
ask (GmpClientWorker *client,
     GmpInbox        *inbox,
     gboolean         resends,
     GError         **error)
{
  GmpClientWorkerClass *klass = GMP_CLIENT_WORKER_GET_CLASS (client);
  g_autoptr (GVariant) payload = NULL;
  g_auto (GmpMail) mail = { 0, };
  Request request = { inbox, NULL, FALSE, resends };
  Turn turn = TURN_WAITING;
  GError *local = NULL;
  gboolean ignored G_GNUC_UNUSED;

  GMP_GUARD (payload, klass->process, client, &local);
  payload = gmp_guard_take (payload);
  request.payload = payload;
  if (!gmp_guard_succeeded (local, error) || !send (&request, error))
    return TURN_FAILED;
  while (turn == TURN_WAITING)
    turn = receive (&request, &mail, error);
  if (turn != TURN_ANSWERED)
    return turn;
  GMP_GUARD (ignored, klass->update, client, mail.payload, &local);
  if (local == NULL)
    GMP_GUARD (ignored, GMP_WORKER_CLASS (klass)->wait, GMP_WORKER (client), &local);
  return gmp_guard_succeeded (local, error) ? TURN_NEXT : TURN_FAILED;
}

static gboolean
live (GmpClientWorker *client,
      GmpInbox        *inbox,
      gboolean         resends,
      GCancellable    *stop,
      GError         **error)
{
  Turn turn = TURN_NEXT;

  while (turn == TURN_NEXT && !g_cancellable_is_cancelled (stop))
    {
      GError *local = NULL;
      gboolean done;

      GMP_GUARD (done, GMP_WORKER_GET_CLASS (client)->done, GMP_WORKER (client), &local);
      if (!gmp_guard_succeeded (local, error))
        return FALSE;
      if (done)
        break;
      turn = ask (client, inbox, resends, error);
    }
  return turn != TURN_FAILED;
}

/* Closes the channel with @error, or reports to the server that the client has finished. */
static void
close_channel (GmpInbox     *inbox,
               const GError *error)
{
  GmpChannel *channel = gmp_inbox_get_first (inbox);
  g_autoptr (GError) finished = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                     "The client has finished");

  if (channel != NULL)
    gmp_channel_close (channel, error != NULL ? error : finished);
}

GVariant *
gmp_life_cycle_run_client (GmpClientWorker *client,
                           GVariant        *params,
                           GmpInbox        *inbox,
                           gboolean         resends,
                           GCancellable    *stop,
                           GCancellable    *cancellable,
                           GError         **error)
{
  GmpWorkerClass *klass = GMP_WORKER_GET_CLASS (client);
  GmpWorker *worker = GMP_WORKER (client);
  g_autoptr (GVariant) result = NULL;
  GError *local = NULL;
  gboolean ignored G_GNUC_UNUSED;

  gmp_worker_set_inbox (worker, inbox);
  gmp_inbox_set_stop (inbox, stop);
  GMP_GUARD (ignored, klass->start, worker, params, &local);
  if (local == NULL && live (client, inbox, resends, stop, &local))
    check_own (inbox, &local);
  if (local == NULL)
    g_cancellable_set_error_if_cancelled (cancellable, &local);
  if (local == NULL)
    GMP_GUARD (result, klass->finish, worker, &local);
  result = gmp_guard_take (result);
  gmp_inbox_set_stop (inbox, NULL);
  gmp_worker_set_inbox (worker, NULL);
  close_channel (inbox, local);
  return gmp_guard_succeeded (local, error) ? g_steal_pointer (&result) : NULL;
}
