/* gmp-worker-link.c: the control connection to a worker, from the application's side
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-worker-link-private.h"

#include "application/gmp-backlog-private.h"
#include "base/gmp-error.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-payload-private.h"
#include "peer/gmp-peer-private.h"
#include "peer/gmp-wire-private.h"
#include "peer/gmp-worker-dbus.h"

/* What a connection was closed for, where this end had to: a GError, as data of the connection. */
#define NONSENSE "gmp-nonsense"

/* The connection lives as long as the process; the proxy is there during a run, whose main context
 * its signals come in. */
struct _GmpWorkerLink
{
  GDBusConnection *connection;
  GMainContext *context; /* that the connection was made in */
  guint n_pending;       /* of its last words: its `closed`, the return of its closing */
  gboolean is_freed;
  GmpLinkFreed freed;    /* (nullable) */
  GmpBacklog *backlog;
  GmpDbusWorker1 *proxy; /* (nullable): between runs */
  const GmpLinkEvents *events;
  gpointer user_data;
};

void
gmp_channel_end_clear (gpointer data)
{
  GmpChannelEnd *end = data;

  g_free (end->peer);
  g_free (end->runtime);
  gmp_port_free (end->port);
}

/* Whether @message is one of the interface's signals, with its arguments. */
static gboolean
is_signal (GDBusMessage *message)
{
  const char *member = g_dbus_message_get_member (message);
  GDBusInterfaceInfo *interface = gmp_dbus_worker1_interface_info ();
  const GDBusSignalInfo *info = g_dbus_interface_info_lookup_signal (interface, member);

  return info != NULL && gmp_wire_has_arguments (message, info->args) &&
         g_dbus_message_get_unix_fd_list (message) == NULL &&
         g_strcmp0 (g_dbus_message_get_path (message), GMP_WORKER_PATH) == 0 &&
         g_strcmp0 (g_dbus_message_get_interface (message), interface->name) == 0;
}

/* A result may come with one descriptor. */
static gboolean
is_reply (GDBusMessage *message)
{
  GDBusMessageType type = g_dbus_message_get_message_type (message);
  GUnixFDList *handles = g_dbus_message_get_unix_fd_list (message);

  return (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR) &&
         (handles == NULL || g_unix_fd_list_get_length (handles) <= 1);
}

/* A worker replies and has its signals; the application has nothing that could be called. GDBus
 * would only warn of the rest, or answer. */
static gboolean
check_message (GmpBacklog      *backlog,
               GDBusConnection *connection,
               GDBusMessage    *message,
               GError         **error)
{
  const char *member = g_dbus_message_get_member (message);

  if (is_reply (message))
    return TRUE;
  if (g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_SIGNAL &&
      is_signal (message))
    return gmp_backlog_add (backlog, connection, g_dbus_message_get_body (message), error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "it sent a message that is none of a worker's: '%.100s' (%.100s)",
               member != NULL ? member : "", g_dbus_message_get_signature (message));
  return FALSE;
}

/* Called in GDBus's thread. */
static GDBusMessage *
filter_cb (GDBusConnection *connection,
           GDBusMessage    *message,
           gboolean         incoming,
           gpointer         user_data)
{
  gboolean has_ended = g_object_get_data (G_OBJECT (connection), NONSENSE) != NULL;
  GError *error = NULL;

  if (!incoming || (!has_ended && check_message (user_data, connection, message, &error)))
    return message;
  /* Once: the other thread may read it already. */
  if (!has_ended)
    {
      g_object_set_data_full (G_OBJECT (connection), NONSENSE, error,
                              (GDestroyNotify) g_error_free);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
    }
  g_object_unref (message);
  return NULL;
}

gboolean
gmp_worker_link_is_open (GmpWorkerLink *self)
{
  return !g_dbus_connection_is_closed (self->connection);
}

/* A call that waits then returns with an error. */
void
gmp_worker_link_close (GmpWorkerLink *self)
{
  g_dbus_connection_close (self->connection, NULL, NULL, NULL);
}

void
gmp_worker_link_end (GmpWorkerLink *self)
{
  if (self->proxy == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->proxy, self);
  g_clear_object (&self->proxy);
  gmp_backlog_set_counting (self->backlog, self->connection, FALSE);
}

