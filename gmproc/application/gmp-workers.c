/* gmp-workers.c: functions that run in processes of their own: the class
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-workers-private.h"

#include "application/gmp-runner-private.h"
#include "base/gmp-guard-private.h"

/**
 * GmpWorkers:
 *
 * Functions that run in their own processes and return values.
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
 * All workers of a run run at the same time, each in a fresh process.
 * [property@Gmp.Workers:max-parallel] and [property@Gmp.Workers:reuse] change that. A worker that
 * fails or crashes does not affect the others: the run continues until all have ended, and the
 * results that arrived are kept.
 *
 * A subclass may override `process`. Ids that were added without a function then run `process`. A
 * worker may also take several turns, and each turn has a result. In the worker's process:
 *
 * ```
 * workers.start (id, params)
 * result = workers.process (id, params)
 * while not workers.done (id):
 *   workers.wait (id)
 *   result = workers.process (id, params)
 * workers.finish (id)
 * ```
 *
 * By default a worker takes one turn. In the application, `update` receives the result of each turn
 * as it arrives. The worker's result is what `finish` returns, or the last turn's result if that is
 * %NULL.
 *
 * An object belongs to one thread at a time.
 *
 * Since: 0.1
 */

enum {
  PROP_0,
  PROP_MAX_PARALLEL,
  PROP_REUSE,
  PROP_RESULTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];
static GmpRunSignals signals;

G_DEFINE_TYPE_WITH_PRIVATE (GmpWorkers, gmp_workers, GMP_TYPE_RUNNER)

static void
free_entry (gpointer data)
{
  gmp_job_spec_clear (data);
  g_free (data);
}

/* In the classes below this one, ids are strings. */
static int
id_to_int (const char *id)
{
  gint64 number;
  gboolean is_number = g_ascii_string_to_signed (id, 10, G_MININT, G_MAXINT, &number, NULL);

  g_assert (is_number);
  return (int) number;
}

static gboolean
take_value (gpointer    owner,
            const char *id,
            GVariant   *value,
            GError    **error)
{
  gboolean ignored G_GNUC_UNUSED;
  GError *local = NULL;

  GMP_GUARD (ignored, GMP_WORKERS_GET_CLASS (owner)->update, owner, id_to_int (id), value, &local);
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

static const GmpSupervisorEvents events = { take_value, take_progress, &signals };

static void
gmp_workers_finalize (GObject *object)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (GMP_WORKERS (object));

  gmp_supervisor_free (priv->supervisor);
  g_hash_table_unref (priv->entries);
  g_array_unref (priv->spec);
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

/* The properties of GmpRunner too, but none of a subclass. */
static void
gmp_workers_notify (GObject    *object,
                    GParamSpec *pspec)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (GMP_WORKERS (object));

  if ((pspec->flags & G_PARAM_WRITABLE) == 0 ||
      !g_type_is_a (GMP_TYPE_WORKERS, pspec->owner_type))
    return;
  priv->options_changed = TRUE;
  /* They apply from the next run on. */
  if (!gmp_runner_is_claimed (GMP_RUNNER (object)))
    gmp_workers_apply_options (GMP_WORKERS (object));
}

/**
 * GmpWorkers:max-parallel:
 *
 * The number of workers that run at the same time; 0 for all of them.
 *
 * The others wait, in the order of the ids given to the run. For many workers,
 * [method@Gmp.Runner.count_slots] is a good value.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers:reuse:
 *
 * If %TRUE, processes are kept for other ids and further runs after their worker has ended.
 *
 * This saves starting a process. However, a function then finds what earlier functions left behind,
 * such as global variables. Kept processes exit when the object is finalized.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers:results: (getter get_results)
 *
 * Results of the workers that succeeded in the last run, as `a{iv}`.
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
 * A worker has returned. Others may still be running.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::failed:
 * @self: the workers
 * @id: a worker's id
 * @error: why
 *
 * A worker has failed. Others may still be running. If nothing is connected to this signal, gmproc
 * logs the death of a worker.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::restarted:
 * @self: the workers
 * @id: a worker's id
 * @failure: (nullable): why it had failed; %NULL if it had finished
 *
 * A worker is started again, as [property@Gmp.Runner:restart] demands.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::progress:
 * @self: the workers
 * @id: a worker's id
 * @value: (nullable): what it gave to [func@Gmp.Worker.report]
 *
 * A worker has reported its progress.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::turn:
 * @self: the workers
 * @id: a worker's id
 * @value: (nullable): the turn's result
 *
 * A worker that takes several turns, or that overrides `finish`, has ended a turn. `update` was
 * called before. For a worker with one turn only [signal@Gmp.Workers::result] is emitted.
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
 * A worker has printed a line, while [property@Gmp.Runner:capture-output] is on.
 * [method@Gmp.Workers.get_node] returns the node that it is on.
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
 * A worker has logged a message with GLib. The default handler prints the message with the worker's
 * id where GLib would have printed it, and never aborts the application.
 *
 * Returns: %TRUE if the message was handled and must not be printed
 *
 * Since: 0.1
 */

