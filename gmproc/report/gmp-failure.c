/* gmp-failure.c: why and how a worker failed
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "report/gmp-failure-private.h"

#include "launch/gmp-oom-witness-private.h"

#include <signal.h>
#include <sys/wait.h>

/**
 * GmpFailure:
 *
 * The facts about a worker's failure, for programs. The error's text has the same facts in words.
 *
 * [method@Gmp.Runner.get_failures] returns the failures of a run.
 *
 * Since: 0.1
 */
struct _GmpFailure
{
  GObject parent_instance;

  char *id;
  GError *error;
  int pid;
  char *node;
  int exit_status;
  int signal;
  gboolean out_of_memory;
  double run_time;
  guint64 peak_memory;
  guint n_restarts;
  char **last_lines;
};

enum {
  PROP_0,
  PROP_ID,
  PROP_ERROR,
  PROP_PID,
  PROP_NODE,
  PROP_EXIT_STATUS,
  PROP_SIGNAL,
  PROP_OUT_OF_MEMORY,
  PROP_RUN_TIME,
  PROP_PEAK_MEMORY,
  PROP_N_RESTARTS,
  PROP_LAST_LINES,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (GmpFailure, gmp_failure, G_TYPE_OBJECT)

static void
gmp_failure_finalize (GObject *object)
{
  GmpFailure *self = GMP_FAILURE (object);

  g_free (self->id);
  g_clear_error (&self->error);
  g_free (self->node);
  g_strfreev (self->last_lines);
  G_OBJECT_CLASS (gmp_failure_parent_class)->finalize (object);
}

static void
gmp_failure_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  GmpFailure *self = GMP_FAILURE (object);

  switch (prop_id)
    {
    case PROP_ID:
      g_value_set_string (value, self->id);
      break;

    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;

    case PROP_PID:
      g_value_set_int (value, self->pid);
      break;

    case PROP_NODE:
      g_value_set_string (value, self->node);
      break;

    case PROP_EXIT_STATUS:
      g_value_set_int (value, self->exit_status);
      break;

    case PROP_SIGNAL:
      g_value_set_int (value, self->signal);
      break;

    case PROP_OUT_OF_MEMORY:
      g_value_set_boolean (value, self->out_of_memory);
      break;

    case PROP_RUN_TIME:
      g_value_set_double (value, self->run_time);
      break;

    case PROP_PEAK_MEMORY:
      g_value_set_uint64 (value, self->peak_memory);
      break;

    case PROP_N_RESTARTS:
      g_value_set_uint (value, self->n_restarts);
      break;

    case PROP_LAST_LINES:
      g_value_set_boxed (value, self->last_lines);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/**
 * GmpFailure:id: (getter get_id)
 *
 * The worker's id, that of [class@Gmp.Workers] written as a number; "server" for a server.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:error: (getter get_error)
 *
 * The worker's error. Its text has all of this in words.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:pid: (getter get_pid)
 *
 * The process id of the worker; 0 if it could not be started.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:node: (getter get_node)
 *
 * The machine that the process was on, by the name that the cluster has for it; %NULL for this
 * machine.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:exit-status: (getter get_exit_status)
 *
 * The exit status of the process; -1 if it was killed or has not ended.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:signal: (getter get_signal)
 *
 * The signal that killed the process; 0 if no signal did.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:out-of-memory: (getter get_out_of_memory)
 *
 * %TRUE if the kernel killed the process for lack of memory, as far as it can be determined: the
 * process was killed by a `SIGKILL` that the application did not send, and the kernel has counted
 * such a kill in its control group.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:run-time: (getter get_run_time)
 *
 * The duration of the run in seconds, from the start of the process, or from the call for a kept
 * process.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:peak-memory: (getter get_peak_memory)
 *
 * The peak resident memory of the process in bytes, including shared memory; 0 if it is unknown
 * because the process has not ended or never started.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:n-restarts: (getter get_n_restarts)
 *
 * The number of restarts of the worker before this failure.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:last-lines: (getter get_last_lines)
 *
 * The last lines that the worker wrote to standard error, at most ten, converted to valid UTF-8.
 *
 * Since: 0.1
 */

static void
gmp_failure_class_init (GmpFailureClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = gmp_failure_finalize;
  object_class->get_property = gmp_failure_get_property;

  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL, flags);

  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, flags);

  properties[PROP_PID] = g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, flags);

  properties[PROP_NODE] = g_param_spec_string ("node", NULL, NULL, NULL, flags);

  properties[PROP_EXIT_STATUS] = g_param_spec_int ("exit-status", NULL, NULL, -1, 255, -1, flags);

  properties[PROP_SIGNAL] = g_param_spec_int ("signal", NULL, NULL, 0, G_MAXINT, 0, flags);

  properties[PROP_OUT_OF_MEMORY] = g_param_spec_boolean ("out-of-memory", NULL, NULL, FALSE, flags);

  properties[PROP_RUN_TIME] = g_param_spec_double ("run-time", NULL, NULL, 0, G_MAXDOUBLE, 0,
                                                   flags);

  properties[PROP_PEAK_MEMORY] = g_param_spec_uint64 ("peak-memory", NULL, NULL, 0, G_MAXUINT64, 0,
                                                      flags);

  properties[PROP_N_RESTARTS] = g_param_spec_uint ("n-restarts", NULL, NULL, 0, G_MAXUINT, 0,
                                                   flags);

  properties[PROP_LAST_LINES] = g_param_spec_boxed ("last-lines", NULL, NULL, G_TYPE_STRV, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_failure_init (GmpFailure *self)
{
  self->exit_status = -1;
}

static char **
copy_tail (const GQueue *tail)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (const GList *line = tail != NULL ? tail->head : NULL; line != NULL; line = line->next)
    g_strv_builder_add (builder, line->data);
  return g_strv_builder_end (builder);
}

