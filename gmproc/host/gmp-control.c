/* gmp-control.c: hears the application while code of the user runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-control-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-exit-private.h"
#include "host/gmp-group-private.h"
#include "peer/gmp-payload-private.h"
#include "peer/gmp-peer-private.h"
#include "peer/gmp-port-private.h"
#include "peer/gmp-worker-dbus.h"

#include <sys/stat.h>
#include <unistd.h>

/* The main thread belongs to the user's code, which may block as long as it likes. A thread of the
 * control's own has the main context in which the connection delivers calls, and `closed`; it never
 * runs code of the user.
 *
 * A run goes from handle_run() in that thread, over the queue, to gmp_control_take_job() in the
 * main thread, and ends with gmp_control_finish_job(). */
struct _GmpControl
{
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  GAsyncQueue *jobs; /* of GmpJob; &no_more_jobs when the application has gone */
  int fd;
  ino_t socket; /* what @fd is */

  GMutex lock;
  GDBusConnection *connection; /* (nullable): under lock */
  GmpDbusWorker1 *skeleton;    /* (nullable): set before the first job */
  GmpJob *running;             /* (nullable): under lock */
  GmpInbox *inbox;             /* of the run that comes or is; under lock */
  gboolean inbox_is_used;      /* by a run that has ended; under lock */
  gboolean has_last;           /* the main thread's: no run will follow */
};

static GmpJob no_more_jobs;

static void
job_free (GmpJob *job)
{
  g_free (job->role);
  g_free (job->id);
  g_free (job->target);
  g_clear_pointer (&job->params, g_variant_unref);
  g_variant_unref (job->options);
  g_clear_object (&job->stop);
  g_clear_object (&job->cancellable);
  g_free (job);
}

/* The inbox of a run that has ended is kept until there is another: its clients may still have to
 * hear that the server is done. */
static GmpInbox *
get_inbox_locked (GmpControl *self,
                  GError    **error)
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
  GmpPort *port = gmp_port_new_handles (kind, positions, handles, error);

  return port != NULL ? gmp_port_open (port, error) : NULL;
}

static gboolean
handle_connect (GmpDbusWorker1        *skeleton,
                GDBusMethodInvocation *invocation,
                GUnixFDList           *handles,
                const char            *peer,
                const char            *runtime,
                const char            *kind,
                GVariant              *positions,
                gpointer               user_data)
{
  GmpControl *self = user_data;
  GError *error = NULL;
  g_autoptr (GmpChannel) channel = make_channel (kind, positions, handles, &error);
  GmpInbox *inbox = NULL;

  g_mutex_lock (&self->lock);
  if (channel != NULL)
    inbox = get_inbox_locked (self, &error);
  if (inbox != NULL)
    gmp_inbox_add (inbox, peer, runtime, channel);
  g_mutex_unlock (&self->lock);

  if (error != NULL)
    g_dbus_method_invocation_take_error (invocation, error);
  else
    gmp_dbus_worker1_complete_connect (skeleton, invocation, NULL);
  return TRUE;
}

static GmpJob *
make_job (const char            *role,
          const char            *id,
          const char            *target,
          GVariant              *params,
          GVariant              *options,
          GDBusMethodInvocation *invocation)
{
  GmpJob *job = g_new0 (GmpJob, 1);

  job->role = g_strdup (role);
  job->id = g_strdup (id);
  job->target = g_strdup (target);
  job->params = params;
  job->options = g_variant_ref (options);
  job->stop = g_cancellable_new ();
  job->cancellable = g_cancellable_new ();
  job->invocation = invocation;
  return job;
}

static gboolean
handle_run (GmpDbusWorker1        *skeleton G_GNUC_UNUSED,
            GDBusMethodInvocation *invocation,
            GUnixFDList           *handles,
            const char            *role,
            const char            *id,
            const char            *target,
            GVariant              *packed_params,
            GVariant              *options,
            gpointer               user_data)
{
  GmpControl *self = user_data;
  GError *error = NULL;
  GmpInbox *inbox = NULL;
  GVariant *params = NULL;

  gmp_debug ("worker %s: run %s as %s", id, target, role);
  gmp_payload_unpack (packed_params, handles, &params, &error);

  g_mutex_lock (&self->lock);
  if (error == NULL && self->running != NULL)
    g_set_error_literal (&error, GMP_ERROR, GMP_ERROR_EXISTS, "This worker is in a run already");
  if (error == NULL)
    inbox = get_inbox_locked (self, &error);
  if (inbox != NULL)
    {
      self->running = make_job (role, id, target, g_steal_pointer (&params), options,
                                invocation);
      self->running->inbox = inbox;
      g_async_queue_push (self->jobs, self->running);
    }
  g_mutex_unlock (&self->lock);

  if (params != NULL)
    g_variant_unref (params);
  if (error != NULL)
    g_dbus_method_invocation_take_error (invocation, error);
  return TRUE;
}

