/* gmp-worker.c: the common base of server and client workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-worker-private.h"
#include "worker/gmp-worker-binding.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"

/**
 * GmpWorker:
 *
 * The common base class of [class@Gmp.ServerWorker] and [class@Gmp.ClientWorker]: an object that
 * runs in its own process.
 *
 * A worker runs `start`, then turns of its life cycle until `done`, then `finish`. If a virtual
 * method sets an error, the worker ends at once, and the application gets the error with its domain
 * and code. A method may block as long as it likes.
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

/* A process has one worker, so there is one place for the functions that the process offers it. It
 * is set before user code runs and never cleared, because threads may use it at any time. */
static struct {
  GCancellable *cancellable;
  GmpReportFunc report;
  gpointer user_data;
  const char *application_runtime; /* interned; of the run */
  const char *node;                /* (nullable); interned */
} process;

void
gmp_worker_set_process (GCancellable *cancellable,
                        GmpReportFunc report,
                        gpointer      user_data)
{
  process.cancellable = cancellable;
  process.report = report;
  process.user_data = user_data;
  process.node = g_intern_string (gmp_environment_get ("GMPROC_NODE"));
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
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
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
 * Called before each turn, to decide whether the life cycle ends here.
 *
 * By default a client is never done and ends with its server. A server is done by default when all
 * its clients have finished or failed.
 *
 * Returns: %TRUE to continue with `finish`
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
 * Called at the end of each turn. Override it to pause. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
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
 * Called once, at the end. Its return value is the worker's result. The default returns %NULL.
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
   * The worker's name: for a client the id that the application gave it, for a server "server". The
   * library sets it when it creates the object in the worker's process.
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
 * Gets the worker's name.
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
 * Gets the runtime of a worker that this one talks to: "native", "python" or "gjs".
 *
 * All runtimes can read plain GVariant values. Send a value that only one language can read, such
 * as a pickle, to workers of that language only, and accept it only from them.
 *
 * Returns: (nullable): a runtime; %NULL if there is no such worker, or it has ended
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
 * Gets the language of the application, which receives the workers' results and reports: see
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

/* A server: this client has taken longer than turn-timeout. */
void
gmp_worker_report_late (const char *client_id)
{
  report (GMP_REPORT_LATE, g_variant_new_string (client_id), NULL);
}

/**
 * gmp_worker_report:
 * @value: (nullable): the progress, of any type, up to 16 MiB
 * @error: return location for an error
 *
 * Reports progress to the application from inside a run.
 *
 * Any code that runs in a worker process may call it, in any thread. The application emits the
 * value as [signal@Gmp.Workers::progress] or [signal@Gmp.ClientServer::progress]. The call does not
 * wait for the application, unless some hundred kilobytes of reports are still unread; then it
 * waits until they are read.
 *
 * Returns: %FALSE with [error@Gmp.Error.NOT_FOUND] outside a worker process, in a process that the
 *   worker has forked, or after the run has ended; and with [error@Gmp.Error.BAD_PAYLOAD] if the
 *   value cannot be sent
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
 * @value: (nullable): the turn's result, of any type and size; a floating reference is sunk
 * @error: return location for an error
 *
 * Sends a turn's result to the application from inside a function of [class@Gmp.Workers]. The
 * function then has several turns.
 *
 * Each result reaches `update` and [signal@Gmp.Workers::turn] as it arrives. The function's return
 * value is the worker's result, like that of `finish`, and does not reach `update`; return
 * [func@Gmp.Worker.repeat_turn] for the last turn's. If the application falls behind, the call
 * waits until it has caught up.
 *
 * A subclass of [class@Gmp.Workers] does not need this: the return value of its `process` is sent.
 *
 * Returns: %FALSE with [error@Gio.IOErrorEnum.CANCELLED] if the application wants no more turns;
 *   with [error@Gmp.Error.NOT_FOUND] in a server or a client, and when [func@Gmp.Worker.report]
 *   returns that; and with [error@Gmp.Error.BAD_PAYLOAD] if the value cannot be sent
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
 * gmp_worker_repeat_turn:
 *
 * Makes the value that a function of several turns returns if its result is that of the last turn.
 * That result is then not sent again.
 *
 * ```c
 * if (!gmp_worker_report_turn (value, error))
 *   return NULL;
 * return gmp_worker_repeat_turn ();
 * ```
 *
 * If the function has reported no turn, its result is %NULL.
 *
 * Returns: (transfer full): a value that has no other meaning
 *
 * Since: 0.1
 */
GVariant *
gmp_worker_repeat_turn (void)
{
  static gsize is_made;
  static GVariant *value;

  if (g_once_init_enter (&is_made))
    {
      value = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));
      g_once_init_leave (&is_made, 1);
    }
  return g_variant_ref (value);
}

/* Compares identity, not equality. */
gboolean
gmp_worker_is_repetition (GVariant *result)
{
  g_autoptr (GVariant) repetition = gmp_worker_repeat_turn ();

  return result == repetition;
}

/**
 * gmp_worker_get_cancellable:
 *
 * Gets the cancellable that is cancelled when the application no longer wants this worker's result.
 *
 * It is the same for all runs of a kept process and exists until the process exits. A process whose
 * run was cancelled is not used for another run.
 *
 * Long work should check it now and then, or pass it to GIO's functions: a worker that does not end
 * by itself soon after is killed.
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
 * gmp_worker_get_node:
 *
 * Gets the name of the node that this worker runs on: see [property@Gmp.Runner:launcher].
 *
 * Any code that runs in a worker process may call it, in any thread.
 *
 * Returns: (nullable): a name; %NULL on the application's machine, and outside a worker process
 *
 * Since: 0.1
 */
const char *
gmp_worker_get_node (void)
{
  return process.node;
}

/**
 * gmp_worker_enter:
 *
 * Marks that a virtual method has been entered, for bindings to a language that may refuse a call.
 *
 * GJS refuses calls while it collects garbage, and returns a value as if the method had run. In a
 * process that has used this function, a method that did not call it is called again.
 *
 * Since: 0.1
 */
void
gmp_worker_enter (void)
{
  gmp_guard_mark ();
}
