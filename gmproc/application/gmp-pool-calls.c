/* gmp-pool-calls.c: calls of functions in kept processes: the calls
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-private.h"
#include "application/gmp-runner-private.h"

#include "base/gmp-errand-private.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-refusal-private.h"
#include "base/gmp-target-private.h"
#include "base/gmp-thread-private.h"

/* The data of a call that the dispatcher does not need. */
typedef struct {
  GmpDispatcher *dispatcher;
  GTask *task;               /* (nullable): the caller waits */
  GmpPoolReturns *returns;   /* (nullable): likewise */
  GCancellable *cancellable; /* (nullable) */
  gulong handler;
} Request;

static void
request_end (GmpPoolCall *call)
{
  Request *request = call->user_data;

  g_cancellable_disconnect (request->cancellable, request->handler);
  g_clear_object (&request->cancellable);
  g_clear_pointer (&request->returns, gmp_pool_returns_unref);
  g_free (request);
}

/* In the main context of the call, which has ended. */
static void
return_call (GmpPoolCall *data)
{
  g_autoptr (GmpPoolCall) call = data;
  g_autoptr (GTask) task = ((Request *) call->user_data)->task;

  request_end (call);
  if (call->error != NULL)
    g_task_return_error (task, g_steal_pointer (&call->error));
  else
    g_task_return_pointer (task, g_steal_pointer (&call->value),
                           (GDestroyNotify) g_variant_unref);
}

static void
wake (GmpPoolReturns *returns)
{
  gmp_pool_returns_wake (returns);
  gmp_pool_returns_unref (returns);
}

/* Passes a call to its main context. Returns the source to wake, with a reference: usually all
 * calls belong to one main loop, which should wake once for all of them. */
static GmpPoolReturns *
give_back (GmpPoolCall    *call,
           GmpPoolReturns *to_wake)
{
  GmpPoolReturns *returns = gmp_pool_returns_ref (((Request *) call->user_data)->returns);

  if (!gmp_pool_returns_add (returns, call))
    {
      gmp_pool_returns_unref (returns);
      return to_wake;
    }
  if (to_wake != NULL)
    wake (to_wake);
  return returns;
}

/* Calls that no gmp_dispatcher_wait() waits for. Called in any thread. */
void
gmp_pool_finished (GQueue  *calls,
                   gpointer owner)
{
  GmpPool *self = owner;
  GmpPoolReturns *to_wake = NULL;
  GList *link;

  if (self != NULL && self->binding != NULL)
    gmp_pool_give_to_binding (self, calls);
  while ((link = g_queue_pop_head_link (calls)) != NULL)
    {
      GmpPoolCall *call = link->data;

      if (call->is_of_binding)
        gmp_pool_call_unref (call); /* It has closed the pool, and makes no more calls. */
      else
        to_wake = give_back (call, to_wake);
    }
  if (to_wake != NULL)
    wake (to_wake);
}

/* The source that returns calls in the thread-default main context. */
static GmpPoolReturns *
find_returns (GmpPool       *self,
              GmpDispatcher *dispatcher)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  GmpPoolReturns *result = NULL;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->returns->len && result == NULL; i++)
    {
      GmpPoolReturns *returns = self->returns->pdata[i];

      if (gmp_pool_returns_is_over (returns))
        g_ptr_array_remove_index_fast (self->returns, i--);
      else if (gmp_pool_returns_serves (returns, dispatcher, context))
        result = returns;
    }
  if (result == NULL)
    {
      result = gmp_pool_returns_new (dispatcher, self->task_priority, return_call);
      g_ptr_array_add (self->returns, result);
    }
  gmp_pool_returns_ref (result);
  g_mutex_unlock (&self->lock);
  return result;
}

static void
cancelled_cb (GCancellable *cancellable G_GNUC_UNUSED,
              gpointer      user_data)
{
  GmpPoolCall *call = user_data;
  Request *request = call->user_data;

  gmp_dispatcher_cancel_later (request->dispatcher, call);
}

static void
unref_call (gpointer data)
{
  gmp_pool_call_unref (data);
}

/* Submits a call of @target, which is interned; %NULL with an error, which may have come before. */
static GmpPoolCall *
submit (GmpPool      *self,
        const char   *target,
        GVariant     *params,
        GTask        *task,
        GCancellable *cancellable,
        GError      **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  GmpDispatcher *dispatcher = NULL;
  GmpPoolCall *call;
  Request *request;

  if (target != NULL && !g_cancellable_set_error_if_cancelled (cancellable, error))
    dispatcher = gmp_pool_get_dispatcher (self, error);
  if (dispatcher == NULL)
    return NULL;
  call = gmp_pool_call_new (target, sunk);
  call->priority = self->call_priority;
  call->run_timeout = self->run_timeout;
  call->retries = self->retries;
  request = g_new0 (Request, 1);
  request->dispatcher = dispatcher;
  request->task = task;
  request->returns = task != NULL ? find_returns (self, dispatcher) : NULL;
  call->has_waiter = task == NULL;
  call->is_large = call->is_packing = task != NULL && gmp_errand_is_for (sunk);
  call->user_data = request;
  if (cancellable != NULL)
    {
      request->cancellable = g_object_ref (cancellable);
      request->handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb),
                                                gmp_pool_call_ref (call), unref_call);
    }
  gmp_dispatcher_submit (dispatcher, call);
  return call;
}