static gboolean
handle_gone (GmpDbusWorker1        *skeleton,
             GDBusMethodInvocation *invocation,
             const char            *peer,
             const char            *domain,
             int                    code,
             const char            *message,
             gboolean               returns,
             gpointer               user_data)
{
  GmpControl *self = user_data;
  g_autoptr (GError) reason = NULL;

  gmp_debug ("%s has ended%s: %s", peer, returns ? " and returns" : "", message);
  if (domain[0] != '\0')
    reason = g_error_new_literal (g_quark_from_string (domain), code, message);
  g_mutex_lock (&self->lock);
  if (self->inbox != NULL)
    gmp_inbox_tell_gone (self->inbox, peer, reason, returns);
  g_mutex_unlock (&self->lock);
  gmp_dbus_worker1_complete_gone (skeleton, invocation);
  return TRUE;
}

static gboolean
handle_stop (GmpDbusWorker1        *skeleton,
             GDBusMethodInvocation *invocation,
             gpointer               user_data)
{
  GmpControl *self = user_data;

  gmp_debug ("told to stop");
  g_mutex_lock (&self->lock);
  if (self->running != NULL)
    g_cancellable_cancel (self->running->stop);
  g_mutex_unlock (&self->lock);
  gmp_dbus_worker1_complete_stop (skeleton, invocation);
  return TRUE;
}

static gboolean
handle_cancel (GmpDbusWorker1        *skeleton,
               GDBusMethodInvocation *invocation,
               gpointer               user_data)
{
  GmpControl *self = user_data;
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
  /* Outside the lock: handlers of the user may be connected. */
  g_cancellable_cancel (cancellable);
  g_cancellable_cancel (stop);
  gmp_dbus_worker1_complete_cancel (skeleton, invocation);
  return TRUE;
}

static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         remote_peer_vanished G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  GmpControl *self = user_data;
  gboolean busy;

  g_mutex_lock (&self->lock);
  busy = self->running != NULL;
  g_mutex_unlock (&self->lock);

  gmp_debug ("the application has closed the connection: %s", busy ? "exit" : "idle, end");
  /* Nobody is left to work for, and code of the user may never come back. Standard error leads to
   * the application, which quotes this if it is there after all: somebody closed the socket, then.
   * */
  if (busy)
    {
      g_printerr ("gmproc: the connection to the application is lost, so this worker ends\n");
      gmp_exit_prepare ();
      gmp_group_exit ();
    }
  g_async_queue_push (self->jobs, &no_more_jobs);
}

static void
export_on (GmpControl      *self,
           GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  self->skeleton = gmp_dbus_worker1_skeleton_new ();
  g_signal_connect (self->skeleton, "handle-connect", G_CALLBACK (handle_connect), self);
  g_signal_connect (self->skeleton, "handle-run", G_CALLBACK (handle_run), self);
  g_signal_connect (self->skeleton, "handle-gone", G_CALLBACK (handle_gone), self);
  g_signal_connect (self->skeleton, "handle-stop", G_CALLBACK (handle_stop), self);
  g_signal_connect (self->skeleton, "handle-cancel", G_CALLBACK (handle_cancel), self);
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->skeleton), connection,
                                         GMP_WORKER_PATH, &error))
    g_error ("Cannot export the worker: %s", error->message);
}

static void
connect_to_application (GmpControl *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = NULL;

  gmp_peer_greet (self->fd);
  connection = gmp_peer_connect_sync (self->fd, &error);
  if (connection == NULL)
    {
      gmp_debug ("no connection to the application: %s", error->message);
      g_async_queue_push (self->jobs, &no_more_jobs);
      return;
    }
  g_mutex_lock (&self->lock);
  self->connection = g_object_ref (connection);
  g_mutex_unlock (&self->lock);
  g_signal_connect (connection, "closed", G_CALLBACK (closed_cb), self);
  export_on (self, connection);
  g_dbus_connection_start_message_processing (connection);
  /* It may have closed, and said so, before there was a handler. */
  if (g_dbus_connection_is_closed (connection))
    closed_cb (connection, TRUE, NULL, self);
}

