/* gmp-server-worker.c: the server of a client-server application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-server-worker-private.h"

#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "worker/gmp-worker-private.h"

/**
 * GmpServerWorker:
 *
 * The server of a [class@Gmp.ClientServer]. Derive from it and override `process`.
 *
 * ```
 * server.start (params)
 * while not server.done ():
 *   request = a client's request
 *   respond (server.process (client_id, request))
 *   server.wait ()
 * server.finish ()
 * ```
 *
 * Requests are taken one at a time, from all clients in turn. If a server is done while clients
 * wait for an answer, their requests end with [error@Gmp.Error.SERVER_DONE], and they finish and
 * exit cleanly. When no client is left, the life cycle ends whatever `done` returns.
 *
 * # Answers that come later
 *
 * A server that overrides `request` in place of `process` gets each request as a
 * [class@Gmp.Request], which it answers when it likes: from a thread, or when another client has
 * asked. One that overrides `process_batch` gets several requests at once. A batch is complete
 * when [property@Gmp.ServerWorker:batch-size] requests are there, or no more can come because all
 * other clients wait for answers or have ended; or when its first request has waited for
 * [property@Gmp.ServerWorker:batch-timeout].
 *
 * `wait` is then called after each call of `request` or `process_batch`.
 *
 * The life cycle is that of gmproc for Python of 2020.
 *
 * Since: 0.1
 */

typedef struct {
  GmpBatchRule batch_rule;
  double turn_timeout; /* -1: that of the application */
} GmpServerWorkerPrivate;

enum {
  PROP_0,
  PROP_N_CLIENTS,
  PROP_BATCH_SIZE,
  PROP_BATCH_TIMEOUT,
  PROP_TURN_TIMEOUT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpServerWorker, gmp_server_worker, GMP_TYPE_WORKER)

static gboolean
gmp_server_worker_real_done (GmpWorker *worker,
                             GError   **error G_GNUC_UNUSED)
{
  return gmp_server_worker_get_n_clients (GMP_SERVER_WORKER (worker)) == 0;
}

/**
 * GmpServerWorkerClass::process:
 * @self: a server
 * @client_id: the id of the client that asks
 * @request: (nullable): what the client's `process` returned
 * @error: return location for an error
 *
 * Answers one request. An error ends the server, and with it the run. The error
 * [error@Gmp.Error.PROTOCOL] says that the request is wrong: it ends only the client, which fails
 * with it, and the server continues.
 *
 * Returns: (transfer full) (nullable): the response, floating or not; %NULL is a response too
 *
 * Since: 0.1
 */
static GVariant *
gmp_server_worker_real_process (GmpServerWorker *self,
                                const char      *client_id G_GNUC_UNUSED,
                                GVariant        *request G_GNUC_UNUSED,
                                GError         **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_FAILED, "%s does not override process",
               G_OBJECT_TYPE_NAME (self));
  return NULL;
}

