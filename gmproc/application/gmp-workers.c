/* gmp-workers.c: functions that run in processes of their own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-workers.h"

#include "application/gmp-blocking-private.h"
#include "application/gmp-crew-private.h"
#include "base/gmp-error.h"
#include "base/gmp-target-private.h"
#include "worker/gmp-call-private.h"

/**
 * GmpWorkers:
 *
 * Functions that run in processes of their own and return values.
 *
 * ```c
 * static GVariant *
 * square (GVariant *params, GError **error)
 * {
 *   int n = g_variant_get_int32 (params);
 *
 *   return g_variant_new_int32 (n * n);
 * }
 *
 * int
 * main (int argc, char **argv)
 * {
 *   g_autoptr (GmpWorkers) workers = NULL;
 *   g_autoptr (GVariant) results = NULL;
 *   g_autoptr (GError) error = NULL;
 *
 *   gmp_init (&argc, &argv);
 *   workers = gmp_workers_new ();
 *   gmp_workers_add (workers, 1, square, g_variant_new_int32 (7), &error);
 *   results = gmp_workers_run (workers, NULL, 0, NULL, &error);
 *   ...
 * }
 * ```
 *
 * All workers that a run asks for run at the same time, each in a fresh process, unless
 * [property@Gmp.Workers:max-parallel] and [property@Gmp.Workers:reuse] say otherwise. A worker that
 * fails, or dies, does not touch the others: the run goes on until all have ended, and the results
 * that did arrive are kept.
 *
 * A subclass may override `process`, which is then the work of each id that was added without a
 * function, and `update`, which takes each result in the application.
 *
 * An object belongs to one thread at a time.
 *
 * Since: 0.1
 */

typedef struct {
  int id;
  char *target; /* (nullable): the process vfunc */
  GVariant *params;
} Entry;

typedef struct {
  GHashTable *entries; /* of Entry, by id */
  GArray *order;       /* of int: the ids as they were added */
  guint max_parallel;
  gboolean reuse;
  GmpCrew *crew;
  gboolean is_running;
} GmpWorkersPrivate;

enum {
  PROP_0,
  PROP_MAX_PARALLEL,
  PROP_REUSE,
  PROP_RESULTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];
static GmpRunSignals signals;

G_DEFINE_TYPE_WITH_PRIVATE (GmpWorkers, gmp_workers, GMP_TYPE_APPLICATION)

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->target);
  g_clear_pointer (&entry->params, g_variant_unref);
  g_free (entry);
}

static gboolean
take_value (gpointer    owner,
            const char *id,
            GVariant   *value,
            GError    **error)
{
  GError *local = NULL;

  GMP_WORKERS_GET_CLASS (owner)->update (owner, atoi (id), value, &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

static void
take_progress (gpointer    owner G_GNUC_UNUSED,
               const char *id G_GNUC_UNUSED,
               GVariant   *value G_GNUC_UNUSED)
{
}

static const GmpCrewEvents events = { take_value, take_progress, &signals };

/* The vfuncs' defaults. */

/**
 * GmpWorkersClass::process:
 * @self: an instance of the same class, made in the worker's process
 * @id: the worker's id
 * @params: (nullable): its parameters
 * @error: return location for an error
 *
 * The work of each id that was added without a function. It runs in the worker's process, where
 * @self has none of the properties that the application set.
 *
 * Returns: (transfer full) (nullable): the result, floating or not
 *
 * Since: 0.1
 */
static GVariant *
gmp_workers_real_process (GmpWorkers *self,
                          int         id G_GNUC_UNUSED,
                          GVariant   *params G_GNUC_UNUSED,
                          GError    **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s does not override process",
               G_OBJECT_TYPE_NAME (self));
  return NULL;
}

/**
 * GmpWorkersClass::update:
 * @self: the workers
 * @id: a worker's id
 * @result: (nullable): what it returned
 * @error: return location for an error
 *
 * Takes a result in the application, as it arrives. With an error, this id has failed. The default
 * does nothing.
 *
 * Returns: whether it went well; only @error decides
 *
 * Since: 0.1
 */
static gboolean
gmp_workers_real_update (GmpWorkers *self G_GNUC_UNUSED,
                         int         id G_GNUC_UNUSED,
                         GVariant   *result G_GNUC_UNUSED,
                         GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

/* Has gmp_crew_add() or gmp_crew_add_again() know of a worker. */
static gboolean
enlist (GmpWorkers *self,
        int         id,
        const char *own_target,
        gboolean  (*add) (GmpCrew *, const GmpMember *, GError **),
        GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  Entry *entry = g_hash_table_lookup (priv->entries, GINT_TO_POINTER (id));
  g_autofree char *name = g_strdup_printf ("%d", id);

  if (entry == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "There is no worker %d: add it first", id);
      return FALSE;
    }
  return add (priv->crew,
              &(GmpMember) {
                .role = "call",
                .id = name,
                .target = entry->target != NULL ? entry->target : own_target,
                .params = entry->params,
              },
              error);
}

/* Sets @target to %NULL where no subclass overrides process. */
static gboolean
find_own_target (GmpWorkers *self,
                 char      **target,
                 GError    **error)
{
  *target = NULL;
  if (GMP_WORKERS_GET_CLASS (self)->process == gmp_workers_real_process)
    return TRUE;
  *target = gmp_target_for_type (G_OBJECT_TYPE (self), error);
  return *target != NULL;
}

static gboolean
enlist_all (GmpWorkers *self,
            const int  *ids,
            gsize       n_ids,
            GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  g_autofree char *own_target = NULL;

  if (ids == NULL || n_ids == 0)
    {
      ids = (const int *) (gpointer) priv->order->data;
      n_ids = priv->order->len;
    }
  if (!find_own_target (self, &own_target, error))
    return FALSE;
  gmp_crew_begin (priv->crew);
  for (gsize i = 0; i < n_ids; i++)
    {
      if (enlist (self, ids[i], own_target, gmp_crew_add, error))
        continue;
      gmp_crew_abandon (priv->crew);
      return FALSE;
    }
  return TRUE;
}

static GVariant *
call_process (gpointer   instance,
              int        id,
              GVariant  *params,
              GError   **error)
{
  return GMP_WORKERS_GET_CLASS (instance)->process (instance, id, params, error);
}

static void
gmp_workers_finalize (GObject *object)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (GMP_WORKERS (object));

  gmp_crew_free (priv->crew);
  g_hash_table_unref (priv->entries);
  g_array_unref (priv->order);
  G_OBJECT_CLASS (gmp_workers_parent_class)->finalize (object);
}

