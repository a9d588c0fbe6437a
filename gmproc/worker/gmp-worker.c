/* gmp-worker.c: what server and client workers have in common
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-worker-private.h"
#include "worker/gmp-worker-binding.h"

#include "base/gmp-error.h"
#include "worker/gmp-guard-private.h"

/**
 * GmpWorker:
 *
 * An object that lives in a process of its own: what [class@Gmp.ServerWorker] and
 * [class@Gmp.ClientWorker] have in common.
 *
 * A worker goes through `start`, then turns of its life cycle until `done`, then `finish`. A
 * virtual method that sets an error ends the worker at once, and the error reaches the application
 * with its domain and code; what the method returns besides is then not looked at. A method may
 * block as long as it likes.
 *
 * Since: 0.1
 */

typedef struct {
  char *id;
  GmpInbox *inbox; /* (nullable): while the life cycle runs */
} GmpWorkerPrivate;

enum {
  PROP_0,
  PROP_ID,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpWorker, gmp_worker, G_TYPE_OBJECT)

/* One worker a process, so one place for what the process offers it. It is set before code of the
 * user runs, and stays: threads may ask for it at any time. */
static struct {
  GCancellable *cancellable;
  GmpReportFunc report;
  gpointer user_data;
  const char *application_runtime; /* interned; of the run */
} process;

void
gmp_worker_set_process (GCancellable *cancellable,
                        GmpReportFunc report,
                        gpointer      user_data)
{
  process.cancellable = cancellable;
  process.report = report;
  process.user_data = user_data;
}

void
gmp_worker_set_application_runtime (const char *runtime)
{
  process.application_runtime = g_intern_string (runtime);
}

void
gmp_worker_set_inbox (GmpWorker *self,
                      GmpInbox  *inbox)
{
  GmpWorkerPrivate *priv = gmp_worker_get_instance_private (self);

  priv->inbox = inbox;
}

GmpInbox *
gmp_worker_get_inbox (GmpWorker *self)
{
  GmpWorkerPrivate *priv = gmp_worker_get_instance_private (self);

  return priv->inbox;
}

/**
 * GmpWorkerClass::start:
 * @self: a worker
 * @params: (nullable): the parameters that the application gave this worker
 * @error: return location for an error
 *
 * Called once, before anything else. The default does nothing.
 *
 * Returns: whether it went well; only @error decides
 *
 * Since: 0.1
 */
