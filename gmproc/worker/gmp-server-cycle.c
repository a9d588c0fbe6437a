/* gmp-server-cycle.c: a server's life cycle, for each way to wait for requests
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-server-cycle-private.h"

#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"

/* @value belongs to one of the two properties; its type identifies which. Returns TRUE if it has
 * changed. */
gboolean
gmp_batch_rule_set (GmpBatchRule *self,
                    const GValue *value)
{
  GmpBatchRule before = *self;

  if (G_VALUE_HOLDS_UINT (value))
    self->size = g_value_get_uint (value);
  else
    self->timeout = g_value_get_double (value);
  return self->size != before.size || self->timeout != before.timeout;
}

/* A language may have dropped a request, and will report that when it collects garbage. A server
 * that only waits makes none, so its client would wait forever. */
static void
silent_cb (gpointer user_data)
{
  GmpServerCycle *self = user_data;
  guint n_before = self->requests != NULL ? gmp_requests_get_n (self->requests) : 0;

  if (n_before > 0 && gmp_guard_collect () && gmp_requests_get_n (self->requests) != n_before)
    gmp_inbox_ring (self->inbox);
}

/* @inbox and @rule must stay valid until gmp_server_cycle_clear(). */
void
gmp_server_cycle_init (GmpServerCycle         *self,
                       const GmpServerMethods *methods,
                       gpointer                server,
                       GmpInbox               *inbox,
                       GmpServerMode           mode,
                       const GmpBatchRule     *rule)
{
  *self = (GmpServerCycle) {
    .methods = methods,
    .server = server,
    .inbox = inbox,
    .mode = mode,
    .rule = rule,
    .begun = -1,
  };
  if (mode != GMP_SERVER_ANSWERS)
    {
      self->requests = gmp_requests_new (inbox);
      gmp_inbox_set_silent (inbox, silent_cb, self);
    }
  if (mode == GMP_SERVER_BATCHES || mode == GMP_SERVER_GATHERS)
    {
      self->batch = g_ptr_array_new_with_free_func (g_object_unref);
      gmp_inbox_set_gathers (inbox);
    }
}

/* No request is answered any more. */
static void
end_requests (GmpServerCycle *self)
{
  gmp_inbox_set_silent (self->inbox, NULL, NULL);
  g_clear_pointer (&self->requests, gmp_requests_end);
  g_clear_pointer (&self->batch, g_ptr_array_unref);
  self->begun = -1;
}

void
gmp_server_cycle_clear (GmpServerCycle *self)
{
  end_requests (self);
}

gboolean
gmp_server_cycle_start (GmpServerCycle *self,
                        GVariant       *params,
                        GError        **error)
{
  GError *local = NULL;

  self->methods->start (self->server, params, &local);
  return gmp_guard_succeeded (local, error);
}

/* %TRUE also with an error set. */
gboolean
gmp_server_cycle_is_done (GmpServerCycle *self,
                          GError        **error)
{
  GError *local = NULL;
  gboolean done;

  if (gmp_inbox_is_inherited (self->inbox))
    return TRUE;
  done = self->methods->done (self->server, &local);
  /* Without clients no request can come, so waiting for one would never end. While an open run
   * collects requests, clients may still be added. */
  return !gmp_guard_succeeded (local, error) || done ||
         (gmp_inbox_get_n_open (self->inbox) == 0 && self->mode != GMP_SERVER_GATHERS);
}

static gboolean
wait (GmpServerCycle *self,
      GError        **error)
{
  GError *local = NULL;

  if (!gmp_inbox_is_inherited (self->inbox))
    self->methods->wait (self->server, &local);
  return gmp_guard_succeeded (local, error);
}

/* One turn: the request in @mail, its response, wait. */
static gboolean
respond (GmpServerCycle *self,
         GmpMail        *mail,
         GError        **error)
{
  g_autoptr (GVariant) response = NULL;
  GError *local = NULL;

  response = self->methods->process (self->server, mail->id, mail->payload, &local);
  response = gmp_guard_take (response);
  if (g_error_matches (local, GMP_ERROR, GMP_ERROR_PROTOCOL))
    {
      gmp_channel_close (mail->channel, local);
      g_clear_error (&local);
      return wait (self, error);
    }
  return gmp_guard_succeeded (local, error) && gmp_channel_send (mail->channel, response, error) &&
         wait (self, error);
}

/* One turn: the request in @mail, which is answered now or later, and wait. */
static gboolean
pass_on (GmpServerCycle *self,
         GmpMail        *mail,
         GError        **error)
{
  g_autoptr (GmpRequest) request = gmp_requests_take (self->requests, mail);
  GError *local = NULL;

  if (request == NULL)
    return TRUE;
  self->methods->request (self->server, request, &local);
  g_clear_object (&request);
  return gmp_guard_succeeded (local, error) && wait (self, error);
}

/* TRUE if @size requests are there (0: one for each client), or if no more can come, because a
 * client that waits for an answer sends none. Only the remaining clients count, so a batch never
 * waits for one that has ended. */
static gboolean
is_complete (GmpServerCycle *self,
             guint           size)
{
  return (size > 0 && self->batch->len >= size) ||
         gmp_requests_get_n (self->requests) >= gmp_inbox_get_n_open (self->inbox);
}

/* When the batch is complete at the latest, in monotonic time; -1: never. The rule may have changed
 * since the batch began. */
