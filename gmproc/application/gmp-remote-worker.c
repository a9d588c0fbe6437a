/* gmp-remote-worker.c: a worker as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-remote-worker-private.h"

#include "application/gmp-peers-private.h"
#include "application/gmp-source-private.h"
#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-target-private.h"

/* How long a process has for what should take no time, in seconds. */
#define LOST_GRACE 1.0 /* from a lost connection, or the end, to the other of the two */
#define EXIT_GRACE 5.0 /* from the end of its last run to its own */

/* A run is one task, from begin_process() or, in a process that was kept, from call_run(), to
 * maybe_return(): when the call of Run has returned and the process is no longer watched, because
 * it has ended or because it is kept. So no callback outlives the run, nor the main context that
 * it was begun in; gmp_workers_run() has a new one each time. */
struct _GmpRemoteWorker
{
  GObject parent_instance;

  GmpStarter *starter;
  GmpOptions *options;
  guint inner_threads;
  const GmpRemoteEvents *events;
  gpointer owner;

  GmpWorkerProcess *process; /* (nullable): not launched, or ended */
  GmpOomMark memory;         /* of before it was launched */
  GmpWorkerLink *link;       /* (nullable): not connected */
  GmpPeers *peers;           /* what the worker hears of when the next run begins */

  GTask *task; /* (nullable): the run; what follows is its own */
  GmpRun *run; /* (nullable): there was none; the last, where there is no task */
  GmpRemoteAfter after;
  GCancellable *connecting; /* (nullable): was connected already */
  GSource *lost_source;
  guint n_tellings;         /* of events: code of the user, which may run the main loop */
  GSource *told_source;     /* (nullable): it has come back, and the run may have ended under it */
  gboolean has_begun;       /* Run was called */
  gboolean is_calling;      /* the connection, or the call of Run, has not returned */
  gboolean is_ending;       /* it was told to end before its time */
  gboolean was_kept;        /* the process is of an earlier run */
  gboolean is_warm;         /* the process was not started for this run, as it would be by hand */
  gboolean is_ready;
  gboolean is_lost;         /* the process has ended, and what comes after this is not read */
  GError *overdue;          /* (nullable): why the run ends, unless its end has come */
  gboolean was_stopped;
  GmpFailure *failure;      /* (nullable): of a run that has failed */
};

G_DEFINE_FINAL_TYPE (GmpRemoteWorker, gmp_remote_worker, G_TYPE_OBJECT)

static gboolean
is_watched (GmpRemoteWorker *self)
{
  return self->process != NULL && gmp_worker_process_is_watched (self->process);
}

static gboolean
has_process (GmpRemoteWorker *self)
{
  return self->process != NULL && !gmp_worker_process_has_ended (self->process);
}

static gboolean
is_connected (GmpRemoteWorker *self)
{
  return self->link != NULL && gmp_worker_link_is_open (self->link);
}

/* The end of a run. */

/* A process that was kept, or is warm, and died before this run could begin in it, is not this
 * run's failure. One that was called may have begun, though it did not get to say so. */
static gboolean
died_before (GmpRemoteWorker *self)
{
  return (self->was_kept || (self->is_warm && !self->run->was_connected)) && !self->is_ready &&
         !self->is_ending && !gmp_run_has_answer (self->run) && !has_process (self);
}

static void begin_process (GmpRemoteWorker *self,
                           gboolean         as_ever);

static void maybe_return (GmpRemoteWorker *self);

static void
close_link (GmpRemoteWorker *self)
{
  g_clear_pointer (&self->link, gmp_worker_link_free);
}

static void
end_run (GmpRemoteWorker *self)
{
  gmp_run_end (self->run);
  g_clear_error (&self->overdue);
  gmp_source_clear (&self->lost_source);
  gmp_source_clear (&self->told_source);
  g_clear_object (&self->connecting);
  gmp_peers_clear (self->peers);
  self->has_begun = FALSE;
  if (self->link != NULL)
    gmp_worker_link_end (self->link);
  if (!has_process (self))
    g_clear_pointer (&self->process, gmp_worker_process_free);
}

