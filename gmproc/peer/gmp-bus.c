/* gmp-bus.c: a GDBusConnection that carries the messages of any number of workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-bus-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-thread-private.h"

#include <string.h>

/* Serials of workers' messages begin here; lower ones belong to GDBus. */
#define FIRST_SERIAL 0x40000000u

/* Each worker is an object and has a stream. Messages are sorted by their path in GDBus's thread,
 * replies too, which have one here. So no worker can answer for another. Messages that are not for
 * a stream are left to GDBus. */
struct _GmpBus
{
  GObject parent_instance;

  GDBusConnection *connection;
  guint filter;
  gulong closed_handler;

  GMutex lock;         /* of what follows */
  GHashTable *streams; /* path to GmpBusStream, without references */
  guint32 serial;
  gboolean is_closed;
};

G_DEFINE_FINAL_TYPE (GmpBus, gmp_bus, G_TYPE_OBJECT)

static gboolean
is_reply (GDBusMessage *message)
{
  GDBusMessageType type = g_dbus_message_get_message_type (message);

  return type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR;
}

/* GDBus's own replies have no path. */
static gboolean
is_for_stream (GDBusMessage *message)
{
  const char *interface = g_dbus_message_get_interface (message);

  if (g_dbus_message_get_path (message) == NULL)
    return FALSE;
  return is_reply (message) || g_strcmp0 (interface, GMP_WORKER_INFO->name) == 0 ||
         g_strcmp0 (interface, GMP_STREAM_INFO->name) == 0 ||
         (g_strcmp0 (interface, GMP_PROCESS_INFO->name) == 0 &&
          g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL);
}

static GmpBusStream *
find_stream (GmpBus       *self,
             GDBusMessage *message)
{
  GmpBusStream *stream;

  g_mutex_lock (&self->lock);
  stream = g_hash_table_lookup (self->streams, g_dbus_message_get_path (message));
  if (stream != NULL)
    g_object_ref (stream);
  g_mutex_unlock (&self->lock);
  return stream;
}

/* Both ends of a stream close it, and the second Close finds none, as do late replies. GDBus would
 * answer the call with an error, although the caller expects no reply. */
static gboolean
is_late (GDBusMessage *message)
{
  return is_reply (message) ||
         ((g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) != 0 &&
          g_strcmp0 (g_dbus_message_get_interface (message), GMP_STREAM_INFO->name) == 0);
}

/* In GDBus's thread. */
static GDBusMessage *
filter_cb (GDBusConnection *connection G_GNUC_UNUSED,
           GDBusMessage    *message,
           gboolean         is_incoming,
           gpointer         user_data)
{
  g_autoptr (GmpBusStream) stream = NULL;

  if (!is_incoming || !is_for_stream (message))
    return message;
  stream = find_stream (user_data, message);
  if (stream == NULL && !is_late (message))
    return message;
  if (stream != NULL)
    gmp_bus_stream_take (stream, message);
  g_object_unref (message);
  return NULL;
}

static void
add_stream_cb (gpointer path G_GNUC_UNUSED,
               gpointer stream,
               gpointer list)
{
  g_ptr_array_add (list, g_object_ref (stream));
}

static void
unref_closure (gpointer  bus,
               GClosure *closure G_GNUC_UNUSED)
{
  g_object_unref (bus);
}

/* All received messages were sorted before this. */
static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         by_peer G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  GmpBus *self = user_data;
  g_autoptr (GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);

  g_mutex_lock (&self->lock);
  self->is_closed = TRUE;
  g_hash_table_foreach (self->streams, add_stream_cb, streams);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < streams->len; i++)
    gmp_bus_stream_lose (streams->pdata[i]);
}

void
gmp_bus_add (GmpBus       *self,
             const char   *path,
             GmpBusStream *stream)
{
  gboolean is_closed;

  g_mutex_lock (&self->lock);
  g_hash_table_insert (self->streams, g_strdup (path), stream);
  is_closed = self->is_closed;
  g_mutex_unlock (&self->lock);
  if (is_closed)
    gmp_bus_stream_lose (stream);
}

