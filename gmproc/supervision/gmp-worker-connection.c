/* gmp-worker-connection.c: the control connection to a worker, from the application's side
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-connection-core-private.h"

#include "base/gmp-error.h"
#include "base/gmp-source-private.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-bus-private.h"
#include "peer/gmp-payload-private.h"
#include "peer/gmp-socket-stream-private.h"

void
gmp_peer_channel_clear (gpointer data)
{
  GmpPeerChannel *end = data;

  g_free (end->peer);
  g_free (end->runtime);
  gmp_channel_descriptors_free (end->port);
}

static void
link_clear (gpointer data)
{
  GmpWorkerConnection *self = data;

  gmp_worker_connection_end (self);
  g_clear_pointer (&self->last_turn, g_variant_unref);
  g_hash_table_unref (self->calls);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->stream, gmp_message_stream_free);
}

static void
link_unref (gpointer data)
{
  g_rc_box_release_full (data, link_clear);
}

/* Not while a run is pending. */
void
gmp_worker_connection_free (GmpWorkerConnection *self)
{
  g_assert (self->run_serial == 0);

  gmp_worker_connection_end (self);
  link_unref (self);
}

/* To a connected worker. Takes ownership of @stream. */
GmpWorkerConnection *
gmp_worker_connection_new (GmpMessageStream *stream)
{
  GmpWorkerConnection *self = g_rc_box_new0 (GmpWorkerConnection);

  self->stream = stream;
  self->calls = g_hash_table_new (NULL, NULL);
  return self;
}

/* Takes ownership of @error (nullable). */
static void
return_opened (GmpWorkerConnection *self,
               GError              *error)
{
  g_clear_object (&self->cancellable);
  self->opened (error == NULL ? self : NULL, error, self->opened_data);
  if (error != NULL)
    link_unref (self);
}

static void
bus_opened_cb (GObject      *source G_GNUC_UNUSED,
               GAsyncResult *result,
               gpointer      user_data)
{
  GmpWorkerConnection *self = user_data;
  GError *error = NULL;
  GmpBus *bus = gmp_bus_open_finish (result, &error);

  if (bus != NULL)
    {
      gmp_message_stream_free (self->stream);
      self->stream = gmp_bus_stream_new_single (bus);
    }
  return_opened (self, error);
}

/* The worker continues with a GDBusConnection over the same socket. */
static void
open_bus (GmpWorkerConnection *self)
{
  g_autoptr (GSocket) socket = gmp_socket_stream_steal_socket (GMP_SOCKET_STREAM (self->stream));
  g_autoptr (GSocketConnection) connection =
      g_socket_connection_factory_create_connection (socket);

  gmp_bus_open_async (G_IO_STREAM (connection), G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER,
                      self->cancellable, bus_opened_cb, self);
}

static gboolean
greeted_cb (GSocket     *socket G_GNUC_UNUSED,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  GmpWorkerConnection *self = user_data;
  GError *error = NULL;

  /* A forked child must not return it. */
  if (gmp_message_stream_is_foreign (self->stream))
    return G_SOURCE_REMOVE;
  gmp_source_clear (&self->read_source);
  if (!g_cancellable_set_error_if_cancelled (self->cancellable, &error) &&
      gmp_socket_stream_take_greeting (GMP_SOCKET_STREAM (self->stream), &error) &&
      gmp_bus_is_enabled (FALSE))
    open_bus (self);
  else
    return_opened (self, error);
  return G_SOURCE_REMOVE;
}

/* Waits until the worker at the other end of @fd is connected, or has ended, and calls @opened.
 * Takes ownership of @fd. */
void
gmp_worker_connection_open (int                       fd,
                            int                       priority,
                            GCancellable             *cancellable,
                            GmpWorkerConnectionOpened opened,
                            gpointer                  user_data)
{
  GError *error = NULL;
  GmpMessageStream *stream = (GmpMessageStream *) gmp_socket_stream_new (fd, &error);
  GmpWorkerConnection *self;

  if (stream == NULL)
    {
      opened (NULL, error, user_data);
      return;
    }
  self = gmp_worker_connection_new (stream);
  self->opened = opened;
  self->opened_data = user_data;
  g_set_object (&self->cancellable, cancellable);
  self->read_source =
      gmp_message_stream_create_source (stream, priority, G_IO_IN, cancellable, greeted_cb, self);
}

