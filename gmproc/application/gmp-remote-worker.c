/* gmp-remote-worker.c: a worker as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-remote-worker-private.h"

#include "application/gmp-oom-private.h"
#include "application/gmp-worker-link-private.h"
#include "application/gmp-worker-process-private.h"
#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-target-private.h"
#include "peer/gmp-peer-private.h"

/* How long a process has for what should take no time, in milliseconds. */
#define LOST_GRACE 1000 /* from a lost connection, or the end, to the other of the two */
#define EXIT_GRACE 5000 /* from the end of its last run to its own */

/* A run is one task, from launch() or, in a process that was kept, from call_run(), to
 * maybe_return(): when the call of Run has returned and the process is no longer watched, because
 * it has ended or because it is kept. So no callback outlives the run, nor the main context that
 * it was begun in; gmp_workers_run() has a new one each time. */
/* A peer that has ended. */
typedef struct {
  char *peer;
  GError *reason; /* (nullable): it has finished */
} Gone;

struct _GmpRemoteWorker
{
  GObject parent_instance;

  GmpStarter *starter;
  GmpOptions *options;
  guint inner_threads;
  const GmpRemoteEvents *events;
  gpointer owner;

  GmpWorkerProcess *process; /* (nullable): not launched, or ended */
  int pid;                   /* of the worker itself, also where a debugger is around it */
  GmpWorkerLink *link;       /* (nullable): not connected */

  GTask *task; /* (nullable): the run; what follows is its own */
  char *role;
  char *id;
  char *target;
  GVariant *params;
  GmpRemoteAfter after;
  GArray *channels;         /* of GmpChannelEnd: to be handed over */
  GPtrArray *gone;          /* of Gone: peers that ended before this run began */
  gboolean has_begun;       /* Run was called */
  GCancellable *connecting; /* (nullable): was connected already */
  GSource *cancel_source;
  GSource *startup_source;
  GSource *limit_source;
  GSource *lost_source;
  gint64 begin_time;
  gboolean is_calling;      /* the connection, or the call of Run, has not returned */
  guint n_closing;          /* connections that have not closed yet */
  gboolean is_ending;       /* it was told to end before its time */
  gboolean was_kept;        /* the process is of an earlier run */
  gboolean is_warm;         /* the process was not started for this run, as it would be by hand */
  gboolean is_ready;
  gboolean was_connected;
  gboolean was_cancelled;
  gboolean was_stopped;
  gboolean has_value;
  GVariant *value;
  GError *error;       /* (nullable): why the run failed, once that is known */
  GmpFailure *failure; /* (nullable): of a run that has failed */
};

G_DEFINE_FINAL_TYPE (GmpRemoteWorker, gmp_remote_worker, G_TYPE_OBJECT)