static void
gmp_workers_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  GmpWorkers *self = GMP_WORKERS (object);
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);

  switch (prop_id)
    {
    case PROP_MAX_PARALLEL:
      g_value_set_uint (value, priv->max_parallel);
      break;

    case PROP_REUSE:
      g_value_set_boolean (value, priv->reuse);
      break;

    case PROP_RESULTS:
      g_value_take_variant (value, gmp_workers_get_results (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static gboolean
set_boolean (gboolean     *place,
             const GValue *value)
{
  gboolean old = *place;

  *place = g_value_get_boolean (value);
  return *place != old;
}

static gboolean
set_uint (guint        *place,
          const GValue *value)
{
  guint old = *place;

  *place = g_value_get_uint (value);
  return *place != old;
}

static void
gmp_workers_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (GMP_WORKERS (object));
  gboolean changed = FALSE;

  switch (prop_id)
    {
    case PROP_MAX_PARALLEL:
      changed = set_uint (&priv->max_parallel, value);
      break;

    case PROP_REUSE:
      changed = set_boolean (&priv->reuse, value);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
  if (changed)
    g_object_notify_by_pspec (object, pspec);
}

/* Properties of GmpApplication count too. */
static void
gmp_workers_notify (GObject    *object,
                    GParamSpec *pspec)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (GMP_WORKERS (object));

  if ((pspec->flags & G_PARAM_WRITABLE) != 0)
    gmp_crew_set_options (priv->crew, gmp_application_copy_options (GMP_APPLICATION (object)),
                          priv->max_parallel, priv->reuse);
  if (G_OBJECT_CLASS (gmp_workers_parent_class)->notify != NULL)
    G_OBJECT_CLASS (gmp_workers_parent_class)->notify (object, pspec);
}

/**
 * GmpWorkers:max-parallel:
 *
 * How many workers run at the same time; 0 for all of them.
 *
 * The others wait for their turn, in the order that they were asked for in. `g_get_num_processors
 * ()` is a good choice where there are many.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers:reuse:
 *
 * Whether a process is kept, when its worker has ended, for other ids and further runs.
 *
 * That saves the start of a process. The price: what a function leaves behind in its process, such
 * as global variables, is there for the next one. The processes end with the object.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers:results: (getter get_results)
 *
 * What the workers of the last run returned that did not fail, as `a{iv}`.
 *
 * Since: 0.1
 */

static void
install_properties (GObjectClass *object_class)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  properties[PROP_MAX_PARALLEL] = g_param_spec_uint ("max-parallel", NULL, NULL, 0, G_MAXUINT, 0,
                                                     flags);

  properties[PROP_REUSE] = g_param_spec_boolean ("reuse", NULL, NULL, FALSE, flags);

  properties[PROP_RESULTS] = g_param_spec_variant ("results", NULL, NULL,
                                                   G_VARIANT_TYPE ("a{iv}"), NULL,
                                                   G_PARAM_READABLE | G_PARAM_STATIC_STRINGS |
                                                   G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

/**
 * GmpWorkers::result:
 * @self: the workers
 * @id: a worker's id
 * @value: (nullable): what it returned
 *
 * A worker has returned, while others may still run.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::failed:
 * @self: the workers
 * @id: a worker's id
 * @error: why
 *
 * A worker has failed, while others may still run.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::restarted:
 * @self: the workers
 * @id: a worker's id
 * @failure: (nullable): why it had failed; %NULL where it had finished
 *
 * A worker is begun again, as [property@Gmp.Application:restart] says.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::progress:
 * @self: the workers
 * @id: a worker's id
 * @value: (nullable): what it gave to [func@Gmp.Worker.report]
 *
 * A worker tells how far it has come.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::output:
 * @self: the workers
 * @id: a worker's id
 * @stream: where it was written to
 * @line: the line, without its end, made valid UTF-8; one of more than 8 KiB comes in pieces
 *
 * A worker has printed a line, while [property@Gmp.Application:capture-output] is on.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::log:
 * @self: the workers
 * @id: a worker's id
 * @domain: the log domain, may be empty
 * @level: a [flags@GLib.LogLevelFlags]
 * @message: the text
 *
 * A worker has logged a message with GLib. The default prints it where GLib would have, with the
 * worker's id, and never ends the application.
 *
 * Returns: %TRUE where the message is dealt with and should not be printed
 *
 * Since: 0.1
 */

static void
gmp_workers_class_init (GmpWorkersClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = gmp_workers_finalize;
  object_class->get_property = gmp_workers_get_property;
  object_class->set_property = gmp_workers_set_property;
  object_class->notify = gmp_workers_notify;
  klass->process = gmp_workers_real_process;
  klass->update = gmp_workers_real_update;
  gmp_call_register (GMP_TYPE_WORKERS, call_process);
  install_properties (object_class);
  gmp_run_signals_install (&signals, G_TYPE_FROM_CLASS (klass), G_TYPE_INT);
}

static void
gmp_workers_init (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);

  priv->entries = g_hash_table_new_full (NULL, NULL, NULL, entry_free);
  priv->order = g_array_new (FALSE, FALSE, sizeof (int));
  priv->crew = gmp_crew_new (&events, GMP_APPLICATION (self));
}

/**
 * gmp_workers_new:
 *
 * Workers, none yet.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 0.1
 */
GmpWorkers *
gmp_workers_new (void)
{
  return g_object_new (GMP_TYPE_WORKERS, NULL);
}

static gboolean
add_entry (GmpWorkers *self,
           int         id,
           char       *target,
           GVariant   *params,
           GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  Entry *entry = g_new0 (Entry, 1);

  entry->id = id;
  entry->target = target;
  entry->params = params != NULL ? g_variant_ref_sink (params) : NULL;
  if (g_hash_table_contains (priv->entries, GINT_TO_POINTER (id)))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_EXISTS,
                   "There is a worker %d already: take another id, or set_params", id);
      entry_free (entry);
      return FALSE;
    }
  g_hash_table_insert (priv->entries, GINT_TO_POINTER (id), entry);
  g_array_append_val (priv->order, id);
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
 * Returns: %FALSE with [error@Gmp.Error.EXISTS] for an id that is taken, and with
 *   [error@Gmp.Error.NOT_FOUND] for a function that another process cannot find
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
  char *target = NULL;

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (method != NULL)
    {
      target = gmp_target_for_function (method, error);
      if (target == NULL)
        return FALSE;
    }
  else if (GMP_WORKERS_GET_CLASS (self)->process == gmp_workers_real_process)
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
 * Adds a worker that runs a function which is named by a string, and so may be of another language.
 *
 * Whether there is such a function shows when the worker runs.
 *
 * Returns: %FALSE with [error@Gmp.Error.EXISTS] for an id that is taken, and with
 *   [error@Gmp.Error.NOT_FOUND] for a string that is not a target
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
  return runtime != NULL && add_entry (self, id, g_strdup (target), sunk, error);
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
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] for an id that was not added
 *
 * Since: 0.1
 */
