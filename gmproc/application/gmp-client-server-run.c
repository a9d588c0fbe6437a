/* gmp-client-server-run.c: the clients of GmpClientServer, and its run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-client-server-private.h"

#include "application/gmp-blocking-private.h"
#include "application/gmp-runner-private.h"
#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-refusal-private.h"
#include "base/gmp-target-private.h"
#include "base/gmp-thread-private.h"
#include "worker/gmp-client-worker.h"

static GmpJobSpec *
get_client (GmpClientServer *self,
            const char      *id)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  for (guint i = 0; i < priv->clients->len; i++)
    if (g_str_equal (((GmpJobSpec *) priv->clients->pdata[i])->id, id))
      return priv->clients->pdata[i];
  return NULL;
}

static gboolean
check_id (GmpClientServer *self,
          const char      *id,
          GError         **error)
{
  if (g_str_equal (id, "server"))
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_EXISTS,
                         "The id 'server' belongs to the server: choose another id");
  else if (get_client (self, id) != NULL)
    g_set_error (error, GMP_ERROR, GMP_ERROR_EXISTS,
                 "There is a client '%s' already: take another id, or set_params", id);
  else
    return TRUE;
  return FALSE;
}

static gboolean
store_client (GmpClientServer *self,
              const char      *id,
              const char      *target,
              GVariant        *params,
              GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpJobSpec *client;

  if (!check_id (self, id, error))
    return FALSE;
  client = g_new (GmpJobSpec, 1);
  gmp_job_spec_init (client, "client", id, target, params);
  g_ptr_array_add (priv->clients, client);
  if (gmp_client_server_begin_client (self, client, error))
    return TRUE;
  g_ptr_array_set_size (priv->clients, (int) priv->clients->len - 1);
  return FALSE;
}

/* With the ids "0", "1" and so on. All ids are checked first, for in an open run a client starts
 * when it is added. */
static gboolean
store_clients (GmpClientServer *self,
               guint            n,
               const char      *target,
               GVariant        *params,
               GError         **error)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      if (!check_id (self, id, error))
        return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      if (!store_client (self, id, target, params, error))
        return FALSE;
    }
  return TRUE;
}

static char *
find_client (GType    client_type,
             GError **error)
{
  if (g_type_is_a (client_type, GMP_TYPE_CLIENT_WORKER) && !G_TYPE_IS_ABSTRACT (client_type))
    return gmp_target_for_type (client_type, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
               "%s is not a type of clients: it should derive from GmpClientWorker, and not be "
               "abstract",
               client_type != G_TYPE_INVALID ? g_type_name (client_type) : "0");
  return NULL;
}

