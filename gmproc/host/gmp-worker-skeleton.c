/* gmp-worker-skeleton.c: receives the application's calls while user code runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-worker-skeleton-core-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-exit-private.h"
#include "base/gmp-socketpair-private.h"
#include "base/gmp-thread-private.h"
#include "channel/gmp-value-private.h"
#include "host/gmp-group-private.h"
#include "peer/gmp-bus-private.h"
#include "peer/gmp-channel-descriptors-private.h"
#include "peer/gmp-payload-private.h"
#include "peer/gmp-socket-stream-private.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static GmpJob no_more_jobs;

/* A worker has one, which exists until the process ends: threads of user code may log, report or
 * ask for the cancellable at any time. */
static GmpWorkerSkeleton *process_control;

static void
job_free (GmpJob *job)
{
  gmp_job_spec_clear (&job->spec);
  g_variant_unref (job->options);
  g_clear_object (&job->stop);
  g_clear_object (&job->cancellable);
  g_object_unref (job->call);
  g_free (job);
}

/* The inbox of a run that has ended is kept until the next one: its clients may not have received
 * yet that the server is done. */
static GmpInbox *
get_inbox_locked (GmpWorkerSkeleton *self,
                  GError           **error)
{
  if (self->inbox_is_used)
    {
      g_clear_pointer (&self->inbox, gmp_inbox_free);
      self->inbox_is_used = FALSE;
    }
  if (self->inbox == NULL)
    self->inbox = gmp_inbox_new (error);
  return self->inbox;
}

static GmpChannel *
make_channel (const char  *kind,
              GVariant    *positions,
              GUnixFDList *handles,
              GError     **error)
{
  GmpChannelDescriptors *port =
      gmp_channel_descriptors_new_handles (kind, positions, handles, error);

  return port != NULL ? gmp_channel_descriptors_open (port, error) : NULL;
}

/* The application's calls. All but Run get an empty reply at once unless they fail. A call that
 * fails ends the run, so the application knows the reason, and the worker continues as far as
 * possible. */

static void
handle_connect (GmpWorkerSkeleton *self,
                GDBusMessage      *call,
                GError           **error)
{
  g_autoptr (GVariant) positions = NULL;
  g_autoptr (GmpChannel) channel = NULL;
  const char *peer;
  const char *runtime;
  const char *kind;
  GmpInbox *inbox = NULL;

  g_variant_get (g_dbus_message_get_body (call), "(&s&s&s@ah)", &peer, &runtime, &kind,
                 &positions);
  channel = make_channel (kind, positions, g_dbus_message_get_unix_fd_list (call), error);
  if (channel == NULL)
    g_prefix_error (error, "its channel to %s could not be connected: ", peer);
  g_mutex_lock (&self->lock);
  if (channel != NULL)
    inbox = get_inbox_locked (self, error);
  if (inbox != NULL)
    gmp_inbox_add (inbox, peer, runtime, channel);
  g_mutex_unlock (&self->lock);
}

/* Takes ownership of @params. */
static GmpJob *
make_job (GmpWorkerSkeleton *self,
          GDBusMessage      *call,
          GVariant          *params)
{
  GmpJob *job = g_new0 (GmpJob, 1);

  g_variant_get (g_dbus_message_get_body (call), "(sss@(sayah)@a{sv})", &job->spec.role,
                 &job->spec.id, &job->spec.target, NULL, &job->options);
  job->spec.params = params;
  job->stop = g_cancellable_new ();
  job->cancellable = g_object_ref (self->cancellable);
  job->call = g_object_ref (call);
  return job;
}

