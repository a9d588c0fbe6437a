/* gmp-request.c: a client's request, to be answered now or later
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-request-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"

/**
 * GmpRequest:
 *
 * A client's request, which its server answers now or later.
 *
 * A server gets requests as objects where it overrides `request` or `process_batch` in place of
 * `process`. It may keep a reference, return, and take further requests: the client waits until
 * [method@Gmp.Request.respond] is called. That may be in any thread, and in any order.
 *
 * Each request has one answer:
 *
 * - A second one is [error@Gmp.Error.EXISTS].
 * - A request that is dropped, with its last reference, fails at once, and with it its client. In
 *   GJS that is when it is collected: when no message has come for two seconds at the latest.
 * - When the server is done, requests that wait end with [error@Gmp.Error.SERVER_DONE]: their
 *   clients finish.
 * - The response to a client that has ended meanwhile is dropped, with
 *   [error@Gmp.Error.DISCONNECTED].
 *
 * Since: 0.1
 */

typedef enum {
  STATE_WAITING,
  STATE_ANSWERED,
  STATE_GONE, /* its client has ended */
  STATE_DONE  /* its server has ended */
} State;

struct _GmpRequest
{
  GObject parent_instance;

  GmpRequests *requests; /* (nullable, like the channel): if the client has failed */
  GmpChannel *channel;
  char *client_id;
  GVariant *value; /* (nullable) */
  GError *error;   /* (nullable) */
  State state;     /* under the lock of requests */
};

struct _GmpRequests
{
  gatomicrefcount ref_count;
  guint generation; /* of this process, by gmp_fork_get_generation() */

  GMutex lock;
  GThread *thread;      /* the thread that took the last request and may send; under lock */
  guint n_serving;      /* 0: the inbox is not in use, so any thread may use it; under lock */
  GmpInbox *inbox;      /* (nullable): the server has ended; under lock */
  GHashTable *waiting;  /* of GmpRequest, not owned, by client id; under lock */
};

G_DEFINE_FINAL_TYPE (GmpRequest, gmp_request, G_TYPE_OBJECT)

/* @inbox must stay valid until gmp_requests_end(). */
GmpRequests *
gmp_requests_new (GmpInbox *inbox)
{
  GmpRequests *self = g_new0 (GmpRequests, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->generation = gmp_fork_get_generation ();
  self->inbox = inbox;
  self->n_serving = 1;
  self->waiting = g_hash_table_new (g_str_hash, g_str_equal);
  g_mutex_init (&self->lock);
  return self;
}

static void
unref_requests (GmpRequests *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->waiting);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* The server has ended: nothing is answered any more. Drops the caller's reference. */
void
gmp_requests_end (GmpRequests *self)
{
  GHashTableIter iter;
  gpointer request;

  /* In a forked process the lock may be held by a thread that does not exist there. */
  if (self->generation != gmp_fork_get_generation ())
    return;
  g_mutex_lock (&self->lock);
  self->inbox = NULL;
  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, NULL, &request))
    ((GmpRequest *) request)->state = STATE_DONE;
  g_hash_table_remove_all (self->waiting);
  g_mutex_unlock (&self->lock);
  unref_requests (self);
}

/* From here on the serving thread uses the inbox, which is the default until it declares otherwise.
 * Calls may be nested. */
void
gmp_requests_set_serving (GmpRequests *self,
                          gboolean     is_serving)
{
  if (self->generation != gmp_fork_get_generation ())
    return;
  g_mutex_lock (&self->lock);
  if (is_serving)
    self->n_serving++;
  else
    self->n_serving--;
  g_mutex_unlock (&self->lock);
}

/* The request in @mail. %NULL if its client still waits for the previous answer: such a client
 * violates the protocol, and its channel ends. */
GmpRequest *
gmp_requests_take (GmpRequests *self,
                   GmpMail     *mail)
{
  GmpRequest *request = g_object_new (GMP_TYPE_REQUEST, NULL);
  gboolean is_new;

  g_atomic_ref_count_inc (&self->ref_count);
  request->requests = self;
  request->channel = g_object_ref (mail->channel);
  request->client_id = g_strdup (mail->id);
  request->value = g_steal_pointer (&mail->payload);
  g_mutex_lock (&self->lock);
  self->thread = g_thread_self ();
  is_new = !g_hash_table_contains (self->waiting, request->client_id);
  if (is_new)
    g_hash_table_insert (self->waiting, request->client_id, request);
  else
    request->state = STATE_GONE;
  g_mutex_unlock (&self->lock);
  if (!is_new)
    {
      g_autoptr (GError) error = g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                                              "A channel received %s", GMP_CHANNEL_IMPATIENT);

      gmp_channel_close (request->channel, error);
      g_clear_object (&request);
    }
  return request;
}

