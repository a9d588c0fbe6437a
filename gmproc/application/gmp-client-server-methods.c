/* gmp-client-server-methods.c: the virtual methods of GmpClientServer
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-client-server-binding.h"
#include "application/gmp-client-server-private.h"

#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"

/**
 * GmpClientServerClass::start:
 * @self: the application as server
 * @params: (nullable): the parameters given to [method@Gmp.ClientServer.run]
 * @error: return location for an error
 *
 * Called once, before the clients start. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_client_server_real_start (GmpClientServer *self G_GNUC_UNUSED,
                              GVariant        *params G_GNUC_UNUSED,
                              GError         **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpClientServerClass::process:
 * @self: the application as server
 * @client_id: the id of the client that asks
 * @request: (nullable): what the client's `process` returned
 * @error: return location for an error
 *
 * Answers one request. An error ends the run; [error@Gmp.Error.PROTOCOL] ends only the client, as
 * in [vfunc@Gmp.ServerWorker.process].
 *
 * Returns: (transfer full) (nullable): the response, floating or not; %NULL is a response too
 *
 * Since: 0.1
 */
static GVariant *
gmp_client_server_real_process (GmpClientServer *self,
                                const char      *client_id G_GNUC_UNUSED,
                                GVariant        *request G_GNUC_UNUSED,
                                GError         **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_FAILED, "%s does not override process",
               G_OBJECT_TYPE_NAME (self));
  return NULL;
}

/**
 * GmpClientServerClass::wait:
 * @self: the application as server
 * @error: return location for an error
 *
 * Called after each response. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_client_server_real_wait (GmpClientServer *self G_GNUC_UNUSED,
                             GError         **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpClientServerClass::done:
 * @self: the application as server
 * @error: return location for an error
 *
 * Called before each turn, to decide whether the life cycle ends here. By default it ends when all
 * clients have finished or failed.
 *
 * Returns: %TRUE to continue with `finish`
 *
 * Since: 0.1
 */
static gboolean
gmp_client_server_real_done (GmpClientServer *self,
                             GError         **error G_GNUC_UNUSED)
{
  return gmp_client_server_get_n_clients (self) == 0;
}

/**
 * GmpClientServerClass::finish:
 * @self: the application as server
 * @error: return location for an error
 *
 * Called once, at the end. Its return value is [property@Gmp.ClientServer:server-result]. The
 * default returns %NULL.
 *
 * Returns: (transfer full) (nullable): the result, floating or not
 *
 * Since: 0.1
 */