static void
set_string (char      **place,
            const char *string)
{
  g_free (*place);
  *place = g_strdup (string);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
attach (GSource    *source,
        GSourceFunc callback,
        gpointer    user_data)
{
  g_source_set_callback (source, callback, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static GSource *
attach_timeout (double      seconds,
                GSourceFunc callback,
                gpointer    user_data)
{
  return attach (g_timeout_source_new (gmp_options_to_ms (seconds)), callback, user_data);
}

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

/* The first cause counts: what follows from it is no news. */
static void
take_error (GmpRemoteWorker *self,
            GError          *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
}

static gboolean
is_connected (GmpRemoteWorker *self)
{
  return self->link != NULL && gmp_worker_link_is_open (self->link);
}

/* The end of a run. */

static GmpEnd
describe (GmpRemoteWorker *self)
{
  GmpEnd end = {
    .role = self->role,
    .id = self->id,
    .options = self->options,
    .pid = self->pid,
    .was_connected = self->was_connected,
    .run_time = (g_get_monotonic_time () - self->begin_time) / (double) G_USEC_PER_SEC,
    .cause = self->error,
  };

  if (self->process != NULL)
    {
      end.has_ended = gmp_worker_process_has_ended (self->process);
      end.wait_status = gmp_worker_process_get_wait_status (self->process);
      end.was_signalled = gmp_worker_process_was_signalled (self->process);
      end.peak_memory = gmp_worker_process_get_peak_memory (self->process);
      end.tail = gmp_worker_process_get_tail (self->process);
    }
  return end;
}

static GmpFailure *
make_failure (GmpRemoteWorker *self)
{
  GmpEnd end;

  if (self->was_cancelled)
    {
      g_clear_error (&self->error);
      g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was cancelled");
    }
  else if (self->process != NULL && gmp_worker_process_was_forced (self->process))
    take_error (self, g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                           "it closed its connection but went on running, and was "
                                           "killed"));
  end = describe (self);
  return gmp_failure_new (&end);
}

static void
warn_of_late_death (GmpRemoteWorker *self)
{
  GmpEnd end = describe (self);
  g_autofree char *worker = gmp_end_describe_worker (&end);
  g_autofree char *exit = gmp_end_describe_exit (&end);

  if (end.wait_status != 0 && end.wait_status != GMP_PROCESS_STATUS_UNKNOWN && !self->is_ending)
    g_warning ("%s had returned its result, but then %s", worker, exit);
}

/* A process that was kept, or is warm, and died before this run could begin in it, is not this
 * run's failure. One that was called may have begun, though it did not get to say so. */
static gboolean
died_before (GmpRemoteWorker *self)
{
  return (self->was_kept || (self->is_warm && !self->was_connected)) && !self->is_ready &&
         !self->is_ending && self->error == NULL && !self->has_value && !has_process (self);
}

static void begin_process (GmpRemoteWorker *self,
                           gboolean         as_ever);

static void maybe_return (GmpRemoteWorker *self);

static void
link_freed_cb (gpointer user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;

  self->n_closing--;
  maybe_return (self);
}

static void
close_link (GmpRemoteWorker *self)
{
  if (self->link == NULL)
    return;
  self->n_closing++;
  gmp_worker_link_free (g_steal_pointer (&self->link), link_freed_cb, g_object_ref (self));
}

static void
clear_run (GmpRemoteWorker *self)
{
  clear_source (&self->cancel_source);
  clear_source (&self->startup_source);
  clear_source (&self->limit_source);
  clear_source (&self->lost_source);
  g_clear_object (&self->connecting);
  g_clear_pointer (&self->params, g_variant_unref);
  g_clear_error (&self->error);
  g_array_set_size (self->channels, 0);
  g_ptr_array_set_size (self->gone, 0);
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

  if (self->task == NULL || self->is_calling || is_watched (self))
    return;
  if (!has_process (self))
    close_link (self);
  if (self->n_closing > 0)
    return;
  if (died_before (self))
    {
      gmp_debug ("worker %s: the process that waited for it has died, so another", self->id);
      clear_source (&self->lost_source);
      g_clear_pointer (&self->process, gmp_worker_process_free);
      self->has_begun = FALSE;
      begin_process (self, TRUE);
      return;
    }

  gmp_debug ("worker %s: %s", self->id, self->has_value ? "has its result" : "failed");
  if (self->has_value)
    warn_of_late_death (self);
  else
    self->failure = make_failure (self);
  clear_run (self);

  /* The callback may begin the next run at once. */
  task = g_steal_pointer (&self->task);
  if (self->failure != NULL)
    g_task_return_error (task, g_error_copy (gmp_failure_get_error (self->failure)));
  else
    g_task_return_pointer (task, g_steal_pointer (&self->value),
                           (GDestroyNotify) g_variant_unref);
}

static gboolean
lost_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  /* Something that the worker left behind holds its socket open. */
  clear_source (&self->lost_source);
  if (self->link != NULL)
    gmp_worker_link_close (self->link);
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
      self->lost_source = attach (g_timeout_source_new (LOST_GRACE), lost_cb, self);
    }
  maybe_return (self);
}

static void
line_cb (GmpOutputStream stream,
         const char     *line,
         gpointer        user_data)
{
  GmpRemoteWorker *self = user_data;

  self->events->output (self->id, stream, line, self->owner);
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
  gboolean has_answer = self->has_value || self->error != NULL;

  self->is_calling = FALSE;
  clear_source (&self->startup_source);
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
      gmp_worker_process_end (self->process, has_answer ? EXIT_GRACE : LOST_GRACE);
    }
}

static void
ran_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  /* Where the connection was lost, how the process ended will tell more. A value that comes after
   * a limit was exceeded is too late. */
  if (gmp_worker_link_run_finish (source, result, &value, &error) && self->error == NULL)
    {
      self->has_value = TRUE;
      self->value = g_steal_pointer (&value);
    }
  if (error != NULL)
    take_error (self, error);
  end_call (self);
}

/* What the worker tells during a run. */

static void
ready_cb (guint    pid,
          gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  self->pid = (int) pid;
  self->is_ready = TRUE;
  clear_source (&self->startup_source);
  gmp_debug ("worker %s: pid %u is ready", self->id, pid);
}

static void
progress_cb (GVariant *value,
             GError   *error,
             gpointer  user_data)
{
  GmpRemoteWorker *self = user_data;

  if (error == NULL)
    self->events->progress (self->id, value, self->owner);
  else
    take_error (self, g_error_copy (error));
}

static void
log_cb (const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  GmpRemoteWorker *self = user_data;

  self->events->log (self->id, domain, level, message, self->owner);
}

