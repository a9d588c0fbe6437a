/* gmp-client-server-open.c: a run of GmpClientServer that the program drives
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-open-run-private.h"

#include "application/gmp-blocking-private.h"
#include "application/gmp-runner-private.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-refusal-private.h"
#include "base/gmp-source-private.h"

/* The largest number of iterations of the object's main context in a call that does not wait. */
#define MAX_TURNS 256

void
gmp_open_run_free (GmpOpenRun *self)
{
  gmp_source_clear (&self->limit_source);
  gmp_source_clear (&self->cancel_source);
  gmp_source_clear (&self->close_source);
  g_ptr_array_unref (self->failures);
  g_hash_table_unref (self->reported);
  g_clear_error (&self->error);
  g_free (self);
}

static GmpOpenRun *
get_open (gpointer self)
{
  return gmp_client_server_get_private (self)->open;
}

/* The server's methods when the program is the server. */

static gboolean
call_start (gpointer  self,
            GVariant *params,
            GError  **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->start, self, params, error);
  return result;
}

static gboolean
is_done (gpointer self G_GNUC_UNUSED,
         GError **error G_GNUC_UNUSED)
{
  return FALSE;
}

static GVariant *
call_finish (gpointer self,
             GError **error)
{
  GVariant *result;

  if (get_open (self)->is_dropped)
    return NULL;
  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->finish, self, error);
  return result;
}

static gboolean
call_client_failed (gpointer      self,
                    const char   *client_id,
                    const GError *reason,
                    GError      **error)
{
  gboolean result;

  if (get_open (self)->is_dropped)
    return TRUE;
  g_ptr_array_add (get_open (self)->failures, gmp_request_new_failed (client_id, reason));
  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->client_failed, self, client_id, reason,
             error);
  return result;
}

/* Requests accumulate, so the method that takes them is never called. */
static const GmpServerMethods methods = {
  .start = call_start,
  .done = is_done,
  .finish = call_finish,
  .client_failed = call_client_failed,
  .client_late = gmp_client_server_end_late,
};

/* A failure that receive has returned is not an error of the run: the program knows it. Takes
 * ownership of @error. */
static GError *
check_reported (GmpClientServer *self,
                GError          *error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GPtrArray) failures = gmp_runner_get_failures (GMP_RUNNER (self));

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
      gmp_client_server_get_error (self, "server") != NULL)
    return error;
  for (guint i = 0; i < failures->len; i++)
    {
      GmpFailure *failure = failures->pdata[i];

      if (g_hash_table_contains (priv->open->reported, gmp_failure_get_id (failure)))
        continue;
      g_error_free (error);
      return g_error_copy (gmp_failure_get_error (failure));
    }
  g_error_free (error);
  return NULL;
}

static void
return_closed (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GTask) task = g_steal_pointer (&priv->open->closing);
  g_autoptr (GError) error = g_steal_pointer (&priv->open->error);

  if (error != NULL)
    error = check_reported (self, g_steal_pointer (&error));
  g_clear_pointer (&priv->open, gmp_open_run_free);
  gmp_runner_release (GMP_RUNNER (self));
  if (error != NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_pointer (task, gmp_client_server_get_results (self),
                           (GDestroyNotify) g_variant_unref);
}

static void
return_opened (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GTask) task = g_steal_pointer (&priv->open->opening);
  GError *error = g_steal_pointer (&priv->open->error);

  if (error == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  g_clear_pointer (&priv->open, gmp_open_run_free);
  gmp_runner_release (GMP_RUNNER (self));
  g_task_return_error (task, error);
}

static void
ended_cb (GError  *error,
          gpointer user_data)
{
  g_autoptr (GmpClientServer) self = g_object_ref (user_data);
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpOpenRun *open = priv->open;

  open->error = error;
  open->has_ended = TRUE;
  open->is_ending = TRUE;
  if (open->is_dropped)
    {
      g_object_unref (self);
      return;
    }
  gmp_client_server_notify_results (self);
  gmp_open_run_end_receiving (self);
  open->is_ending = FALSE;
  if (open->opening != NULL)
    return_opened (self);
  else if (open->closing != NULL)
    return_closed (self);
}