static GVariant *
call_and_wait (GmpPool      *self,
               const char   *target,
               GVariant     *params,
               GCancellable *cancellable,
               GError      **error)
{
  g_autoptr (GmpPoolCall) call = submit (self, target, params, NULL, cancellable, error);

  if (call == NULL)
    return NULL;
  gmp_dispatcher_wait (((Request *) call->user_data)->dispatcher, call);
  request_end (call);
  if (call->error == NULL)
    return g_steal_pointer (&call->value);
  g_propagate_error (error, g_steal_pointer (&call->error));
  return NULL;
}

static void
call_with_task (GmpPool            *self,
                const char         *target,
                GError             *error,
                GVariant           *params,
                GCancellable       *cancellable,
                GAsyncReadyCallback callback,
                gpointer            user_data)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  GmpPoolCall *call = NULL;
  GTask *task;

  if (error != NULL || !gmp_thread_begin (&error))
    {
      gmp_refusal_report (self, callback, user_data, error);
      return;
    }
  task = gmp_guard_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, call_with_task);
  g_task_set_priority (task, self->task_priority);
  call = submit (self, target, sunk, g_object_ref (task), cancellable, &error);
  if (call != NULL)
    {
      gmp_pool_call_unref (call);
    }
  else
    {
      g_task_return_error (task, error);
      g_object_unref (task);
    }
  g_object_unref (task);
}

static const char *
intern_target (const char *target,
               GError    **error)
{
  g_autofree char *runtime = gmp_target_get_runtime (target, error);

  return runtime != NULL ? g_intern_string (target) : NULL;
}

/**
 * gmp_pool_call:
 * @self: a pool
 * @method: (scope forever): the function to call, static ones too
 * @params: (nullable): what it gets; a floating reference is sunk
 * @cancellable: (nullable): ends this call
 * @error: return location for an error
 *
 * Calls a function of this program, or of a library or plugin that it has loaded, in a process of
 * the pool, and waits for its result.
 *
 * The caller's main context does not run meanwhile.
 *
 * Errors are those of [error@Gmp.Error], with the call's number; those of the function, with their
 * own domain and code; and [error@Gio.IOErrorEnum.CANCELLED]. They are [error@Gmp.Error.CRASHED]
 * where the process died, [error@Gmp.Error.TIMED_OUT] where the call took longer than
 * [property@Gmp.Runner:run-timeout], and [error@Gmp.Error.NOT_FOUND] for a function that
 * another process cannot find.
 *
 * Returns: (transfer full) (nullable): what the function returned; %NULL with an error
 *
 * Since: 0.1
 */