static gint64
get_batch_deadline (GmpServerCycle *self)
{
  if (self->begun == -1 || self->rule == NULL || !(self->rule->timeout > 0))
    return -1;
  return self->begun + (gint64) (MIN (self->rule->timeout, G_MAXINT) * G_USEC_PER_SEC);
}

/* One turn: the batch, and wait. */
static gboolean
process_batch (GmpServerCycle *self,
               GError        **error)
{
  g_autoptr (GPtrArray) batch = g_steal_pointer (&self->batch);
  GError *local = NULL;

  self->batch = g_ptr_array_new_with_free_func (g_object_unref);
  self->begun = -1;
  self->methods->process_batch (self->server, batch, &local);
  g_clear_pointer (&batch, g_ptr_array_unref);
  return gmp_guard_succeeded (local, error) && wait (self, error);
}

static void
add_to_batch (GmpServerCycle *self,
              GmpMail        *mail)
{
  GmpRequest *request = gmp_requests_take (self->requests, mail);

  if (request == NULL)
    return;
  g_ptr_array_add (self->batch, request);
  if (self->batch->len == 1)
    self->begun = g_get_monotonic_time ();
}

/* The client in @mail has ended, or is restarted: its request needs no answer any more. */
static void
forget (GmpServerCycle *self,
        GmpMail        *mail)
{
  if (self->requests == NULL)
    return;
  gmp_requests_forget (self->requests, mail->id);
  for (guint i = 0; self->batch != NULL && i < self->batch->len; i++)
    if (!gmp_request_is_waiting (self->batch->pdata[i]))
      g_ptr_array_remove_index (self->batch, i--);
  if (self->batch != NULL && self->batch->len == 0)
    self->begun = -1;
}

/* A client has ended: the server is informed unless the client has finished. */
static gboolean
report_end (GmpServerCycle *self,
            GmpMail        *mail,
            GError        **error)
{
  GError *local = NULL;

  forget (self, mail);
  if (mail->error != NULL && !g_error_matches (mail->error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    self->methods->client_failed (self->server, mail->id, mail->error, &local);
  return gmp_guard_succeeded (local, error);
}

static gboolean
take_request (GmpServerCycle *self,
              GmpMail        *mail,
              GError        **error)
{
  if (G_LIKELY (self->mode == GMP_SERVER_ANSWERS))
    return respond (self, mail, error);
  if (self->mode == GMP_SERVER_KEEPS)
    return pass_on (self, mail, error);
  add_to_batch (self, mail);
  return TRUE;
}

/* Handles an event of the inbox: a message, a change of a client, or the deadline. */
gboolean
gmp_server_cycle_handle (GmpServerCycle *self,
                         GmpInboxStatus  status,
                         GmpMail        *mail,
                         GError        **error)
{
  gint64 deadline;

  if (status == GMP_INBOX_PAYLOAD && !take_request (self, mail, error))
    return FALSE;
  if (status == GMP_INBOX_REFUSED)
    {
      g_propagate_error (error, g_steal_pointer (&mail->error));
      return FALSE;
    }
  if (status == GMP_INBOX_LATE)
    self->methods->client_late (self->server, mail->id);
  if ((status == GMP_INBOX_CLOSED || status == GMP_INBOX_LEFT) && !report_end (self, mail, error))
    return FALSE;
  if (G_LIKELY (self->mode != GMP_SERVER_BATCHES) || self->batch->len == 0)
    return TRUE;
  deadline = get_batch_deadline (self);
  if (is_complete (self, self->rule->size) ||
      (deadline != -1 && g_get_monotonic_time () >= deadline))
    return process_batch (self, error);
  return TRUE;
}

/* When gmp_server_cycle_handle() has to be called without a message, in monotonic time; -1 for
 * never. */
gint64
gmp_server_cycle_get_deadline (GmpServerCycle *self)
{
  gint64 turn = gmp_inbox_get_turn_deadline (self->inbox);
  gint64 batch = get_batch_deadline (self);

  if (batch == -1 || (turn != -1 && turn < batch))
    return turn;
  return batch;
}

/* The first @n collected requests in order of arrival; 0 for one of each client. %NULL if they have
 * not arrived yet, but still can. */
GPtrArray *
gmp_server_cycle_take_batch (GmpServerCycle *self,
                             guint           n)
{
  GPtrArray *batch;

  if (self->batch == NULL || !is_complete (self, n))
    return NULL;
  batch = g_ptr_array_new_with_free_func (g_object_unref);
  n = n > 0 ? MIN (n, self->batch->len) : self->batch->len;
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (batch, g_object_ref (self->batch->pdata[i]));
  if (n > 0)
    g_ptr_array_remove_range (self->batch, 0, n);
  return batch;
}

GVariant *
gmp_server_cycle_finish (GmpServerCycle *self,
                         GError        **error)
{
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_SERVER_DONE,
                                                   "The server is done and does not answer any "
                                                   "more");
  GError *local = NULL;

  end_requests (self);
  gmp_inbox_close_all (self->inbox, reason);
  result = gmp_guard_take (self->methods->finish (self->server, &local));
  return gmp_guard_succeeded (local, error) ? g_steal_pointer (&result) : NULL;
}

/* Ends the clients' requests when the server has failed. */
void
gmp_server_cycle_abandon (GmpServerCycle *self,
                          const GError   *reason)
{
  g_autoptr (GError) answer = g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                           "The server failed: %s", reason->message);

  end_requests (self);
  gmp_inbox_close_all (self->inbox, answer);
}