/**
 * GmpServerWorkerClass::request:
 * @self: a server
 * @request: a client's request
 * @error: return location for an error
 *
 * Takes one request, which is answered with [method@Gmp.Request.respond], here or later. A request
 * that is to be answered later has to be referenced. An error ends the server, and with it the run.
 *
 * The default responds with what `process` returns.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_server_worker_real_request (GmpServerWorker *self,
                                GmpRequest      *request,
                                GError         **error)
{
  GVariant *response;
  GError *local = NULL;

  GMP_GUARD (response, GMP_SERVER_WORKER_GET_CLASS (self)->process, self,
             gmp_request_get_client_id (request), gmp_request_get_value (request), &local);
  return gmp_request_respond_with (request, response, local, error);
}

/**
 * GmpServerWorkerClass::process_batch:
 * @self: a server
 * @requests: (element-type GmpRequest): at least one request, each of another client, in the order
 *   that they came in
 * @error: return location for an error
 *
 * Takes several requests at once; overriding it turns batches on. Each is answered with
 * [method@Gmp.Request.respond], here or later; one that is to be answered later has to be
 * referenced. An error ends the server, and with it the run.
 *
 * The default calls `request` for each.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_server_worker_real_process_batch (GmpServerWorker *self,
                                      GPtrArray       *requests,
                                      GError         **error)
{
  GError *local = NULL;
  gboolean ignored G_GNUC_UNUSED;

  for (guint i = 0; i < requests->len && local == NULL; i++)
    GMP_GUARD (ignored, GMP_SERVER_WORKER_GET_CLASS (self)->request, self, requests->pdata[i],
               &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

GmpServerMode
gmp_server_worker_get_mode (GmpServerWorker *self)
{
  GmpServerWorkerClass *klass = GMP_SERVER_WORKER_GET_CLASS (self);

  if (klass->process_batch != gmp_server_worker_real_process_batch)
    return GMP_SERVER_BATCHES;
  if (klass->request != gmp_server_worker_real_request)
    return GMP_SERVER_KEEPS;
  return GMP_SERVER_ANSWERS;
}

const GmpBatchRule *
gmp_server_worker_get_batch_rule (GmpServerWorker *self)
{
  GmpServerWorkerPrivate *priv = gmp_server_worker_get_instance_private (self);

  return &priv->batch_rule;
}

static double
get_turn_timeout (GmpServerWorker *self)
{
  GmpServerWorkerPrivate *priv = gmp_server_worker_get_instance_private (self);
  GmpInbox *inbox = gmp_worker_get_inbox (GMP_WORKER (self));

  if (inbox != NULL)
    return gmp_inbox_get_turn_timeout (inbox);
  return MAX (priv->turn_timeout, 0);
}

/* Also called when the life cycle begins, because the property may have been set before. */
void
gmp_server_worker_apply_turn_timeout (GmpServerWorker *self)
{
  GmpServerWorkerPrivate *priv = gmp_server_worker_get_instance_private (self);
  GmpInbox *inbox = gmp_worker_get_inbox (GMP_WORKER (self));

  if (inbox != NULL && priv->turn_timeout >= 0)
    gmp_inbox_set_turn_timeout (inbox, priv->turn_timeout);
}

