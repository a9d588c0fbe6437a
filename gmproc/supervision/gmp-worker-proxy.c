/* gmp-worker-proxy.c: a worker as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-proxy-core-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-source-private.h"
#include "launch/gmp-process-cache-private.h"

/* Limits on steps that should take no time, in seconds. */
#define LOST_GRACE 1.0 /* from a lost connection, or the end, to the other of the two */
#define EXIT_GRACE 5.0 /* from the end of its last run to its exit */

G_DEFINE_FINAL_TYPE (GmpWorkerProxy, gmp_worker_proxy, G_TYPE_OBJECT)

static gboolean
is_watched (GmpWorkerProxy *self)
{
  return self->process != NULL && gmp_worker_process_is_watched (self->process);
}

static gboolean
has_process (GmpWorkerProxy *self)
{
  return self->process != NULL && !gmp_worker_process_has_ended (self->process);
}

static gboolean
is_connected (GmpWorkerProxy *self)
{
  return self->connection != NULL && gmp_worker_connection_is_open (self->connection);
}

/* The end of a run. */

/* The death of a kept or warm process before this run could begin in it is not this run's failure.
 * A process that was called may have begun without reporting it. */
static gboolean
died_before (GmpWorkerProxy *self)
{
  return (self->was_kept || (self->is_warm && !self->job->was_connected)) && !self->is_ready &&
         !self->is_ending && !gmp_job_has_answer (self->job) && !has_process (self);
}

static void begin_process (GmpWorkerProxy *self,
                           gboolean        is_plain);

static void maybe_return (gpointer user_data);

static void
again_cb (gpointer user_data)
{
  GmpWorkerProxy *self = user_data;

  if (self->is_ending)
    {
      self->is_calling = FALSE;
      maybe_return (self);
    }
  else
    {
      begin_process (self, TRUE);
    }
}

/* There was no process for it, or no thread in that process. TRUE if it tries again: processes that
 * were started ahead give way, and a process that has ended counts until its parent, perhaps a slow
 * init, has waited for it. Functions leave that to their supervisor, because they can wait for each
 * other's end. */
static gboolean
try_again (GmpWorkerProxy *self)
{
  if (self->is_ending || self->is_elsewhere || g_str_equal (self->job->spec.role, "call") ||
      !gmp_patience_begin_pause (&self->patience, self->options->priority))
    return FALSE;
  gmp_debug ("worker %s: there is no process or thread for it, so it waits", self->job->spec.id);
  gmp_process_cache_give_way (self->start.cache);
  self->is_calling = TRUE;
  return TRUE;
}

/* Another process will be started in place of the one that has ended. */
static void
drop_process (GmpWorkerProxy *self)
{
  gmp_source_clear (&self->lost_source);
  g_clear_pointer (&self->process, gmp_worker_process_free);
  self->has_begun = FALSE;
}

static void
close_connection (GmpWorkerProxy *self)
{
  g_clear_pointer (&self->connection, gmp_worker_connection_free);
}

static void
end_run (GmpWorkerProxy *self)
{
  gmp_job_end (self->job);
  g_clear_error (&self->overdue);
  gmp_source_clear (&self->lost_source);
  gmp_patience_clear (&self->patience);
  gmp_hold_clear (&self->hold);
  g_clear_object (&self->connecting);
  gmp_peers_clear (self->peers);
  self->has_begun = FALSE;
  self->was_stopped = FALSE;
  if (self->connection != NULL)
    gmp_worker_connection_end (self->connection);
  if (!has_process (self))
    g_clear_pointer (&self->process, gmp_worker_process_free);
}

static gboolean
is_lost_early (GmpWorkerProxy *self)
{
  return self->is_elsewhere && !self->has_begun && !self->is_ending &&
         g_error_matches (gmp_failure_get_error (self->failure), GMP_ERROR, GMP_ERROR_NODE_LOST);
}

