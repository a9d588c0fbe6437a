/* gmp-remote-worker.c: a worker as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-remote-worker-private.h"

#include "application/gmp-failure-private.h"
#include "application/gmp-worker-process-private.h"
#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-target-private.h"
#include "peer/gmp-payload-private.h"
#include "peer/gmp-peer-private.h"
#include "peer/gmp-worker-dbus.h"

#include <unistd.h>

/* How long a process has for what should take no time, in milliseconds. */
#define STARTUP_LIMIT 60000 /* from its launch to Ready */
#define CANCEL_GRACE    300 /* from Cancel to SIGTERM */
#define LOST_GRACE     1000 /* from a lost connection, or the end, to the other of the two */
#define EXIT_GRACE     5000 /* from the end of its last run to its own */

typedef struct {
  char *peer;
  char *runtime;
  char *kind;
  int fd;
} Channel;

/* A run is one task, from launch() or, in a process that was kept, from call_run(), to
 * maybe_return(): when the call of Run has returned and the process is no longer watched, because
 * it has ended or because it is kept. So no callback outlives the run, nor the main context that
 * it was begun in; gmp_workers_run() has a new one each time. */
struct _GmpRemoteWorker
{
  GObject parent_instance;

  GmpLauncher *launcher;
  gboolean capture_output;
  guint inner_threads;
  const GmpRemoteEvents *events;
  gpointer owner;

  GmpWorkerProcess *process;   /* (nullable): not launched, or ended */
  int pid;                     /* of the worker itself, also where a debugger is around it */
  GDBusConnection *connection; /* (nullable) */

  GTask *task; /* (nullable): the run; what follows is its own */
  char *role;
  char *id;
  char *target;
  GVariant *params;
  GmpRemoteAfter after;
  GArray *channels;         /* of Channel */
  GmpDbusWorker1 *proxy;    /* (nullable): not connected */
  GCancellable *connecting; /* (nullable): was connected already */
  GSource *cancel_source;
  GSource *startup_source;
  GSource *lost_source;
  gboolean is_calling;      /* the connection, or the call of Run, has not returned */
  gboolean was_kept;        /* the process is of an earlier run */
  gboolean is_ready;
  gboolean was_connected;
  gboolean was_cancelled;
  gboolean was_stopped;
  gboolean has_value;
  GVariant *value;
  GError *error; /* (nullable): why the run failed, once that is known */
};

G_DEFINE_FINAL_TYPE (GmpRemoteWorker, gmp_remote_worker, G_TYPE_OBJECT)

static void
channel_clear (gpointer data)
{
  Channel *channel = data;

  g_free (channel->peer);
  g_free (channel->runtime);
  g_free (channel->kind);
  close (channel->fd);
}

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

static void
drop_proxy (GmpRemoteWorker *self)
{
  if (self->proxy != NULL)
    g_signal_handlers_disconnect_by_data (self->proxy, self);
  g_clear_object (&self->proxy);
}

static void
close_connection (GmpRemoteWorker *self)
{
  drop_proxy (self);
  if (self->connection != NULL)
    g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  g_clear_object (&self->connection);
}

/* The end of a run. */

static GmpFailure
describe (GmpRemoteWorker *self)
{
  return (GmpFailure) {
    .role = self->role,
    .id = self->id,
    .pid = self->pid,
    .was_connected = self->was_connected,
    .wait_status = self->process != NULL ? gmp_worker_process_get_wait_status (self->process) : 0,
    .cause = self->error,
    .tail = self->process != NULL ? gmp_worker_process_get_tail (self->process) : NULL,
  };
}

static GError *
make_error (GmpRemoteWorker *self)
{
  GmpFailure failure;

  if (self->was_cancelled)
    {
      g_clear_error (&self->error);
      g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was cancelled");
    }
  else if (self->process != NULL && gmp_worker_process_was_forced (self->process))
    take_error (self, g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                           "it closed its connection but went on running, and was "
                                           "killed"));
  failure = describe (self);
  return gmp_failure_to_error (&failure);
}