static void
settle (GmpWorkerLink *self)
{
  self->n_pending--;
  if (self->n_pending > 0 || !self->is_freed)
    return;
  if (self->freed != NULL)
    self->freed (self->user_data);
  g_signal_handlers_disconnect_by_data (self->connection, self);
  g_object_unref (self->connection);
  gmp_backlog_unref (self->backlog);
  g_main_context_unref (self->context);
  g_free (self);
}

static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         remote_peer_vanished G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  settle (user_data);
}

static void
close_cb (GObject      *source G_GNUC_UNUSED,
          GAsyncResult *result G_GNUC_UNUSED,
          gpointer      user_data)
{
  settle (user_data);
}

/* Takes @connection over, whose messages are still held back. */
GmpWorkerLink *
gmp_worker_link_new (GDBusConnection *connection)
{
  GmpWorkerLink *self = g_new0 (GmpWorkerLink, 1);

  self->connection = connection;
  self->context = g_main_context_ref_thread_default ();
  self->n_pending = 1;
  g_signal_connect (connection, "closed", G_CALLBACK (closed_cb), self);
  self->backlog = gmp_backlog_new ();
  g_dbus_connection_add_filter (connection, filter_cb, gmp_backlog_ref (self->backlog),
                                (GDestroyNotify) gmp_backlog_unref);
  g_dbus_connection_start_message_processing (connection);
  return self;
}

/* Closes, and calls @freed (nullable) in the thread-default main context when the connection has
 * said its last words: a context that is not run until then is never freed. Where that is not the
 * context that the connection was made in, nobody knows whether that one is run any more, and it is
 * not waited for. */
void
gmp_worker_link_free (GmpWorkerLink *self,
                      GmpLinkFreed   freed,
                      gpointer       user_data)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  gmp_worker_link_end (self);
  self->is_freed = TRUE;
  self->freed = freed;
  self->user_data = user_data;
  if (context != self->context &&
      g_signal_handlers_disconnect_by_func (self->connection, closed_cb, self) > 0)
    self->n_pending = 0;
  self->n_pending++;
  g_dbus_connection_close (self->connection, NULL, close_cb, self);
}

/* Before what follows, which is for the one signal that it is. */
static void
signal_cb (GDBusProxy *proxy G_GNUC_UNUSED,
           const char *sender G_GNUC_UNUSED,
           const char *member G_GNUC_UNUSED,
           GVariant   *body,
           gpointer    user_data)
{
  GmpWorkerLink *self = user_data;

  gmp_backlog_take (self->backlog, self->connection, body);
}

static void
ready_cb (GmpDbusWorker1 *proxy G_GNUC_UNUSED,
          guint           pid,
          gpointer        user_data)
{
  GmpWorkerLink *self = user_data;

  self->events->ready (pid, self->user_data);
}

static void
progress_cb (GmpDbusWorker1 *proxy G_GNUC_UNUSED,
             GVariant       *packed,
             gpointer        user_data)
{
  GmpWorkerLink *self = user_data;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  gmp_payload_unpack_inline (packed, &value, &error);
  self->events->progress (value, error, self->user_data);
}

static void
log_cb (GmpDbusWorker1 *proxy G_GNUC_UNUSED,
        const char     *domain,
        guint           level,
        const char     *message,
        gpointer        user_data)
{
  GmpWorkerLink *self = user_data;

  self->events->log (domain, level & G_LOG_LEVEL_MASK, message, self->user_data);
}

/* A run begins, in the thread-default main context. */
void
gmp_worker_link_begin (GmpWorkerLink       *self,
                       const GmpLinkEvents *events,
                       gpointer             user_data)
{
  self->events = events;
  self->user_data = user_data;
  /* No name and no properties, so this only sets up the signals. */
  self->proxy = gmp_dbus_worker1_proxy_new_sync (self->connection,
                                                 G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES,
                                                 NULL, GMP_WORKER_PATH, NULL, NULL);
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (self->proxy), G_MAXINT);
  gmp_backlog_set_counting (self->backlog, self->connection, TRUE);
  g_signal_connect (self->proxy, "g-signal", G_CALLBACK (signal_cb), self);
  g_signal_connect (self->proxy, "ready", G_CALLBACK (ready_cb), self);
  g_signal_connect (self->proxy, "progress", G_CALLBACK (progress_cb), self);
  g_signal_connect (self->proxy, "log", G_CALLBACK (log_cb), self);
}