/* Blocking calls continue a run that a blocking call opened, and asynchronous calls the others. */
GmpOpenRun *
gmp_open_run_find (GmpClientServer *self,
           gboolean         is_blocking,
           GError         **error)
{
  GmpOpenRun *open;

  gmp_client_server_forget (self);
  open = get_open (self);
  if (open == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                 "No run of this %s is open: call open first", G_OBJECT_TYPE_NAME (self));
  else if (open->is_blocking && !is_blocking)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         "The run was opened by a blocking call: continue with blocking calls, or "
                         "open it with open_async");
  else if (!open->is_blocking && is_blocking)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         "The run was opened with open_async: continue with receive_async and "
                         "close_async, or open it with a blocking call");
  else
    return open;
  return NULL;
}

static void
set_serving (GmpClientServer *self,
             gboolean         is_serving)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpLocalServer *server = gmp_server_session_get_local_server (priv->session);

  if (server != NULL)
    gmp_local_server_set_serving (server, is_serving);
}

/* Called with the run's context. The run returns after the handlers that it calls, so a handler
 * must not wait for it. */
static gboolean
check_idle (GmpOpenRun *open,
            GError    **error)
{
  if (open->n_calls == 0 && open->opening == NULL)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                       "This call is made by a handler of the same run, which is in a call: "
                       "make it after that call has returned");
  return FALSE;
}

/* Until release_context(), unless another thread has it. */
static gboolean
acquire_context (GmpClientServer *self,
                 GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  if (priv->context == NULL || g_main_context_acquire (priv->context))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                       "Another thread is in a call of this run: call its methods in one thread at "
                       "a time");
  return FALSE;
}

static void
release_context (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  if (priv->context != NULL)
    g_main_context_release (priv->context);
}

/* As acquire_context(), of a run that is open. A call that @waits must not be made by a handler. */
static gboolean
take_context (GmpClientServer *self,
              gboolean         waits,
              GError         **error)
{
  GmpOpenRun *open;

  gmp_client_server_forget (self);
  if (!acquire_context (self, error))
    return FALSE;
  open = gmp_open_run_find (self, TRUE, error);
  if (open != NULL && (!waits || check_idle (open, error)))
    return TRUE;
  release_context (self);
  return FALSE;
}

/* A blocking call of this thread runs between these two. At other times no call runs, and any
 * thread may answer a request itself. */
gboolean
gmp_open_run_enter (GmpClientServer *self,
                    gboolean         waits,
                    GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  if (!take_context (self, waits, error))
    return FALSE;
  g_main_context_push_thread_default (priv->context);
  g_main_context_release (priv->context);
  set_serving (self, TRUE);
  priv->open->n_calls++;
  return TRUE;
}

void
gmp_open_run_leave (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  /* A handler has forked, and this is the child. */
  if (priv->open == NULL)
    return;
  priv->open->n_calls--;
  set_serving (self, FALSE);
  g_main_context_pop_thread_default (priv->context);
}

/* Starts workers and handles their messages without waiting. Requests come after all of these, so
 * one that was handled ends it: with many clients there is always another, and an iteration, which
 * looks at several descriptors of each worker, takes longer than the request. */
void
gmp_open_run_turn_context (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  guint n_turns = priv->open != NULL ? priv->open->n_turns : 0;

  for (guint i = 0; i < MAX_TURNS && g_main_context_iteration (priv->context, FALSE); i++)
    if (priv->open == NULL || priv->open->n_turns != n_turns)
      break;
  if (priv->open != NULL)
    priv->open->last_look = g_get_monotonic_time ();
}

/* The object is claimed for this run. */
static void
begin_open (GmpClientServer    *self,
            gboolean            is_blocking,
            GVariant           *params,
            GCancellable       *cancellable,
            GAsyncReadyCallback callback,
            gpointer            user_data)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GTask) task = gmp_guard_task_new (self, NULL, callback, user_data);
  GmpServerSession *session;

  g_task_set_source_tag (task, gmp_client_server_open_async);
  session = gmp_client_server_begin_session (self, &methods, task);
  if (session == NULL)
    return;
  priv->open = g_new0 (GmpOpenRun, 1);
  priv->open->is_blocking = is_blocking;
  priv->open->priority =
      gmp_local_server_get_priority (gmp_server_session_get_local_server (session));
  priv->open->failures = g_ptr_array_new_with_free_func (g_object_unref);
  priv->open->reported = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  priv->open->opening = g_steal_pointer (&task);
  gmp_server_session_set_open (session, gmp_open_run_turned, self);
  if (!is_blocking && !priv->changes_values)
    gmp_server_session_set_later (session);
  gmp_server_session_run (session, params, cancellable, ended_cb, self);
  /* If start has failed, the run ends with its error. */
  if (gmp_server_session_get_local_server (session) != NULL)
    return_opened (self);
}

