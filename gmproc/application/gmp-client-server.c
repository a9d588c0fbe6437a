/* gmp-client-server.c: one server and its clients: the class
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-client-server-private.h"

#include "application/gmp-runner-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-target-private.h"
#include "worker/gmp-server-worker.h"

/**
 * GmpClientServer:
 *
 * One server object and many client objects, each in its own process.
 *
 * ```c
 * g_autoptr (GmpClientServer) application = gmp_client_server_new (MY_TYPE_SERVER);
 *
 * gmp_client_server_add_client (application, "even", MY_TYPE_CLIENT, params, &error);
 * gmp_client_server_add_client (application, "odd", MY_TYPE_CLIENT, params, &error);
 * results = gmp_client_server_run (application, NULL, NULL, &error);
 * ```
 *
 * Clients ask and the server answers, as [class@Gmp.ClientWorker] and [class@Gmp.ServerWorker]
 * describe. The types must be registered in the worker processes, which are this same program: call
 * `g_type_ensure ()` for them before `gmp_init ()`, or export their `_get_type` functions.
 *
 * A client that fails does not affect the others. A server that fails ends the run.
 *
 * # The application as server
 *
 * A subclass that overrides `process` and has no server type serves its clients itself, one request
 * at a time, on the main loop of the run. Its own `start`, `wait`, `done` and `finish` are called
 * too. In an application with a window these methods must not block.
 *
 * In place of `process` it may override `request` or `process_batch`, for answers that come later,
 * as [class@Gmp.ServerWorker] describes.
 *
 * # A run that the program drives
 *
 * A program may also take requests when it likes, in its own loop: with
 * [method@Gmp.ClientServer.open], [method@Gmp.ClientServer.receive] and
 * [method@Gmp.ClientServer.close].
 *
 * An object belongs to one thread at a time.
 *
 * Since: 0.1
 */

enum {
  PROP_0,
  PROP_SERVER_TYPE,
  PROP_SERVER_TARGET,
  PROP_SHARED_MEMORY_LIMIT,
  PROP_BATCH_SIZE,
  PROP_BATCH_TIMEOUT,
  PROP_RESULTS,
  PROP_SERVER_RESULT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];
static GmpRunSignals signals;

G_DEFINE_TYPE_WITH_PRIVATE (GmpClientServer, gmp_client_server, GMP_TYPE_RUNNER)

static void
client_free (gpointer data)
{
  gmp_job_spec_clear (data);
  g_free (data);
}

/* Reports of the workers. */

static gboolean
take_value (gpointer    owner G_GNUC_UNUSED,
            const char *id G_GNUC_UNUSED,
            GVariant   *value G_GNUC_UNUSED,
            GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

static void
take_progress (gpointer    owner,
               const char *id,
               GVariant   *value)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (owner);
  gboolean ignored G_GNUC_UNUSED;
  GError *error = NULL;

  GMP_GUARD (ignored, GMP_CLIENT_SERVER_GET_CLASS (owner)->update, owner, id, value, &error);
  if (error != NULL)
    gmp_server_session_fail (priv->session, error);
}

static const GmpSupervisorEvents events = { take_value, take_progress, &signals };

/* A forked child forgets its parent's run, and does not end it. */
void
gmp_client_server_forget (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  if (priv->generation == gmp_fork_get_generation ())
    return;
  priv->generation = gmp_fork_get_generation ();
  priv->session = NULL;
  priv->open = NULL;
  priv->context = NULL;
  priv->cache = gmp_process_cache_ref_default ();
}

static void
gmp_client_server_dispose (GObject *object)
{
  GmpClientServer *self = GMP_CLIENT_SERVER (object);

  gmp_client_server_forget (self);
  gmp_client_server_drop_open (self);
  G_OBJECT_CLASS (gmp_client_server_parent_class)->dispose (object);
}

static void
gmp_client_server_finalize (GObject *object)
{
  GmpClientServer *self = GMP_CLIENT_SERVER (object);
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  gmp_client_server_forget (self);
  g_free (priv->server_target);
  g_object_unref (priv->stop);
  g_ptr_array_unref (priv->clients);
  g_clear_pointer (&priv->open, gmp_open_run_free);
  g_clear_pointer (&priv->session, gmp_server_session_free);
  g_clear_pointer (&priv->context, g_main_context_unref);
  gmp_process_cache_unref (priv->cache);
  G_OBJECT_CLASS (gmp_client_server_parent_class)->finalize (object);
}