static gpointer
control_thread (gpointer user_data)
{
  GmpControl *self = user_data;

  g_main_context_push_thread_default (self->context);
  connect_to_application (self);
  g_main_loop_run (self->loop);

  if (self->skeleton != NULL)
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->skeleton));
  g_clear_object (&self->skeleton);
  g_clear_pointer (&self->inbox, gmp_inbox_free);
  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      g_dbus_connection_close_sync (self->connection, NULL, NULL);
    }
  g_clear_object (&self->connection);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* Whether code of the user has left the control its socket. */
gboolean
gmp_control_has_socket (GmpControl *self)
{
  struct stat status;

  return fstat (self->fd, &status) == 0 && status.st_ino == self->socket;
}

/* Takes @fd over. */
GmpControl *
gmp_control_new (int      fd,
                 GError **error)
{
  g_autoptr (GmpControl) self = g_new0 (GmpControl, 1);
  struct stat status;

  g_mutex_init (&self->lock);
  self->fd = fd;
  if (fstat (fd, &status) == 0)
    self->socket = status.st_ino;
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->jobs = g_async_queue_new ();
  self->thread = g_thread_try_new ("gmproc", control_thread, self, error);
  if (self->thread == NULL)
    return NULL;
  return g_steal_pointer (&self);
}

static gboolean
quit_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

void
gmp_control_free (GmpControl *self)
{
  if (self->thread != NULL)
    {
      /* From inside the loop: it may not be running yet. */
      g_autoptr (GSource) source = g_idle_source_new ();

      g_source_set_callback (source, quit_cb, self->loop, NULL);
      g_source_attach (source, self->context);
      g_thread_join (self->thread);
    }
  gmp_peer_free_context (self->context);
  g_async_queue_unref (self->jobs);
  g_main_loop_unref (self->loop);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Called in the main thread: waits for the next run; %NULL when there will be none. */
GmpJob *
gmp_control_take_job (GmpControl *self)
{
  GmpJob *job = g_async_queue_pop (self->jobs);

  return job != &no_more_jobs ? job : NULL;
}

void
gmp_control_ready (GmpControl *self)
{
  gmp_dbus_worker1_emit_ready (self->skeleton, getpid ());
}

/* Whether the application has said that no run follows the one that has ended. */
gboolean
gmp_control_has_last (GmpControl *self)
{
  return self->has_last;
}

/* Takes @job and @error over. With the last run this returns when the reply has been written. */
void
gmp_control_finish_job (GmpControl *self,
                        GmpJob     *job,
                        GVariant   *result,
                        GError     *error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *packed = NULL;

  g_variant_lookup (job->options, "last", "b", &self->has_last);
  if (error == NULL)
    packed = gmp_payload_pack (result, handles, &error);
  gmp_debug ("worker %s: %s", job->id, error != NULL ? error->message : "done");

  g_mutex_lock (&self->lock);
  self->running = NULL;
  self->inbox_is_used = TRUE;
  g_mutex_unlock (&self->lock);

  if (error != NULL && !g_utf8_validate (error->message, -1, NULL))
    {
      g_autofree char *message = error->message;

      error->message = g_utf8_make_valid (message, -1);
    }
  if (error != NULL)
    g_dbus_method_invocation_take_error (job->invocation, error);
  else
    gmp_dbus_worker1_complete_run (self->skeleton, job->invocation, handles, packed);
  if (self->has_last)
    g_dbus_connection_flush_sync (self->connection, NULL, NULL);
  job_free (job);
}

/* Called in any thread of the user's. */
gboolean
gmp_control_report (GmpControl *self,
                    GVariant   *value,
                    GError    **error)
{
  GVariant *packed = gmp_payload_pack_inline (value, error);

  if (packed == NULL)
    return FALSE;
  gmp_dbus_worker1_emit_progress (self->skeleton, packed);
  return TRUE;
}

/* Called in any thread of the user's. */
void
gmp_control_log (GmpControl *self,
                 const char *domain,
                 guint       level,
                 const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);

  if (self->skeleton != NULL)
    gmp_dbus_worker1_emit_log (self->skeleton, domain, level, valid);
}