static void
maybe_return (gpointer user_data)
{
  GmpWorkerProxy *self = user_data;
  GmpWorkerProxyEnded ended = self->ended;

  if (ended == NULL || self->is_packing || self->is_calling || is_watched (self) ||
      gmp_hold_blocks (&self->hold))
    return;
  if (!has_process (self))
    close_connection (self);
  if (!self->job->has_value && gmp_job_failed_to_begin (self->job, self->process) &&
      try_again (self))
    {
      drop_process (self);
      return;
    }
  if (died_before (self))
    {
      gmp_debug ("worker %s: the process that waited for it has died, so another",
                 self->job->spec.id);
      drop_process (self);
      begin_process (self, TRUE);
      return;
    }

  gmp_debug ("worker %s: %s", self->job->spec.id,
             self->job->has_value ? "has its result" : "failed");
  if (!self->job->has_value)
    {
      self->was_refused |= gmp_job_failed_to_begin (self->job, self->process);
      self->failure = gmp_job_to_failure (self->job, self->process);
      self->was_lost_early = is_lost_early (self);
    }
  else if (self->process != NULL && !self->is_ending)
    gmp_job_warn_of_late_death (self->job, self->process);
  end_run (self);

  /* The callback may begin the next run at once. */
  self->ended = NULL;
  ended (self, self->ended_data);
  g_object_unref (self);
}

static gboolean
lost_cb (gpointer user_data)
{
  GmpWorkerProxy *self = user_data;

  /* A child of the worker holds its socket open. */
  gmp_source_clear (&self->lost_source);
  self->is_lost = TRUE;
  if (self->connection != NULL)
    gmp_worker_connection_catch_up (self->connection);
  return G_SOURCE_REMOVE;
}

static void
ended_cb (gpointer user_data)
{
  g_autoptr (GmpWorkerProxy) self = user_data;

  if (self->is_calling)
    {
      /* A process that has ended will not connect, but its last messages may be in flight. */
      g_cancellable_cancel (self->connecting);
      self->lost_source = gmp_source_attach_limit (LOST_GRACE, self->options->priority, lost_cb,
                                                   self);
    }
  maybe_return (self);
}

static void
watch (GmpWorkerProxy *self)
{
  gmp_worker_process_watch (self->process, gmp_worker_proxy_line, ended_cb, g_object_ref (self));
}

/* The call of Run has returned, or will not be made. */
static void
end_call (GmpWorkerProxy *self)
{
  gboolean has_answer = gmp_job_has_answer (self->job);

  self->is_calling = FALSE;
  gmp_job_started (self->job);
  if (!is_watched (self))
    {
      maybe_return (self);
    }
  else if (has_answer && self->after == GMP_WORKER_PROXY_KEEP && !self->is_ending &&
           is_connected (self))
    {
      gmp_worker_process_unwatch (self->process);
    }
  else
    {
      close_connection (self);
      gmp_worker_process_end (self->process, has_answer && self->job->was_connected
                                             ? EXIT_GRACE : LOST_GRACE);
    }
}

/* Reports of the worker during a run. */

void
gmp_worker_proxy_ran (gboolean  has_value,
                      GVariant *value,
                      GError   *error,
                      gpointer  user_data)
{
  g_autoptr (GmpWorkerProxy) self = user_data;

  /* If the connection was lost, the exit status will explain more. */
  if (has_value)
    gmp_job_take_value (self->job, value);
  if (error != NULL)
    gmp_job_take_error (self->job, error);
  end_call (self);
}

/* The beginning of a run. */

static void
call_run (GmpWorkerProxy *self)
{
  /* Servers and clients wait for each other's end. */
  gboolean is_last = self->after == GMP_WORKER_PROXY_END &&
                     (g_str_equal (self->job->spec.role, "call") ||
                      g_str_equal (self->job->spec.role, "pool"));
  GError *error = NULL;

  gmp_worker_connection_begin (self->connection, self->options->priority,
                               &gmp_worker_proxy_events, self);
  if (!gmp_peers_connect (self->peers, self->connection, &error) ||
      !gmp_worker_connection_run (self->connection, self->job,
                                  gmp_options_to_variant (self->options, is_last),
                                  self->options->value_size_limit, &error))
    {
      gmp_job_take_error (self->job, error);
      end_call (self);
      return;
    }
  g_object_ref (self);
  self->is_calling = TRUE;
  self->has_begun = TRUE;
  gmp_peers_send_gone (self->peers, self->connection);
  if (self->was_stopped)
    gmp_worker_connection_stop (self->connection);
}

/* Takes ownership of @error. */
static void
opened_cb (GmpWorkerConnection *connection,
           GError              *error,
           gpointer             user_data)
{
  g_autoptr (GmpWorkerProxy) self = user_data;

  self->connection = connection;
  if (connection == NULL)
    {
      /* If it has ended, its exit status will explain more. */
      if (g_error_matches (error, GMP_ERROR, GMP_ERROR_PROTOCOL))
        gmp_job_take_error (self->job, error);
      else
        g_error_free (error);
      end_call (self);
      return;
    }
  self->job->was_connected = TRUE;
  if (self->job->pid == 0)
    self->job->pid = gmp_worker_process_get_pid (self->process);
  call_run (self);
  /* While the worker is executing it already. */
  if (self->job->pid != 0)
    gmp_oom_witness_follow (&self->memory, self->job->pid);
}