static GVariant *
gmp_client_server_real_finish (GmpClientServer *self G_GNUC_UNUSED,
                               GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

/**
 * GmpClientServerClass::update:
 * @self: the application
 * @client_id: the id of a client, or "server"
 * @progress: (nullable): what it gave to [func@Gmp.Worker.report]
 * @error: return location for an error
 *
 * Receives a worker's report, in the application. An error ends the run. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_client_server_real_update (GmpClientServer *self G_GNUC_UNUSED,
                               const char      *client_id G_GNUC_UNUSED,
                               GVariant        *progress G_GNUC_UNUSED,
                               GError         **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpClientServerClass::client_failed:
 * @self: the application as server
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
gmp_client_server_real_client_failed (GmpClientServer *self G_GNUC_UNUSED,
                                      const char      *client_id G_GNUC_UNUSED,
                                      const GError    *reason G_GNUC_UNUSED,
                                      GError         **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpClientServerClass::request:
 * @self: the application as server
 * @request: a client's request
 * @error: return location for an error
 *
 * Takes one request, which is answered with [method@Gmp.Request.respond], here or later: from the
 * main loop, or from a thread. A request that is to be answered later has to be referenced. An
 * error ends the run.
 *
 * The default responds with what `process` returns.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_client_server_real_request (GmpClientServer *self,
                                GmpRequest      *request,
                                GError         **error)
{
  GVariant *response;
  GError *local = NULL;

  GMP_GUARD (response, GMP_CLIENT_SERVER_GET_CLASS (self)->process, self,
             gmp_request_get_client_id (request), gmp_request_get_value (request), &local);
  return gmp_request_respond_with (request, response, local, error);
}

/**
 * GmpClientServerClass::process_batch:
 * @self: the application as server
 * @requests: (element-type GmpRequest): at least one request, each of another client, in the order
 *   that they came in
 * @error: return location for an error
 *
 * Takes several requests at once. Overriding it turns batches on.
 * [property@Gmp.ClientServer:batch-size] and [property@Gmp.ClientServer:batch-timeout] define when
 * a batch is complete. Answer each request with [method@Gmp.Request.respond], here or later; keep a
 * reference to a request that is answered later. An error ends the run.
 *
 * The default calls `request` for each.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_client_server_real_process_batch (GmpClientServer *self,
                                      GPtrArray       *requests,
                                      GError         **error)
{
  GError *local = NULL;
  gboolean ignored G_GNUC_UNUSED;

  for (guint i = 0; i < requests->len && local == NULL; i++)
    GMP_GUARD (ignored, GMP_CLIENT_SERVER_GET_CLASS (self)->request, self, requests->pdata[i],
               &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

static gboolean
call_start (gpointer  self,
            GVariant *params,
            GError  **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->start, self, params, error);
  return result;
}

static GVariant *
call_process (gpointer    self,
              const char *client_id,
              GVariant   *request,
              GError    **error)
{
  GVariant *result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->process, self, client_id, request, error);
  return result;
}

static gboolean
call_request (gpointer    self,
              GmpRequest *request,
              GError    **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->request, self, request, error);
  return result;
}

static gboolean
call_process_batch (gpointer   self,
                    GPtrArray *requests,
                    GError   **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->process_batch, self, requests, error);
  return result;
}

static gboolean
call_wait (gpointer self,
           GError **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->wait, self, error);
  return result;
}

static gboolean
call_done (gpointer self,
           GError **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->done, self, error);
  return result;
}

static GVariant *
call_finish (gpointer self,
             GError **error)
{
  GVariant *result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->finish, self, error);
  return result;
}

static gboolean
call_client_failed (gpointer      self,
                    const char   *client_id,
                    const GError *reason,
                    GError      **error)
{
  gboolean result;

  GMP_GUARD (result, GMP_CLIENT_SERVER_GET_CLASS (self)->client_failed, self, client_id, reason,
             error);
  return result;
}

/* A client has taken longer than turn-timeout. */
void
gmp_client_server_end_late (gpointer    self,
                            const char *client_id)
{
  gmp_server_session_end_late (gmp_client_server_get_private (self)->session, client_id);
}

/* The methods for the life cycle. %NULL if no subclass overrides those of a server. */
const GmpServerMethods *
gmp_client_server_get_methods (GmpClientServer *self,
                               GmpServerMode   *mode)
{
  static const GmpServerMethods methods = {
    call_start, call_process, call_request, call_process_batch, call_wait, call_done, call_finish,
    call_client_failed, gmp_client_server_end_late,
  };
  GmpClientServerClass *klass = GMP_CLIENT_SERVER_GET_CLASS (self);

  if (klass->process_batch != gmp_client_server_real_process_batch)
    *mode = GMP_SERVER_BATCHES;
  else if (klass->request != gmp_client_server_real_request)
    *mode = GMP_SERVER_KEEPS;
  else if (klass->process != gmp_client_server_real_process)
    *mode = GMP_SERVER_ANSWERS;
  else
    return NULL;
  return &methods;
}

/**
 * gmp_client_server_set_changes_values: (skip)
 * @self: the application as server
 *
 * For bindings whose responses refer to memory that the program may change as soon as it has
 * responded. They are copied at once, also where a main loop waits for that.
 *
 * Since: 0.1
 */
void
gmp_client_server_set_changes_values (GmpClientServer *self)
{
  g_return_if_fail (GMP_IS_CLIENT_SERVER (self));
  gmp_client_server_get_private (self)->changes_values = TRUE;
}

/* Called from class_init. */
void
gmp_client_server_install_methods (GmpClientServerClass *klass)
{
  klass->start = gmp_client_server_real_start;
  klass->process = gmp_client_server_real_process;
  klass->wait = gmp_client_server_real_wait;
  klass->done = gmp_client_server_real_done;
  klass->finish = gmp_client_server_real_finish;
  klass->update = gmp_client_server_real_update;
  klass->client_failed = gmp_client_server_real_client_failed;
  klass->request = gmp_client_server_real_request;
  klass->process_batch = gmp_client_server_real_process_batch;
}