gboolean
gmp_worker_connection_is_open (GmpWorkerConnection *self)
{
  return !self->is_closed && gmp_message_stream_is_open (self->stream);
}

/* Ends the pending run, if there is one: see GmpWorkerConnectionEvents. Takes ownership of
 * @error. */
static void
return_run (GmpWorkerConnection *self,
            gboolean             has_value,
            GVariant            *value,
            GError              *error)
{
  if (self->run_serial == 0)
    {
      g_clear_error (&error);
      return;
    }
  self->run_serial = 0;
  g_clear_pointer (&self->last_turn, g_variant_unref);
  self->events->ran (has_value, value, error, self->user_data);
}

static void
lose (GmpWorkerConnection *self,
      GError              *error)
{
  self->is_closed = TRUE;
  g_clear_pointer (&self->unpacking, gmp_unpacking_free);
  gmp_source_clear (&self->read_source);
  gmp_source_clear (&self->write_source);
  return_run (self, FALSE, NULL, error);
}

/* A waiting run then returns. */
void
gmp_worker_connection_close (GmpWorkerConnection *self)
{
  lose (self, NULL);
}

/* Reports of a worker. */

static void
take_ready (GmpWorkerConnection *self,
            GVariant            *body,
            GUnixFDList         *handles G_GNUC_UNUSED)
{
  guint pid;

  g_variant_get (body, "(u)", &pid);
  self->events->ready (pid, self->user_data);
}

static void
take_loaded (GmpWorkerConnection *self,
             GVariant            *body,
             GUnixFDList         *handles G_GNUC_UNUSED)
{
  g_autofree const char **names = NULL;

  g_variant_get (body, "(^a&s)", &names);
  self->events->loaded (names, self->user_data);
}

static void
report_caught_up (GmpWorkerConnection *self)
{
  if (self->run_serial == 0 || self->unpacking != NULL ||
      gmp_message_stream_get_n_taken (self->stream) < self->catch_up)
    return;
  self->catch_up = G_MAXUINT64;
  self->events->caught_up (self->user_data);
}

static gboolean read_cb (GSocket     *socket,
                         GIOCondition condition,
                         gpointer     user_data);

static void
read_on (GmpWorkerConnection *self)
{
  self->read_source =
      gmp_message_stream_create_source (self->stream, self->priority, G_IO_IN, NULL, read_cb, self);
}

static void
deliver_progress (GmpWorkerConnection *self,
                  GVariant            *value,
                  GError              *error)
{
  self->events->progress (value, error, self->user_data);
}

static void
deliver_turn (GmpWorkerConnection *self,
              GVariant            *value,
              GError              *error)
{
  if (value != NULL)
    self->last_turn = g_variant_ref (value);
  self->events->turn (value, error, self->user_data);
}

static void
deliver_result (GmpWorkerConnection *self,
                GVariant            *value,
                GError              *error)
{
  return_run (self, error == NULL, value, error != NULL ? g_error_copy (error) : NULL);
}

static gboolean
unpacked_cb (gpointer user_data)
{
  /* The run's owner may free this when it returns. */
  GmpWorkerConnection *self = g_rc_box_acquire (user_data);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  if (!gmp_message_stream_is_foreign (self->stream))
    {
      gmp_unpacking_finish (self->unpacking, &value, &error);
      g_clear_pointer (&self->unpacking, gmp_unpacking_free);
      read_on (self);
      self->deliver (self, value, error);
      report_caught_up (self);
    }
  link_unref (self);
  return G_SOURCE_REMOVE;
}

/* Passes the payload in @packed on. If it is large it is checked elsewhere, and no other message is
 * read meanwhile. */
static void
take_payload (GmpWorkerConnection *self,
              GVariant            *packed,
              GUnixFDList         *handles,
              Deliver              deliver)
{
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  self->deliver = deliver;
  self->unpacking = gmp_unpacking_begin (packed, handles, self->value_limit, self->priority,
                                         unpacked_cb, self);
  if (self->unpacking != NULL)
    {
      gmp_source_clear (&self->read_source);
      return;
    }
  gmp_payload_unpack_any (packed, handles, self->value_limit, &value, &error);
  deliver (self, value, error);
}