/* No process could be started. Takes ownership of @error. */
static void
fail_start (GmpWorkerProxy *self,
            GError         *error)
{
  self->was_refused = !self->is_elsewhere &&
                      g_error_matches (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN);
  if (self->was_refused && try_again (self))
    {
      self->was_refused = FALSE;
      g_error_free (error);
      return;
    }
  if (self->was_refused)
    {
      error->domain = GMP_ERROR;
      error->code = GMP_ERROR_LAUNCH;
    }
  gmp_job_take_error (self->job, error);
  self->is_calling = FALSE;
  gmp_job_started (self->job);
  maybe_return (self);
}

static void
begun_cb (gboolean is_elsewhere,
          gpointer user_data)
{
  GmpWorkerProxy *self = user_data;

  self->is_elsewhere = is_elsewhere;
  if (is_elsewhere)
    gmp_oom_witness_clear (&self->memory);
  else
    gmp_oom_witness_begin (&self->memory);
  gmp_job_await_start (self->job);
}

static void
started_cb (GmpWorkerStarted *started,
            GError           *error,
            gpointer          user_data)
{
  g_autoptr (GmpWorkerProxy) self = user_data;

  if (started == NULL)
    {
      fail_start (self, error);
      return;
    }
  self->process = started->process;
  self->is_warm = started->is_warm;
  self->job->pid = gmp_worker_process_get_pid (self->process);
  gmp_debug ("worker %s: pid %d, %s", self->job->spec.id, self->job->pid,
             started->is_warm ? "which is warm" : "a new process");
  watch (self);
  if (started->control_fd != -1)
    {
      gmp_worker_connection_open (started->control_fd, self->options->priority, self->connecting,
                                  opened_cb, g_object_ref (self));
    }
  else if (started->stream != NULL)
    {
      self->connection = gmp_worker_connection_new (started->stream);
      self->job->was_connected = TRUE;
      call_run (self);
    }
  else
    {
      end_call (self);
    }
}

static const GmpWorkerStartEvents start_events = { begun_cb, started_cb };

/* With @is_plain no process that is warm. */
static void
begin_process (GmpWorkerProxy *self,
               gboolean        is_plain)
{
  self->was_kept = FALSE;
  self->is_warm = FALSE;
  self->is_elsewhere = FALSE;
  self->job->pid = 0;
  self->job->was_connected = FALSE;
  g_clear_object (&self->connecting);
  self->connecting = g_cancellable_new ();
  self->is_calling = TRUE;
  gmp_worker_start_begin (&self->start, &self->job->spec, is_plain, self->connecting,
                          &start_events, g_object_ref (self));
}

static void
begin (GmpWorkerProxy     *self,
       GmpWorkerProxyEnded ended,
       gpointer            user_data)
{
  g_assert (self->ended == NULL);

  g_object_ref (self);
  self->ended = ended;
  self->ended_data = user_data;
  self->is_ready = FALSE;
  self->is_ending = FALSE;
  self->has_begun = FALSE;
  self->is_lost = FALSE;
  self->was_refused = FALSE;
  self->was_lost_early = FALSE;
}

/* The parameters are ready to be sent. */
static void
start (GmpWorkerProxy *self)
{
  if (self->process != NULL)
    {
      self->was_kept = TRUE;
      self->job->pid = gmp_worker_process_get_pid (self->process);
      self->job->was_connected = TRUE;
      watch (self);
      gmp_job_await_start (self->job);
      call_run (self);
    }
  else
    {
      begin_process (self, FALSE);
    }
}

static gboolean
packed_cb (gpointer user_data)
{
  g_autoptr (GmpWorkerProxy) self = g_object_ref (user_data);

  if (!self->is_packing)
    return G_SOURCE_CONTINUE;
  self->is_packing = FALSE;
  gmp_hold_enter (&self->hold);
  if (self->is_ending)
    maybe_return (self);
  else
    start (self);
  gmp_hold_leave (&self->hold, self->options->priority);
  return G_SOURCE_CONTINUE;
}

