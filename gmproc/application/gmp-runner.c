/* gmp-runner.c: the common base of GmpWorkers and GmpClientServer
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-runner-binding.h"
#include "application/gmp-runner-private.h"

#include "base/gmp-enum-types.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-processors-private.h"
#include "base/gmp-refusal-private.h"
#include "base/gmp-thread-private.h"
#include "supervision/gmp-supervisor-private.h"

#include <errno.h>

/**
 * GmpRunner:
 *
 * The common base class of [class@Gmp.Workers] and [class@Gmp.ClientServer]: how workers are
 * started, limited, restarted and ended.
 *
 * All times are in seconds, with fractions, and all sizes in bytes; 0 means no limit. A property
 * applies to runs that begin after it was set. When it changes, kept processes exit.
 *
 * # Time limits
 *
 * A worker that exceeds a time limit fails with [error@Gmp.Error.TIMED_OUT]. It is ended like one
 * that is cancelled: its [func@Gmp.Worker.get_cancellable] is cancelled, after
 * [property@Gmp.Runner:stop-grace] it gets `SIGTERM`, and after a further
 * [property@Gmp.Runner:kill-grace] `SIGKILL`.
 *
 * Limits count only the time in which the run's main loop runs. They stand still while the program
 * blocks the loop or is stopped itself. A result that has arrived counts, however late it is read.
 *
 * # Restarts
 *
 * With [property@Gmp.Runner:restart] a worker that has ended is started again, in a new process and
 * from its `start`: at most [property@Gmp.Runner:max-restarts] times within
 * [property@Gmp.Runner:restart-period]. After that its first failure is reported.
 *
 * A restarted server gets new channels to its clients, which keep running. A client that waits for
 * an answer then fails, or sends its request again with [property@Gmp.Runner:resend-requests]. A
 * server that is done is not restarted: the run is over.
 *
 * # Deaths
 *
 * A run returns its error when all its workers have ended. If a worker dies or exceeds a time limit
 * while others continue, a message of the log domain `gmproc` reports it at once. If something is
 * connected to the signal `failed`, it receives each failure instead.
 *
 * Since: 0.1
 */

typedef struct {
  GmpOptions *options;
  GmpResults *results; /* of the current run, or the last one */
  GmpFailureLog failure_log;
  gboolean was_interrupted;
  int run; /* atomic: while there is a run, that of run_mark(); 0 before the first */
} GmpRunnerPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpRunner, gmp_runner, G_TYPE_OBJECT)

static void
gmp_runner_finalize (GObject *object)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (GMP_RUNNER (object));

  gmp_options_unref (priv->options);
  gmp_failure_log_free (&priv->failure_log);
  gmp_results_free (priv->results);
  G_OBJECT_CLASS (gmp_runner_parent_class)->finalize (object);
}

/* The properties are the rows of the options' table: their ids count from 1. */

static void
gmp_runner_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec G_GNUC_UNUSED)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (GMP_RUNNER (object));

  gmp_options_get (priv->options, prop_id - 1, value);
}

static void
gmp_runner_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (GMP_RUNNER (object));

  if (gmp_options_set (priv->options, prop_id - 1, pspec, value))
    g_object_notify_by_pspec (object, pspec);
}

static void
gmp_runner_class_init (GmpRunnerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = gmp_runner_finalize;
  object_class->get_property = gmp_runner_get_property;
  object_class->set_property = gmp_runner_set_property;
  for (guint i = 0; i < gmp_options_get_n (); i++)
    g_object_class_install_property (object_class, i + 1, gmp_options_make_param_spec (i));
}

static void
gmp_runner_init (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  priv->options = gmp_options_new ();
  priv->results = gmp_results_new ();
  gmp_failure_log_init (&priv->failure_log, self);
}

/* For a run: later changes do not apply to it. */
GmpOptions *
gmp_runner_copy_options (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return gmp_options_copy (priv->options);
}

