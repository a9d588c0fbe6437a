/* gmp-supervisor-members.c: how the workers of a run begin and end
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-supervisor-core-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-source-private.h"
#include "launch/gmp-room-private.h"

GmpMember *
gmp_member_new (const GmpJobSpec *spec)
{
  GmpMember *self = g_new0 (GmpMember, 1);

  gmp_job_spec_copy (&self->spec, spec);
  return self;
}

static void
clear_place (GmpMember *self)
{
  if (self->place != NULL)
    gmp_agent_proxy_release (self->place);
  g_clear_object (&self->place);
}

void
gmp_member_free (gpointer data)
{
  GmpMember *self = data;

  gmp_job_spec_clear (&self->spec);
  g_clear_pointer (&self->port, gmp_channel_descriptors_free);
  clear_place (self);
  g_free (self->server_runtime);
  g_clear_object (&self->worker);
  gmp_restarts_clear (&self->restarts);
  g_free (self);
}

static void
progress_cb (const char *id,
             GVariant   *value,
             gpointer    user_data)
{
  GmpSupervisor *self = user_data;

  gmp_run_signals_progress (self->events->signals, self->owner, id, value);
  self->events->take_progress (self->owner, id, value);
}

static void
turn_cb (const char *id,
         GVariant   *value,
         gpointer    user_data)
{
  GmpSupervisor *self = user_data;
  g_autoptr (GError) error = NULL;

  self->events->take_value (self->owner, id, value, &error);
  if (error == NULL)
    gmp_run_signals_turn (self->events->signals, self->owner, id, value);
  else
    gmp_supervisor_fail (self, id, error);
}

static void
output_cb (const char     *id,
           GmpOutputStream stream,
           const char     *line,
           gpointer        user_data)
{
  GmpSupervisor *self = user_data;

  gmp_run_signals_output (self->events->signals, self->owner, id, stream, line);
}

static void
log_cb (const char    *id,
        const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  GmpSupervisor *self = user_data;

  gmp_run_signals_log (self->events->signals, self->owner, id, domain, level, message);
}

static void
late_cb (const char *client_id,
         gpointer    user_data)
{
  gmp_supervisor_end_late (user_data, client_id);
}

const GmpWorkerProxyEvents gmp_supervisor_proxy_events = {
  progress_cb, turn_cb, output_cb, log_cb, late_cb,
};

/* A worker of the run, or its server, has failed and is not restarted. */
void
gmp_supervisor_settle_failed (GmpSupervisor *self,
                              GmpFailure    *failure)
{
  gmp_results_failed (self->results, failure);
  gmp_failure_log_add (self->failure_log, failure);
  gmp_run_signals_failed (self->events->signals, self->owner, gmp_failure_get_id (failure),
                          gmp_failure_get_error (failure));
}

/* %FALSE if the rule of restarts does not apply: the application refused @value, or runs the worker
 * again. */
static gboolean
settle (GmpSupervisor *self,
        const char    *id,
        GVariant      *value,
        gboolean       had_turns)
{
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GError) error = NULL;

  if (!had_turns)
    self->events->take_value (self->owner, id, value, &error);
  if (error != NULL)
    {
      failure = gmp_failure_new_for_error (id, error);
      gmp_supervisor_settle_failed (self, failure);
      return FALSE;
    }
  gmp_results_succeeded (self->results, id, value);
  gmp_run_signals_result (self->events->signals, self->owner, id, value);
  return gmp_results_has_value (self->results, id);
}

static GmpMember *
take_running (GmpSupervisor  *self,
              GmpWorkerProxy *worker)
{
  for (guint i = 0; i < self->running->len; i++)
    if (((GmpMember *) self->running->pdata[i])->worker == worker)
      return g_ptr_array_steal_index (self->running, i);
  g_assert_not_reached ();
}

/* When the server has ended, a client is restarted only for a failure of its own. */
static gboolean
is_worth_a_restart (GmpSupervisor *self,
                    GmpFailure    *failure)
{
  return self->server_end == NULL ||
         (failure != NULL && !g_error_matches (gmp_failure_get_error (failure), GMP_ERROR,
                                               GMP_ERROR_SERVER_DONE));
}