/**
 * gmp_client_server_add_client:
 * @self: the application
 * @id: the client's id
 * @client_type: a type derived from [class@Gmp.ClientWorker]
 * @params: (nullable): what the client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Adds a client. Each run starts it anew; where a run is open, it starts at once.
 *
 * Returns: %FALSE with [error@Gmp.Error.EXISTS] if the id is taken, with
 *   [error@Gmp.Error.NOT_FOUND] if @client_type is not a [class@Gmp.ClientWorker], and with
 *   `G_IO_ERROR_CLOSED` if an open run was stopped or cancelled and has not been closed yet
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_add_client (GmpClientServer *self,
                              const char      *id,
                              GType            client_type,
                              GVariant        *params,
                              GError         **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autofree char *target = NULL;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), FALSE);
  g_return_val_if_fail (id != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  target = find_client (client_type, error);
  return target != NULL && store_client (self, id, target, sunk, error);
}

/**
 * gmp_client_server_add_client_target:
 * @self: the application
 * @id: the client's id
 * @target: the client, as `RUNTIME:DESCRIPTION`: `native:libfoo.so:foo_client_get_type`
 * @params: (nullable): what the client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Adds a client named by a string. The client may be written in another language.
 *
 * A client that does not exist is an error when it runs.
 *
 * Returns: %FALSE with [error@Gmp.Error.EXISTS] if the id is taken, and with
 *   [error@Gmp.Error.NOT_FOUND] if the string is not a target
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_add_client_target (GmpClientServer *self,
                                     const char      *id,
                                     const char      *target,
                                     GVariant        *params,
                                     GError         **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autofree char *runtime = NULL;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), FALSE);
  g_return_val_if_fail (id != NULL, FALSE);
  g_return_val_if_fail (target != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  runtime = gmp_target_get_runtime (target, error);
  return runtime != NULL && store_client (self, id, target, sunk, error);
}

/**
 * gmp_client_server_add_clients:
 * @self: the application
 * @n: how many
 * @client_type: a type derived from [class@Gmp.ClientWorker]
 * @params: (nullable): what each client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Adds clients with the ids "0", "1" and so on. If one of these ids is taken, no client is added.
 *
 * Returns: %FALSE with an error of [method@Gmp.ClientServer.add_client]
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_add_clients (GmpClientServer *self,
                               guint            n,
                               GType            client_type,
                               GVariant        *params,
                               GError         **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autofree char *target = NULL;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  target = find_client (client_type, error);
  return target != NULL && store_clients (self, n, target, sunk, error);
}

/**
 * gmp_client_server_add_clients_target:
 * @self: the application
 * @n: how many
 * @target: the clients, as `RUNTIME:DESCRIPTION`: `native:libfoo.so:foo_client_get_type`
 * @params: (nullable): what each client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Adds clients named by a string, with the ids "0", "1" and so on. If one of these ids is taken, no
 * client is added.
 *
 * Returns: %FALSE with an error of [method@Gmp.ClientServer.add_client_target]
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_add_clients_target (GmpClientServer *self,
                                      guint            n,
                                      const char      *target,
                                      GVariant        *params,
                                      GError         **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autofree char *runtime = NULL;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), FALSE);
  g_return_val_if_fail (target != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  runtime = gmp_target_get_runtime (target, error);
  return runtime != NULL && store_clients (self, n, target, sunk, error);
}

/**
 * gmp_client_server_new_worker:
 * @self: the application
 * @id: the client's id
 * @client_type: a type derived from [class@Gmp.ClientWorker]
 * @params: (nullable): what the client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * The older name of [method@Gmp.ClientServer.add_client].
 *
 * Returns: as [method@Gmp.ClientServer.add_client]
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_new_worker (GmpClientServer *self,
                              const char      *id,
                              GType            client_type,
                              GVariant        *params,
                              GError         **error)
{
  return gmp_client_server_add_client (self, id, client_type, params, error);
}

/**
 * gmp_client_server_new_worker_target:
 * @self: the application
 * @id: the client's id
 * @target: the client, as `RUNTIME:DESCRIPTION`
 * @params: (nullable): what the client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * The older name of [method@Gmp.ClientServer.add_client_target].
 *
 * Returns: as [method@Gmp.ClientServer.add_client_target]
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_new_worker_target (GmpClientServer *self,
                                     const char      *id,
                                     const char      *target,
                                     GVariant        *params,
                                     GError         **error)
{
  return gmp_client_server_add_client_target (self, id, target, params, error);
}

/**
 * gmp_client_server_new_workers:
 * @self: the application
 * @n: how many
 * @client_type: a type derived from [class@Gmp.ClientWorker]
 * @params: (nullable): what each client's `start` gets; a floating reference is sunk
 * @error: return location for an error
 *
 * The older name of [method@Gmp.ClientServer.add_clients].
 *
 * Returns: as [method@Gmp.ClientServer.add_clients]
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_new_workers (GmpClientServer *self,
                               guint            n,
                               GType            client_type,
                               GVariant        *params,
                               GError         **error)
{
  return gmp_client_server_add_clients (self, n, client_type, params, error);
}

/**
 * gmp_client_server_set_params:
 * @self: the application
 * @id: a client's id
 * @params: (nullable): what its `start` gets in the next run; a floating reference is sunk
 * @error: return location for an error
 *
 * Changes a client's parameters.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] if the id was not added
 *
 * Since: 0.1
 */