static void
maybe_return (GmpRemoteWorker *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->task == NULL || self->is_calling || is_watched (self) || self->n_tellings > 0)
    return;
  if (!has_process (self))
    close_link (self);
  if (died_before (self))
    {
      gmp_debug ("worker %s: the process that waited for it has died, so another", self->run->id);
      gmp_source_clear (&self->lost_source);
      g_clear_pointer (&self->process, gmp_worker_process_free);
      self->has_begun = FALSE;
      begin_process (self, TRUE);
      return;
    }

  gmp_debug ("worker %s: %s", self->run->id, self->run->has_value ? "has its result" : "failed");
  if (!self->run->has_value)
    self->failure = gmp_run_to_failure (self->run, self->process);
  else if (self->process != NULL && !self->is_ending)
    gmp_run_warn_of_late_death (self->run, self->process);
  end_run (self);

  /* The callback may begin the next run at once. */
  task = g_steal_pointer (&self->task);
  g_task_return_boolean (task, self->failure == NULL);
}

static gboolean
lost_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  /* Something that the worker left behind holds its socket open. */
  gmp_source_clear (&self->lost_source);
  self->is_lost = TRUE;
  if (self->link != NULL)
    gmp_worker_link_catch_up (self->link);
  return G_SOURCE_REMOVE;
}

static void
ended_cb (gpointer user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;

  if (self->is_calling)
    {
      /* A process that is gone will not connect; but its last words may be on their way. */
      g_cancellable_cancel (self->connecting);
      self->lost_source = gmp_source_attach_limit (LOST_GRACE, self->options->priority, lost_cb,
                                                   self);
    }
  maybe_return (self);
}

static gboolean
told_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  gmp_source_clear (&self->told_source);
  maybe_return (self);
  return G_SOURCE_REMOVE;
}

/* After an event. What has called this reads on, so the run does not return from here. */
static void
end_telling (GmpRemoteWorker *self)
{
  self->n_tellings--;
  if (self->task != NULL && self->told_source == NULL && !self->is_calling && !is_watched (self))
    self->told_source = gmp_source_attach (g_idle_source_new (), self->options->priority, told_cb,
                                           self);
}

static void
line_cb (GmpOutputStream stream,
         const char     *line,
         gpointer        user_data)
{
  GmpRemoteWorker *self = user_data;

  self->n_tellings++;
  self->events->output (self->run->id, stream, line, self->owner);
  end_telling (self);
}

static void
watch (GmpRemoteWorker *self)
{
  gmp_worker_process_watch (self->process, line_cb, ended_cb, g_object_ref (self));
}

/* The call of Run has returned, or there will be none. */
static void
end_call (GmpRemoteWorker *self)
{
  gboolean has_answer = gmp_run_has_answer (self->run);

  self->is_calling = FALSE;
  gmp_run_started (self->run);
  if (!is_watched (self))
    {
      maybe_return (self);
    }
  else if (has_answer && self->after == GMP_REMOTE_KEEP && !self->is_ending &&
           is_connected (self))
    {
      gmp_worker_process_unwatch (self->process);
    }
  else
    {
      close_link (self);
      gmp_worker_process_end (self->process, has_answer && self->run->was_connected
                                             ? EXIT_GRACE : LOST_GRACE);
    }
}

/* What the worker tells during a run. */

static void
ran_cb (gboolean  has_value,
        GVariant *value,
        GError   *error,
        gpointer  user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;

  /* Where the connection was lost, how the process ended will tell more. */
  if (has_value)
    gmp_run_take_value (self->run, value);
  if (error != NULL)
    gmp_run_take_error (self->run, error);
  end_call (self);
}

static void
ready_cb (guint    pid,
          gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  self->run->pid = (int) pid;
  self->is_ready = TRUE;
  gmp_run_started (self->run);
  gmp_debug ("worker %s: pid %u is ready", self->run->id, pid);
}

static void
loaded_cb (const char **names,
           gpointer     user_data)
{
  GmpRemoteWorker *self = user_data;
  g_autofree char *runtime = gmp_target_get_runtime (self->run->target, NULL);

  if (runtime != NULL)
    gmp_runtime_add_modules (runtime, (const char * const *) names);
}

