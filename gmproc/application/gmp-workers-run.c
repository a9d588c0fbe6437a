/* gmp-workers-run.c: the entries of GmpWorkers, and its run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-workers-binding.h"
#include "application/gmp-workers-private.h"

#include "application/gmp-blocking-private.h"
#include "application/gmp-runner-private.h"
#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-refusal-private.h"
#include "base/gmp-target-private.h"

static gboolean
add_entry (GmpWorkers *self,
           int         id,
           const char *target,
           GVariant   *params,
           GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  g_autofree char *name = g_strdup_printf ("%d", id);
  GmpJobSpec *entry;

  if (g_hash_table_contains (priv->entries, GINT_TO_POINTER (id)))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_EXISTS,
                   "There is a worker %d already: take another id, or set_params", id);
      return FALSE;
    }
  entry = g_new (GmpJobSpec, 1);
  gmp_job_spec_init (entry, "call", name, target, params);
  g_hash_table_insert (priv->entries, GINT_TO_POINTER (id), entry);
  g_array_append_val (priv->spec, id);
  return TRUE;
}

/**
 * gmp_workers_add:
 * @self: the workers
 * @id: the worker's id
 * @method: (nullable) (scope forever): the function to run, static ones too; %NULL for the
 *   `process` of a subclass
 * @params: (nullable): what the function gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Adds a worker that runs a function of this program, or of a library or plugin that it has loaded.
 *
 * Returns: %FALSE with [error@Gmp.Error.EXISTS] if the id is taken, and with
 *   [error@Gmp.Error.NOT_FOUND] if another process cannot find the function
 *
 * Since: 0.1
 */
gboolean
gmp_workers_add (GmpWorkers *self,
                 int         id,
                 GmpMethod   method,
                 GVariant   *params,
                 GError    **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autofree char *target = NULL;

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (method != NULL)
    {
      target = gmp_target_for_function (method, error);
      if (target == NULL)
        return FALSE;
    }
  else if (!gmp_workers_has_process (self))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "Worker %d has no function, and %s does not override process", id,
                   G_OBJECT_TYPE_NAME (self));
      return FALSE;
    }
  return add_entry (self, id, target, sunk, error);
}

/**
 * gmp_workers_add_target:
 * @self: the workers
 * @id: the worker's id
 * @target: what to run, as `RUNTIME:DESCRIPTION`: `native:libfoo.so:function`
 * @params: (nullable): what the function gets; a floating reference is sunk
 * @error: return location for an error
 *
 * Adds a worker that runs a function named by a string. The function may be written in another
 * language.
 *
 * A function that does not exist is an error of the worker when it runs.
 *
 * Returns: %FALSE with [error@Gmp.Error.EXISTS] if the id is taken, and with
 *   [error@Gmp.Error.NOT_FOUND] if the string is not a target
 *
 * Since: 0.1
 */
gboolean
gmp_workers_add_target (GmpWorkers *self,
                        int         id,
                        const char *target,
                        GVariant   *params,
                        GError    **error)
{
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autofree char *runtime = NULL;

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (target != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  runtime = gmp_target_get_runtime (target, error);
  return runtime != NULL && add_entry (self, id, target, sunk, error);
}

/**
 * gmp_workers_set_params:
 * @self: the workers
 * @id: a worker's id
 * @params: (nullable): what its function gets in the next run; a floating reference is sunk
 * @error: return location for an error
 *
 * Changes a worker's parameters.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] if the id was not added
 *
 * Since: 0.1
 */
gboolean
gmp_workers_set_params (GmpWorkers *self,
                        int         id,
                        GVariant   *params,
                        GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  GmpJobSpec *entry;

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  entry = g_hash_table_lookup (priv->entries, GINT_TO_POINTER (id));
  if (entry == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "There is no worker %d: add it first", id);
      return FALSE;
    }
  gmp_job_spec_set_params (entry, sunk);
  return TRUE;
}

/* Adds a worker with gmp_supervisor_add() or gmp_supervisor_add_again(). */
static gboolean
enlist (GmpWorkers *self,
        int         id,
        gboolean  (*add) (GmpSupervisor *, const GmpJobSpec *, GError **),
        GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  GmpJobSpec *entry = g_hash_table_lookup (priv->entries, GINT_TO_POINTER (id));

  if (entry == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "There is no worker %d: add it first", id);
      return FALSE;
    }
  if (entry->target == NULL)
    entry->target = gmp_target_for_type (G_OBJECT_TYPE (self), error);
  return entry->target != NULL && add (priv->supervisor, entry, error);
}

static gboolean
enlist_all (GmpWorkers *self,
            const int  *ids,
            gsize       n_ids,
            GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);

  if (ids == NULL)
    {
      ids = (const int *) (gpointer) priv->spec->data;
      n_ids = priv->spec->len;
    }
  gmp_supervisor_begin (priv->supervisor);
  for (gsize i = 0; i < n_ids; i++)
    {
      if (enlist (self, ids[i], gmp_supervisor_add, error))
        continue;
      gmp_supervisor_abandon (priv->supervisor);
      return FALSE;
    }
  return TRUE;
}