gboolean
gmp_client_server_set_params (GmpClientServer *self,
                              const char      *id,
                              GVariant        *params,
                              GError         **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  GmpJobSpec *client;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), FALSE);
  g_return_val_if_fail (id != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  client = get_client (self, id);
  if (client == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "There is no client '%s': add it first", id);
      return FALSE;
    }
  gmp_job_spec_set_params (client, sunk);
  return TRUE;
}

static GmpServerSession *
prepare_session (GmpClientServer        *self,
                 const GmpServerMethods *open_methods,
                 GError                **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GmpServerSession) session = gmp_client_server_new_session (self, open_methods, error);

  for (guint i = 0; session != NULL && i < priv->clients->len; i++)
    if (!gmp_server_session_add_client (session, priv->clients->pdata[i], error))
      return NULL;
  return g_steal_pointer (&session);
}

/* The object is claimed for the run of @task, which returns the error if this is %NULL.
 * @open_methods is as for gmp_client_server_new_session(). */
GmpServerSession *
gmp_client_server_begin_session (GmpClientServer        *self,
                                 const GmpServerMethods *open_methods,
                                 GTask                  *task)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  GmpServerSession *session;
  GError *error = NULL;

  gmp_client_server_forget (self);
  session = prepare_session (self, open_methods, &error);
  if (session == NULL)
    {
      gmp_runner_release (GMP_RUNNER (self));
      g_task_return_error (task, error);
      return NULL;
    }
  g_clear_pointer (&priv->session, gmp_server_session_free);
  priv->session = session;
  g_cancellable_reset (priv->stop);
  gmp_server_session_watch_stop (session, priv->stop);
  g_atomic_pointer_set (&priv->thread, g_thread_self ());
  return session;
}

/* Of type GFunc. */
void
gmp_client_server_kill (gpointer object,
                        gpointer user_data G_GNUC_UNUSED)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (object);

  gmp_server_session_kill (priv->session);
}