static void
handle_run (GmpWorkerSkeleton *self,
            GDBusMessage      *call,
            GError           **error)
{
  g_autoptr (GVariant) packed = g_variant_get_child_value (g_dbus_message_get_body (call), 3);
  g_autoptr (GVariant) params = NULL;
  GmpInbox *inbox = NULL;

  if (!gmp_payload_unpack (packed, g_dbus_message_get_unix_fd_list (call), 0, &params, error))
    return;
  g_mutex_lock (&self->lock);
  if (self->running != NULL)
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_EXISTS, "This worker is in a run already");
  else
    inbox = get_inbox_locked (self, error);
  if (inbox != NULL)
    {
      /* User code of an earlier run may have cancelled it. */
      g_cancellable_reset (self->cancellable);
      self->running = make_job (self, call, g_steal_pointer (&params));
      self->running->inbox = inbox;
      gmp_debug ("worker %s: run %s as %s", self->running->spec.id, self->running->spec.target,
                 self->running->spec.role);
      g_async_queue_push (self->jobs, self->running);
    }
  g_mutex_unlock (&self->lock);
}

static void
handle_gone (GmpWorkerSkeleton *self,
             GDBusMessage      *call,
             GError           **error G_GNUC_UNUSED)
{
  g_autoptr (GError) reason = NULL;
  const char *peer;
  const char *domain;
  const char *message;
  gboolean returns;
  int code;

  g_variant_get (g_dbus_message_get_body (call), "(&s&si&sb)", &peer, &domain, &code, &message,
                 &returns);
  gmp_debug ("%s has ended%s: %s", peer, returns ? " and returns" : "", message);
  if (domain[0] != '\0')
    reason = g_error_new_literal (g_quark_from_string (domain), code, message);
  g_mutex_lock (&self->lock);
  if (self->inbox != NULL)
    gmp_inbox_peer_ended (self->inbox, peer, reason, returns);
  g_mutex_unlock (&self->lock);
}

static void
handle_stop (GmpWorkerSkeleton *self,
             GDBusMessage      *call G_GNUC_UNUSED,
             GError           **error G_GNUC_UNUSED)
{
  gmp_debug ("received Stop");
  g_mutex_lock (&self->lock);
  if (self->running != NULL)
    g_cancellable_cancel (self->running->stop);
  g_mutex_unlock (&self->lock);
}

static void
handle_cancel (GmpWorkerSkeleton *self,
               GDBusMessage      *call G_GNUC_UNUSED,
               GError           **error G_GNUC_UNUSED)
{
  g_autoptr (GCancellable) cancellable = NULL;
  g_autoptr (GCancellable) stop = NULL;

  gmp_debug ("cancelled");
  g_mutex_lock (&self->lock);
  if (self->running != NULL)
    {
      cancellable = g_object_ref (self->running->cancellable);
      stop = g_object_ref (self->running->stop);
    }
  g_mutex_unlock (&self->lock);
  /* Outside the lock, because user handlers may be connected. */
  g_cancellable_cancel (cancellable);
  g_cancellable_cancel (stop);
}

static const struct {
  const char *name;
  void (*handle) (GmpWorkerSkeleton *self, GDBusMessage *call, GError **error);
  gboolean replies_later;
} methods[] = {
  { "Connect", handle_connect, FALSE },
  { "Run", handle_run, TRUE },
  { "Gone", handle_gone, FALSE },
  { "Stop", handle_stop, FALSE },
  { "Cancel", handle_cancel, FALSE },
};

/* Takes ownership of @failure (nullable) and @body (nullable), one of which is used. If the
 * application has ended, nobody misses the reply. */
static gboolean
reply (GmpWorkerSkeleton *self,
       GDBusMessage      *call,
       GVariant          *body,
       GUnixFDList       *handles,
       GError            *failure,
       GError           **error)
{
  g_autoptr (GDBusMessage) message = NULL;
  g_autoptr (GError) lost = NULL;

  if (failure != NULL)
    {
      message = gmp_message_stream_new_error (call, failure);
      g_error_free (failure);
    }
  else
    {
      message = g_dbus_message_new_method_reply (call);
      if (body != NULL)
        g_dbus_message_set_body (message, body);
      g_dbus_message_set_unix_fd_list (message, handles);
    }
  if (gmp_message_stream_send (self->stream, message, &lost))
    return TRUE;
  gmp_debug ("a reply is lost: %s", lost->message);
  if (g_error_matches (lost, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED) ||
      g_error_matches (lost, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&lost));
  return FALSE;
}