static void
take_result_cb (GObject      *source G_GNUC_UNUSED,
                GAsyncResult *result,
                gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/**
 * gmp_client_server_open:
 * @self: the application
 * @params: (nullable): what `start` of a subclass gets; a floating reference is sunk
 * @cancellable: (nullable): ends the run, until it is closed
 * @error: return location for an error
 *
 * Starts the clients, and leaves the run open: the program itself is their server, and takes their
 * requests with [method@Gmp.ClientServer.receive] when it likes. The object needs neither a server
 * type nor overridden methods.
 *
 * Clients that are added while the run is open start at once. The run ends with
 * [method@Gmp.ClientServer.close]. If the last reference to the object is dropped before that, its
 * workers are killed.
 *
 * Between calls only clients and channels continue: signals are emitted, and workers restarted, in
 * the next call.
 *
 * Errors are those of [method@Gmp.ClientServer.run].
 *
 * Returns: %TRUE on success
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_open (GmpClientServer *self,
                        GVariant        *params,
                        GCancellable    *cancellable,
                        GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!gmp_client_server_claim (self, error))
    return FALSE;
  g_main_context_push_thread_default (priv->context);
  begin_open (self, TRUE, sunk, cancellable, take_result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (priv->context, TRUE);
  gmp_open_run_turn_context (self);
  if (priv->session != NULL)
    set_serving (self, FALSE);
  g_main_context_pop_thread_default (priv->context);
  return gmp_client_server_open_finish (self, result, error);
}

/**
 * gmp_client_server_open_async:
 * @self: the application
 * @params: (nullable): what `start` of a subclass gets; a floating reference is sunk
 * @cancellable: (nullable): ends the run, until it is closed
 * @callback: (nullable): called when the run is open
 * @user_data: for @callback
 *
 * As [method@Gmp.ClientServer.open], for programs with a main loop. The run uses the thread-default
 * main context of this call, and continues with [method@Gmp.ClientServer.receive_async] and
 * [method@Gmp.ClientServer.close_async].
 *
 * Since: 0.1
 */
void
gmp_client_server_open_async (GmpClientServer    *self,
                              GVariant           *params,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;

  g_return_if_fail (GMP_IS_CLIENT_SERVER (self));

  if (gmp_runner_claim_async (GMP_RUNNER (self), callback, user_data))
    begin_open (self, FALSE, sunk, cancellable, callback, user_data);
}

/**
 * gmp_client_server_open_finish:
 * @self: the application
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Gmp.ClientServer.open_async].
 *
 * Returns: as for [method@Gmp.ClientServer.open]
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_open_finish (GmpClientServer *self,
                               GAsyncResult    *result,
                               GError         **error)
{
  if (gmp_refusal_propagate (result, error))
    return FALSE;
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
close_cancelled_cb (gpointer user_data)
{
  GmpClientServer *self = user_data;

  gmp_server_session_cancel (gmp_client_server_get_private (self)->session);
  return G_SOURCE_REMOVE;
}

static void
begin_close (GmpClientServer    *self,
             gboolean            is_blocking,
             GCancellable       *cancellable,
             GAsyncReadyCallback callback,
             gpointer            user_data)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GTask) task = gmp_guard_task_new (self, NULL, callback, user_data);
  GError *error = NULL;
  GmpOpenRun *open = gmp_open_run_find (self, is_blocking, &error);

  g_task_set_source_tag (task, gmp_client_server_close_async);
  if (open != NULL && (open->opening != NULL || open->closing != NULL))
    {
      g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_PENDING,
                           "Another call is opening or closing this run: wait until it has "
                           "returned");
      open = NULL;
    }
  if (open == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  open->closing = g_steal_pointer (&task);
  if (open->is_ending)
    return;
  if (open->has_ended)
    {
      return_closed (self);
      return;
    }
  gmp_server_session_stop (priv->session);
  gmp_open_run_end_receiving (self);
  open->close_source = gmp_source_attach_cancel (cancellable, G_PRIORITY_HIGH, close_cancelled_cb,
                                                 self);
}

/**
 * gmp_client_server_close:
 * @self: the application
 * @cancellable: (nullable): ends the workers at once, in place of waiting for them
 * @error: return location for an error
 *
 * Ends a run that is open, and waits for its clients.
 *
 * Requests without an answer, and those that still arrive, end with [error@Gmp.Error.SERVER_DONE],
 * so each client finishes. A call of [method@Gmp.ClientServer.receive_async] that waits returns an
 * empty array.
 *
 * A failed client is an error here unless [method@Gmp.ClientServer.receive] has returned its
 * failure.
 *
 * Returns: (transfer full): what the clients' `finish` returned, as for
 *   [method@Gmp.ClientServer.run]; %NULL with an error
 *
 * Since: 0.1
 */
GVariant *
gmp_client_server_close (GmpClientServer *self,
                         GCancellable    *cancellable,
                         GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GmpClientServer) held = NULL;
  GmpBlocking blocking;
  GVariant *results;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!take_context (self, TRUE, error))
    return NULL;
  /* Handlers may drop the object. */
  held = g_object_ref (self);
  set_serving (self, TRUE);
  priv->open->n_calls++;
  gmp_blocking_begin (&blocking, priv->context, G_OBJECT (self), gmp_client_server_kill,
                      cancellable);
  begin_close (self, TRUE, blocking.cancellable, gmp_blocking_done_cb, &blocking);
  results = gmp_blocking_finish (&blocking, error);
  g_main_context_release (priv->context);
  return results;
}