static void
ended_cb (GError  *error,
          gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GmpClientServer *self = g_task_get_source_object (task);
  /* Before handlers are called, which may begin another run. */
  g_autoptr (GVariant) results = error == NULL ? gmp_client_server_get_results (self) : NULL;

  gmp_runner_release (GMP_RUNNER (self));
  gmp_client_server_notify_results (self);
  if (error == NULL)
    g_task_return_pointer (task, g_steal_pointer (&results), (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

/* The object is claimed for this run. */
static void
begin_run (GmpClientServer    *self,
           gboolean            is_blocking,
           GVariant           *params,
           GCancellable       *cancellable,
           GAsyncReadyCallback callback,
           gpointer            user_data)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GTask) task = gmp_guard_task_new (self, NULL, callback, user_data);
  GmpServerSession *session;

  g_task_set_source_tag (task, gmp_client_server_run_async);
  session = gmp_client_server_begin_session (self, NULL, task);
  if (session == NULL)
    return;
  if (is_blocking)
    gmp_server_session_set_blocking (session);
  else if (!priv->changes_values)
    gmp_server_session_set_later (session);
  gmp_server_session_run (session, params, cancellable, ended_cb, g_steal_pointer (&task));
}

/* Claims the object for a run in a main context of its own. */
gboolean
gmp_client_server_claim (GmpClientServer *self,
                         GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  if (!gmp_runner_claim (GMP_RUNNER (self), error))
    return FALSE;
  gmp_client_server_forget (self);
  if (priv->context == NULL)
    priv->context = gmp_thread_context_new (error);
  if (priv->context == NULL)
    gmp_runner_release (GMP_RUNNER (self));
  return priv->context != NULL;
}

/**
 * gmp_client_server_run:
 * @self: the application
 * @params: (nullable): what the server's `start` gets; a floating reference is sunk
 * @cancellable: (nullable): ends the run
 * @error: return location for an error
 *
 * Runs the server and all clients, and waits until they have ended.
 *
 * The caller's main context is not iterated. Signals are emitted from inside this call, and so are
 * the methods of an application that is the server. The first Ctrl-C cancels the run and a second
 * one kills its workers, unless the program handles `SIGINT` itself.
 *
 * If a client fails, the others still run to their end. The error is that of the first client that
 * failed, and [method@Gmp.ClientServer.get_results] returns the results of the others. If the
 * server fails, the clients end too, and the error is the server's.
 *
 * Errors are those of [error@Gmp.Error], those that the methods set, with their own domain and
 * code, [error@Gio.IOErrorEnum.CANCELLED], and [error@Gio.IOErrorEnum.PENDING] if a run is already
 * in progress.
 *
 * Returns: (transfer full): the return values of the clients' `finish` by id, an `a{sv}`, with
 *   `<@mv nothing>` for %NULL; %NULL with an error
 *
 * Since: 0.1
 */
GVariant *
gmp_client_server_run (GmpClientServer *self,
                       GVariant        *params,
                       GCancellable    *cancellable,
                       GError         **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  GmpBlocking blocking;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!gmp_client_server_claim (self, error))
    return NULL;
  gmp_blocking_begin (&blocking, priv->context, G_OBJECT (self), gmp_client_server_kill,
                      cancellable);
  begin_run (self, TRUE, sunk, blocking.cancellable, gmp_blocking_done_cb, &blocking);
  return gmp_blocking_finish (&blocking, error);
}

/**
 * gmp_client_server_run_async:
 * @self: the application
 * @params: (nullable): what the server's `start` gets; a floating reference is sunk
 * @cancellable: (nullable): ends the run
 * @callback: (nullable): called when the server and all clients have ended
 * @user_data: for @callback
 *
 * Runs the server and all clients without blocking.
 *
 * The callback, all signals, and the methods of an application that is the server are called in the
 * thread-default main context of this call. Otherwise it behaves like
 * [method@Gmp.ClientServer.run], except that it does not handle Ctrl-C.
 *
 * Since: 0.1
 */
void
gmp_client_server_run_async (GmpClientServer    *self,
                             GVariant           *params,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;

  g_return_if_fail (GMP_IS_CLIENT_SERVER (self));

  if (gmp_runner_claim_async (GMP_RUNNER (self), callback, user_data))
    begin_run (self, FALSE, sunk, cancellable, callback, user_data);
}

/**
 * gmp_client_server_run_finish:
 * @self: the application
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Gmp.ClientServer.run_async].
 *
 * Returns: (transfer full): as for [method@Gmp.ClientServer.run]
 *
 * Since: 0.1
 */
GVariant *
gmp_client_server_run_finish (GmpClientServer *self,
                              GAsyncResult    *result,
                              GError         **error)
{
  if (gmp_refusal_propagate (result, error))
    return NULL;
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * gmp_client_server_stop:
 * @self: the application
 *
 * Ends a run in good order. It may be called from any thread.
 *
 * The server is done at its next turn, whatever its `done` returns. It finishes, and so do its
 * clients: their next request ends with [error@Gmp.Error.SERVER_DONE]. The run then returns their
 * results. To end a run at once, cancel it. Without a run nothing happens.
 *
 * Since: 0.1
 */
void
gmp_client_server_stop (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_private (self);

  g_return_if_fail (GMP_IS_CLIENT_SERVER (self));
  if (g_atomic_pointer_get (&priv->thread) != g_thread_self ())
    g_cancellable_cancel (priv->stop);
  else if (gmp_runner_is_claimed (GMP_RUNNER (self)))
    gmp_server_session_stop (priv->session);
}