static void
take_progress (GmpWorkerConnection *self,
               GVariant            *body,
               GUnixFDList         *handles G_GNUC_UNUSED)
{
  g_autoptr (GVariant) packed = g_variant_get_child_value (body, 0);

  take_payload (self, packed, NULL, deliver_progress);
}

static void
take_turn (GmpWorkerConnection *self,
           GVariant            *body,
           GUnixFDList         *handles)
{
  g_autoptr (GVariant) packed = g_variant_get_child_value (body, 0);

  g_clear_pointer (&self->last_turn, g_variant_unref);
  take_payload (self, packed, handles, deliver_turn);
}

static void
take_late (GmpWorkerConnection *self,
           GVariant            *body,
           GUnixFDList         *handles G_GNUC_UNUSED)
{
  const char *client_id;

  g_variant_get (body, "(&s)", &client_id);
  self->events->late (client_id, self->user_data);
}

static void
take_log (GmpWorkerConnection *self,
          GVariant            *body,
          GUnixFDList         *handles G_GNUC_UNUSED)
{
  const char *domain;
  const char *text;
  guint level;

  g_variant_get (body, "(&su&s)", &domain, &level, &text);
  self->events->log (domain, level & G_LOG_LEVEL_MASK, text, self->user_data);
}

static const struct {
  const char *name;
  void (*take) (GmpWorkerConnection *self, GVariant *body, GUnixFDList *handles);
  gboolean may_have_handles;
} signals[] = {
  { "Loaded", take_loaded, FALSE },
  { "Ready", take_ready, FALSE },
  { "Progress", take_progress, FALSE },
  { "Turn", take_turn, TRUE },
  { "Late", take_late, FALSE },
  { "Log", take_log, FALSE },
};

static gboolean
take_signal (GmpWorkerConnection *self,
             GDBusMessage        *message)
{
  const char *name = g_dbus_message_get_member (message);
  const GDBusSignalInfo *info = g_dbus_interface_info_lookup_signal (GMP_WORKER_INFO, name);
  GUnixFDList *handles = g_dbus_message_get_unix_fd_list (message);

  if (info == NULL ||
      g_strcmp0 (g_dbus_message_get_interface (message), GMP_WORKER_INFO->name) != 0 ||
      g_strcmp0 (g_dbus_message_get_path (message), GMP_WORKER_PATH) != 0 ||
      !gmp_message_stream_has_arguments (message, info->args))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    if (g_str_equal (signals[i].name, name) && (handles == NULL || signals[i].may_have_handles))
      {
        signals[i].take (self, g_dbus_message_get_body (message), handles);
        return TRUE;
      }
  return FALSE;
}

static gboolean
take_result (GmpWorkerConnection *self,
             GDBusMessage        *message)
{
  const GDBusMethodInfo *info = g_dbus_interface_info_lookup_method (GMP_WORKER_INFO, "Run");
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GVariant) value = NULL;

  if (!gmp_message_stream_has_arguments (message, info->out_args))
    return FALSE;
  packed = g_variant_get_child_value (g_dbus_message_get_body (message), 0);
  if (gmp_payload_is_repetition (packed))
    {
      value = g_steal_pointer (&self->last_turn);
      return_run (self, TRUE, value, NULL);
    }
  else
    {
      take_payload (self, packed, g_dbus_message_get_unix_fd_list (message), deliver_result);
    }
  return TRUE;
}

static gboolean
take_error (GmpWorkerConnection *self,
            GDBusMessage        *message)
{
  return_run (self, FALSE, NULL, gmp_message_stream_read_error (message));
  return TRUE;
}