static void
warn_of_late_death (GmpRemoteWorker *self)
{
  GmpFailure failure = describe (self);
  g_autofree char *worker = gmp_failure_describe_worker (&failure);
  g_autofree char *exit = gmp_failure_describe_exit (&failure);

  if (failure.wait_status != 0 && !self->was_cancelled)
    g_warning ("%s had returned its result, but then %s", worker, exit);
}

/* A process that was kept, and died before this run could begin in it, is not this run's failure.
 * */
static gboolean
died_before (GmpRemoteWorker *self)
{
  return self->was_kept && !self->is_ready && !self->was_cancelled && self->error == NULL &&
         !self->has_value && !has_process (self);
}

static void begin_process (GmpRemoteWorker *self);

static void
clear_run (GmpRemoteWorker *self)
{
  clear_source (&self->cancel_source);
  clear_source (&self->startup_source);
  clear_source (&self->lost_source);
  g_clear_object (&self->connecting);
  g_clear_pointer (&self->params, g_variant_unref);
  g_clear_error (&self->error);
  g_array_set_size (self->channels, 0);
  drop_proxy (self);
  if (!has_process (self))
    {
      close_connection (self);
      g_clear_pointer (&self->process, gmp_worker_process_free);
    }
}

static void
maybe_return (GmpRemoteWorker *self)
{
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;

  if (self->task == NULL || self->is_calling || is_watched (self))
    return;
  if (died_before (self))
    {
      gmp_debug ("worker %s: the process that was kept has died, so another", self->id);
      close_connection (self);
      clear_source (&self->lost_source);
      g_clear_pointer (&self->process, gmp_worker_process_free);
      begin_process (self);
      return;
    }

  gmp_debug ("worker %s: %s", self->id, self->has_value ? "has its result" : "failed");
  if (self->has_value)
    warn_of_late_death (self);
  else
    error = make_error (self);
  clear_run (self);

  /* The callback may begin the next run at once. */
  task = g_steal_pointer (&self->task);
  if (error != NULL)
    g_task_return_error (task, error);
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
  if (self->connection != NULL)
    g_dbus_connection_close (self->connection, NULL, NULL, NULL);
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
  else if (has_answer && self->after == GMP_REMOTE_KEEP && !self->was_cancelled &&
           self->connection != NULL && !g_dbus_connection_is_closed (self->connection))
    {
      gmp_worker_process_unwatch (self->process);
    }
  else
    {
      close_connection (self);
      gmp_worker_process_end (self->process, has_answer ? EXIT_GRACE : LOST_GRACE);
    }
}

static void
ran_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;
  g_autoptr (GUnixFDList) handles = NULL;
  g_autoptr (GVariant) packed = NULL;
  GDBusConnection *connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (source));
  GError *error = NULL;

  if (gmp_dbus_worker1_call_run_finish (GMP_DBUS_WORKER1 (source), &packed, &handles, result,
                                        &error))
    self->has_value = gmp_payload_unpack (packed, handles, &self->value, &error);
  else if (g_dbus_error_is_remote_error (error))
    g_dbus_error_strip_remote_error (error);
  else if (g_dbus_connection_is_closed (connection))
    g_clear_error (&error); /* How the process ended will tell more. */
  if (error != NULL)
    take_error (self, error);
  end_call (self);
}

/* What the worker tells during a run. */

static void
ready_cb (GmpDbusWorker1 *proxy G_GNUC_UNUSED,
          guint           pid,
          gpointer        user_data)
{
  GmpRemoteWorker *self = user_data;

  self->pid = (int) pid;
  self->is_ready = TRUE;
  clear_source (&self->startup_source);
  gmp_debug ("worker %s: pid %u is ready", self->id, pid);
}

static void
progress_cb (GmpDbusWorker1 *proxy G_GNUC_UNUSED,
             GVariant       *packed,
             gpointer        user_data)
{
  GmpRemoteWorker *self = user_data;
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  if (gmp_payload_unpack_inline (packed, &value, &error))
    self->events->progress (self->id, value, self->owner);
  else
    take_error (self, error);
}