static void
kill_all (gpointer object,
          gpointer user_data G_GNUC_UNUSED)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (object);

  gmp_supervisor_kill (priv->supervisor);
}

static void
ended_cb (gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GmpWorkers *self = g_task_get_source_object (task);
  GError *error = gmp_results_to_error (gmp_runner_get_results (GMP_RUNNER (self)),
                                        g_task_get_cancellable (task));
  /* Before handlers are called, which may begin another run. */
  g_autoptr (GVariant) results = error == NULL ? gmp_workers_get_results (self) : NULL;

  gmp_workers_apply_options (self);
  gmp_runner_release (GMP_RUNNER (self));
  gmp_workers_notify_results (self);
  if (error == NULL)
    g_task_return_pointer (task, g_steal_pointer (&results), (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

/* The object is claimed for this run. */
static void
begin_run (GmpWorkers         *self,
           const int          *ids,
           gsize               n_ids,
           GCancellable       *cancellable,
           GAsyncReadyCallback callback,
           gpointer            user_data)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  g_autoptr (GTask) task = gmp_guard_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;

  g_task_set_source_tag (task, gmp_workers_run_async);
  g_task_set_check_cancellable (task, FALSE);
  if (enlist_all (self, ids, n_ids, &error))
    {
      gmp_supervisor_run (priv->supervisor, cancellable, ended_cb, g_steal_pointer (&task));
      return;
    }
  gmp_feed_close (gmp_supervisor_get_feed (priv->supervisor));
  gmp_runner_release (GMP_RUNNER (self));
  g_task_return_error (task, error);
}

/**
 * gmp_workers_run:
 * @self: the workers
 * @ids: (array length=n_ids zero-terminated=1) (nullable): the workers to run; %NULL for all
 * @n_ids: the number of ids. With 0 and an @ids that is not %NULL, no worker runs
 * @cancellable: (nullable): ends the run
 * @error: return location for an error
 *
 * Runs workers, and waits until all of them have ended.
 *
 * The caller's main context is not iterated; signals are emitted from inside this call. The first
 * Ctrl-C cancels the run and a second one kills its workers, unless the program handles `SIGINT`
 * itself.
 *
 * If a worker fails, the others still run to their end. The error is that of the first worker that
 * failed, and [method@Gmp.Workers.get_results] returns the results that arrived.
 *
 * Errors are those of [error@Gmp.Error], those that the functions set, with their own domain and
 * code, [error@Gio.IOErrorEnum.CANCELLED], and [error@Gio.IOErrorEnum.PENDING] if a run is already
 * in progress.
 *
 * Returns: (transfer full): the results by id, an `a{iv}`, where a function's %NULL is
 *   `<@mv nothing>`; %NULL with an error
 *
 * Since: 0.1
 */
GVariant *
gmp_workers_run (GmpWorkers   *self,
                 const int    *ids,
                 gsize         n_ids,
                 GCancellable *cancellable,
                 GError      **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  GMainContext *context;
  GmpBlocking blocking;

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!gmp_runner_claim (GMP_RUNNER (self), error))
    return NULL;
  context = gmp_kept_workers_get_context (gmp_supervisor_get_kept (priv->supervisor), error);
  if (context == NULL)
    {
      gmp_runner_release (GMP_RUNNER (self));
      return NULL;
    }
  gmp_blocking_begin (&blocking, context, G_OBJECT (self), kill_all, cancellable);
  begin_run (self, ids, n_ids, blocking.cancellable, gmp_blocking_done_cb, &blocking);
  return gmp_blocking_finish (&blocking, error);
}

/**
 * gmp_workers_run_async:
 * @self: the workers
 * @ids: (array length=n_ids zero-terminated=1) (nullable): the workers to run; %NULL for all
 * @n_ids: the number of ids. With 0 and an @ids that is not %NULL, no worker runs
 * @cancellable: (nullable): ends the run
 * @callback: (nullable): called when all workers have ended
 * @user_data: for @callback
 *
 * Runs workers without blocking.
 *
 * The callback and all signals arrive in the thread-default main context of this call. Otherwise it
 * behaves like [method@Gmp.Workers.run], except that it does not handle Ctrl-C.
 *
 * Since: 0.1
 */
void
gmp_workers_run_async (GmpWorkers         *self,
                       const int          *ids,
                       gsize               n_ids,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_return_if_fail (GMP_IS_WORKERS (self));

  if (gmp_runner_claim_async (GMP_RUNNER (self), callback, user_data))
    begin_run (self, ids, n_ids, cancellable, callback, user_data);
}

/**
 * gmp_workers_run_finish:
 * @self: the workers
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Gmp.Workers.run_async].
 *
 * Returns: (transfer full): as for [method@Gmp.Workers.run]
 *
 * Since: 0.1
 */
GVariant *
gmp_workers_run_finish (GmpWorkers   *self,
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
 * gmp_workers_run_again:
 * @self: the workers
 * @id: a worker that has returned or failed in the current run
 * @error: return location for an error
 *
 * Runs a worker once more before the run ends, with the parameters that
 * [method@Gmp.Workers.set_params] set in the meantime.
 *
 * Use it to feed a run: a handler of [signal@Gmp.Workers::result] takes the result, sets the next
 * parameters and calls this function. With [property@Gmp.Workers:reuse] the process stays the same.
 * The run returns the last result of each worker.
 *
 * In a handler of [signal@Gmp.Workers::failed] it retries a worker, in a new process if the old one
 * has died. The earlier failure is then forgotten.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] if there is no such worker or it has not ended
 *   yet, and with [error@Gio.IOErrorEnum.CANCELLED] if the run was cancelled
 *
 * Since: 0.1
 */
gboolean
gmp_workers_run_again (GmpWorkers *self,
                       int         id,
                       GError    **error)
{
  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return enlist (self, id, gmp_supervisor_add_again, error);
}

/**
 * gmp_workers_set_label: (skip)
 * @self: the workers
 * @id: the id of a worker that was added
 * @label: what errors and log messages call the worker in place of its id
 *
 * Names a worker, for bindings whose ids are not numbers.
 *
 * Since: 0.1
 */
void
gmp_workers_set_label (GmpWorkers *self,
                       int         id,
                       const char *label)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  GmpJobSpec *entry;

  g_return_if_fail (GMP_IS_WORKERS (self));
  g_return_if_fail (label != NULL);

  entry = g_hash_table_lookup (priv->entries, GINT_TO_POINTER (id));
  g_return_if_fail (entry != NULL);

  g_free (entry->label);
  entry->label = g_strdup (label);
}

