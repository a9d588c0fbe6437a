/* gmp-server-worker.c: the server of a client-server application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-server-worker.h"

#include "base/gmp-error.h"
#include "worker/gmp-worker-private.h"

/**
 * GmpServerWorker:
 *
 * The server of a [class@Gmp.ClientServer] application: subclass it and override `process`.
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
 * Requests are taken one at a time, from all clients in turn. A server that is done while clients
 * wait for an answer ends their requests with [error@Gmp.Error.SERVER_DONE]: they then finish and
 * exit cleanly. When no client is left no request can come, and the life cycle ends whatever
 * `done` says.
 *
 * The life cycle is that of the guide to gmproc for Python, of 2020.
 *
 * Since: 0.1
 */

enum {
  PROP_0,
  PROP_N_CLIENTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE (GmpServerWorker, gmp_server_worker, GMP_TYPE_WORKER)

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
 * Answers one request. An error ends the server, and with it the run.
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

static void
gmp_server_worker_get_property (GObject    *object,
                                guint       prop_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_N_CLIENTS:
      g_value_set_uint (value, gmp_server_worker_get_n_clients (GMP_SERVER_WORKER (object)));
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
 * Told of a client that has failed, so that what is kept for it can be dropped: at each failure,
 * also where [property@Gmp.Runner:restart] begins it again, and before `done` is asked. A
 * client that has finished is not told of. The default does nothing.
 *
 * Returns: whether it went well; only @error decides
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
  GMP_WORKER_CLASS (klass)->done = gmp_server_worker_real_done;
  klass->process = gmp_server_worker_real_process;
  klass->client_failed = gmp_server_worker_real_client_failed;

  /**
   * GmpServerWorker:n-clients: (getter get_n_clients)
   *
   * How many clients have neither finished nor failed. It changes without a notification.
   *
   * Since: 0.1
   */
  properties[PROP_N_CLIENTS] = g_param_spec_uint ("n-clients", NULL, NULL, 0, G_MAXUINT, 0,
                                                  G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_server_worker_init (GmpServerWorker *self G_GNUC_UNUSED)
{
}

/**
 * gmp_server_worker_get_n_clients: (get-property n-clients)
 * @self: a server
 *
 * How many clients can still send requests.
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