static gboolean
handle (GmpWorkerSkeleton *self,
        GDBusMessage      *call,
        GError           **error)
{
  const char *name = g_dbus_message_get_member (call);
  const GDBusMethodInfo *info = g_dbus_interface_info_lookup_method (
    GMP_WORKER_INFO, name);

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      GError *local = NULL;

      if (!g_str_equal (methods[i].name, name) ||
          !gmp_message_stream_has_arguments (call, info->in_args))
        continue;
      methods[i].handle (self, call, &local);
      if (local == NULL)
        return !methods[i].replies_later;
      g_propagate_error (error, local);
      return TRUE;
    }
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD, "A worker has no method %s (%s)",
               name, g_dbus_message_get_signature (call));
  return TRUE;
}

static void
handle_end (GmpWorkerSkeleton *self,
            const GError      *reason)
{
  gboolean busy;

  g_mutex_lock (&self->lock);
  busy = self->running != NULL;
  g_mutex_unlock (&self->lock);

  gmp_debug ("the application has closed the connection: %s", busy ? "exit" : "idle, end");
  /* The application has ended, and user code may never return. If the application still runs, user
   * code has closed the socket, or forbidden to read it; the application then quotes this line from
   * standard error. */
  if (busy || reason->domain == GMP_ERROR)
    g_printerr ("gmproc: the connection to the application is lost, so this worker ends: %s\n",
                reason->message);
  if (busy)
    {
      gmp_exit_prepare ();
      gmp_group_exit ();
    }
  g_async_queue_push (self->jobs, &no_more_jobs);
}

static gboolean
receive_cb (GSocket     *socket G_GNUC_UNUSED,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  GmpWorkerSkeleton *self = user_data;
  g_autoptr (GError) lost = NULL;
  g_autoptr (GDBusMessage) call = gmp_message_stream_receive (self->stream, &lost);
  GError *error = NULL;

  if (lost != NULL)
    {
      gmp_debug ("no more calls: %s", lost->message);
      self->is_open = FALSE;
      handle_end (self, lost);
      return G_SOURCE_REMOVE;
    }
  if (call != NULL && g_dbus_message_get_message_type (call) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
      handle (self, call, &error))
    reply (self, call, NULL, NULL, error, NULL);
  return G_SOURCE_CONTINUE;
}

static gpointer
control_thread (gpointer user_data)
{
  GmpWorkerSkeleton *self = user_data;
  g_autoptr (GSource) source = NULL;

  g_main_context_push_thread_default (self->context);
  source = gmp_message_stream_create_source (self->stream, G_PRIORITY_DEFAULT, G_IO_IN, NULL,
                                             receive_cb, self);
  while (self->is_open)
    g_main_context_iteration (self->context, TRUE);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* FALSE if user code has closed the control socket. */
gboolean
gmp_worker_skeleton_has_socket (GmpWorkerSkeleton *self)
{
  struct stat status;

  /* A filter of user code may forbid the question. */
  return fstat (self->fd, &status) == 0 ? status.st_ino == self->socket : errno != EBADF;
}

/* In a forked child: does not keep the connection open after the worker's end. */
static void
forked_cb (void)
{
  if (gmp_worker_skeleton_has_socket (process_control))
    close (process_control->fd);
}

/* Messages directly over the socket, or a GDBusConnection over it, which has its own threads. Takes
 * ownership of @fd. */
static GmpMessageStream *
open_stream (int      fd,
             gboolean as_bus,
             GError **error)
{
  g_autoptr (GmpSocketStream) stream = gmp_socket_stream_new (fd, error);
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GSocket) socket = NULL;
  GmpBus *bus;

  if (stream == NULL)
    return NULL;
  if (!as_bus)
    return GMP_MESSAGE_STREAM (g_steal_pointer (&stream));
  if (!gmp_socket_stream_greet (stream, error))
    return NULL;
  socket = gmp_socket_stream_steal_socket (stream);
  g_socket_set_blocking (socket, TRUE);
  connection = g_socket_connection_factory_create_connection (socket);
  bus = gmp_bus_open_sync (G_IO_STREAM (connection),
                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, error);
  return bus != NULL ? gmp_bus_stream_new_single (bus) : NULL;
}

