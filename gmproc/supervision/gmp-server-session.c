/* gmp-server-session.c: one run of a server with its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-server-session-core-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-source-private.h"
#include "base/gmp-target-private.h"

/* Takes ownership of @options. */
GmpServerSession *
gmp_server_session_new (const GmpSupervisorEvents *events,
                        gpointer                   owner,
                        GmpResults                *results,
                        GmpFailureLog             *failure_log,
                        GmpOptions                *options,
                        guint                      n_workers,
                        guint64                    arena_size)
{
  GmpServerSession *self = g_new0 (GmpServerSession, 1);

  self->events = events;
  self->owner = owner;
  self->results = results;
  self->failure_log = failure_log;
  self->n_workers = n_workers;
  self->arena_size = arena_size;
  self->cluster = gmp_cluster_get (options->launcher);
  self->cancellable = g_cancellable_new ();
  self->supervisor = gmp_supervisor_new (events, owner, results, failure_log);
  gmp_supervisor_set_options (self->supervisor, options, 0, FALSE);
  gmp_supervisor_begin (self->supervisor);
  gmp_results_expect (results, "server");
  gmp_supervisor_set_server (self->supervisor, &gmp_server_session_clients, self);
  self->runtimes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
gmp_server_session_free (GmpServerSession *self)
{
  gmp_supervisor_free (self->supervisor);
  gmp_job_spec_clear (&self->spec);
  g_free (self->server_runtime);
  g_clear_object (&self->server);
  g_clear_pointer (&self->local_server, gmp_local_server_free);
  g_hash_table_unref (self->runtimes);
  gmp_restarts_clear (&self->restarts);
  g_clear_object (&self->node);
  g_clear_error (&self->error);
  gmp_source_clear (&self->return_source);
  gmp_source_clear (&self->stop_source);
  g_clear_object (&self->outer);
  g_object_unref (self->cancellable);
  g_free (self);
}

static gboolean
return_cb (gpointer user_data)
{
  GmpServerSession *self = user_data;
  GmpServerSessionEnded ended = self->ended;
  GError *error;

  /* When the server has failed, that is the cause of the clients' failures. */
  if (self->error != NULL && !g_cancellable_is_cancelled (self->outer))
    error = g_steal_pointer (&self->error);
  else
    error = gmp_results_to_error (self->results, self->outer);
  gmp_source_clear (&self->return_source);
  self->ended = NULL;
  ended (error, self->ended_data);
  return G_SOURCE_REMOVE;
}

/* From the main loop, because user code may have ended the run. */
static void
return_run (GmpServerSession *self)
{
  gmp_source_clear (&self->cancel_source);
  gmp_source_clear (&self->stop_source);
  gmp_source_clear (&self->limit_source);
  gmp_failure_log_end (self->failure_log);
  g_clear_object (&self->server);
  g_clear_pointer (&self->local_server, gmp_local_server_free);
  self->return_source = gmp_source_attach (
      g_idle_source_new (), gmp_supervisor_get_options (self->supervisor)->priority, return_cb,
      self);
}

static void maybe_return (GmpServerSession *self);

static void
retired_cb (GmpWorkerProxy *server G_GNUC_UNUSED,
            gpointer        user_data)
{
  GmpServerSession *self = user_data;

  self->n_retiring--;
  maybe_return (self);
}

static void
retire_server (GmpServerSession *self)
{
  g_autoptr (GmpWorkerProxy) server = g_steal_pointer (&self->server);

  self->n_retiring++;
  gmp_worker_proxy_retire (server, retired_cb, self);
}

static void
maybe_return (GmpServerSession *self)
{
  if (!self->clients_ended || !self->server_ended)
    return;
  if (self->server != NULL)
    retire_server (self);
  if (self->n_retiring == 0)
    return_run (self);
}

/* The server has failed, and its clients cannot continue. Takes ownership of @error. */
static void
take_server_error (GmpServerSession *self,
                   GError           *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  g_cancellable_cancel (self->cancellable);
}

/* Ends the run with @error, an error of the application. Takes ownership of it. */
void
gmp_server_session_fail (GmpServerSession *self,
                         GError           *error)
{
  take_server_error (self, g_error_copy (error));
  if (self->local_server != NULL)
    gmp_local_server_fail (self->local_server, g_steal_pointer (&error));
  g_clear_error (&error);
}

/* @failure is %NULL if the server has finished, with @value (nullable). */
static void
end_server (GmpServerSession *self,
            GVariant         *value,
            GmpFailure       *failure)
{
  g_autoptr (GError) done = g_error_new_literal (GMP_ERROR, GMP_ERROR_SERVER_DONE,
                                                 "The server is done and does not answer any more");

  self->is_ending = TRUE;
  gmp_source_clear (&self->limit_source);
  if (failure != NULL)
    {
      gmp_supervisor_end (self->supervisor);
      take_server_error (self, g_error_copy (gmp_failure_get_error (failure)));
      gmp_supervisor_settle_failed (self->supervisor, failure);
      /* The run does not continue, and reports everything itself. */
      gmp_failure_log_end (self->failure_log);
    }
  else
    {
      gmp_supervisor_end_server (self->supervisor, done);
      /* It may have finished before it received that. */
      if (g_cancellable_is_cancelled (self->cancellable))
        value = NULL;
      gmp_results_succeeded (self->results, "server", value);
    }
  /* Its process may hold a channel that arrived after its end, whose client waits. */
  if (self->server != NULL)
    retire_server (self);
  self->server_ended = TRUE;
  maybe_return (self);
}

static void
local_server_ended (GVariant *value,
                    GError   *error,
                    gpointer  user_data)
{
  g_autoptr (GError) local = error;
  g_autoptr (GmpFailure) failure = NULL;

  if (error != NULL)
    failure = gmp_failure_new_for_error ("server", error);
  end_server (user_data, value, failure);
}

static void server_ran_cb (GmpWorkerProxy *server,
                           gpointer        user_data);

static void
run_server (GmpServerSession *self)
{
  gmp_worker_proxy_run (self->server, gmp_job_new (&self->spec), GMP_WORKER_PROXY_KEEP,
                        self->cancellable, server_ran_cb, self);
}

/* Takes ownership of @agent, on whose node a worker is reserved. */
static void
place_server (GmpServerSession *self,
              GmpAgentProxy    *agent)
{
  g_set_object (&self->node, agent);
  gmp_worker_proxy_set_place (self->server, agent);
}

/* Takes @agent (nullable) over, as place_server(). */
static gboolean
begin_again (GmpServerSession *self,
             GmpAgentProxy    *agent,
             GmpFailure       *failure,
             GError          **error)
{
  self->server = gmp_supervisor_new_worker (self->supervisor);
  if (agent != NULL)
    place_server (self, agent);
  if (!gmp_supervisor_renew (self->supervisor, gmp_failure_get_error (failure), error))
    {
      /* It has not run, so there is nothing to retire. */
      g_clear_object (&self->server);
      return FALSE;
    }
  if (self->restarts.is_restart)
    gmp_run_signals_restarted (self->events->signals, self->owner, "server", failure);
  run_server (self);
  return TRUE;
}

static gboolean
needs_server (GmpServerSession *self)
{
  return !self->is_ending && !self->clients_ended &&
         !g_cancellable_is_cancelled (self->cancellable);
}

static void
placed_again_cb (GObject      *source G_GNUC_UNUSED,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  GmpServerSession *self = user_data;
  g_autoptr (GmpFailure) failure = g_steal_pointer (&self->waits_after);
  g_autoptr (GmpFailure) cause = NULL;
  g_autoptr (GError) error = NULL;
  GmpAgentProxy *agent = gmp_cluster_reserve_finish (self->cluster, result, &error);

  if (agent != NULL && needs_server (self))
    {
      if (begin_again (self, agent, failure, &error))
        return;
    }
  else if (agent != NULL)
    {
      gmp_agent_proxy_release (agent);
      g_object_unref (agent);
    }
  cause = error != NULL && needs_server (self) ? gmp_failure_new_for_error ("server", error)
                                               : gmp_restarts_conclude (&self->restarts, failure);
  end_server (self, NULL, cause);
}

/* The node that it was on may have been lost. Without any, it waits as other workers do. */
static gboolean
place_again (GmpServerSession *self,
             GmpFailure       *failure,
             GError          **error)
{
  GmpAgentProxy *agent = gmp_cluster_reserve_now (self->cluster, self->node);

  if (agent != NULL)
    return begin_again (self, agent, failure, error);
  self->waits_after = g_object_ref (failure);
  gmp_supervisor_pause (self->supervisor);
  gmp_cluster_reserve_async (self->cluster,
                             gmp_supervisor_get_options (self->supervisor)->priority,
                             self->cancellable, placed_again_cb, self);
  return TRUE;
}

/* Restarts the server, in a new process, for the remaining clients. %FALSE if the rule does not
 * allow it, with an error if it is impossible. */
static gboolean
restart_server (GmpServerSession *self,
                GmpFailure       *failure,
                gboolean          is_early,
                GError          **error)
{
  if (!needs_server (self) ||
      !gmp_restarts_allow (&self->restarts, gmp_supervisor_get_options (self->supervisor), failure,
                           is_early))
    return FALSE;
  gmp_debug ("server: begins again, restart %u", self->restarts.n);
  retire_server (self);
  return gmp_server_session_is_elsewhere (self) ? place_again (self, failure, error)
                             : begin_again (self, NULL, failure, error);
}

static void
server_ran_cb (GmpWorkerProxy *server,
               gpointer        user_data)
{
  GmpServerSession *self = user_data;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GmpFailure) cause = NULL;
  g_autoptr (GError) error = NULL;

  if (gmp_worker_proxy_take_result (server, &value, &failure))
    {
      end_server (self, value, NULL);
      return;
    }
  if (restart_server (self, failure, gmp_worker_proxy_was_lost_early (server), &error))
    return;
  if (error != NULL)
    cause = gmp_failure_new_for_error ("server", error);
  else
    cause = gmp_restarts_conclude (&self->restarts, failure);
  end_server (self, NULL, cause);
}