void
gmp_bus_remove (GmpBus       *self,
                const char   *path,
                GmpBusStream *stream)
{
  g_mutex_lock (&self->lock);
  if (g_hash_table_lookup (self->streams, path) == stream)
    g_hash_table_remove (self->streams, path);
  g_mutex_unlock (&self->lock);
}

guint32
gmp_bus_next_serial (GmpBus *self)
{
  guint32 result;

  g_mutex_lock (&self->lock);
  self->serial = MAX (self->serial + 1, FIRST_SERIAL);
  result = self->serial;
  g_mutex_unlock (&self->lock);
  return result;
}

/* Called in any thread. Gives @message a serial, unless it has one. */
gboolean
gmp_bus_send (GmpBus       *self,
              GDBusMessage *message,
              GError      **error)
{
  if (g_dbus_message_get_serial (message) == 0)
    g_dbus_message_set_serial (message, gmp_bus_next_serial (self));
  return g_dbus_connection_send_message (self->connection, message,
                                         G_DBUS_SEND_MESSAGE_FLAGS_PRESERVE_SERIAL, NULL, error);
}

GDBusConnection *
gmp_bus_get_connection (GmpBus *self)
{
  return self->connection;
}

static gboolean
close_cb (gpointer user_data)
{
  GmpBus *self = user_data;

  g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  /* Its callbacks hold references to this object. */
  g_object_run_dispose (G_OBJECT (self));
  return G_SOURCE_REMOVE;
}

/* Forked children may hold the socket open, so it is shut down. A message that waits for room in
 * it, because the other end is stopped, would also keep the connection from being closed. The
 * caller's main context may be freed before that, so another one is used. */
void
gmp_bus_close (GmpBus *self)
{
  GIOStream *stream = g_dbus_connection_get_stream (self->connection);
  g_autoptr (GIOStream) base = NULL;

  if (G_IS_TLS_CONNECTION (stream))
    g_object_get (stream, "base-io-stream", &base, NULL);
  else
    base = g_object_ref (stream);
  if (G_IS_SOCKET_CONNECTION (base))
    g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base)), TRUE, TRUE,
                       NULL);
  /* A forked child may not be able to start the thread, and needs no more than that. */
  if (gmp_bus_begin (NULL))
    g_main_context_invoke_full (gmp_bus_get_context (), G_PRIORITY_DEFAULT, close_cb,
                                g_object_ref (self), g_object_unref);
}

static void
gmp_bus_dispose (GObject *object)
{
  GmpBus *self = GMP_BUS (object);

  g_clear_signal_handler (&self->closed_handler, self->connection);
  if (self->filter != 0)
    g_dbus_connection_remove_filter (self->connection, self->filter);
  self->filter = 0;
  G_OBJECT_CLASS (gmp_bus_parent_class)->dispose (object);
}

static void
gmp_bus_finalize (GObject *object)
{
  GmpBus *self = GMP_BUS (object);

  g_object_unref (self->connection);
  g_hash_table_unref (self->streams);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gmp_bus_parent_class)->finalize (object);
}

static void
gmp_bus_class_init (GmpBusClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gmp_bus_dispose;
  G_OBJECT_CLASS (klass)->finalize = gmp_bus_finalize;
}