static gboolean
gmp_worker_real_start (GmpWorker *self G_GNUC_UNUSED,
                       GVariant  *params G_GNUC_UNUSED,
                       GError   **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpWorkerClass::done:
 * @self: a worker
 * @error: return location for an error
 *
 * Asked before each turn: whether the life cycle ends here.
 *
 * A client is never done by default, and ends with its server; a server is done by default when all
 * its clients have finished or failed.
 *
 * Returns: %TRUE to go on to `finish`
 *
 * Since: 0.1
 */
static gboolean
gmp_worker_real_done (GmpWorker *self G_GNUC_UNUSED,
                      GError   **error G_GNUC_UNUSED)
{
  return FALSE;
}

/**
 * GmpWorkerClass::wait:
 * @self: a worker
 * @error: return location for an error
 *
 * Called at the end of each turn, a place to pause. The default does nothing.
 *
 * Returns: whether it went well; only @error decides
 *
 * Since: 0.1
 */
static gboolean
gmp_worker_real_wait (GmpWorker *self G_GNUC_UNUSED,
                      GError   **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpWorkerClass::finish:
 * @self: a worker
 * @error: return location for an error
 *
 * Called once, at the end. What it returns is the worker's result. The default returns %NULL.
 *
 * Returns: (transfer full) (nullable): the result, floating or not
 *
 * Since: 0.1
 */
static GVariant *
gmp_worker_real_finish (GmpWorker *self G_GNUC_UNUSED,
                        GError   **error G_GNUC_UNUSED)
{
  return NULL;
}

static void
gmp_worker_finalize (GObject *object)
{
  GmpWorkerPrivate *priv = gmp_worker_get_instance_private (GMP_WORKER (object));

  g_free (priv->id);
  G_OBJECT_CLASS (gmp_worker_parent_class)->finalize (object);
}

static void
gmp_worker_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_ID:
      g_value_set_string (value, gmp_worker_get_id (GMP_WORKER (object)));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gmp_worker_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  GmpWorkerPrivate *priv = gmp_worker_get_instance_private (GMP_WORKER (object));

  switch (prop_id)
    {
    case PROP_ID:
      priv->id = g_value_dup_string (value);
      if (priv->id == NULL)
        priv->id = g_strdup (gmp_guard_get_worker ());
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gmp_worker_class_init (GmpWorkerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = gmp_worker_finalize;
  object_class->get_property = gmp_worker_get_property;
  object_class->set_property = gmp_worker_set_property;
  klass->start = gmp_worker_real_start;
  klass->done = gmp_worker_real_done;
  klass->wait = gmp_worker_real_wait;
  klass->finish = gmp_worker_real_finish;

  /**
   * GmpWorker:id: (getter get_id)
   *
   * The worker's name: a client's is the id that the application gave it, a server's is "server".
   * An object that is made in the worker's process has it without being told.
   *
   * Since: 0.1
   */
  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL,
                                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                             G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_worker_init (GmpWorker *self G_GNUC_UNUSED)
{
}

/**
 * gmp_worker_get_id: (get-property id)
 * @self: a worker
 *
 * The worker's name.
 *
 * Returns: (nullable): the id that the application gave it; %NULL outside a worker's process
 *
 * Since: 0.1
 */
const char *
gmp_worker_get_id (GmpWorker *self)
{
  GmpWorkerPrivate *priv = gmp_worker_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_WORKER (self), NULL);
  return priv->id;
}

/**
 * gmp_worker_get_peer_runtime:
 * @self: a worker
 * @peer_id: a server's client, or "server"
 *
 * The runtime of a worker that this one talks to, as the application says: "native", "python",
 * "gjs".
 *
 * Values of GVariant's own types can be read by all of them. What only one language can read, such
 * as a pickle, should be sent to, and read from, workers of that language only.
 *
 * Returns: (nullable): a runtime; %NULL where there is no such worker, or no longer
 *
 * Since: 0.1
 */
const char *
gmp_worker_get_peer_runtime (GmpWorker  *self,
                             const char *peer_id)
{
  GmpWorkerPrivate *priv = gmp_worker_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_WORKER (self), NULL);
  g_return_val_if_fail (peer_id != NULL, NULL);
  return priv->inbox != NULL ? gmp_inbox_get_runtime (priv->inbox, peer_id) : NULL;
}

/**
 * gmp_worker_get_application_runtime:
 *
 * The language of the application, which gets the results of workers and what they report: see
 * [property@Gmp.Runner:runtime].
 *
 * Returns: (nullable): a runtime; %NULL outside a worker process
 *
 * Since: 0.1
 */
const char *
gmp_worker_get_application_runtime (void)
{
  return process.application_runtime;
}

static gboolean
report (GmpReport kind,
        GVariant *value,
        GError  **error)
{
  g_autoptr (GVariant) sunk = value != NULL ? g_variant_ref_sink (value) : NULL;

  if (process.report != NULL)
    return process.report (kind, sunk, process.user_data, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
               "Cannot report %s: this process is not a worker",
               kind == GMP_REPORT_TURN ? "a turn" : "progress");
  return FALSE;
}

/**
 * gmp_worker_report:
 * @value: (nullable): how far the work has come, of any type, up to 16 MiB
 * @error: return location for an error
 *
 * Tells the application about progress from inside a run.
 *
 * It may be called by anything that runs in a worker process: a [callback@Gmp.Method], a life
 * cycle's virtual method, or what they call, in any thread. The application's
 * [signal@Gmp.Workers::progress] or [signal@Gmp.ClientServer::progress] has the value. It does not
 * wait for the application to look at it; but where that has not looked at some hundred kilobytes
 * of reports, the next one waits until it has.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] outside a worker process, in a process that the
 *   worker has forked, or when the run has ended; and with [error@Gmp.Error.BAD_PAYLOAD] for a
 *   value that cannot be sent
 *
 * Since: 0.1
 */
gboolean
gmp_worker_report (GVariant *value,
                   GError  **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return report (GMP_REPORT_PROGRESS, value, error);
}

/**
 * gmp_worker_report_turn:
 * @value: (nullable): what the turn has brought, of any type and size; a floating reference is sunk
 * @error: return location for an error
 *
 * Sends a turn's result to the application from inside a function of [class@Gmp.Workers], which
 * thereby has several turns.
 *
 * Each result reaches `update` and [signal@Gmp.Workers::turn] as it arrives. What the function
 * returns in the end is the worker's result, as that of `finish` is, and does not reach `update`.
 * Where the application is behind, this waits until it has caught up.
 *
 * A subclass of [class@Gmp.Workers] does not need this: what its `process` returns is sent.
 *
 * Returns: %FALSE with [error@Gio.IOErrorEnum.CANCELLED] where the application wants no more turns;
 *   with [error@Gmp.Error.NOT_FOUND] in a server or a client, and where [func@Gmp.Worker.report]
 *   returns that; and with [error@Gmp.Error.BAD_PAYLOAD] for a value that cannot be sent
 *
 * Since: 0.1
 */
gboolean
gmp_worker_report_turn (GVariant *value,
                        GError  **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return report (GMP_REPORT_TURN, value, error);
}

/**
 * gmp_worker_get_cancellable:
 *
 * What is cancelled when the application no longer wants this worker's result.
 *
 * It is the same for all runs of a process that is kept, and exists until the process is gone: a
 * process whose run was cancelled has no other.
 *
 * Work that takes long should look at it now and then, or pass it on to GIO's functions: a worker
 * that does not end by itself soon after is killed.
 *
 * Returns: (transfer none) (nullable): a cancellable; %NULL outside a worker process
 *
 * Since: 0.1
 */
GCancellable *
gmp_worker_get_cancellable (void)
{
  return process.cancellable;
}

/**
 * gmp_worker_enter:
 *
 * Says that a virtual method has been entered, for bindings to a language that may refuse to be
 * called.
 *
 * GJS does while it collects garbage, and returns a value as if it had been called. In a process
 * where this function has been used, a method that did not use it is called again.
 *
 * Since: 0.1
 */
void
gmp_worker_enter (void)
{
  gmp_guard_mark ();
}