static void
progress_cb (GVariant *value,
             GError   *error,
             gpointer  user_data)
{
  GmpRemoteWorker *self = user_data;

  self->n_tellings++;
  if (error == NULL)
    self->events->progress (self->run->id, value, self->owner);
  else
    gmp_run_take_error (self->run, g_error_copy (error));
  end_telling (self);
}

static void
log_cb (const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  GmpRemoteWorker *self = user_data;

  self->n_tellings++;
  self->events->log (self->run->id, domain, level, message, self->owner);
  end_telling (self);
}

static void end_early (GmpRemoteWorker *self);

static void
end_overdue (GmpRemoteWorker *self)
{
  GError *reason = g_steal_pointer (&self->overdue);

  /* It has become ready meanwhile, and that was all that it was late for. */
  if (self->is_ready && !gmp_run_is_over (self->run))
    {
      g_error_free (reason);
      return;
    }
  gmp_run_take_error (self->run, reason);
  end_early (self);
}

static void
caught_up_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  if (self->overdue != NULL)
    end_overdue (self);
  if (self->is_lost && self->link != NULL)
    gmp_worker_link_close (self->link);
}

static void
refused_cb (GError  *error,
            gpointer user_data)
{
  gmp_remote_worker_fail (user_data, error);
}

static const GmpLinkEvents link_events = {
  ready_cb, loaded_cb, progress_cb, log_cb, refused_cb, ran_cb, caught_up_cb,
};

/* The beginning of a run. */

static void
call_run (GmpRemoteWorker *self)
{
  /* Servers and clients wait for each other's end. */
  gboolean is_last = self->after == GMP_REMOTE_END && g_str_equal (self->run->role, "call");
  GError *error = NULL;

  gmp_worker_link_begin (self->link, self->options->priority, &link_events, self);
  if (!gmp_peers_connect (self->peers, self->link, &error) ||
      !gmp_worker_link_run (self->link, self->run,
                            gmp_options_to_variant (self->options, is_last),
                            self->options->value_size_limit, &error))
    {
      gmp_run_take_error (self->run, error);
      end_call (self);
      return;
    }
  g_object_ref (self);
  self->is_calling = TRUE;
  self->has_begun = TRUE;
  gmp_peers_tell_gone (self->peers, self->link);
  if (self->was_stopped)
    gmp_worker_link_stop (self->link);
}

static void
connected_cb (GObject      *source G_GNUC_UNUSED,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;
  GError *error = NULL;

  self->link = gmp_worker_link_open_finish (result, &error);
  if (self->link == NULL)
    {
      /* Where it is gone, how it ended will tell more. */
      if (g_error_matches (error, GMP_ERROR, GMP_ERROR_PROTOCOL))
        gmp_run_take_error (self->run, error);
      else
        g_error_free (error);
      end_call (self);
      return;
    }
  self->run->was_connected = TRUE;
  call_run (self);
  /* While the worker is at it already. */
  gmp_oom_mark_follow (&self->memory, self->run->pid);
}

/* Ends a run before its time: the worker is told; if it does not listen SIGTERM follows, and
 * SIGKILL. */
static void
end_early (GmpRemoteWorker *self)
{
  self->is_ending = TRUE;
  if (self->link != NULL)
    gmp_worker_link_cancel (self->link);
  if (self->process != NULL)
    gmp_worker_process_end (self->process, self->run->was_connected
                                           ? self->options->stop_grace : 0);
  else
    g_cancellable_cancel (self->connecting);
}

/* A limit is exceeded, or the run was cancelled. What the worker had said by then counts before
 * that: it may have returned long ago, while the main loop was held up. */
static void
expired_cb (GError  *reason,
            gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  if (reason == NULL)
    {
      end_early (self);
      return;
    }
  if (self->overdue == NULL)
    self->overdue = reason;
  else
    g_error_free (reason);
  if (self->link != NULL && self->is_calling)
    gmp_worker_link_catch_up (self->link);
  else
    end_overdue (self);
}