static void
log_cb (GmpDbusWorker1 *proxy G_GNUC_UNUSED,
        const char     *domain,
        guint           level,
        const char     *message,
        gpointer        user_data)
{
  GmpRemoteWorker *self = user_data;

  self->events->log (self->id, domain, level & G_LOG_LEVEL_MASK, message, self->owner);
}

/* The beginning of a run. */

static void
make_proxy (GmpRemoteWorker *self)
{
  /* No name and no properties, so this only sets up the signals, in the thread-default context. */
  self->proxy = gmp_dbus_worker1_proxy_new_sync (self->connection,
                                                 G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES,
                                                 NULL, GMP_WORKER_PATH, NULL, NULL);
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (self->proxy), G_MAXINT);
  g_signal_connect (self->proxy, "ready", G_CALLBACK (ready_cb), self);
  g_signal_connect (self->proxy, "progress", G_CALLBACK (progress_cb), self);
  g_signal_connect (self->proxy, "log", G_CALLBACK (log_cb), self);
}

static gboolean
hand_over_channels (GmpRemoteWorker *self,
                    GError         **error)
{
  for (guint i = 0; i < self->channels->len; i++)
    {
      Channel *channel = &g_array_index (self->channels, Channel, i);
      g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
      GVariantBuilder positions;
      int position = g_unix_fd_list_append (handles, channel->fd, error);

      if (position == -1)
        return FALSE;
      g_variant_builder_init (&positions, G_VARIANT_TYPE ("ah"));
      g_variant_builder_add (&positions, "h", position);
      /* A channel that cannot be connected makes itself known by being closed. */
      gmp_dbus_worker1_call_connect (self->proxy, channel->peer, channel->runtime, channel->kind,
                                     g_variant_builder_end (&positions), handles, NULL, NULL,
                                     NULL);
    }
  /* Only the worker holds them from here on, so that the other end sees its death. */
  g_array_set_size (self->channels, 0);
  return TRUE;
}

static void
call_run (GmpRemoteWorker *self)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *packed = NULL;
  GError *error = NULL;

  make_proxy (self);
  if (hand_over_channels (self, &error))
    packed = gmp_payload_pack (self->params, handles, &error);
  if (packed == NULL)
    {
      take_error (self, error);
      end_call (self);
      return;
    }
  self->is_calling = TRUE;
  gmp_dbus_worker1_call_run (self->proxy, self->role, self->id, self->target, packed, handles,
                             NULL, ran_cb, g_object_ref (self));
  if (self->was_stopped)
    gmp_remote_worker_stop (self);
}

static void
connected_cb (GObject      *source G_GNUC_UNUSED,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GmpRemoteWorker) self = user_data;

  self->connection = gmp_peer_connect_finish (result, NULL);
  if (self->connection == NULL)
    {
      end_call (self);
      return;
    }
  self->was_connected = TRUE;
  g_dbus_connection_start_message_processing (self->connection);
  call_run (self);
}

static gboolean
startup_cb (gpointer user_data)
{
  GmpRemoteWorker *self = user_data;

  clear_source (&self->startup_source);
  take_error (self, g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                 "it was not ready within %d seconds of its start: does its "
                                 "main () call gmp_init () first?", STARTUP_LIMIT / 1000));
  gmp_worker_process_end (self->process, 0);
  return G_SOURCE_REMOVE;
}

static gboolean
cancel_cb (GCancellable *cancellable G_GNUC_UNUSED,
           gpointer      user_data)
{
  GmpRemoteWorker *self = user_data;

  clear_source (&self->cancel_source);
  self->was_cancelled = TRUE;
  if (self->proxy != NULL)
    gmp_dbus_worker1_call_cancel (self->proxy, NULL, NULL, NULL);
  if (self->process != NULL)
    gmp_worker_process_end (self->process, self->was_connected ? CANCEL_GRACE : 0);
  return G_SOURCE_REMOVE;
}