/* The seconds that the server has after its last client has ended; 0: any number. A server that
 * left a request unanswered may never return from it. */
static double
get_lonely_limit (GmpServerSession *self)
{
  const GmpOptions *options = gmp_supervisor_get_options (self->supervisor);
  double limit = options->run_timeout;

  if (options->request_timeout > 0 &&
      gmp_results_has_error (self->results, GMP_ERROR_TIMED_OUT))
    limit = limit > 0 ? MIN (limit, options->request_timeout) : options->request_timeout;
  return limit;
}

static gboolean
limit_cb (gpointer user_data)
{
  GmpServerSession *self = user_data;
  const GmpOptions *options = gmp_supervisor_get_options (self->supervisor);
  double limit = get_lonely_limit (self);
  gboolean is_of_request = limit != options->run_timeout;

  gmp_source_clear (&self->limit_source);
  self->is_ending = TRUE;
  gmp_worker_proxy_fail (self->server,
                         g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                      "it had %snot ended within %g seconds after its last client "
                                      "(%s)",
                                      is_of_request ? "left a request unanswered, and had " : "",
                                      limit, is_of_request ? "request-timeout" : "run-timeout"));
  return G_SOURCE_REMOVE;
}

/* While there are clients, their limits end the run: a server that waits for a client whose turn
 * does not end is not at fault, and one that does not answer is still there when they have
 * ended. */