static void
started_cb (GObject      *source G_GNUC_UNUSED,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;
  g_autofree GmpStarted *started = NULL;
  GError *error = NULL;

  started = gmp_starter_start_finish (self->starter, result, &error);
  if (started == NULL)
    {
      gmp_run_take_error (self->run, error);
      self->is_calling = FALSE;
      maybe_return (self);
      return;
    }
  self->process = started->process;
  gmp_worker_process_set_options (self->process, self->options);
  self->is_warm = started->is_warm;
  self->run->pid = gmp_worker_process_get_pid (self->process);
  gmp_debug ("worker %s: pid %d, %s", self->run->id, self->run->pid,
             started->is_warm ? "which is warm" : "a new process");
  watch (self);
  gmp_worker_link_open_async (started->control_fd, self->options->priority, self->connecting,
                              connected_cb, g_object_ref (self));
}

static void
begin_process (GmpRemoteWorker *self,
               gboolean         as_ever)
{
  GError *error = NULL;
  g_autofree char *runtime = gmp_target_get_runtime (self->run->target, &error);
  g_auto (GStrv) argv = runtime != NULL ? gmp_runtime_get_command (runtime, &error) : NULL;

  self->was_kept = FALSE;
  self->is_warm = FALSE;
  self->run->pid = 0;
  self->run->was_connected = FALSE;
  if (argv == NULL)
    {
      gmp_run_take_error (self->run, error);
      maybe_return (self);
      return;
    }
  g_clear_object (&self->connecting);
  self->connecting = g_cancellable_new ();
  self->is_calling = TRUE;
  gmp_oom_mark_begin (&self->memory);
  gmp_starter_start_async (self->starter,
                           gmp_order_new (runtime, (const char * const *) argv,
                                          self->options, self->inner_threads),
                           as_ever || !self->options->warm_start, self->connecting,
                           started_cb, g_object_ref (self));
  gmp_run_await_start (self->run);
}

static void
begin_task (GmpRemoteWorker    *self,
            GAsyncReadyCallback callback,
            gpointer            user_data)
{
  g_assert (self->task == NULL);

  self->task = g_task_new (self, NULL, callback, user_data);
  g_task_set_priority (self->task, self->options->priority);
  self->is_ready = FALSE;
  self->is_ending = FALSE;
  self->was_stopped = FALSE;
  self->has_begun = FALSE;
  self->is_lost = FALSE;
}

/* Takes @run over. */
void
gmp_remote_worker_run_async (GmpRemoteWorker    *self,
                             GmpRun             *run,
                             GmpRemoteAfter      after,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  begin_task (self, callback, user_data);
  g_clear_pointer (&self->run, gmp_run_free);
  self->run = run;
  run->memory = &self->memory;
  self->after = after;
  gmp_run_begin (run, self->options, cancellable, expired_cb, self);
  if (self->process != NULL)
    {
      self->was_kept = TRUE;
      run->pid = gmp_worker_process_get_pid (self->process);
      run->was_connected = TRUE;
      watch (self);
      gmp_run_await_start (run);
      call_run (self);
    }
  else
    {
      begin_process (self, FALSE);
    }
}

/* To be called first of all in the callback. @value is what the run returned, %NULL included; where
 * it has failed this is %FALSE, with @failure. */
gboolean
gmp_remote_worker_run_finish (GmpRemoteWorker *self,
                              GAsyncResult    *result,
                              GVariant       **value,
                              GmpFailure     **failure)
{
  g_assert (g_task_is_valid (result, self));
  *value = g_steal_pointer (&self->run->value);
  *failure = g_steal_pointer (&self->failure);
  return g_task_propagate_boolean (G_TASK (result), NULL);
}

/* Whether there is a process that waits for another run. */
gboolean
gmp_remote_worker_is_kept (GmpRemoteWorker *self)
{
  return self->task == NULL && is_connected (self);
}

/* Ends a process that was kept, and waits for it. */
void
gmp_remote_worker_retire_async (GmpRemoteWorker    *self,
                                GAsyncReadyCallback callback,
                                gpointer            user_data)
{
  begin_task (self, callback, user_data);
  gmp_run_take_value (self->run, NULL);
  if (self->process != NULL)
    {
      watch (self);
      close_link (self);
      gmp_worker_process_end (self->process, EXIT_GRACE);
    }
  maybe_return (self);
}