/* Takes ownership of @job. Calls @ended from the thread-default main context. */
void
gmp_worker_proxy_run (GmpWorkerProxy     *self,
                      GmpJob             *job,
                      GmpWorkerProxyAfter after,
                      GCancellable       *cancellable,
                      GmpWorkerProxyEnded ended,
                      gpointer            user_data)
{
  begin (self, ended, user_data);
  gmp_hold_enter (&self->hold);
  g_clear_pointer (&self->job, gmp_job_free);
  self->job = job;
  job->memory = &self->memory;
  self->after = after;
  gmp_job_begin (job, self->options, cancellable, gmp_worker_proxy_expired, self);
  self->is_packing = gmp_job_pack (job, packed_cb, self);
  if (!self->is_packing)
    start (self);
  gmp_hold_leave (&self->hold, self->options->priority);
}

/* Call it first when a run has ended. @value is its result (nullable). If it has failed,
 * returns %FALSE with @failure. */
gboolean
gmp_worker_proxy_take_result (GmpWorkerProxy *self,
                              GVariant      **value,
                              GmpFailure    **failure)
{
  *value = g_steal_pointer (&self->job->value);
  *failure = g_steal_pointer (&self->failure);
  return *failure == NULL;
}

/* TRUE if its last run had turns besides its value. */
gboolean
gmp_worker_proxy_had_turns (GmpWorkerProxy *self)
{
  return self->job->has_turns;
}

/* TRUE if it failed because no process or thread was available, and none of its code ran. */
gboolean
gmp_worker_proxy_was_refused (GmpWorkerProxy *self)
{
  return self->was_refused;
}

/* TRUE if it failed because its node was lost, and none of its code ran. */
gboolean
gmp_worker_proxy_was_lost_early (GmpWorkerProxy *self)
{
  return self->was_lost_early;
}

/* TRUE if there is a process that waits for another run. */
gboolean
gmp_worker_proxy_is_kept (GmpWorkerProxy *self)
{
  return self->ended == NULL && is_connected (self);
}

/* Ends a kept process, and calls @ended when it has ended. */
void
gmp_worker_proxy_retire (GmpWorkerProxy     *self,
                         GmpWorkerProxyEnded ended,
                         gpointer            user_data)
{
  begin (self, ended, user_data);
  gmp_hold_enter (&self->hold);
  gmp_job_take_value (self->job, NULL);
  if (self->process != NULL)
    {
      watch (self);
      close_connection (self);
      gmp_worker_process_end (self->process, EXIT_GRACE);
    }
  maybe_return (self);
  gmp_hold_leave (&self->hold, self->options->priority);
}

/* Releases a kept process, which then exits. */
void
gmp_worker_proxy_disconnect (GmpWorkerProxy *self)
{
  g_assert (self->ended == NULL);

  close_connection (self);
}

/* Waits for the end of a released process. */
void
gmp_worker_proxy_end_sync (GmpWorkerProxy *self)
{
  if (has_process (self))
    gmp_worker_process_end_sync (self->process);
  g_clear_pointer (&self->process, gmp_worker_process_free);
}

static void
gmp_worker_proxy_finalize (GObject *object)
{
  GmpWorkerProxy *self = GMP_WORKER_PROXY (object);

  gmp_hold_clear (&self->hold);
  close_connection (self);
  g_clear_pointer (&self->process, gmp_worker_process_free);
  g_clear_object (&self->failure);
  g_clear_pointer (&self->job, gmp_job_free);
  gmp_oom_witness_clear (&self->memory);
  gmp_peers_free (self->peers);
  gmp_worker_start_clear (&self->start);
  G_OBJECT_CLASS (gmp_worker_proxy_parent_class)->finalize (object);
}

static void
gmp_worker_proxy_class_init (GmpWorkerProxyClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_worker_proxy_finalize;
  /* Registers the domain with GDBus, before its first error arrives. */
  gmp_error_quark ();
}

static void
gmp_worker_proxy_init (GmpWorkerProxy *self)
{
  self->peers = gmp_peers_new ();
  gmp_patience_init (&self->patience, again_cb, self);
  gmp_hold_init (&self->hold, maybe_return, self);
}

/* @events and @owner must outlive the worker's runs. */
GmpWorkerProxy *
gmp_worker_proxy_new (GmpProcessCache            *cache,
                      GmpOptions                 *options,
                      guint                       inner_threads,
                      const GmpWorkerProxyEvents *events,
                      gpointer                    owner)
{
  GmpWorkerProxy *self = g_object_new (GMP_TYPE_WORKER_PROXY, NULL);

  gmp_worker_start_init (&self->start, cache, options, inner_threads);
  self->options = self->start.options;
  self->events = events;
  self->owner = owner;
  return self;
}