/* Replaces a request: its client has failed. */
GmpRequest *
gmp_request_new_failed (const char   *client_id,
                        const GError *error)
{
  GmpRequest *self = g_object_new (GMP_TYPE_REQUEST, NULL);

  self->client_id = g_strdup (client_id);
  self->error = g_error_copy (error);
  self->state = STATE_GONE;
  return self;
}

/* Its client has ended: an answer is dropped. */
void
gmp_requests_forget (GmpRequests *self,
                     const char  *client_id)
{
  GmpRequest *request;

  g_mutex_lock (&self->lock);
  request = g_hash_table_lookup (self->waiting, client_id);
  if (request != NULL)
    {
      request->state = STATE_GONE;
      g_hash_table_remove (self->waiting, client_id);
    }
  g_mutex_unlock (&self->lock);
}

guint
gmp_requests_get_n (GmpRequests *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = g_hash_table_size (self->waiting);
  g_mutex_unlock (&self->lock);
  return n;
}

gboolean
gmp_request_is_waiting (GmpRequest *self)
{
  gboolean result;

  g_mutex_lock (&self->requests->lock);
  result = self->state == STATE_WAITING;
  g_mutex_unlock (&self->requests->lock);
  return result;
}

static gboolean
check_waiting_locked (GmpRequest *self,
                      GError    **error)
{
  switch (self->state)
    {
    case STATE_WAITING:
      return TRUE;

    case STATE_ANSWERED:
      g_set_error (error, GMP_ERROR, GMP_ERROR_EXISTS,
                   "The request of client '%s' has been answered already", self->client_id);
      return FALSE;

    case STATE_GONE:
      g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                   "The client '%s' has ended, and its request needs no answer any more",
                   self->client_id);
      return FALSE;

    case STATE_DONE:
    default:
      g_set_error (error, GMP_ERROR, GMP_ERROR_SERVER_DONE,
                   "The server is done, and the request of client '%s' has ended with it",
                   self->client_id);
      return FALSE;
    }
}

/* The serving thread sends at once. Other threads leave sending to it while it serves. With @reason
 * (nullable) the client gets that instead of a response. */
static gboolean
send_locked (GmpRequest   *self,
             GVariant     *response,
             const GError *reason,
             GError      **error)
{
  GmpRequests *requests = self->requests;

  if (requests->n_serving > 0 && requests->thread != g_thread_self ())
    return gmp_inbox_post (requests->inbox, self->channel, response, reason, error);
  /* From now on the client's turn is timed, and the waiting thread must know the deadline. */
  if (reason == NULL && self->channel->is_timed)
    gmp_inbox_ring (requests->inbox);
  if (reason == NULL)
    return gmp_channel_send (self->channel, response, error);
  gmp_channel_close (self->channel, reason);
  return TRUE;
}

static gboolean
answer (GmpRequest   *self,
        GVariant     *response,
        const GError *reason,
        GError      **error)
{
  GmpRequests *requests = self->requests;
  gboolean result;

  if (requests == NULL)
    return check_waiting_locked (self, error);
  /* The lock may be held by a thread that does not exist in this process. */
  if (requests->generation != gmp_fork_get_generation ())
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                           "The request belongs to the process that this one was forked from");
      return FALSE;
    }
  g_mutex_lock (&requests->lock);
  result = check_waiting_locked (self, error) && send_locked (self, response, reason, error);
  if (result)
    {
      self->state = STATE_ANSWERED;
      g_hash_table_remove (requests->waiting, self->client_id);
    }
  g_mutex_unlock (&requests->lock);
  return result;
}

/* For servers that answer at once: Takes ownership of @response (nullable, floating or not). With
 * @failure (nullable), which is moved to @error, no answer is sent. GMP_ERROR_PROTOCOL is the fault
 * of the client, which fails with it. */
gboolean
gmp_request_respond_with (GmpRequest *self,
                          GVariant   *response,
                          GError     *failure,
                          GError    **error)
{
  g_autoptr (GVariant) taken = response != NULL ? g_variant_take_ref (response) : NULL;

  g_autoptr (GError) refusal = NULL;

  if (g_error_matches (failure, GMP_ERROR, GMP_ERROR_PROTOCOL))
    refusal = g_steal_pointer (&failure);
  if (failure == NULL)
    return answer (self, taken, refusal, error);
  g_propagate_error (error, failure);
  return FALSE;
}