void
gmp_remote_worker_retire_finish (GmpRemoteWorker *self,
                                 GAsyncResult    *result)
{
  g_assert (g_task_is_valid (result, self));
  g_task_propagate_boolean (G_TASK (result), NULL);
}

/* Lets go of a process that was kept, which then exits. */
void
gmp_remote_worker_disconnect (GmpRemoteWorker *self)
{
  g_assert (self->task == NULL);

  close_link (self);
}

/* Waits for the end of a process that was let go. */
void
gmp_remote_worker_end_sync (GmpRemoteWorker *self)
{
  if (has_process (self))
    gmp_worker_process_end_sync (self->process);
  g_clear_pointer (&self->process, gmp_worker_process_free);
}

/* Ends the run's life cycle at its next turn, with finish. */
void
gmp_remote_worker_stop (GmpRemoteWorker *self)
{
  self->was_stopped = TRUE;
  if (self->link != NULL)
    gmp_worker_link_stop (self->link);
}

/* Ends the run with @error, which it takes over, as if it were cancelled. */
void
gmp_remote_worker_fail (GmpRemoteWorker *self,
                        GError          *error)
{
  gmp_run_take_error (self->run, error);
  end_early (self);
}

void
gmp_remote_worker_kill (GmpRemoteWorker *self)
{
  if (self->process != NULL)
    gmp_worker_process_kill (self->process);
}

/* Takes @port over: one end of a channel to @peer, which is of @runtime, for the next run; or for
 * the one that is, in place of the one that it has, since the peer was restarted. */
void
gmp_remote_worker_add_channel (GmpRemoteWorker *self,
                               const char      *peer,
                               const char      *runtime,
                               GmpPort         *port)
{
  GmpChannelEnd end = { g_strdup (peer), g_strdup (runtime), port };
  GError *error = NULL;

  if (!self->has_begun)
    {
      gmp_peers_add_channel (self->peers, end);
      return;
    }
  if (self->link != NULL && !gmp_worker_link_connect (self->link, &end, &error))
    gmp_remote_worker_fail (self, error);
  gmp_channel_end_clear (&end);
}

/* A peer has ended. One that returns before this run has begun is no news; of one that is gone for
 * good the worker is told when it has. That counts for one that has finished too: it has said so to
 * the server before this one, and never had the channel that this one has. */
void
gmp_remote_worker_tell_gone (GmpRemoteWorker *self,
                             const char      *peer,
                             const GError    *reason,
                             gboolean         returns)
{
  if (self->has_begun && self->link != NULL)
    gmp_worker_link_tell_gone (self->link, peer, reason, returns);
  else if (!self->has_begun && !returns)
    gmp_peers_add_gone (self->peers, peer, reason);
}

static void
gmp_remote_worker_finalize (GObject *object)
{
  GmpRemoteWorker *self = GMP_REMOTE_WORKER (object);

  gmp_source_clear (&self->told_source);
  close_link (self);
  g_clear_pointer (&self->process, gmp_worker_process_free);
  g_clear_object (&self->failure);
  gmp_options_unref (self->options);
  g_clear_pointer (&self->run, gmp_run_free);
  gmp_oom_mark_clear (&self->memory);
  gmp_peers_free (self->peers);
  gmp_starter_unref (self->starter);
  G_OBJECT_CLASS (gmp_remote_worker_parent_class)->finalize (object);
}

static void
gmp_remote_worker_class_init (GmpRemoteWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_remote_worker_finalize;
  /* Makes the domain known to GDBus, before the first error of it comes. */
  gmp_error_quark ();
}

static void
gmp_remote_worker_init (GmpRemoteWorker *self)
{
  self->peers = gmp_peers_new ();
}

/* @events and @owner must outlive the worker's runs. */
GmpRemoteWorker *
gmp_remote_worker_new (GmpStarter            *starter,
                       GmpOptions            *options,
                       guint                  inner_threads,
                       const GmpRemoteEvents *events,
                       gpointer               owner)
{
  GmpRemoteWorker *self = g_object_new (GMP_TYPE_REMOTE_WORKER, NULL);

  self->starter = gmp_starter_ref (starter);
  self->options = gmp_options_ref (options);
  self->inner_threads = inner_threads;
  self->events = events;
  self->owner = owner;
  return self;
}
