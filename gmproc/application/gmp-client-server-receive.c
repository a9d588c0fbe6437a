/* gmp-client-server-receive.c: how a program takes requests of a run that it drives
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-client-server-binding.h"
#include "application/gmp-open-run-private.h"

#include "application/gmp-blocking-private.h"
#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-source-private.h"

#include <math.h>

/* How long blocking calls may handle waiting requests before they check the workers' control
 * connections, in microseconds. */
#define LOOK_EVERY 1000

static GmpOpenRun *
get_open (gpointer self)
{
  return gmp_client_server_get_private (self)->open;
}

/* The array that receive returns: @requests (nullable; ownership is taken), and the failures. */
static GPtrArray *
add_failures (GmpOpenRun *self,
              GPtrArray  *requests)
{
  GPtrArray *result = requests != NULL ? requests : g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->failures->len; i++)
    {
      GmpRequest *failure = self->failures->pdata[i];

      g_hash_table_add (self->reported, g_strdup (gmp_request_get_client_id (failure)));
      g_ptr_array_add (result, g_object_ref (failure));
    }
  g_ptr_array_set_size (self->failures, 0);
  return result;
}

/* %NULL if @n requests have not arrived yet, but still can. */
static GPtrArray *
take_received (GmpClientServer *self,
               guint            n)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpLocalServer *server = gmp_server_session_get_local_server (priv->session);
  GPtrArray *requests = server != NULL ? gmp_local_server_take_batch (server, n) : NULL;

  return requests != NULL ? add_failures (priv->open, requests) : NULL;
}

/* Takes the task of the current receive call. */
static GTask *
end_receiving (GmpOpenRun *self)
{
  gmp_source_clear (&self->limit_source);
  gmp_source_clear (&self->cancel_source);
  return g_steal_pointer (&self->receiving);
}

static void
return_received (GmpOpenRun *self,
                 GPtrArray  *requests)
{
  g_autoptr (GTask) task = end_receiving (self);

  g_task_return_pointer (task, requests, (GDestroyNotify) g_ptr_array_unref);
}

/* Something has arrived for a pending receive call. */
void
gmp_open_run_turned (gpointer self)
{
  GmpOpenRun *open = get_open (self);
  GPtrArray *requests = NULL;

  open->n_turns++;
  if (open->receiving != NULL)
    requests = take_received (self, open->n_wanted);
  if (requests != NULL)
    return_received (open, requests);
}

/* The return value of receive for a run that has ended. */
static GPtrArray *
receive_end (GmpOpenRun *self,
             GError    **error)
{
  if (self->error == NULL)
    return add_failures (self, NULL);
  if (error != NULL)
    *error = g_error_copy (self->error);
  return NULL;
}

/* Ends a pending receive call: nothing more arrives. */
void
gmp_open_run_end_receiving (GmpClientServer *self)
{
  GmpOpenRun *open = get_open (self);
  g_autoptr (GTask) task = NULL;
  GPtrArray *requests;
  GError *error = NULL;

  if (open->receiving == NULL)
    return;
  task = end_receiving (open);
  requests = receive_end (open, &error);
  if (requests != NULL)
    g_task_return_pointer (task, requests, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
receive_limit_cb (gpointer user_data)
{
  GmpClientServer *self = user_data;
  g_autoptr (GTask) task = end_receiving (get_open (self));

  g_task_return_new_error (task, GMP_ERROR, GMP_ERROR_TIMED_OUT,
                           "Not all requests have arrived in time");
  return G_SOURCE_REMOVE;
}

static gboolean
receive_cancelled_cb (gpointer user_data)
{
  GmpClientServer *self = user_data;
  g_autoptr (GTask) task = end_receiving (get_open (self));

  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                           "Waiting for requests was cancelled");
  return G_SOURCE_REMOVE;
}

/* With the priority of the requests: those that have arrived come first. */
static void
watch_receiving (GmpClientServer *self,
                 double           timeout,
                 GCancellable    *cancellable)
{
  GmpOpenRun *open = get_open (self);

  open->cancel_source = gmp_source_attach_cancel (cancellable, G_PRIORITY_DEFAULT,
                                                  receive_cancelled_cb, self);
  if (timeout >= 0)
    open->limit_source = gmp_source_attach_limit (timeout, open->priority, receive_limit_cb,
                                                  self);
}

static void
begin_receive (GmpClientServer    *self,
               gboolean            is_blocking,
               guint               n,
               double              timeout,
               GCancellable       *cancellable,
               GAsyncReadyCallback callback,
               gpointer            user_data)
{
  g_autoptr (GTask) task = gmp_guard_task_new (self, NULL, callback, user_data);
  GPtrArray *requests;
  GError *error = NULL;
  GmpOpenRun *open = gmp_open_run_find (self, is_blocking, &error);

  g_task_set_source_tag (task, gmp_client_server_receive_async);
  if (open != NULL && (open->opening != NULL || open->receiving != NULL))
    {
      g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_PENDING,
                           "Another call is opening this run, or receiving its requests: wait "
                           "until it has returned");
      open = NULL;
    }
  /* It is neither a limit nor less than 0. */
  if (open != NULL && isnan (timeout))
    {
      g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           "The time-out is not a number");
      open = NULL;
    }
  if (open == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  requests = open->has_ended ? receive_end (open, &error) : take_received (self, n);
  if (error != NULL)
    g_task_return_error (task, error);
  else if (requests != NULL)
    g_task_return_pointer (task, requests, (GDestroyNotify) g_ptr_array_unref);
  else
    {
      open->receiving = g_steal_pointer (&task);
      open->n_wanted = n;
      watch_receiving (self, timeout, cancellable);
    }
}