/* Takes ownership of @fd. */
static GmpWorkerSkeleton *
control_new (int      fd,
             gboolean as_bus,
             GError **error)
{
  g_autoptr (GMainContext) context = gmp_thread_context_new (error);
  GmpMessageStream *stream = context != NULL ? open_stream (fd, as_bus, error) : NULL;
  GmpWorkerSkeleton *self;
  struct stat status;

  if (stream == NULL)
    return NULL;
  self = g_new0 (GmpWorkerSkeleton, 1);
  g_mutex_init (&self->reporting);
  g_mutex_init (&self->lock);
  self->stream = stream;
  self->cancellable = g_cancellable_new ();
  self->is_open = TRUE;
  self->fd = fd;
  self->pid = getpid ();
  if (fstat (fd, &status) == 0)
    self->socket = status.st_ino;
  self->context = g_steal_pointer (&context);
  self->jobs = g_async_queue_new ();
  return self;
}

static void
control_free (GmpWorkerSkeleton *self)
{
  g_clear_pointer (&self->inbox, gmp_inbox_free);
  g_main_context_unref (self->context);
  g_object_unref (self->cancellable);
  gmp_message_stream_free (self->stream);
  g_async_queue_unref (self->jobs);
  g_mutex_clear (&self->reporting);
  g_mutex_clear (&self->lock);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpWorkerSkeleton, control_free)

/* Called once in a process, which keeps it. Takes ownership of @fd. */
GmpWorkerSkeleton *
gmp_worker_skeleton_new (int      fd,
                         GError **error)
{
  g_autoptr (GmpWorkerSkeleton) self = control_new (fd, gmp_bus_is_enabled (TRUE), error);

  g_assert (process_control == NULL);

  if (self == NULL)
    return NULL;
  if (!gmp_thread_start (NULL, "gmproc", control_thread, self, error))
    return NULL;
  /* In this thread, whose messages follow. */
  if (GMP_IS_SOCKET_STREAM (self->stream))
    gmp_socket_stream_greet (GMP_SOCKET_STREAM (self->stream), NULL);
  process_control = g_steal_pointer (&self);
  pthread_atfork (NULL, NULL, forked_cb);
  return process_control;
}

/* The cancellable that is cancelled when the application no longer wants the result of a run. */
GCancellable *
gmp_worker_skeleton_get_cancellable (GmpWorkerSkeleton *self)
{
  return self->cancellable;
}

/* The process of the application, which made the socket, or of the agent; 0 if it is in a namespace
 * that cannot be seen. */
int
gmp_worker_skeleton_get_application (GmpWorkerSkeleton *self)
{
  struct ucred maker = { 0, };
  socklen_t size = sizeof maker;

  return getsockopt (self->fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) == 0 ? maker.pid : 0;
}

/* Called in the main thread: waits for the next run; %NULL if none will follow. */
GmpJob *
gmp_worker_skeleton_take_job (GmpWorkerSkeleton *self)
{
  GmpJob *job = g_async_queue_pop (self->jobs);

  return job != &no_more_jobs ? job : NULL;
}

/* TRUE if the application has announced that no run follows the one that has ended. */
gboolean
gmp_worker_skeleton_has_last (GmpWorkerSkeleton *self)
{
  return self->has_last;
}