static gboolean
launch (GmpRemoteWorker *self,
        GError         **error)
{
  g_autofree char *runtime = gmp_target_get_runtime (self->target, error);
  g_auto (GStrv) argv = runtime != NULL ? gmp_runtime_get_command (runtime, error) : NULL;
  int fd;

  self->pid = 0;
  self->was_connected = FALSE;
  if (argv != NULL)
    self->process = gmp_worker_process_new (self->launcher, argv, self->capture_output,
                                            self->inner_threads, &fd, error);
  if (self->process == NULL)
    return FALSE;
  self->pid = gmp_worker_process_get_pid (self->process);
  gmp_debug ("worker %s: pid %d is %s", self->id, self->pid, argv[0]);

  self->connecting = g_cancellable_new ();
  self->is_calling = TRUE;
  gmp_peer_connect_async (fd, GMP_PEER_SERVER, self->connecting, connected_cb,
                          g_object_ref (self));
  /* Somebody with a debugger has all the time in the world. */
  if (g_getenv ("GMPROC_WRAP") == NULL)
    self->startup_source = attach (g_timeout_source_new (STARTUP_LIMIT), startup_cb, self);
  return TRUE;
}

static void
begin_process (GmpRemoteWorker *self)
{
  GError *error = NULL;

  self->was_kept = FALSE;
  if (launch (self, &error))
    {
      watch (self);
      return;
    }
  take_error (self, error);
  maybe_return (self);
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
  self->was_cancelled = FALSE;
  self->was_stopped = FALSE;
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

  self->was_kept = self->process != NULL;
  if (self->was_kept)
    {
      watch (self);
      call_run (self);
    }
  else
    {
      begin_process (self);
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
  return self->task == NULL && self->connection != NULL &&
         !g_dbus_connection_is_closed (self->connection);
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
      close_connection (self);
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

/* Ends the run's life cycle at its next turn, with finish. */
void
gmp_remote_worker_stop (GmpRemoteWorker *self)
{
  self->was_stopped = TRUE;
  if (self->proxy != NULL)
    gmp_dbus_worker1_call_stop (self->proxy, NULL, NULL, NULL);
}

void
gmp_remote_worker_kill (GmpRemoteWorker *self)
{
  if (self->process != NULL)
    gmp_worker_process_kill (self->process);
}

const char *
gmp_remote_worker_get_id (GmpRemoteWorker *self)
{
  return self->id;
}

/* Takes @fd over: one end of a channel to @peer, which is of @runtime, for the next
 * run. */
void
gmp_remote_worker_add_channel (GmpRemoteWorker *self,
                               const char      *peer,
                               const char      *runtime,
                               const char      *kind,
                               int              fd)
{
  Channel channel = { g_strdup (peer), g_strdup (runtime), g_strdup (kind), fd };

  g_array_append_val (self->channels, channel);
}

static void
gmp_remote_worker_finalize (GObject *object)
{
  GmpRemoteWorker *self = GMP_REMOTE_WORKER (object);

  close_connection (self);
  g_clear_pointer (&self->process, gmp_worker_process_free);
  g_array_unref (self->channels);
  g_free (self->role);
  g_free (self->id);
  g_free (self->target);
  g_object_unref (self->launcher);
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
  self->channels = g_array_new (FALSE, FALSE, sizeof (Channel));
  g_array_set_clear_func (self->channels, channel_clear);
}

/* @events and @owner must outlive the worker's runs. */
GmpRemoteWorker *
gmp_remote_worker_new (GmpLauncher           *launcher,
                       gboolean               capture_output,
                       guint                  inner_threads,
                       const GmpRemoteEvents *events,
                       gpointer               owner)
{
  GmpRemoteWorker *self = g_object_new (GMP_TYPE_REMOTE_WORKER, NULL);

  self->launcher = g_object_ref (launcher);
  self->capture_output = capture_output;
  self->inner_threads = inner_threads;
  self->events = events;
  self->owner = owner;
  return self;
}