static gboolean
may_restart (GmpSupervisor *self,
             GmpMember     *member,
             GmpFailure    *failure,
             gboolean       is_early)
{
  return !self->is_ending && !member->was_refused &&
         is_worth_a_restart (self, failure) &&
         !g_cancellable_is_cancelled (self->cancellable) &&
         gmp_restarts_allow (&member->restarts, self->options, failure, is_early);
}

/* Returns %FALSE. */
gboolean
gmp_supervisor_set_no_node (GError **error)
{
  if (*error == NULL)
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_NODE_LOST, "no node is left");
  return FALSE;
}

/* Has @member wait for its next begin. */
static gboolean
prepare_restart (GmpSupervisor *self,
                 GmpMember     *member,
                 GmpFailure    *failure,
                 GError       **error)
{
  const GError *reason = failure != NULL ? gmp_failure_get_error (failure) : NULL;

  gmp_debug ("worker %s: begins again, restart %u", member->spec.id, member->restarts.n);
  if (self->server != NULL)
    {
      self->server->ended (member->spec.id, reason, TRUE, self->server_data);
      if (!self->is_paused)
        member->port = self->server->renew (member->spec.id, &member->place, self->server_data,
                                            error);
      /* A server that is done is not placed again, so nothing would end the wait. */
      if (member->port == NULL && (*error != NULL || self->server_end != NULL))
        return gmp_supervisor_set_no_node (error);
      self->is_paused |= member->port == NULL;
    }
  g_queue_push_head (&self->waiting, member);
  if (member->restarts.is_restart)
    gmp_run_signals_restarted (self->events->signals, self->owner, member->spec.id, failure);
  return TRUE;
}

static void
conclude (GmpSupervisor *self,
          GmpMember     *member,
          GmpFailure    *failure)
{
  g_autoptr (GmpFailure) cause = gmp_restarts_conclude (&member->restarts, failure);

  if (self->server != NULL)
    self->server->ended (member->spec.id, cause != NULL ? gmp_failure_get_error (cause) : NULL,
                         FALSE, self->server_data);
  if (cause != NULL)
    gmp_supervisor_settle_failed (self, cause);
  gmp_member_free (member);
}

/* The server is done. Clients that wait for its next node get no channel any more. */
void
gmp_supervisor_end_pause (GmpSupervisor *self)
{
  GQueue lost = G_QUEUE_INIT;
  GmpMember *member;

  gmp_hold_enter (&self->hold);
  self->is_paused = FALSE;
  for (guint i = self->waiting.length; i > 0; i--)
    {
      member = g_queue_pop_head (&self->waiting);
      g_queue_push_tail (member->port != NULL ? &self->waiting : &lost, member);
    }
  while ((member = g_queue_pop_head (&lost)) != NULL)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GmpFailure) failure = NULL;

      gmp_supervisor_set_no_node (&error);
      failure = gmp_failure_new_for_error (member->spec.id, error);
      conclude (self, member, failure);
    }
  gmp_supervisor_begin_waiting (self);
  /* Not at once: the server's end is still being handled. */
  gmp_supervisor_maybe_return (self);
  gmp_hold_leave (&self->hold, self->options->priority);
}

static void
end_member (GmpSupervisor *self,
            GmpMember     *member,
            GmpFailure    *failure,
            gboolean       is_early)
{
  g_autoptr (GmpFailure) refused = NULL;
  g_autoptr (GError) error = NULL;

  if (may_restart (self, member, failure, is_early))
    {
      if (prepare_restart (self, member, failure, &error))
        return;
      refused = gmp_failure_new_for_error (member->spec.id, error);
    }
  conclude (self, member, refused != NULL ? refused : failure);
}

/* TRUE if it begins once more when there is room, because there was no process for it. Processes
 * that were started ahead give way. Clients do not wait, because they may wait for each other. */