/* Returns a floating reference. */
static GVariant *
pack_result (GmpJob      *job,
             GVariant    *result,
             GUnixFDList *handles,
             GError     **error)
{
  guint64 limit = 0;

  if (gmp_worker_is_repetition (result))
    return job->has_turns ? gmp_payload_new_repetition () : gmp_payload_pack (NULL, NULL, error);
  g_variant_lookup (job->options, "value-size-limit", "t", &limit);
  if (result != NULL && !gmp_value_check_size (g_variant_get_size (result), limit,
                                               GMP_ERROR_BAD_PAYLOAD, error))
    return NULL;
  return gmp_payload_pack (result, handles, error);
}

/* Takes ownership of @job and @failure. When this returns, the reply has been written, or cannot
 * be. */
gboolean
gmp_worker_skeleton_finish_job (GmpWorkerSkeleton *self,
                                GmpJob            *job,
                                GVariant          *result,
                                GError            *failure,
                                GError           **error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *packed = NULL;
  gboolean is_sent;

  g_variant_lookup (job->options, "last", "b", &self->has_last);
  if (failure == NULL)
    packed = pack_result (job, result, handles, &failure);
  gmp_debug ("worker %s: %s", job->spec.id, failure != NULL ? failure->message : "done");

  g_mutex_lock (&self->reporting);
  g_mutex_lock (&self->lock);
  self->running = NULL;
  self->inbox_is_used = TRUE;
  g_mutex_unlock (&self->lock);
  g_mutex_unlock (&self->reporting);
  is_sent = reply (self, job->call, packed != NULL ? g_variant_new ("(@(sayah))", packed) : NULL,
                   handles, failure, error);
  job_free (job);
  return is_sent;
}

static gboolean
call_for_nothing (GmpMessageStream  *application,
                  GmpWorkerSkeleton *self,
                  GError           **error)
{
  g_autoptr (GDBusMessage) call = g_dbus_message_new_method_call (
    NULL, GMP_WORKER_PATH, GMP_WORKER_INFO->name, "Run");
  g_autoptr (GDBusMessage) ready = NULL;
  g_autoptr (GDBusMessage) answer = NULL;
  GmpJob *job;
  GVariant *nothing = gmp_payload_pack (NULL, NULL, NULL);

  g_dbus_message_set_body (call, g_variant_new ("(sss@(sayah)a{sv})", "call", "", "", nothing,
                                                NULL));
  if (!gmp_socket_stream_greet (GMP_SOCKET_STREAM (self->stream), error) ||
      !gmp_socket_stream_take_greeting (GMP_SOCKET_STREAM (application), error) ||
      !gmp_message_stream_send (application, call, error))
    return FALSE;
  receive_cb (NULL, G_IO_IN, self);
  job = g_async_queue_try_pop (self->jobs);
  if (job == NULL || job == &no_more_jobs)
    {
      answer = gmp_message_stream_receive (application, error);
      if (answer != NULL && g_dbus_message_to_gerror (answer, error) && error != NULL)
        g_dbus_error_strip_remote_error (*error);
      return FALSE;
    }
  gmp_worker_skeleton_ready (self);
  if (!gmp_worker_skeleton_finish_job (self, job, NULL, NULL, error))
    return FALSE;
  ready = gmp_message_stream_receive (application, error);
  answer = ready != NULL ? gmp_message_stream_receive (application, error) : NULL;
  return answer != NULL;
}

/* Executes the steps before and after a worker's function once, without a thread, in a process that
 * will be forked for each worker. This registers types and links functions for all workers, in
 * pages that they share. */
gboolean
gmp_worker_skeleton_rehearse (GError **error)
{
  g_autoptr (GmpMessageStream) application = NULL;
  g_autoptr (GmpWorkerSkeleton) self = NULL;
  int fds[2];

  if (!gmp_socketpair_open (fds, error))
    return FALSE;
  application = (GmpMessageStream *) gmp_socket_stream_new (fds[0], error);
  self = control_new (fds[1], FALSE, error);
  return application != NULL && self != NULL && call_for_nothing (application, self, error);
}