/* A forked child has no part in its parent's run. */
static int
run_mark (void)
{
  return (int) gmp_fork_get_generation () + 1;
}

/* If several threads begin a run at the same time, one succeeds and the others fail at once. */
gboolean
gmp_runner_claim (GmpRunner *self,
                  GError   **error)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);
  int before = g_atomic_int_get (&priv->run);

  if (!gmp_thread_begin (error))
    return FALSE;
  if (before != run_mark () &&
      g_atomic_int_compare_and_exchange (&priv->run, before, run_mark ()))
    {
      priv->was_interrupted = FALSE;
      return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING, "This %s is in a run already",
               G_OBJECT_TYPE_NAME (self));
  return FALSE;
}

/* As gmp_runner_claim(), for an asynchronous call, whose callback gets the error. */
gboolean
gmp_runner_claim_async (GmpRunner          *self,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  GError *error = NULL;

  if (gmp_runner_claim (self, &error))
    return TRUE;
  gmp_refusal_report (self, callback, user_data, error);
  return FALSE;
}

void
gmp_runner_release (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  g_atomic_int_set (&priv->run, 0);
}

gboolean
gmp_runner_is_claimed (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return g_atomic_int_get (&priv->run) == run_mark ();
}

void
gmp_runner_set_interrupted (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  priv->was_interrupted = TRUE;
}

/**
 * gmp_runner_was_interrupted:
 * @self: an application
 *
 * Finds out if Ctrl-C ended the last run, which was a blocking call. This is for bindings whose
 * language has an exception of its own for that.
 *
 * Returns: %TRUE if the run's error, [error@Gio.IOErrorEnum.CANCELLED], is that of Ctrl-C
 *
 * Since: 0.1
 */
gboolean
gmp_runner_was_interrupted (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_RUNNER (self), FALSE);

  return priv->was_interrupted;
}

/**
 * gmp_runner_check_option:
 * @name: the name of an option that is a text, as `affinity`
 * @text: (nullable): its value
 *
 * Checks a value before it is set. This is for bindings whose language can refuse it there: a
 * property takes every text, so that a run has to refuse it.
 *
 * Returns: %FALSE with the error that a run would have, if that does not depend on the machine
 *
 * Since: 0.1
 */
gboolean
gmp_runner_check_option (const char *name,
                         const char *text,
                         GError    **error)
{
  cpu_set_t set;

  g_return_val_if_fail (name != NULL, FALSE);

  if (g_str_equal (name, "launcher"))
    return gmp_supervisor_check_launcher (text, error);
  if (g_str_equal (name, "affinity") && text != NULL)
    return gmp_processors_parse (text, &set, error);
  return TRUE;
}

GmpResults *
gmp_runner_get_results (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return priv->results;
}

GmpFailureLog *
gmp_runner_get_failure_log (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return &priv->failure_log;
}

/**
 * gmp_runner_get_failures:
 * @self: an application
 *
 * Gets what is known about the workers that failed in the last run, or so far in the current one.
 *
 * They are in the order of failure, so the first one is why the run failed. In a handler of the
 * signal `failed` the last one is the worker that the signal is about.
 *
 * Returns: (transfer container) (element-type GmpFailure): the failures
 *
 * Since: 0.1
 */
GPtrArray *
gmp_runner_get_failures (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_RUNNER (self), NULL);

  return gmp_results_copy_failures (priv->results);
}

/**
 * gmp_runner_count_slots:
 * @self: an application
 *
 * Counts the processors that workers can have.
 *
 * These are the processors that this process may use; or, if [property@Gmp.Runner:launcher] names
 * other machines, those of the nodes: in a Slurm allocation as many as it has, otherwise as many as
 * if each node were like this machine. It is a good value for [property@Gmp.Workers:max-parallel].
 *
 * Returns: a number, at least 1
 *
 * Since: 0.1
 */
guint
gmp_runner_count_slots (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_RUNNER (self), 1);

  return gmp_supervisor_count_slots (priv->options->launcher);
}