static void
gmp_bus_init (GmpBus *self)
{
  g_mutex_init (&self->lock);
  self->streams = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/* @connection must not have begun to process messages. Its end is reported in its main context. */
static GmpBus *
gmp_bus_new (GDBusConnection *connection)
{
  GmpBus *self = g_object_new (GMP_TYPE_BUS, NULL);

  self->connection = g_object_ref (connection);
  self->closed_handler = g_signal_connect_data (connection, "closed", G_CALLBACK (closed_cb),
                                                g_object_ref (self), unref_closure, 0);
  self->filter = g_dbus_connection_add_filter (connection, filter_cb, g_object_ref (self),
                                               g_object_unref);
  return self;
}

/* GMPROC_CONTROL=gdbus is for tests: workers of this machine are controlled as those of others. The
 * application reports another value, and its workers do not repeat that. */
gboolean
gmp_bus_is_enabled (gboolean is_worker)
{
  return is_worker ? g_strcmp0 (gmp_environment_get ("GMPROC_CONTROL"), "gdbus") == 0
                   : gmp_environment_is ("GMPROC_CONTROL", "gdbus", NULL);
}

static gpointer
bus_thread (gpointer context)
{
  g_main_context_push_thread_default (context);
  for (;;)
    g_main_context_iteration (context, TRUE);
  return NULL;
}

G_LOCK_DEFINE_STATIC (bus_context);
static GMainContext *bus_context;

/* It belongs to the parent, whose other threads may have held the lock. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (bus_context), 0, sizeof G_LOCK_NAME (bus_context));
  bus_context = NULL;
}

GMP_FORK_FORGETS (forget)

/* Starts the thread that handles connection events, independent of the main contexts of runs. To be
 * called before anything that needs it. */
gboolean
gmp_bus_begin (GError **error)
{
  GMainContext *context = NULL;
  gboolean result;

  if (!gmp_thread_begin (error))
    return FALSE;
  G_LOCK (bus_context);
  if (bus_context == NULL)
    context = gmp_thread_context_new (error);
  if (context != NULL && gmp_thread_start (NULL, "gmproc-bus", bus_thread, context, error))
    bus_context = g_steal_pointer (&context);
  result = bus_context != NULL;
  G_UNLOCK (bus_context);
  g_clear_pointer (&context, g_main_context_unref);
  return result;
}

/* The context of that thread. */
GMainContext *
gmp_bus_get_context (void)
{
  GMainContext *context;

  G_LOCK (bus_context);
  context = bus_context;
  G_UNLOCK (bus_context);
  g_assert (context != NULL);
  return context;
}

typedef struct {
  GIOStream *stream;
  GDBusConnectionFlags flags;
} Opening;

static void
opening_free (gpointer data)
{
  Opening *opening = data;

  g_object_unref (opening->stream);
  g_free (opening);
}

static void
opened_cb (GObject      *source G_GNUC_UNUSED,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_finish (result, &error);

  if (connection != NULL)
    g_task_return_pointer (task, gmp_bus_new (connection), g_object_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
open_cb (gpointer user_data)
{
  GTask *task = user_data;
  Opening *opening = g_task_get_task_data (task);
  gboolean is_server = (opening->flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER) != 0;
  g_autofree char *guid = is_server ? g_dbus_generate_guid () : NULL;
  GError *error = NULL;

  if (!gmp_thread_try (&error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return G_SOURCE_REMOVE;
    }
  g_dbus_connection_new (opening->stream, guid,
                         opening->flags | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL,
                         g_task_get_cancellable (task), opened_cb, task);
  return G_SOURCE_REMOVE;
}

/* A connection over @stream whose messages are not processed yet. */
void
gmp_bus_open_async (GIOStream           *stream,
                    GDBusConnectionFlags flags,
                    GCancellable        *cancellable,
                    GAsyncReadyCallback  callback,
                    gpointer             user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GSource) source = g_idle_source_new ();
  Opening *opening = g_new (Opening, 1);
  GError *error = NULL;

  *opening = (Opening) { g_object_ref (stream), flags };
  g_task_set_source_tag (task, gmp_bus_open_async);
  g_task_set_task_data (task, opening, opening_free);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, open_cb, task, NULL);
  if (gmp_bus_begin (&error))
    {
      g_source_attach (source, gmp_bus_get_context ());
      return;
    }
  g_task_return_error (task, error);
  g_object_unref (task);
}

GmpBus *
gmp_bus_open_finish (GAsyncResult *result,
                     GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
opened_sync_cb (GObject      *source G_GNUC_UNUSED,
                GAsyncResult *result,
                gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

GmpBus *
gmp_bus_open_sync (GIOStream           *stream,
                   GDBusConnectionFlags flags,
                   GError             **error)
{
  g_autoptr (GMainContext) context = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  if (!gmp_thread_begin (error) || (context = gmp_thread_context_new (error)) == NULL)
    return NULL;
  g_main_context_push_thread_default (context);
  gmp_bus_open_async (stream, flags, NULL, opened_sync_cb, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return gmp_bus_open_finish (result, error);
}