static gboolean
leave_room (GmpSupervisor  *self,
            GmpWorkerProxy *worker)
{
  if (!gmp_worker_proxy_was_refused (worker))
    {
      gmp_room_leave (self->server == NULL);
      return FALSE;
    }
  gmp_process_cache_give_way (self->cache);
  return gmp_room_refuse (self->server == NULL) && self->server == NULL &&
         !g_cancellable_is_cancelled (self->cancellable);
}

static void
ran_cb (GmpWorkerProxy *worker,
        gpointer        user_data)
{
  GmpSupervisor *self = user_data;
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GVariant) value = NULL;
  GmpMember *member = take_running (self, worker);
  gboolean may_go_on = TRUE;

  gmp_hold_enter (&self->hold);
  g_clear_object (&member->worker);
  if (gmp_worker_proxy_take_result (worker, &value, &failure))
    may_go_on = settle (self, member->spec.id, value, gmp_worker_proxy_had_turns (worker));
  gmp_kept_workers_keep (self->pool, worker);
  if (leave_room (self, worker))
    g_queue_push_head (&self->waiting, member);
  else if (may_go_on)
    end_member (self, member, failure, gmp_worker_proxy_was_lost_early (worker));
  else
    conclude (self, member, NULL);
  gmp_supervisor_begin_waiting (self);
  gmp_hold_leave (&self->hold, self->options->priority);
  gmp_supervisor_maybe_return (self);
}

static gboolean
is_here (GmpSupervisor *self)
{
  return gmp_cluster_get (self->options->launcher) == NULL;
}

static void
begin_next (GmpSupervisor *self)
{
  GmpMember *member = g_queue_pop_head (&self->waiting);
  GmpWorkerProxy *worker = gmp_kept_workers_take (self->pool);

  gmp_room_enter (self->server == NULL,
                  worker == NULL && (self->server != NULL || is_here (self)));
  if (worker == NULL)
    worker = gmp_supervisor_new_worker (self);
  if (member->place != NULL)
    gmp_worker_proxy_set_place (worker, g_steal_pointer (&member->place));
  member->worker = worker;
  g_ptr_array_add (self->running, member);
  if (member->port != NULL)
    gmp_worker_proxy_add_channel (worker, "server", member->server_runtime,
                                  g_steal_pointer (&member->port));
  gmp_worker_proxy_run (worker, gmp_job_new (&member->spec),
                        self->reuse ? GMP_WORKER_PROXY_KEEP : GMP_WORKER_PROXY_END,
                        NULL, ran_cb, self);
  /* The server may have ended while this one waited to be restarted. */
  if (self->server_end != NULL)
    gmp_worker_proxy_peer_ended (worker, "server", self->server_end, FALSE);
}

static gboolean
may_begin (GmpSupervisor *self)
{
  return self->waiting.length > 0 && !self->is_paused &&
         (self->max_parallel == 0 || self->running->len < self->max_parallel);
}

/* Clients may wait for each other, so none of them waits for another's end. Processes that were
 * started ahead give way. */
static gboolean
has_room (GmpSupervisor *self)
{
  if (self->server != NULL || !is_here (self) ||
      gmp_kept_workers_has_kept (self->pool) ||
      gmp_room_await (self->begin_source))
    return TRUE;
  if (gmp_process_cache_drop_spares (self->cache))
    g_source_set_ready_time (self->begin_source, 0);
  return FALSE;
}

static gboolean
begin_cb (gpointer user_data)
{
  GmpSupervisor *self = user_data;

  if (self->generation != gmp_fork_get_generation ())
    return G_SOURCE_REMOVE;
  if (may_begin (self) && !has_room (self))
    return G_SOURCE_CONTINUE;
  if (may_begin (self))
    begin_next (self);
  if (may_begin (self))
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->begin_source);
  return G_SOURCE_REMOVE;
}

/* Has those begin that wait and may. */
void
gmp_supervisor_begin_waiting (GmpSupervisor *self)
{
  if (self->begin_source != NULL || !may_begin (self))
    return;
  self->begin_source = gmp_source_attach (gmp_room_source_new (), self->options->priority,
                                          begin_cb, self);
}