gboolean
gmp_workers_set_params (GmpWorkers *self,
                        int         id,
                        GVariant   *params,
                        GError    **error)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  g_autoptr (GVariant) sunk = params != NULL ? g_variant_ref_sink (params) : NULL;
  Entry *entry;

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  entry = g_hash_table_lookup (priv->entries, GINT_TO_POINTER (id));
  if (entry == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "There is no worker %d: add it first", id);
      return FALSE;
    }
  g_clear_pointer (&entry->params, g_variant_unref);
  entry->params = g_steal_pointer (&sunk);
  return TRUE;
}

static void
kill_all (gpointer object,
          gpointer user_data G_GNUC_UNUSED)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (object);

  gmp_crew_kill (priv->crew);
}

/**
 * gmp_workers_run:
 * @self: the workers
 * @ids: (array length=n_ids) (nullable): the workers to run; %NULL for all
 * @n_ids: how many; 0 for all
 * @cancellable: (nullable): ends the run
 * @error: return location for an error
 *
 * Runs workers, and waits until all of them have ended.
 *
 * The caller's main context does not run meanwhile; signals are emitted from inside this call. The
 * first Ctrl-C cancels the run, a second one kills its workers, unless the program handles
 * `SIGINT` itself.
 *
 * When a worker fails, the others still run to their end. Then the error is that of the first one
 * that failed, and [method@Gmp.Workers.get_results] has what did arrive.
 *
 * Errors are those of [error@Gmp.Error], those of the user's functions, with their own domain and
 * code, [error@Gio.IOErrorEnum.CANCELLED], and [error@Gio.IOErrorEnum.PENDING] while there is a run
 * already.
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
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  GmpBlocking blocking;
  GVariant *results;
  GError *local = NULL;

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  gmp_blocking_begin (&blocking, gmp_crew_get_context (priv->crew), G_OBJECT (self), kill_all,
                      cancellable);
  gmp_workers_run_async (self, ids, n_ids, blocking.cancellable, gmp_blocking_done_cb, &blocking);
  results = gmp_workers_run_finish (self, gmp_blocking_wait (&blocking), &local);
  gmp_blocking_end (&blocking, &local);
  if (local != NULL)
    g_propagate_error (error, local);
  return results;
}

static void
crew_ran_cb (GObject      *source G_GNUC_UNUSED,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GmpWorkers *self = g_task_get_source_object (task);
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  GError *error = NULL;

  priv->is_running = FALSE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RESULTS]);
  if (gmp_crew_run_finish (priv->crew, result, &error))
    g_task_return_pointer (task, gmp_workers_get_results (self),
                           (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

/**
 * gmp_workers_run_async:
 * @self: the workers
 * @ids: (array length=n_ids) (nullable): the workers to run; %NULL for all
 * @n_ids: how many; 0 for all
 * @cancellable: (nullable): ends the run
 * @callback: (nullable): called when all workers have ended
 * @user_data: for @callback
 *
 * Runs workers without blocking.
 *
 * The callback and all signals come in the main context that is the thread's default at this call.
 * To [method@Gmp.Workers.run] it is alike but for Ctrl-C, which is the program's own business.
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
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (GMP_IS_WORKERS (self));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, gmp_workers_run_async);
  if (priv->is_running)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_PENDING,
                         "These workers are in a run already");
  if (error != NULL || !enlist_all (self, ids, n_ids, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  priv->is_running = TRUE;
  gmp_crew_run_async (priv->crew, cancellable, crew_ran_cb, g_steal_pointer (&task));
}

/**
 * gmp_workers_run_finish:
 * @self: the workers
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Gmp.Workers.run_async].
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
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * gmp_workers_run_again:
 * @self: the workers
 * @id: a worker that has returned in the run that goes on
 * @error: return location for an error
 *
 * Has a worker run once more before the run ends, with what [method@Gmp.Workers.set_params] gave it
 * meanwhile.
 *
 * This is how to feed a run: a handler of [signal@Gmp.Workers::result] takes the result, gives the
 * worker its next piece of work and calls this. With [property@Gmp.Workers:reuse] the process is
 * the same one. In the end the run has each worker's last result.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] where there is no such worker or it has not
 *   returned, and with [error@Gio.IOErrorEnum.CANCELLED] where the run was cancelled
 *
 * Since: 0.1
 */