/**
 * gmp_client_server_close_async:
 * @self: the application
 * @cancellable: (nullable): ends the workers at once, in place of waiting for them
 * @callback: (nullable): called when the clients have ended
 * @user_data: for @callback
 *
 * As [method@Gmp.ClientServer.close], without blocking, for a run that was opened with
 * [method@Gmp.ClientServer.open_async].
 *
 * Since: 0.1
 */
void
gmp_client_server_close_async (GmpClientServer    *self,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  g_return_if_fail (GMP_IS_CLIENT_SERVER (self));

  begin_close (self, FALSE, cancellable, callback, user_data);
}

/**
 * gmp_client_server_close_finish:
 * @self: the application
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Gmp.ClientServer.close_async].
 *
 * Returns: (transfer full): as for [method@Gmp.ClientServer.close]
 *
 * Since: 0.1
 */
GVariant *
gmp_client_server_close_finish (GmpClientServer *self,
                                GAsyncResult    *result,
                                GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* A client was added: it starts if a run is open. */
gboolean
gmp_client_server_begin_client (GmpClientServer  *self,
                                const GmpJobSpec *client,
                                GError          **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpOpenRun *open = priv->open;
  gboolean result;

  if (open == NULL)
    return TRUE;
  if (open->closing != NULL)
    {
      /* It is for the next run, but another thread may be using the table of clients. */
      if (open->is_blocking && !acquire_context (self, error))
        return FALSE;
      if (open->is_blocking)
        release_context (self);
      return TRUE;
    }
  if (open->is_blocking && !gmp_open_run_enter (self, FALSE, error))
    return FALSE;
  result = gmp_server_session_add_client (priv->session, client, error);
  if (open->is_blocking)
    {
      gmp_open_run_turn_context (self);
      gmp_open_run_leave (self);
    }
  return result;
}

/* Nothing can close the run any more: it is terminated, and the object lives until it has ended. No
 * user code is called, because a language may be collecting garbage. */
void
gmp_client_server_drop_open (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpOpenRun *open = priv->open;

  if (open == NULL || open->is_dropped || open->has_ended)
    return;
  open->is_dropped = TRUE;
  g_object_ref (self);
  g_signal_handlers_destroy (self);
  if (open->is_blocking)
    gmp_open_run_enter (self, FALSE, NULL);
  gmp_server_session_cancel (priv->session);
  gmp_server_session_kill (priv->session);
  while (open->is_blocking && !open->has_ended)
    g_main_context_iteration (priv->context, TRUE);
  if (open->is_blocking)
    gmp_open_run_leave (self);
}