static void
watch_lonely_server (GmpServerSession *self)
{
  double limit = get_lonely_limit (self);

  if (limit == 0 || self->server == NULL || self->server_ended)
    return;
  self->limit_source = gmp_source_attach_limit (
      limit, gmp_supervisor_get_options (self->supervisor)->priority, limit_cb, self);
}

static void
clients_ran_cb (gpointer user_data)
{
  GmpServerSession *self = user_data;

  self->clients_ended = TRUE;
  if (self->waits_after != NULL)
    g_cancellable_cancel (self->cancellable);
  watch_lonely_server (self);
  maybe_return (self);
}

void
gmp_server_session_cancel (GmpServerSession *self)
{
  gmp_server_session_fail (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                      "The run was cancelled"));
}

static gboolean
cancelled_cb (gpointer user_data)
{
  gmp_server_session_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* The server is a worker. */
gboolean
gmp_server_session_set_target (GmpServerSession *self,
                               const char       *server_target,
                               GError          **error)
{
  self->server_runtime = gmp_target_get_runtime (server_target, error);
  if (self->server_runtime == NULL)
    return FALSE;
  gmp_job_spec_init (&self->spec, "server", "server", server_target, NULL);
  self->server = gmp_supervisor_new_worker (self->supervisor);
  return TRUE;
}

/* The server is the owner, in this process. @rule must stay valid. */
gboolean
gmp_server_session_set_methods (GmpServerSession       *self,
                                const GmpServerMethods *methods,
                                GmpServerMode           mode,
                                const GmpBatchRule     *rule,
                                GError                **error)
{
  self->server_runtime = g_strdup (gmp_supervisor_get_options (self->supervisor)->runtime);
  self->local_server = gmp_local_server_new (methods, self->owner, mode, rule,
                                             gmp_supervisor_get_options (self->supervisor),
                                             local_server_ended, self,
                                             error);
  return self->local_server != NULL;
}

/* The thread-default main context serves only this run. */
void
gmp_server_session_set_blocking (GmpServerSession *self)
{
  if (self->local_server != NULL)
    gmp_local_server_set_blocking (self->local_server);
}

/* The thread-default main context is one of the program's. */
void
gmp_server_session_set_later (GmpServerSession *self)
{
  if (self->local_server != NULL)
    gmp_local_server_set_later (self->local_server);
}

/* Requests accumulate in the local server, and the run continues without clients until it is
 * stopped. @turned is as for gmp_local_server_set_turned(). */
void
gmp_server_session_set_open (GmpServerSession    *self,
                             GmpLocalServerTurned turned,
                             gpointer             user_data)
{
  gmp_local_server_set_turned (self->local_server, turned, user_data);
  gmp_supervisor_set_open (self->supervisor);
}

static void
begin_workers (GmpServerSession *self)
{
  if (self->server != NULL)
    run_server (self);
  gmp_supervisor_run (self->supervisor, self->cancellable, clients_ran_cb, self);
}

/* There is no node, so no worker starts. Takes ownership of @error. */
static void
fail_to_begin (GmpServerSession *self,
               GError           *error)
{
  g_autoptr (GmpFailure) failure = gmp_failure_new_for_error ("server", error);

  self->is_ending = TRUE;
  gmp_supervisor_abandon (self->supervisor);
  self->error = error;
  gmp_supervisor_settle_failed (self->supervisor, failure);
  return_run (self);
}

static void
reserved_cb (GObject      *source G_GNUC_UNUSED,
             GAsyncResult *result,
             gpointer      user_data)
{
  GmpServerSession *self = user_data;
  GError *error = NULL;
  g_autoptr (GmpAgentProxy) agent = gmp_cluster_reserve_finish (self->cluster, result, &error);

  if (agent == NULL)
    {
      fail_to_begin (self, error);
      return;
    }
  place_server (self, g_steal_pointer (&agent));
  if (gmp_supervisor_renew (self->supervisor, NULL, &error))
    begin_workers (self);
  else
    fail_to_begin (self, error);
}

/* Called once. Everything runs in the thread-default main context, where @ended is called. */
void
gmp_server_session_run (GmpServerSession     *self,
                        GVariant             *params,
                        GCancellable         *cancellable,
                        GmpServerSessionEnded ended,
                        gpointer              user_data)
{
  GError *error = NULL;

  self->ended = ended;
  self->ended_data = user_data;
  g_set_object (&self->outer, cancellable);
  if (self->local_server != NULL && !gmp_local_server_start (self->local_server, params, &error))
    {
      fail_to_begin (self, error);
      return;
    }
  self->cancel_source = gmp_source_attach_cancel (cancellable, G_PRIORITY_HIGH, cancelled_cb,
                                                  self);
  gmp_job_spec_set_params (&self->spec, params);
  if (gmp_server_session_is_elsewhere (self))
    gmp_cluster_reserve_async (self->cluster,
                               gmp_supervisor_get_options (self->supervisor)->priority,
                               self->cancellable, reserved_cb, self);
  else
    begin_workers (self);
}

void
gmp_server_session_end_late (GmpServerSession *self,
                             const char       *client_id)
{
  gmp_supervisor_end_late (self->supervisor, client_id);
}

/* Ends the server's life cycle at its next turn; its clients then find it done. */
void
gmp_server_session_stop (GmpServerSession *self)
{
  self->is_ending = TRUE;
  gmp_supervisor_end (self->supervisor);
  if (self->local_server != NULL)
    gmp_local_server_stop (self->local_server);
  else if (self->server != NULL)
    gmp_worker_proxy_stop (self->server);
}

/* The rule of the application's batches has changed. */
void
gmp_server_session_look (GmpServerSession *self)
{
  if (self->local_server != NULL)
    gmp_local_server_look (self->local_server);
}

static gboolean
stopped_cb (gpointer user_data)
{
  gmp_server_session_stop (user_data);
  return G_SOURCE_REMOVE;
}

/* Called before the run begins, in its thread: @stop stops it from any thread. */
void
gmp_server_session_watch_stop (GmpServerSession *self,
                               GCancellable     *stop)
{
  self->stop_source = gmp_source_attach_cancel (stop, G_PRIORITY_HIGH, stopped_cb, self);
}

void
gmp_server_session_kill (GmpServerSession *self)
{
  gmp_supervisor_kill (self->supervisor);
  if (self->server != NULL)
    gmp_worker_proxy_kill (self->server);
}

/* Clients that have neither finished nor failed. */
guint
gmp_server_session_get_n_clients (GmpServerSession *self)
{
  if (self->local_server != NULL)
    return gmp_local_server_get_n_clients (self->local_server);
  return gmp_supervisor_get_n_left (self->supervisor);
}

/* Of the server or a client. (nullable): it runs on this machine, or not at all. */
const char *
gmp_server_session_get_node (GmpServerSession *self,
                             const char       *id)
{
  if (self->server != NULL && g_str_equal (id, "server"))
    return gmp_worker_proxy_get_node (self->server);
  return gmp_supervisor_get_node (self->supervisor, id);
}

/* %NULL if a worker is the server, and after the end of the run. */
GmpLocalServer *
gmp_server_session_get_local_server (GmpServerSession *self)
{
  return self->local_server;
}