static gboolean
log_default (GmpWorkers    *self,
             int            id,
             const char    *domain,
             GLogLevelFlags level,
             const char    *message)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);
  GmpJobSpec *entry = g_hash_table_lookup (priv->entries, GINT_TO_POINTER (id));

  gmp_run_signals_print_log (gmp_job_spec_get_label (entry), domain, level, message);
  return TRUE;
}

static void
gmp_workers_class_init (GmpWorkersClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = gmp_workers_finalize;
  object_class->get_property = gmp_workers_get_property;
  object_class->set_property = gmp_workers_set_property;
  object_class->notify = gmp_workers_notify;
  gmp_workers_install_methods (klass);
  install_properties (object_class);
  gmp_run_signals_install (&signals, G_TYPE_FROM_CLASS (klass), id_to_int,
                           G_CALLBACK (log_default));
}

static void
gmp_workers_init (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);

  priv->entries = g_hash_table_new_full (NULL, NULL, NULL, free_entry);
  priv->spec = g_array_new (FALSE, FALSE, sizeof (int));
  priv->supervisor = gmp_supervisor_new (&events, self, gmp_runner_get_results (GMP_RUNNER (self)),
                                         gmp_runner_get_failure_log (GMP_RUNNER (self)));
}

/**
 * gmp_workers_new:
 *
 * Creates an object without workers.
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

GmpWorkersPrivate *
gmp_workers_get_private (GmpWorkers *self)
{
  return gmp_workers_get_instance_private (self);
}

void
gmp_workers_apply_options (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);

  if (!priv->options_changed)
    return;
  priv->options_changed = FALSE;
  gmp_supervisor_set_options (priv->supervisor,
                              gmp_runner_copy_options (GMP_RUNNER (self)),
                              priv->max_parallel, priv->reuse);
}

void
gmp_workers_notify_results (GmpWorkers *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RESULTS]);
}

static void
add_result (const char *id,
            GVariant   *value,
            gpointer    builder)
{
  g_variant_builder_add (builder, "{i@v}", id_to_int (id), value);
}

/**
 * gmp_workers_get_results: (get-property results)
 * @self: the workers
 *
 * Gets the results of the workers that succeeded in the last run; during a run, those that have
 * arrived.
 *
 * Returns: (transfer full): the results by id, an `a{iv}`
 *
 * Since: 0.1
 */
GVariant *
gmp_workers_get_results (GmpWorkers *self)
{
  GVariantBuilder builder;

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{iv}"));
  gmp_results_foreach (gmp_runner_get_results (GMP_RUNNER (self)), add_result, &builder);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * gmp_workers_get_error:
 * @self: the workers
 * @id: a worker's id
 *
 * Gets the reason why a worker failed in the last run.
 *
 * Returns: (transfer none) (nullable): the error, valid until the next run; %NULL if the worker did
 *   not fail
 *
 * Since: 0.1
 */
const GError *
gmp_workers_get_error (GmpWorkers *self,
                       int         id)
{
  g_autofree char *name = g_strdup_printf ("%d", id);

  g_return_val_if_fail (GMP_IS_WORKERS (self), NULL);
  return gmp_results_get_error (gmp_runner_get_results (GMP_RUNNER (self)), name);
}