/**
 * gmp_workers_hold: (skip)
 * @self: the workers
 * @n_workers: how many will run at the same time at the most
 * @feed: called in the main context of the run when it begins, and after [method@Gmp.Workers.wake]
 * @user_data: for @feed
 * @destroy: (nullable): frees @user_data when the run ends, or has enough
 *
 * Keeps the next run open when it has no worker left, for bindings that receive more work during
 * the run.
 *
 * In an open run [method@Gmp.Workers.run_again] also takes workers that are not in it yet. It ends
 * with the last worker after [method@Gmp.Workers.release], or when it is cancelled.
 *
 * Since: 0.1
 */
void
gmp_workers_hold (GmpWorkers     *self,
                  guint           n_workers,
                  GmpWorkersFeed  feed,
                  gpointer        user_data,
                  GDestroyNotify  destroy)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);

  g_return_if_fail (GMP_IS_WORKERS (self));
  g_return_if_fail (feed != NULL);

  gmp_feed_open (gmp_supervisor_get_feed (priv->supervisor), n_workers, feed, user_data, destroy);
}

/**
 * gmp_workers_wake: (skip)
 * @self: the workers
 *
 * Calls the function of [method@Gmp.Workers.hold] soon, if its run is still open.
 *
 * Any thread may call this.
 *
 * Since: 0.1
 */
void
gmp_workers_wake (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);

  g_return_if_fail (GMP_IS_WORKERS (self));

  gmp_feed_wake (gmp_supervisor_get_feed (priv->supervisor));
}

/**
 * gmp_workers_release: (skip)
 * @self: the workers
 *
 * Ends what [method@Gmp.Workers.hold] began, from the function given there or a signal of the run.
 *
 * Since: 0.1
 */
void
gmp_workers_release (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);

  g_return_if_fail (GMP_IS_WORKERS (self));

  gmp_feed_close (gmp_supervisor_get_feed (priv->supervisor));
}

/**
 * gmp_workers_fail:
 * @self: the workers
 * @id: a running worker
 * @reason: what it fails with
 * @error: return location for an error
 *
 * Ends a worker of the current run as if it had failed. The others continue.
 *
 * An error in `update` does the same. The worker's cancellable is cancelled, and a process that
 * does not end soon is terminated. The worker is not restarted.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] if there is no such worker or it is not running
 *
 * Since: 0.1
 */
gboolean
gmp_workers_fail (GmpWorkers   *self,
                  int           id,
                  const GError *reason,
                  GError      **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  g_autofree char *name = g_strdup_printf ("%d", id);

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (reason != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (gmp_supervisor_fail (priv->supervisor, name, reason))
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "Worker %d is not running", id);
  return FALSE;
}

/**
 * gmp_workers_get_node:
 * @self: the workers
 * @id: a worker
 *
 * Gets the node that a worker runs on, for handlers of [signal@Gmp.Workers::output] and other
 * signals. For a worker that has failed there is [method@Gmp.Failure.get_node].
 *
 * Returns: (nullable): its name; %NULL if it is this machine, or the worker is not running
 *
 * Since: 0.1
 */
const char *
gmp_workers_get_node (GmpWorkers *self,
                      int         id)
{
  GmpWorkersPrivate *priv = gmp_workers_get_private (self);
  g_autofree char *name = g_strdup_printf ("%d", id);

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);

  return g_intern_string (gmp_supervisor_get_node (priv->supervisor, name));
}