GmpFailure *
gmp_failure_new (const GmpExitReport *end)
{
  GmpFailure *self = g_object_new (GMP_TYPE_FAILURE, NULL);

  self->id = g_strdup (end->id);
  self->pid = end->pid;
  self->node = g_strdup (end->node);
  self->run_time = end->run_time;
  self->peak_memory = end->usage.peak_memory;
  self->last_lines = copy_tail (end->tail);
  if (end->has_ended && WIFEXITED (end->wait_status))
    self->exit_status = WEXITSTATUS (end->wait_status);
  if (end->has_ended && WIFSIGNALED (end->wait_status))
    self->signal = WTERMSIG (end->wait_status);
  if (self->signal == SIGKILL && !end->was_signalled)
    self->out_of_memory = end->node != NULL ? end->usage.out_of_memory
                                            : gmp_oom_witness_explains (end->memory);
  self->error = gmp_exit_report_to_error (end, self->out_of_memory);
  return self;
}

/* For a worker that never began. */
GmpFailure *
gmp_failure_new_for_error (const char   *id,
                           const GError *error)
{
  GmpFailure *self = g_object_new (GMP_TYPE_FAILURE, NULL);

  self->id = g_strdup (id);
  self->error = g_error_copy (error);
  self->last_lines = g_new0 (char *, 1);
  return self;
}

/* The worker was restarted after this failure and finally failed with @last, or with this failure
 * if @last is %NULL. */
void
gmp_failure_give_up (GmpFailure *self,
                     guint       n_restarts,
                     GmpFailure *last)
{
  g_autofree char *message = self->error->message;
  g_autofree char *first_line = NULL;

  self->n_restarts = n_restarts;
  if (last != NULL)
    first_line = g_strndup (last->error->message, strcspn (last->error->message, "\n"));
  self->error->message = g_strdup_printf ("%s\nRestarts: %u%s%s", message, n_restarts,
                                          first_line != NULL ? ", last failure: " : "",
                                          first_line != NULL ? first_line : "");
}

/**
 * gmp_failure_get_id: (get-property id)
 * @self: a failure
 *
 * The worker's id, as [property@Gmp.Failure:id].
 *
 * Returns: (transfer none): the id
 *
 * Since: 0.1
 */
const char *
gmp_failure_get_id (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return self->id;
}

/**
 * gmp_failure_get_error: (get-property error)
 * @self: a failure
 *
 * The worker's error, as [property@Gmp.Failure:error].
 *
 * Returns: (transfer none): the error
 *
 * Since: 0.1
 */
const GError *
gmp_failure_get_error (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return self->error;
}

/**
 * gmp_failure_get_pid: (get-property pid)
 * @self: a failure
 *
 * The worker's process id, as [property@Gmp.Failure:pid].
 *
 * Returns: a number
 *
 * Since: 0.1
 */
int
gmp_failure_get_pid (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->pid;
}

/**
 * gmp_failure_get_node: (get-property node)
 * @self: a failure
 *
 * The machine that the process was on, as [property@Gmp.Failure:node].
 *
 * Returns: (transfer none) (nullable): its name, or %NULL for this machine
 *
 * Since: 0.1
 */
const char *
gmp_failure_get_node (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return self->node;
}

/**
 * gmp_failure_get_exit_status: (get-property exit-status)
 * @self: a failure
 *
 * The exit status of the process, as [property@Gmp.Failure:exit-status].
 *
 * Returns: a status
 *
 * Since: 0.1
 */
int
gmp_failure_get_exit_status (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), -1);
  return self->exit_status;
}

/**
 * gmp_failure_get_signal: (get-property signal)
 * @self: a failure
 *
 * The signal that killed the process, as [property@Gmp.Failure:signal].
 *
 * Returns: a number
 *
 * Since: 0.1
 */
int
gmp_failure_get_signal (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->signal;
}

/**
 * gmp_failure_get_out_of_memory: (get-property out-of-memory)
 * @self: a failure
 *
 * Finds out if the kernel killed the process for lack of memory, as
 * [property@Gmp.Failure:out-of-memory].
 *
 * Returns: %TRUE if it did
 *
 * Since: 0.1
 */
gboolean
gmp_failure_get_out_of_memory (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), FALSE);
  return self->out_of_memory;
}

/**
 * gmp_failure_get_run_time: (get-property run-time)
 * @self: a failure
 *
 * The duration of the run, as [property@Gmp.Failure:run-time].
 *
 * Returns: seconds
 *
 * Since: 0.1
 */
double
gmp_failure_get_run_time (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->run_time;
}

/**
 * gmp_failure_get_peak_memory: (get-property peak-memory)
 * @self: a failure
 *
 * The peak memory of the process, as [property@Gmp.Failure:peak-memory].
 *
 * Returns: bytes
 *
 * Since: 0.1
 */
guint64
gmp_failure_get_peak_memory (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->peak_memory;
}

/**
 * gmp_failure_get_n_restarts: (get-property n-restarts)
 * @self: a failure
 *
 * The number of restarts, as [property@Gmp.Failure:n-restarts].
 *
 * Returns: a number
 *
 * Since: 0.1
 */
guint
gmp_failure_get_n_restarts (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->n_restarts;
}

/**
 * gmp_failure_get_last_lines: (get-property last-lines)
 * @self: a failure
 *
 * The last lines of standard error, as [property@Gmp.Failure:last-lines].
 *
 * Returns: (transfer none) (array zero-terminated=1): lines
 *
 * Since: 0.1
 */
const char * const *
gmp_failure_get_last_lines (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return (const char * const *) self->last_lines;
}