static const GmpLinkEvents link_events = { ready_cb, progress_cb, log_cb };

/* The beginning of a run. */

static gboolean
hand_over_channels (GmpRemoteWorker *self,
                    GError         **error)
{
  for (guint i = 0; i < self->channels->len; i++)
    if (!gmp_worker_link_connect (self->link, &g_array_index (self->channels, GmpChannelEnd, i),
                                  error))
      return FALSE;
  /* Only the worker holds them from here on, so that the other end sees its death. */
  g_array_set_size (self->channels, 0);
  return TRUE;
}

static void
call_run (GmpRemoteWorker *self)
{
  /* Servers and clients wait for each other's end. */
  gboolean is_last = self->after == GMP_REMOTE_END && g_str_equal (self->role, "call");
  GError *error = NULL;

  gmp_worker_link_begin (self->link, &link_events, self);
  if (!hand_over_channels (self, &error) ||
      !gmp_worker_link_run_async (self->link, self->role, self->id, self->target, self->params,
                                  gmp_options_to_variant (self->options, is_last), ran_cb, self,
                                  &error))
    {
      take_error (self, error);
      end_call (self);
      return;
    }
  g_object_ref (self);
  self->is_calling = TRUE;
  self->has_begun = TRUE;
  for (guint i = 0; i < self->gone->len; i++)
    {
      Gone *gone = self->gone->pdata[i];

      gmp_worker_link_tell_gone (self->link, gone->peer, gone->reason, FALSE);
    }
  if (self->was_stopped)
    gmp_worker_link_stop (self->link);
}

static void
connected_cb (GObject      *source G_GNUC_UNUSED,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;
  GDBusConnection *connection = gmp_peer_connect_finish (result, NULL);

  if (connection == NULL)
    {
      end_call (self);
      return;
    }
  self->was_connected = TRUE;
  self->link = gmp_worker_link_new (connection);
  call_run (self);
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
    gmp_worker_process_end (self->process, self->was_connected
                                           ? gmp_options_to_ms (self->options->stop_grace) : 0);
  else
    g_cancellable_cancel (self->connecting);
}

static gboolean
startup_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  clear_source (&self->startup_source);
  take_error (self, g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                 "it was not ready within %g seconds of its start "
                                 "(startup-timeout)%s", self->options->startup_timeout,
                                 self->was_connected ? ""
                                 : ": does its main () call gmp_init () first?"));
  end_early (self);
  return G_SOURCE_REMOVE;
}

static gboolean
limit_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  clear_source (&self->limit_source);
  gmp_remote_worker_fail (self, g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                             "it had not ended within %g seconds (run-timeout)",
                                             self->options->run_timeout));
  return G_SOURCE_REMOVE;
}

static gboolean
cancel_cb (GCancellable *cancellable G_GNUC_UNUSED,
           gpointer      user_data)
{
  GmpRemoteWorker *self = user_data;

  clear_source (&self->cancel_source);
  self->was_cancelled = TRUE;
  end_early (self);
  return G_SOURCE_REMOVE;
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
      take_error (self, error);
      self->is_calling = FALSE;
      maybe_return (self);
      return;
    }
  gmp_oom_begin ();
  self->process = started->process;
  gmp_worker_process_set_options (self->process, self->options);
  self->is_warm = started->is_warm;
  self->pid = gmp_worker_process_get_pid (self->process);
  gmp_debug ("worker %s: pid %d, %s", self->id, self->pid,
             started->is_warm ? "which is warm" : "a new process");
  watch (self);
  gmp_peer_connect_async (started->control_fd, self->connecting, connected_cb,
                          g_object_ref (self));
}

static void
begin_process (GmpRemoteWorker *self,
               gboolean         as_ever)
{
  GError *error = NULL;
  g_autofree char *runtime = gmp_target_get_runtime (self->target, &error);
  g_auto (GStrv) argv = runtime != NULL ? gmp_runtime_get_command (runtime, &error) : NULL;

  self->was_kept = FALSE;
  self->is_warm = FALSE;
  self->pid = 0;
  self->was_connected = FALSE;
  if (argv == NULL)
    {
      take_error (self, error);
      maybe_return (self);
      return;
    }
  g_clear_object (&self->connecting);
  clear_source (&self->startup_source);
  self->connecting = g_cancellable_new ();
  self->is_calling = TRUE;
  gmp_starter_start_async (self->starter,
                           gmp_order_new (runtime, (const char * const *) argv,
                                          self->options, self->inner_threads),
                           as_ever, self->connecting, started_cb, g_object_ref (self));
  /* Somebody with a debugger has all the time in the world. */
  if (g_getenv ("GMPROC_WRAP") == NULL && self->options->startup_timeout > 0)
    self->startup_source = attach_timeout (self->options->startup_timeout, startup_cb, self);
}