gboolean
gmp_workers_run_again (GmpWorkers *self,
                       int         id,
                       GError    **error)
{
  g_autofree char *own_target = NULL;

  g_return_val_if_fail (GMP_IS_WORKERS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return find_own_target (self, &own_target, error) &&
         enlist (self, id, own_target, gmp_crew_add_again, error);
}

/**
 * gmp_workers_get_results: (get-property results)
 * @self: the workers
 *
 * What the workers of the last run returned that did not fail; while one runs, what has arrived.
 *
 * Returns: (transfer full): the results by id, an `a{iv}`
 *
 * Since: 0.1
 */
GVariant *
gmp_workers_get_results (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);
  return g_variant_ref_sink (gmp_outcome_to_ints (gmp_crew_get_outcome (priv->crew)));
}

/**
 * gmp_workers_get_error:
 * @self: the workers
 * @id: a worker's id
 *
 * Why a worker failed in the last run.
 *
 * Returns: (transfer none) (nullable): its error, until the next run; %NULL where it did not fail
 *
 * Since: 0.1
 */
const GError *
gmp_workers_get_error (GmpWorkers *self,
                       int         id)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  g_autofree char *name = g_strdup_printf ("%d", id);

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);
  return gmp_outcome_get_error (gmp_crew_get_outcome (priv->crew), name);
}