/* Hands over @end. A channel that cannot be connected makes itself known by being closed. */
gboolean
gmp_worker_link_connect (GmpWorkerLink       *self,
                         const GmpChannelEnd *end,
                         GError             **error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *positions = gmp_port_to_handles (end->port, handles, error);

  if (positions == NULL)
    return FALSE;
  gmp_dbus_worker1_call_connect (self->proxy, end->peer, end->runtime,
                                 gmp_port_get_kind (end->port), positions, handles, NULL, NULL,
                                 NULL);
  return TRUE;
}

/* Calls @callback, unless there is an error at once. */
gboolean
gmp_worker_link_run_async (GmpWorkerLink      *self,
                           const GmpRun       *run,
                           GVariant           *options,
                           GAsyncReadyCallback callback,
                           gpointer            user_data,
                           GError            **error)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (options);
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *packed = gmp_payload_pack (run->params, handles, error);

  if (packed == NULL)
    return FALSE;
  gmp_dbus_worker1_call_run (self->proxy, run->role, run->id, run->target, packed, sunk, handles,
                             NULL, callback, user_data);
  return TRUE;
}

static gboolean
check_size (GVariant **value,
            guint64    limit,
            GError   **error)
{
  if (*value == NULL || gmp_value_check_size (g_variant_get_size (*value), limit,
                                              GMP_ERROR_PROTOCOL, error))
    return TRUE;
  g_clear_pointer (value, g_variant_unref);
  return FALSE;
}

/* What the run returned, %NULL included, or its error; %FALSE without an error where the connection
 * was lost. */
gboolean
gmp_worker_link_run_finish (GObject      *source,
                            GAsyncResult *result,
                            guint64       value_limit,
                            GVariant    **value,
                            GError      **error)
{
  GDBusConnection *connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (source));
  g_autoptr (GUnixFDList) handles = NULL;
  g_autoptr (GVariant) packed = NULL;
  GError *local = NULL;

  if (gmp_dbus_worker1_call_run_finish (GMP_DBUS_WORKER1 (source), &packed, &handles, result,
                                        &local))
    return gmp_payload_unpack (packed, handles, value, error) &&
           check_size (value, value_limit, error);
  if (g_dbus_error_is_remote_error (local))
    g_dbus_error_strip_remote_error (local);
  else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    {
      /* What GDBus says of a reply that is none. */
      local->domain = GMP_ERROR;
      local->code = GMP_ERROR_PROTOCOL;
    }
  else if (g_dbus_connection_is_closed (connection))
    {
      const GError *nonsense = g_object_get_data (G_OBJECT (connection), NONSENSE);

      g_clear_error (&local);
      local = nonsense != NULL ? g_error_copy (nonsense) : NULL;
    }
  if (local != NULL)
    g_propagate_error (error, local);
  return FALSE;
}

/* Ends the life cycle at its next turn, with finish. */
void
gmp_worker_link_stop (GmpWorkerLink *self)
{
  if (self->proxy != NULL)
    gmp_dbus_worker1_call_stop (self->proxy, NULL, NULL, NULL);
}

void
gmp_worker_link_cancel (GmpWorkerLink *self)
{
  if (self->proxy != NULL)
    gmp_dbus_worker1_call_cancel (self->proxy, NULL, NULL, NULL);
}

/* @peer, at the other end of a channel, has ended: for @reason, or because it had finished. */
void
gmp_worker_link_tell_gone (GmpWorkerLink *self,
                           const char    *peer,
                           const GError  *reason,
                           gboolean       returns)
{
  if (self->proxy == NULL)
    return;
  gmp_dbus_worker1_call_gone (self->proxy, peer,
                              reason != NULL ? g_quark_to_string (reason->domain) : "",
                              reason != NULL ? reason->code : 0,
                              reason != NULL ? reason->message : "", returns, NULL, NULL, NULL);
}
