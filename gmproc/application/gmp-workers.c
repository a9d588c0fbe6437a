/* gmp-workers.c: functions that run in processes of their own: the class
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-workers-private.h"

#include "application/gmp-runner-private.h"
#include "base/gmp-error.h"
#include "worker/gmp-guard-private.h"

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
 * function. A worker may also have several turns, each of which has a result. In the worker's
 * process:
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
 * By default it is done after one turn. `update` takes each turn's result in the application, as it
 * arrives. The worker's result is what `finish` returns, and where that is %NULL, that of the last
 * turn.
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

void
gmp_workers_free_entry (gpointer data)
{
  GmpWorkersEntry *entry = data;

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
  gboolean ignored G_GNUC_UNUSED;
  GError *local = NULL;

  GMP_GUARD (ignored, GMP_WORKERS_GET_CLASS (owner)->update, owner, atoi (id), value, &local);
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

/* Properties of GmpRunner count too. */
static void
gmp_workers_notify (GObject    *object,
                    GParamSpec *pspec)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (GMP_WORKERS (object));

  if ((pspec->flags & G_PARAM_WRITABLE) == 0)
    return;
  priv->options_changed = TRUE;
  /* They count from the next run on. */
  if (!gmp_runner_is_claimed (GMP_RUNNER (object)))
    gmp_workers_apply_options (GMP_WORKERS (object));
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
 * A worker has failed, while others may still run. Where nothing is connected to this, the death of
 * a worker is logged.
 *
 * Since: 0.1
 */

/**
 * GmpWorkers::restarted:
 * @self: the workers
 * @id: a worker's id
 * @failure: (nullable): why it had failed; %NULL where it had finished
 *
 * A worker is begun again, as [property@Gmp.Runner:restart] says.
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
 * GmpWorkers::turn:
 * @self: the workers
 * @id: a worker's id
 * @value: (nullable): the turn's result
 *
 * A worker of several turns, or one that overrides `finish`, has ended a turn. `update` has taken
 * the result before. A worker of one turn emits only [signal@Gmp.Workers::result].
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
  gmp_workers_install_methods (klass);
  install_properties (object_class);
  gmp_run_signals_install (&signals, G_TYPE_FROM_CLASS (klass), G_TYPE_INT);
}

static void
gmp_workers_init (GmpWorkers *self)
{
  GmpWorkersPrivate *priv = gmp_workers_get_instance_private (self);

  priv->entries = g_hash_table_new_full (NULL, NULL, NULL, gmp_workers_free_entry);
  priv->spec = g_array_new (FALSE, FALSE, sizeof (int));
  priv->supervisor = gmp_supervisor_new (&events, self,
                                         gmp_runner_get_failure_log (GMP_RUNNER (self)));
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
  return g_variant_ref_sink (gmp_results_to_ints (gmp_supervisor_get_results (priv->supervisor)));
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
  return gmp_results_get_error (gmp_supervisor_get_results (priv->supervisor), name);
}