/* The requests that have arrived, or that arrive while polling pays; %NULL if there are not
 * enough. */
static GPtrArray *
receive_at_once (GmpClientServer *self,
                 guint            n,
                 gboolean         may_wait)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpLocalServer *server = NULL;
  GPtrArray *requests;

  if (g_get_monotonic_time () - priv->open->last_look > LOOK_EVERY)
    gmp_open_run_turn_context (self);
  do
    {
      requests = take_received (self, n);
      if (requests == NULL)
        server = gmp_server_session_get_local_server (priv->session);
    }
  while (requests == NULL && server != NULL && gmp_local_server_turn (server, may_wait));
  return requests;
}

/**
 * gmp_client_server_receive_now: (skip)
 * @self: the application
 * @n: how many requests; 0 for as many as there are clients
 * @may_look: whether to look for them for a while, where that was of use lately
 *
 * As [method@Gmp.ClientServer.receive], but never sleeps, for bindings that have to make ready for
 * that.
 *
 * Returns: (transfer full) (nullable): the requests; %NULL where they are not there, and for all
 *   errors, which [method@Gmp.ClientServer.receive] then returns
 *
 * Since: 0.1
 */
GPtrArray *
gmp_client_server_receive_now (GmpClientServer *self,
                               guint            n,
                               gboolean         may_look)
{
  GPtrArray *requests;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);

  if (!gmp_open_run_enter (self, TRUE, NULL))
    return NULL;
  requests = receive_at_once (self, n, may_look);
  gmp_open_run_leave (self);
  return requests;
}

/**
 * gmp_client_server_receive:
 * @self: the application
 * @n: how many requests; 0 for as many as there are clients
 * @timeout: how many seconds to wait for them; less than 0 for any time. Time in which the program
 *   was stopped, or its main loop held up, does not count
 * @cancellable: (nullable): ends this call, and leaves the run open
 * @error: return location for an error
 *
 * Takes the next requests of a run that is open, each of another client, and waits for them.
 *
 * It returns when @n requests are there, or when no more can come because all other clients have
 * ended or wait for an answer. The array may then have fewer requests, or be empty. Each is
 * answered with [method@Gmp.Request.respond], at any time until the run is closed.
 *
 * A client that has failed since the last call is in the array too, as a request with
 * [method@Gmp.Request.get_error]. It counts neither for @n nor as an error; the others continue.
 *
 * The caller's main context does not run meanwhile; signals are emitted from inside this call.
 * Ctrl-C ends it with [error@Gio.IOErrorEnum.CANCELLED], unless the program handles `SIGINT`
 * itself.
 *
 * Returns: (transfer container) (element-type GmpRequest): the requests; %NULL with
 *   [error@Gmp.Error.TIMED_OUT] if they have not all arrived (those that have stay for the next
 *   call); [error@Gio.IOErrorEnum.CANCELLED]; [error@Gio.IOErrorEnum.CLOSED] if no run is open;
 *   [error@Gio.IOErrorEnum.PENDING] if another thread is in a call of this run, or a handler of the
 *   run calls this; and the error of a run that has ended
 *
 * Since: 0.1
 */
GPtrArray *
gmp_client_server_receive (GmpClientServer *self,
                           guint            n,
                           double           timeout,
                           GCancellable    *cancellable,
                           GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GmpClientServer) held = NULL;
  GmpBlocking blocking;
  GPtrArray *requests;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (gmp_open_run_find (self, TRUE, error) == NULL ||
      g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  /* Handlers may drop the object. */
  held = g_object_ref (self);
  requests = gmp_client_server_receive_now (self, n, timeout != 0);
  if (requests != NULL)
    return requests;

  if (!gmp_open_run_enter (self, TRUE, error))
    return NULL;
  gmp_blocking_begin (&blocking, priv->context, G_OBJECT (self), gmp_client_server_kill,
                      cancellable);
  begin_receive (self, TRUE, n, timeout, blocking.cancellable, gmp_blocking_done_cb, &blocking);
  requests = gmp_blocking_finish (&blocking, error);
  gmp_open_run_leave (self);
  if (get_open (self) != NULL)
    get_open (self)->last_look = g_get_monotonic_time ();
  return requests;
}

/**
 * gmp_client_server_receive_async:
 * @self: the application
 * @n: how many requests; 0 for as many as there are clients
 * @timeout: how many seconds to wait for them; less than 0 for any time
 * @cancellable: (nullable): ends this call, and leaves the run open
 * @callback: (nullable): called when the requests are there
 * @user_data: for @callback
 *
 * As [method@Gmp.ClientServer.receive], without blocking, for a run that was opened with
 * [method@Gmp.ClientServer.open_async]. Only one such call can be pending at a time.
 *
 * Since: 0.1
 */
void
gmp_client_server_receive_async (GmpClientServer    *self,
                                 guint               n,
                                 double              timeout,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data)
{
  g_return_if_fail (GMP_IS_CLIENT_SERVER (self));

  begin_receive (self, FALSE, n, timeout, cancellable, callback, user_data);
}

/**
 * gmp_client_server_receive_finish:
 * @self: the application
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Gmp.ClientServer.receive_async].
 *
 * Returns: (transfer container) (element-type GmpRequest): as for [method@Gmp.ClientServer.receive]
 *
 * Since: 0.1
 */
GPtrArray *
gmp_client_server_receive_finish (GmpClientServer *self,
                                  GAsyncResult    *result,
                                  GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