static void
gmp_request_dispose (GObject *object)
{
  GmpRequest *self = GMP_REQUEST (object);
  g_autoptr (GError) reason = NULL;

  /* Otherwise the client would wait forever. */
  if (self->requests != NULL && self->requests->generation == gmp_fork_get_generation () &&
      gmp_request_is_waiting (self))
    {
      reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_FAILED,
                                    "The server has dropped this client's request without an "
                                    "answer");
      answer (self, NULL, reason, NULL);
    }
  G_OBJECT_CLASS (gmp_request_parent_class)->dispose (object);
}

static void
gmp_request_finalize (GObject *object)
{
  GmpRequest *self = GMP_REQUEST (object);

  g_clear_object (&self->channel);
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_pointer (&self->requests, unref_requests);
  g_clear_error (&self->error);
  g_free (self->client_id);
  G_OBJECT_CLASS (gmp_request_parent_class)->finalize (object);
}

static void
gmp_request_class_init (GmpRequestClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gmp_request_dispose;
  G_OBJECT_CLASS (klass)->finalize = gmp_request_finalize;
}

static void
gmp_request_init (GmpRequest *self G_GNUC_UNUSED)
{
}

/**
 * gmp_request_get_client_id:
 * @self: a request
 *
 * Gets the id of the client that asks.
 *
 * Returns: the client's id
 *
 * Since: 0.1
 */
const char *
gmp_request_get_client_id (GmpRequest *self)
{
  g_return_val_if_fail (GMP_IS_REQUEST (self), NULL);
  return self->client_id;
}

/**
 * gmp_request_get_value:
 * @self: a request
 *
 * The value that the client's `process` returned.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 0.1
 */
GVariant *
gmp_request_get_value (GmpRequest *self)
{
  g_return_val_if_fail (GMP_IS_REQUEST (self), NULL);
  return self->value;
}

/**
 * gmp_request_get_error:
 * @self: a request
 *
 * Why the client has failed, where this stands for its failure in what
 * [method@Gmp.ClientServer.receive] returns. There is nothing to answer then.
 *
 * Returns: (transfer none) (nullable): the client's error; %NULL for a request
 *
 * Since: 0.1
 */
const GError *
gmp_request_get_error (GmpRequest *self)
{
  g_return_val_if_fail (GMP_IS_REQUEST (self), NULL);
  return self->error;
}

/**
 * gmp_request_respond:
 * @self: a request
 * @response: (nullable): what the client's `update` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Answers the request. It may be called in any thread of the server's process, and does not wait.
 *
 * An application whose main loop serves has a large response serialised and checked in another
 * thread. If it cannot be sent, this returns %TRUE, and the run ends with
 * [error@Gmp.Error.BAD_PAYLOAD].
 *
 * Returns: %TRUE on success; %FALSE with [error@Gmp.Error.EXISTS] if the request has been
 *   answered, [error@Gmp.Error.DISCONNECTED] if its client has ended,
 *   [error@Gmp.Error.SERVER_DONE] if its server has, and [error@Gmp.Error.BAD_PAYLOAD] if the
 *   response cannot be sent: the request then still waits for an answer
 *
 * Since: 0.1
 */
gboolean
gmp_request_respond (GmpRequest *self,
                     GVariant   *response,
                     GError    **error)
{
  g_autoptr (GVariant) sunk = response != NULL ? g_variant_ref_sink (response) : NULL;

  g_return_val_if_fail (GMP_IS_REQUEST (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return answer (self, sunk, NULL, error);
}

/**
 * gmp_request_fail:
 * @self: a request
 * @reason: why there is no response
 * @error: return location for an error
 *
 * Ends the request and its client, which fails with @reason. The server and the other clients
 * continue. With [error@Gmp.Error.SERVER_DONE] the client finishes, as it does when its server is
 * done. [error@Gmp.Error.DISCONNECTED] becomes [error@Gmp.Error.FAILED], because this server has
 * not ended.
 *
 * It may be called in any thread of the server's process.
 *
 * Returns: %TRUE on success; %FALSE with an error as of [method@Gmp.Request.respond]
 *
 * Since: 0.1
 */
gboolean
gmp_request_fail (GmpRequest   *self,
                  const GError *reason,
                  GError      **error)
{
  g_autoptr (GError) failure = NULL;

  g_return_val_if_fail (GMP_IS_REQUEST (self), FALSE);
  g_return_val_if_fail (reason != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  /* The client would wait for the server's restart. */
  if (g_error_matches (reason, GMP_ERROR, GMP_ERROR_DISCONNECTED))
    reason = failure = g_error_new_literal (GMP_ERROR, GMP_ERROR_FAILED, reason->message);
  return answer (self, NULL, reason, error);
}