static void
begin_task (GmpRemoteWorker    *self,
            GCancellable       *cancellable,
            GAsyncReadyCallback callback,
            gpointer            user_data)
{
  g_assert (self->task == NULL);

  self->task = g_task_new (self, NULL, callback, user_data);
  self->has_value = FALSE;
  self->is_ready = FALSE;
  self->is_ending = FALSE;
  self->was_cancelled = FALSE;
  self->was_stopped = FALSE;
  self->has_begun = FALSE;
  self->begin_time = g_get_monotonic_time ();
  g_clear_object (&self->failure);
  if (cancellable != NULL)
    {
      self->cancel_source = g_cancellable_source_new (cancellable);
      attach (self->cancel_source, G_SOURCE_FUNC (cancel_cb), self);
    }
}

void
gmp_remote_worker_run_async (GmpRemoteWorker    *self,
                             const char         *role,
                             const char         *id,
                             const char         *target,
                             GVariant           *params,
                             GmpRemoteAfter      after,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  begin_task (self, cancellable, callback, user_data);
  set_string (&self->role, role);
  set_string (&self->id, id);
  set_string (&self->target, target);
  self->params = params != NULL ? g_variant_ref (params) : NULL;
  self->after = after;
  if (self->options->run_timeout > 0)
    self->limit_source = attach_timeout (self->options->run_timeout, limit_cb, self);

  self->was_kept = self->process != NULL;
  if (self->was_kept)
    {
      watch (self);
      call_run (self);
    }
  else
    {
      begin_process (self, FALSE);
    }
}

/* @value is what the run returned, %NULL included. */
gboolean
gmp_remote_worker_run_finish (GmpRemoteWorker *self,
                              GAsyncResult    *result,
                              GVariant       **value,
                              GError         **error)
{
  GError *local = NULL;

  g_assert (g_task_is_valid (result, self));
  *value = g_task_propagate_pointer (G_TASK (result), &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
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
  begin_task (self, NULL, callback, user_data);
  self->has_value = TRUE;
  self->was_kept = TRUE;
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
  g_task_propagate_pointer (G_TASK (result), NULL);
}

/* Lets go of a process that was kept, which then exits. */
void
gmp_remote_worker_disconnect (GmpRemoteWorker *self)
{
  g_assert (self->task == NULL);

  if (self->link != NULL)
    gmp_worker_link_free (g_steal_pointer (&self->link), NULL, NULL);
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
  take_error (self, error);
  end_early (self);
}

void
gmp_remote_worker_kill (GmpRemoteWorker *self)
{
  if (self->process != NULL)
    gmp_worker_process_kill (self->process);
}

/* What is known of the last run, where it has failed. */
GmpFailure *
gmp_remote_worker_get_failure (GmpRemoteWorker *self)
{
  return self->failure;
}

const char *
gmp_remote_worker_get_id (GmpRemoteWorker *self)
{
  return self->id;
}

static void
hold_channel (GmpRemoteWorker *self,
              GmpChannelEnd    end)
{
  for (guint i = 0; i < self->channels->len; i++)
    if (g_str_equal (g_array_index (self->channels, GmpChannelEnd, i).peer, end.peer))
      g_array_remove_index (self->channels, i--);
  g_array_append_val (self->channels, end);
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
      hold_channel (self, end);
      return;
    }
  if (self->link != NULL && !gmp_worker_link_connect (self->link, &end, &error))
    gmp_remote_worker_fail (self, error);
  gmp_channel_end_clear (&end);
}

static void
gone_free (gpointer data)
{
  Gone *gone = data;

  g_free (gone->peer);
  g_clear_error (&gone->reason);
  g_free (gone);
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
    {
      Gone *gone = g_new0 (Gone, 1);

      gone->peer = g_strdup (peer);
      gone->reason = reason != NULL ? g_error_copy (reason) : NULL;
      g_ptr_array_add (self->gone, gone);
    }
}

static void
gmp_remote_worker_finalize (GObject *object)
{
  GmpRemoteWorker *self = GMP_REMOTE_WORKER (object);

  if (self->link != NULL)
    gmp_worker_link_free (self->link, NULL, NULL);
  g_clear_pointer (&self->process, gmp_worker_process_free);
  g_clear_object (&self->failure);
  gmp_options_unref (self->options);
  g_array_unref (self->channels);
  g_ptr_array_unref (self->gone);
  g_free (self->role);
  g_free (self->id);
  g_free (self->target);
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
  self->channels = g_array_new (FALSE, FALSE, sizeof (GmpChannelEnd));
  g_array_set_clear_func (self->channels, gmp_channel_end_clear);
  self->gone = g_ptr_array_new_with_free_func (gone_free);
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