/* The answer to a call other than Run. */
static gboolean
take_answer (GmpWorkerConnection *self,
             GDBusMessage        *message)
{
  gpointer serial = GUINT_TO_POINTER (g_dbus_message_get_reply_serial (message));
  gpointer job;
  GError *error = NULL;

  if (!g_hash_table_steal_extended (self->calls, serial, NULL, &job))
    return FALSE;
  if (!g_dbus_message_to_gerror (message, &error))
    return gmp_message_stream_has_arguments (message, NULL);
  g_dbus_error_strip_remote_error (error);
  /* If its run has returned, nothing depends on it. */
  if (GPOINTER_TO_UINT (job) == self->n_runs && self->run_serial != 0)
    self->events->refused (error, self->user_data);
  else
    g_error_free (error);
  return TRUE;
}

static gboolean
take_message (GmpWorkerConnection *self,
              GDBusMessage        *message)
{
  gboolean is_of_run = self->run_serial != 0 &&
                       g_dbus_message_get_reply_serial (message) == self->run_serial;

  switch (g_dbus_message_get_message_type (message))
    {
    case G_DBUS_MESSAGE_TYPE_SIGNAL:
      return take_signal (self, message);

    case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
      return is_of_run ? take_result (self, message) : take_answer (self, message);

    case G_DBUS_MESSAGE_TYPE_ERROR:
      return is_of_run ? take_error (self, message) : take_answer (self, message);

    case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
    case G_DBUS_MESSAGE_TYPE_INVALID:
    default:
      return FALSE;
    }
}

static GError *
unexpected_error (GDBusMessage *message)
{
  const char *name = g_dbus_message_get_member (message);

  return g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                      "unexpected D-Bus message '%.100s' from the worker (%.100s)",
                      name != NULL ? name : "reply", g_dbus_message_get_signature (message));
}

static gboolean
read_cb (GSocket     *socket G_GNUC_UNUSED,
         GIOCondition condition G_GNUC_UNUSED,
         gpointer     user_data)
{
  /* The run's owner may free this when it returns. */
  GmpWorkerConnection *self = g_rc_box_acquire (user_data);
  g_autoptr (GDBusMessage) message = NULL;
  GError *error = NULL;

  if (gmp_message_stream_is_foreign (self->stream))
    {
      link_unref (self);
      return G_SOURCE_REMOVE;
    }
  message = gmp_message_stream_receive (self->stream, &error);
  if (message != NULL && !take_message (self, message))
    error = unexpected_error (message);
  if (error != NULL)
    {
      if (error->domain != GMP_ERROR)
        g_clear_error (&error);
      lose (self, error);
    }
  report_caught_up (self);
  link_unref (self);
  return G_SOURCE_CONTINUE;
}

/* Calls caught_up when everything that the worker has sent so far has been taken, or at once if
 * there is nothing. A worker may keep sending, so this does not wait for silence. */
void
gmp_worker_connection_catch_up (GmpWorkerConnection *self)
{
  self->catch_up = gmp_message_stream_get_n_taken (self->stream) +
                   gmp_message_stream_get_n_waiting (self->stream);
  report_caught_up (self);
}

static gboolean
write_cb (GSocket     *socket G_GNUC_UNUSED,
          GIOCondition condition G_GNUC_UNUSED,
          gpointer     user_data)
{
  GmpWorkerConnection *self = user_data;

  if (!gmp_message_stream_flush (self->stream))
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->write_source);
  return G_SOURCE_REMOVE;
}

void
gmp_worker_connection_await_room (GmpWorkerConnection *self)
{
  if (self->write_source == NULL && !self->is_closed)
    self->write_source = gmp_message_stream_create_source (self->stream, self->priority, G_IO_OUT,
                                                           NULL, write_cb, self);
}

/* A run begins, in the thread-default main context. */
void
gmp_worker_connection_begin (GmpWorkerConnection             *self,
                             int                              priority,
                             const GmpWorkerConnectionEvents *events,
                             gpointer                         user_data)
{
  self->events = events;
  self->user_data = user_data;
  self->n_runs++;
  self->priority = priority;
  self->catch_up = G_MAXUINT64;
  read_on (self);
  if (!gmp_message_stream_flush (self->stream))
    gmp_worker_connection_await_room (self);
}

void
gmp_worker_connection_end (GmpWorkerConnection *self)
{
  g_clear_pointer (&self->unpacking, gmp_unpacking_free);
  gmp_source_clear (&self->read_source);
  gmp_source_clear (&self->write_source);
}