GVariant *
gmp_pool_call (GmpPool      *self,
               GmpMethod     method,
               GVariant     *params,
               GCancellable *cancellable,
               GError      **error)
{
  g_return_val_if_fail (GMP_IS_POOL (self), NULL);
  g_return_val_if_fail (method != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return call_and_wait (self, gmp_target_intern_function (method, error), params, cancellable,
                        error);
}

/**
 * gmp_pool_call_async:
 * @self: a pool
 * @method: (scope forever): the function to call, static ones too
 * @params: (nullable): what it gets; a floating reference is sunk
 * @cancellable: (nullable): ends this call
 * @callback: (nullable): called when it is over, in the thread-default main context
 * @user_data: for @callback
 *
 * Calls a function in a process of the pool. See [method@Gmp.Pool.call].
 *
 * While other calls are under way, working directory and environment are looked at once in 10 µs
 * only, so that many calls take less time.
 *
 * Since: 0.1
 */
void
gmp_pool_call_async (GmpPool            *self,
                     GmpMethod           method,
                     GVariant           *params,
                     GCancellable       *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer            user_data)
{
  GError *error = NULL;
  const char *target;

  g_return_if_fail (GMP_IS_POOL (self));
  g_return_if_fail (method != NULL);

  target = gmp_target_intern_function (method, &error);
  call_with_task (self, target, error, params, cancellable, callback, user_data);
}

/**
 * gmp_pool_call_finish:
 * @self: a pool
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Gmp.Pool.call_async].
 *
 * Returns: (transfer full) (nullable): as for [method@Gmp.Pool.call]
 *
 * Since: 0.1
 */
GVariant *
gmp_pool_call_finish (GmpPool      *self,
                      GAsyncResult *result,
                      GError      **error)
{
  if (gmp_refusal_propagate (result, error))
    return NULL;
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * gmp_pool_call_target:
 * @self: a pool
 * @target: what to call, as `RUNTIME:DESCRIPTION`: `native:libfoo.so:function`
 * @params: (nullable): what it gets; a floating reference is sunk
 * @cancellable: (nullable): ends this call
 * @error: return location for an error
 *
 * Calls a function that is named by a string, and so may be of another language. See
 * [method@Gmp.Pool.call].
 *
 * Returns: (transfer full) (nullable): what the function returned; %NULL with an error
 *
 * Since: 0.1
 */
GVariant *
gmp_pool_call_target (GmpPool      *self,
                      const char   *target,
                      GVariant     *params,
                      GCancellable *cancellable,
                      GError      **error)
{
  g_return_val_if_fail (GMP_IS_POOL (self), NULL);
  g_return_val_if_fail (target != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return call_and_wait (self, intern_target (target, error), params, cancellable, error);
}

/**
 * gmp_pool_call_target_async:
 * @self: a pool
 * @target: what to call, as `RUNTIME:DESCRIPTION`
 * @params: (nullable): what it gets; a floating reference is sunk
 * @cancellable: (nullable): ends this call
 * @callback: (nullable): called when it is over, in the thread-default main context
 * @user_data: for @callback
 *
 * Calls a function that is named by a string. See [method@Gmp.Pool.call_target].
 *
 * Since: 0.1
 */
void
gmp_pool_call_target_async (GmpPool            *self,
                            const char         *target,
                            GVariant           *params,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  GError *error = NULL;
  const char *interned;

  g_return_if_fail (GMP_IS_POOL (self));
  g_return_if_fail (target != NULL);

  interned = intern_target (target, &error);
  call_with_task (self, interned, error, params, cancellable, callback, user_data);
}

/**
 * gmp_pool_call_target_finish:
 * @self: a pool
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Gmp.Pool.call_target_async].
 *
 * Returns: (transfer full) (nullable): as for [method@Gmp.Pool.call_target]
 *
 * Since: 0.1
 */
GVariant *
gmp_pool_call_target_finish (GmpPool      *self,
                             GAsyncResult *result,
                             GError      **error)
{
  return gmp_pool_call_finish (self, result, error);
}

static gboolean
set_initializer (GmpPool    *self,
                 const char *target,
                 GVariant   *params)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  GmpDispatcher *dispatcher = g_atomic_pointer_get (&self->dispatcher);

  if (target == NULL)
    return FALSE;
  g_free (self->limits.setup_target);
  self->limits.setup_target = g_strdup (target);
  g_clear_pointer (&self->limits.setup_params, g_variant_unref);
  self->limits.setup_params = g_steal_pointer (&sunk);
  if (dispatcher == NULL || gmp_dispatcher_is_inherited (dispatcher))
    return TRUE;
  gmp_dispatcher_set_limits (dispatcher, &self->limits);
  /* Processes that have called another one end. */
  gmp_dispatcher_set_options (dispatcher, gmp_runner_copy_options (GMP_RUNNER (self)));
  return TRUE;
}

/**
 * gmp_pool_set_initializer:
 * @self: a pool
 * @method: (scope forever): a function
 * @params: (nullable): what it gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Sets the function that each process calls before it takes calls. Its result is ignored. If it
 * fails, the calls that wait fail with its error.
 *
 * Existing processes end when they have executed the calls that they have begun.
 * Others, which call this function, take their place.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] for a function that another process cannot find
 *
 * Since: 0.1
 */
gboolean
gmp_pool_set_initializer (GmpPool   *self,
                          GmpMethod  method,
                          GVariant  *params,
                          GError   **error)
{
  g_return_val_if_fail (GMP_IS_POOL (self), FALSE);
  g_return_val_if_fail (method != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return set_initializer (self, gmp_target_intern_function (method, error), params);
}

/**
 * gmp_pool_set_initializer_target:
 * @self: a pool
 * @target: a function, as `RUNTIME:DESCRIPTION`
 * @params: (nullable): what it gets; a floating reference is sunk
 * @error: return location for an error
 *
 * As [method@Gmp.Pool.set_initializer], for a function named by a string. Processes of other
 * runtimes do not call it.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] for a string that is not a target
 *
 * Since: 0.1
 */
gboolean
gmp_pool_set_initializer_target (GmpPool    *self,
                                 const char *target,
                                 GVariant   *params,
                                 GError    **error)
{
  g_return_val_if_fail (GMP_IS_POOL (self), FALSE);
  g_return_val_if_fail (target != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return set_initializer (self, intern_target (target, error), params);
}