static void
gmp_client_server_get_property (GObject    *object,
                                guint       prop_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  GmpClientServer *self = GMP_CLIENT_SERVER (object);
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  switch (prop_id)
    {
    case PROP_SERVER_TYPE:
      g_value_set_gtype (value, priv->server_type);
      break;

    case PROP_SERVER_TARGET:
      g_value_set_string (value, priv->server_target);
      break;

    case PROP_SHARED_MEMORY_LIMIT:
      g_value_set_uint64 (value, priv->shared_memory_limit);
      break;

    case PROP_BATCH_SIZE:
      g_value_set_uint (value, priv->batch_rule.size);
      break;

    case PROP_BATCH_TIMEOUT:
      g_value_set_double (value, priv->batch_rule.timeout);
      break;

    case PROP_RESULTS:
      g_value_take_variant (value, gmp_client_server_get_results (self));
      break;

    case PROP_SERVER_RESULT:
      g_value_take_variant (value, gmp_client_server_get_server_result (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gmp_client_server_set_property (GObject      *object,
                                guint         prop_id,
                                const GValue *value,
                                GParamSpec   *pspec)
{
  GmpClientServer *self = GMP_CLIENT_SERVER (object);
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  switch (prop_id)
    {
    case PROP_SERVER_TYPE:
      priv->server_type = g_value_get_gtype (value);
      break;

    case PROP_SERVER_TARGET:
      priv->server_target = g_value_dup_string (value);
      break;

    case PROP_SHARED_MEMORY_LIMIT:
      if (priv->shared_memory_limit != g_value_get_uint64 (value))
        {
          priv->shared_memory_limit = g_value_get_uint64 (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;

    case PROP_BATCH_SIZE:
    case PROP_BATCH_TIMEOUT:
      if (gmp_batch_rule_set (&priv->batch_rule, value))
        {
          gmp_client_server_forget (self);
          if (priv->session != NULL)
            gmp_server_session_look (priv->session);
          g_object_notify_by_pspec (object, pspec);
        }
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/**
 * GmpClientServer:server-type:
 *
 * The type of the server, derived from [class@Gmp.ServerWorker]; `G_TYPE_NONE` if
 * [property@Gmp.ClientServer:server-target] is set, or if the application is the server.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer:server-target:
 *
 * The server as a target, `RUNTIME:DESCRIPTION`. It may be written in another language.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer:shared-memory-limit:
 *
 * The bytes of large requests that one client may have in memory shared with its server, and as
 * many of large responses; 1 GiB by default. It applies to runs that begin after it was set.
 *
 * Values above 16 KiB are placed in this memory, and the receiver reads them there without a copy
 * for as long as it holds them. Memory is allocated only for what is sent, and freed when both
 * sides have been silent for a while. A value that does not fit is still sent, in pieces and more
 * slowly.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer:batch-size:
 *
 * The number of requests that `process_batch` gets at once, if the application is the server and
 * overrides it; 0, the default, is as many as there are clients. It may change at any time, and
 * applies to the batch that is being gathered.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer:batch-timeout:
 *
 * The longest time, in seconds, that the first request of a batch waits for others, if the
 * application is the server and overrides `process_batch`. 0, the default, is no limit. It may
 * change at any time, and applies to the batch that is being gathered.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer:results: (getter get_results)
 *
 * Results of the clients that succeeded in the last run, as `a{sv}`: what their `finish` returned.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer:server-result: (getter get_server_result)
 *
 * The return value of the server's `finish` in the last run.
 *
 * Since: 0.1
 */

static void
install_properties (GObjectClass *object_class)
{
  GParamFlags construct_flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags read_flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  properties[PROP_SERVER_TYPE] = g_param_spec_gtype ("server-type", NULL, NULL, G_TYPE_NONE,
                                                     construct_flags);

  properties[PROP_SERVER_TARGET] = g_param_spec_string ("server-target", NULL, NULL, NULL,
                                                        construct_flags);

  properties[PROP_SHARED_MEMORY_LIMIT] =
    g_param_spec_uint64 ("shared-memory-limit", NULL, NULL, 0, G_MAXINT64, GMP_SHARED_MEMORY_LIMIT,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  properties[PROP_BATCH_SIZE] = g_param_spec_uint ("batch-size", NULL, NULL, 0, G_MAXUINT, 0,
                                                   GMP_BATCH_PARAM_FLAGS);

  properties[PROP_BATCH_TIMEOUT] = g_param_spec_double ("batch-timeout", NULL, NULL, 0, G_MAXDOUBLE,
                                                        0, GMP_BATCH_PARAM_FLAGS);

  properties[PROP_RESULTS] = g_param_spec_variant ("results", NULL, NULL, G_VARIANT_TYPE_VARDICT,
                                                   NULL, read_flags);

  properties[PROP_SERVER_RESULT] = g_param_spec_variant ("server-result", NULL, NULL,
                                                         G_VARIANT_TYPE_ANY, NULL, read_flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

/**
 * GmpClientServer::result:
 * @self: the application
 * @id: a client's id
 * @value: (nullable): what its `finish` returned
 *
 * A client has finished. Others may still be running.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer::failed:
 * @self: the application
 * @id: a client's id
 * @error: why
 *
 * A client has failed. Others may still be running. If nothing is connected to this signal, gmproc
 * logs the death of a client.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer::restarted:
 * @self: the application
 * @id: a client's id, or "server"
 * @failure: (nullable): why it had failed; %NULL if it had finished
 *
 * A worker is started again, as [property@Gmp.Runner:restart] demands.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer::progress:
 * @self: the application
 * @id: a client's id, or "server"
 * @value: (nullable): what it gave to [func@Gmp.Worker.report]
 *
 * A worker has reported its progress.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer::output:
 * @self: the application
 * @id: a client's id, or "server"
 * @stream: where it was written to
 * @line: the line, without its end, made valid UTF-8; one of more than 8 KiB comes in pieces
 *
 * A worker has printed a line, while [property@Gmp.Runner:capture-output] is on.
 * [method@Gmp.ClientServer.get_node] returns the node that it is on.
 *
 * Since: 0.1
 */

/**
 * GmpClientServer::log:
 * @self: the application
 * @id: a client's id, or "server"
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
log_default (GmpClientServer *self G_GNUC_UNUSED,
             const char      *id,
             const char      *domain,
             GLogLevelFlags   level,
             const char      *message)
{
  gmp_run_signals_print_log (id, domain, level, message);
  return TRUE;
}

static void
gmp_client_server_class_init (GmpClientServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = gmp_client_server_dispose;
  object_class->finalize = gmp_client_server_finalize;
  object_class->get_property = gmp_client_server_get_property;
  object_class->set_property = gmp_client_server_set_property;
  gmp_client_server_install_methods (klass);
  install_properties (object_class);
  gmp_run_signals_install (&signals, G_TYPE_FROM_CLASS (klass), NULL,
                           G_CALLBACK (log_default));
}

static void
gmp_client_server_init (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  priv->server_type = G_TYPE_NONE;
  priv->stop = g_cancellable_new ();
  priv->shared_memory_limit = GMP_SHARED_MEMORY_LIMIT;
  priv->clients = g_ptr_array_new_with_free_func (client_free);
  priv->generation = gmp_fork_get_generation ();
  priv->cache = gmp_process_cache_ref_default ();
}

static gboolean
set_server (GmpClientServer  *self,
            GmpServerSession *session,
            GError          **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);
  GmpServerMode mode;
  const GmpServerMethods *methods = gmp_client_server_get_methods (self, &mode);
  g_autofree char *target = NULL;

  if (priv->server_target != NULL)
    return gmp_server_session_set_target (session, priv->server_target, error);
  if (priv->server_type == G_TYPE_NONE)
    {
      if (methods != NULL)
        return gmp_server_session_set_methods (session, methods, mode, &priv->batch_rule, error);
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "There is no server: give a server type, or a subclass of %s that "
                   "overrides process",
                   G_OBJECT_TYPE_NAME (self));
      return FALSE;
    }
  if (!g_type_is_a (priv->server_type, GMP_TYPE_SERVER_WORKER) ||
      G_TYPE_IS_ABSTRACT (priv->server_type))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "%s is not a type of servers: it should derive from GmpServerWorker, and not "
                   "be abstract",
                   g_type_name (priv->server_type));
      return FALSE;
    }
  target = gmp_target_for_type (priv->server_type, error);
  return target != NULL && gmp_server_session_set_target (session, target, error);
}

/* The program is the server. */
static gboolean
set_open (GmpClientServer        *self,
          GmpServerSession       *session,
          const GmpServerMethods *methods,
          GError                **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  if (priv->server_target == NULL && priv->server_type == G_TYPE_NONE)
    return gmp_server_session_set_methods (session, methods, GMP_SERVER_GATHERS, NULL, error);
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_EXISTS,
                       "A run that is open is served by the program: make the object without a "
                       "server, or use run");
  return FALSE;
}

/* Sets its server: the object's, or the program with @open_methods (nullable). The caller adds the
 * clients. */
GmpServerSession *
gmp_client_server_new_session (GmpClientServer        *self,
                               const GmpServerMethods *open_methods,
                               GError                **error)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);
  GmpOptions *options = gmp_runner_copy_options (GMP_RUNNER (self));
  g_autoptr (GmpServerSession) session = NULL;

  if (options->inner_threads == 0)
    options->inner_threads = gmp_supervisor_share_slots (options->launcher, priv->clients->len + 1);
  session = gmp_server_session_new (&events, self, gmp_runner_get_results (GMP_RUNNER (self)),
                                    gmp_runner_get_failure_log (GMP_RUNNER (self)),
                                    options, priv->clients->len + 1, priv->shared_memory_limit);
  if (open_methods != NULL ? !set_open (self, session, open_methods, error)
                           : !set_server (self, session, error))
    return NULL;
  return g_steal_pointer (&session);
}

void
gmp_client_server_notify_results (GmpClientServer *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RESULTS]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SERVER_RESULT]);
}

GmpClientServerPrivate *
gmp_client_server_get_private (GmpClientServer *self)
{
  return gmp_client_server_get_instance_private (self);
}

/**
 * gmp_client_server_new:
 * @server_type: a type derived from [class@Gmp.ServerWorker]; `G_TYPE_NONE` if the server is a
 *   target, or if a subclass overrides `process`
 *
 * Creates an object without clients.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 0.1
 */
GmpClientServer *
gmp_client_server_new (GType server_type)
{
  /* A language may pass 0 for a type that it has not registered yet. */
  return g_object_new (GMP_TYPE_CLIENT_SERVER, "server-type",
                       server_type != G_TYPE_INVALID ? server_type : G_TYPE_NONE, NULL);
}

/**
 * gmp_client_server_new_for_target:
 * @server_target: the server, as `RUNTIME:DESCRIPTION`: `native:libfoo.so:foo_server_get_type`
 *
 * Creates an object whose server is named by a string. The server may be written in another
 * language.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 0.1
 */
GmpClientServer *
gmp_client_server_new_for_target (const char *server_target)
{
  g_return_val_if_fail (server_target != NULL, NULL);
  return g_object_new (GMP_TYPE_CLIENT_SERVER, "server-target", server_target, NULL);
}

static void
add_result (const char *id,
            GVariant   *value,
            gpointer    builder)
{
  if (!g_str_equal (id, "server"))
    g_variant_builder_add (builder, "{s@v}", id, value);
  else
    g_variant_unref (g_variant_ref_sink (value));
}

/**
 * gmp_client_server_get_results: (get-property results)
 * @self: the application
 *
 * Gets the results of the clients that succeeded in the last run; during a run, those that have
 * arrived.
 *
 * Returns: (transfer full): the results by id, an `a{sv}`, without those that failed
 *
 * Since: 0.1
 */
GVariant *
gmp_client_server_get_results (GmpClientServer *self)
{
  GVariantBuilder builder;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  gmp_results_foreach (gmp_runner_get_results (GMP_RUNNER (self)), add_result, &builder);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * gmp_client_server_get_server_result: (get-property server-result)
 * @self: the application
 *
 * The return value of the server's `finish` in the last run.
 *
 * Returns: (transfer full) (nullable): the server's result; %NULL if it failed, too
 *
 * Since: 0.1
 */
GVariant *
gmp_client_server_get_server_result (GmpClientServer *self)
{
  GVariant *value;

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  value = gmp_results_get_value (gmp_runner_get_results (GMP_RUNNER (self)), "server");
  return value != NULL ? g_variant_ref (value) : NULL;
}

/**
 * gmp_client_server_get_error:
 * @self: the application
 * @id: a client's id, or "server"
 *
 * Gets the reason why a client or the server failed in the last run.
 *
 * Returns: (transfer none) (nullable): the error, valid until the next run; %NULL if the worker did
 *   not fail
 *
 * Since: 0.1
 */
const GError *
gmp_client_server_get_error (GmpClientServer *self,
                             const char      *id)
{
  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  g_return_val_if_fail (id != NULL, NULL);
  return gmp_results_get_error (gmp_runner_get_results (GMP_RUNNER (self)), id);
}

/**
 * gmp_client_server_get_n_clients:
 * @self: the application
 *
 * Gets the number of clients of the run that have neither finished nor failed.
 *
 * Returns: a number; 0 when there is no run
 *
 * Since: 0.1
 */
guint
gmp_client_server_get_n_clients (GmpClientServer *self)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), 0);
  return priv->session != NULL ? gmp_server_session_get_n_clients (priv->session) : 0;
}

/**
 * gmp_client_server_get_node:
 * @self: the application
 * @id: a client, or "server"
 *
 * Gets the node that a worker runs on, for handlers of [signal@Gmp.ClientServer::output] and other
 * signals. For a worker that has failed there is [method@Gmp.Failure.get_node].
 *
 * Returns: (nullable): its name; %NULL if it is this machine, or the worker is not running
 *
 * Since: 0.1
 */
const char *
gmp_client_server_get_node (GmpClientServer *self,
                            const char      *id)
{
  GmpClientServerPrivate *priv = gmp_client_server_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_CLIENT_SERVER (self), NULL);
  g_return_val_if_fail (id != NULL, NULL);

  return g_intern_string (priv->session != NULL ? gmp_server_session_get_node (priv->session, id)
                                                : NULL);
}