static void
gmp_server_worker_get_property (GObject    *object,
                                guint       prop_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  GmpServerWorkerPrivate *priv =
    gmp_server_worker_get_instance_private (GMP_SERVER_WORKER (object));

  switch (prop_id)
    {
    case PROP_N_CLIENTS:
      g_value_set_uint (value, gmp_server_worker_get_n_clients (GMP_SERVER_WORKER (object)));
      break;

    case PROP_BATCH_SIZE:
      g_value_set_uint (value, priv->batch_rule.size);
      break;

    case PROP_BATCH_TIMEOUT:
      g_value_set_double (value, priv->batch_rule.timeout);
      break;

    case PROP_TURN_TIMEOUT:
      g_value_set_double (value, get_turn_timeout (GMP_SERVER_WORKER (object)));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gmp_server_worker_set_property (GObject      *object,
                                guint         prop_id,
                                const GValue *value,
                                GParamSpec   *pspec)
{
  GmpServerWorkerPrivate *priv =
    gmp_server_worker_get_instance_private (GMP_SERVER_WORKER (object));

  switch (prop_id)
    {
    case PROP_BATCH_SIZE:
    case PROP_BATCH_TIMEOUT:
      if (gmp_batch_rule_set (&priv->batch_rule, value))
        g_object_notify_by_pspec (object, pspec);
      break;

    case PROP_TURN_TIMEOUT:
      if (get_turn_timeout (GMP_SERVER_WORKER (object)) == g_value_get_double (value))
        break;
      priv->turn_timeout = g_value_get_double (value);
      gmp_server_worker_apply_turn_timeout (GMP_SERVER_WORKER (object));
      g_object_notify_by_pspec (object, pspec);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/**
 * GmpServerWorkerClass::client_failed:
 * @self: a server
 * @client_id: the id of a client
 * @reason: why it failed, as the application reports it
 * @error: return location for an error
 *
 * Called when a client has failed, so that the server can drop what it keeps for it. It is called
 * at each failure, even if [property@Gmp.Runner:restart] starts the client again, and before
 * `done`. It is not called for clients that finish. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_server_worker_real_client_failed (GmpServerWorker *self G_GNUC_UNUSED,
                                      const char      *client_id G_GNUC_UNUSED,
                                      const GError    *reason G_GNUC_UNUSED,
                                      GError         **error G_GNUC_UNUSED)
{
  return TRUE;
}

static void
gmp_server_worker_class_init (GmpServerWorkerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = gmp_server_worker_get_property;
  object_class->set_property = gmp_server_worker_set_property;
  GMP_WORKER_CLASS (klass)->done = gmp_server_worker_real_done;
  klass->process = gmp_server_worker_real_process;
  klass->client_failed = gmp_server_worker_real_client_failed;
  klass->request = gmp_server_worker_real_request;
  klass->process_batch = gmp_server_worker_real_process_batch;

  /**
   * GmpServerWorker:n-clients: (getter get_n_clients)
   *
   * The number of clients that have neither finished nor failed. It changes without a notification.
   *
   * Since: 0.1
   */
  properties[PROP_N_CLIENTS] = g_param_spec_uint ("n-clients", NULL, NULL, 0, G_MAXUINT, 0,
                                                  G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * GmpServerWorker:batch-size:
   *
   * The number of requests that `process_batch` gets at once; 0, the default, is as many as there
   * are clients. The methods of the server may change it at any time. It applies to the batch that
   * is being gathered, from the next message or end of a client on.
   *
   * Since: 0.1
   */
  properties[PROP_BATCH_SIZE] = g_param_spec_uint ("batch-size", NULL, NULL, 0, G_MAXUINT, 0,
                                                   GMP_BATCH_PARAM_FLAGS);

  /**
   * GmpServerWorker:batch-timeout:
   *
   * The seconds that the first request of a batch waits for others at most: `process_batch` then
   * gets the requests that have arrived. 0, the default, is no limit. The methods of the server may
   * change it at any time, also for the batch that is being gathered.
   *
   * Since: 0.1
   */
  properties[PROP_BATCH_TIMEOUT] = g_param_spec_double ("batch-timeout", NULL, NULL, 0, G_MAXDOUBLE,
                                                        0, GMP_BATCH_PARAM_FLAGS);

  /**
   * GmpServerWorker:turn-timeout:
   *
   * The seconds that a client may take from a response to its next request; 0 is no limit. If the
   * server sets it, in `start` at the latest, it replaces the application's
   * [property@Gmp.Runner:turn-timeout].
   *
   * Since: 0.1
   */
  properties[PROP_TURN_TIMEOUT] = g_param_spec_double ("turn-timeout", NULL, NULL, 0, G_MAXDOUBLE,
                                                       0, GMP_BATCH_PARAM_FLAGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_server_worker_init (GmpServerWorker *self)
{
  GmpServerWorkerPrivate *priv = gmp_server_worker_get_instance_private (self);

  priv->turn_timeout = -1;
}

/**
 * gmp_server_worker_get_n_clients: (get-property n-clients)
 * @self: a server
 *
 * Gets the number of clients that can still send requests.
 *
 * Returns: the number of clients that have neither finished nor failed
 *
 * Since: 0.1
 */
guint
gmp_server_worker_get_n_clients (GmpServerWorker *self)
{
  GmpInbox *inbox;

  g_return_val_if_fail (GMP_IS_SERVER_WORKER (self), 0);
  inbox = gmp_worker_get_inbox (GMP_WORKER (self));
  return inbox != NULL ? gmp_inbox_get_n_open (inbox) : 0;
}
