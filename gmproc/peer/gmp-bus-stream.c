/* gmp-bus-stream.c: the messages of one worker, over a GDBusConnection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-bus-private.h"

#include "base/gmp-error.h"
#include "peer/gmp-file-parts-private.h"

#include <unistd.h>

/* The bytes that may be in flight without an acknowledgement. */
#define WINDOW ((gsize) 1024 * 1024)

/* The part of a descriptor's contents that is sent in one message. */
#define PART_SIZE ((gsize) 256 * 1024)

/* The size of a message besides its body. */
#define OVERHEAD 256

/* A GDBusConnection reads without limit. An end that has sent much therefore asks for an
 * acknowledgement (Sync), which the other end sends when its reader has come so far. */
struct _GmpBusStream
{
  GmpMessageStream parent_instance;

  GmpBus *bus;
  char *path;
  gboolean owns_bus; /* it has no other stream */

  GMutex lock;      /* of what follows */
  GCond cond;       /* something has been sent, or sending has ended */
  gboolean is_lost; /* no more messages arrive */
  GError *failure;  /* (nullable): what it sent cannot be taken */
  GSList *sources;  /* of StreamSource */

  GQueue incoming; /* of GDBusMessage */
  gsize n_waiting; /* of bytes, in these */
  guint64 n_taken;
  GmpFileParts parts; /* of the message that comes next */

  GQueue outgoing; /* of Parcel */
  guint64 n_queued; /* of messages */
  guint64 n_sent;
  gsize n_unsynced; /* of bytes, since the last Sync */
  GQueue syncs;     /* serials of Sync calls without an answer */
};

G_DEFINE_FINAL_TYPE (GmpBusStream, gmp_bus_stream, GMP_TYPE_MESSAGE_STREAM)

/* A message on its way out. */
typedef struct {
  GDBusMessage *message;
  GUnixFDList *files; /* (nullable): the messages that precede it */
  int file;           /* the first that has not been sent */
  goffset offset;
} Parcel;

typedef struct {
  guint32 serial;
  gsize size;
} Sync;

typedef struct {
  GSource source;
  GmpBusStream *stream;
  GIOCondition condition;
  GMainContext *context; /* (nullable): it is not attached, or will not be */
} StreamSource;

static void
parcel_free (gpointer data)
{
  Parcel *parcel = data;

  g_object_unref (parcel->message);
  g_clear_object (&parcel->files);
  g_free (parcel);
}

static gsize
get_size (GDBusMessage *message)
{
  GVariant *body = g_dbus_message_get_body (message);

  return OVERHEAD + (body != NULL ? g_variant_get_size (body) : 0);
}

/* Readiness. */

static gsize
count_unanswered_locked (GmpBusStream *self)
{
  gsize size = self->n_unsynced;

  for (GList *link = self->syncs.head; link != NULL; link = link->next)
    size += ((Sync *) link->data)->size;
  return size;
}

static gboolean
is_ready_locked (GmpBusStream *self,
                 GIOCondition  condition)
{
  if (self->is_lost)
    return TRUE;
  if ((condition & G_IO_IN) != 0)
    return self->incoming.length > 0;
  return count_unanswered_locked (self) < WINDOW;
}

static gboolean
attach_cb (gpointer user_data)
{
  if (!g_source_is_destroyed (user_data))
    g_source_attach (user_data, g_source_get_context (g_main_current_source ()));
  return G_SOURCE_REMOVE;
}

/* In the thread of its main context, where alone it is known whether @source was destroyed. */
static void
attach_later_locked (StreamSource *source)
{
  g_autoptr (GSource) attaching = g_idle_source_new ();

  g_source_set_priority (attaching, g_source_get_priority (&source->source));
  g_source_set_callback (attaching, attach_cb, g_source_ref (&source->source),
                         (GDestroyNotify) g_source_unref);
  g_source_attach (attaching, source->context);
  source->context = NULL;
}

static void
wake_locked (GmpBusStream *self)
{
  for (GSList *link = self->sources; link != NULL; link = link->next)
    {
      StreamSource *source = link->data;

      if (!is_ready_locked (self, source->condition))
        continue;
      g_source_set_ready_time (&source->source, 0);
      if (source->context != NULL)
        attach_later_locked (source);
    }
  g_cond_broadcast (&self->cond);
}

static gboolean
source_dispatch (GSource    *source,
                 GSourceFunc callback,
                 gpointer    user_data)
{
  StreamSource *self = (StreamSource *) source;
  gboolean is_ready;
  gboolean continues;

  g_mutex_lock (&self->stream->lock);
  g_source_set_ready_time (source, -1);
  is_ready = is_ready_locked (self->stream, self->condition);
  g_mutex_unlock (&self->stream->lock);
  if (!is_ready)
    return G_SOURCE_CONTINUE;
  continues = ((GSocketSourceFunc) G_CALLBACK (callback)) (NULL, self->condition, user_data);
  g_mutex_lock (&self->stream->lock);
  if (continues && is_ready_locked (self->stream, self->condition))
    g_source_set_ready_time (source, 0);
  g_mutex_unlock (&self->stream->lock);
  return continues;
}

/* GDBus's thread may take a reference until this has the lock, see attach_later_locked(). The
 * source then stays alive, and this is called again. */
static void
source_dispose (GSource *source)
{
  StreamSource *self = (StreamSource *) source;

  g_mutex_lock (&self->stream->lock);
  self->stream->sources = g_slist_remove (self->stream->sources, self);
  g_mutex_unlock (&self->stream->lock);
}

static void
source_finalize (GSource *source)
{
  g_object_unref (((StreamSource *) source)->stream);
}

static GSourceFuncs source_funcs = { .dispatch = source_dispatch, .finalize = source_finalize };

static GSource *
gmp_bus_stream_create_source (GmpMessageStream *stream,
                              GIOCondition      condition,
                              GCancellable     *cancellable)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  GSource *source = g_source_new (&source_funcs, sizeof (StreamSource));
  StreamSource *own = (StreamSource *) source;

  g_assert (cancellable == NULL);
  g_source_set_dispose_function (source, source_dispose);
  own->stream = g_object_ref (self);
  own->condition = condition;
  g_mutex_lock (&self->lock);
  self->sources = g_slist_prepend (self->sources, own);
  if (is_ready_locked (self, condition))
    g_source_set_ready_time (source, 0);
  g_mutex_unlock (&self->lock);
  return source;
}

/* The source joins its main context when it is ready for the first time: each turn of a main loop
 * looks at all sources, and most workers of many are silent. */
static void
gmp_bus_stream_attach (GmpMessageStream *stream,
                       GSource          *source,
                       GMainContext     *context)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  StreamSource *own = (StreamSource *) source;

  g_mutex_lock (&self->lock);
  if (is_ready_locked (self, own->condition))
    g_source_attach (source, context);
  else
    own->context = context;
  g_mutex_unlock (&self->lock);
}

/* Sending. */

static gboolean
send_stream_call_locked (GmpBusStream *self,
                         const char   *name,
                         GVariant     *body,
                         guint32      *serial)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (NULL, self->path,
                                                                     GMP_STREAM_INFO->name, name);

  if (body != NULL)
    g_dbus_message_set_body (message, body);
  if (serial == NULL)
    g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  if (!gmp_bus_send (self->bus, message, NULL))
    return FALSE;
  if (serial != NULL)
    *serial = g_dbus_message_get_serial (message);
  return TRUE;
}

static void
count_locked (GmpBusStream *self,
              gsize         size)
{
  Sync *sync;

  self->n_unsynced += size;
  if (self->n_unsynced < WINDOW / 4)
    return;
  sync = g_new0 (Sync, 1);
  sync->size = self->n_unsynced;
  self->n_unsynced = 0;
  if (send_stream_call_locked (self, "Sync", NULL, &sync->serial))
    g_queue_push_tail (&self->syncs, sync);
  else
    g_free (sync);
}

/* Sends the next part of a descriptor's contents; FALSE if it cannot be read. */
static gboolean
send_part_locked (GmpBusStream *self,
                  Parcel       *parcel)
{
  g_autofree char *bytes = g_malloc (PART_SIZE);
  int fd = g_unix_fd_list_peek_fds (parcel->files, NULL)[parcel->file];
  gssize n = pread (fd, bytes, PART_SIZE, parcel->offset);
  GVariant *part;

  if (n == -1)
    return FALSE;
  parcel->offset += n;
  part = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, n, TRUE, g_free, bytes);
  bytes = NULL;
  send_stream_call_locked (self, "Part",
                           g_variant_new ("(u@ay)", (guint) parcel->file, part), NULL);
  count_locked (self, OVERHEAD + n);
  if ((gsize) n < PART_SIZE)
    {
      parcel->file++;
      parcel->offset = 0;
    }
  return TRUE;
}

static gboolean
send_message_locked (GmpBusStream *self,
                     Parcel       *parcel)
{
  if (!gmp_bus_send (self->bus, parcel->message, NULL))
    return FALSE;
  count_locked (self, get_size (parcel->message));
  return TRUE;
}

static void
lose_locked (GmpBusStream *self)
{
  self->is_lost = TRUE;
  g_queue_clear_full (&self->outgoing, parcel_free);
  wake_locked (self);
}

static void
push_locked (GmpBusStream *self)
{
  Parcel *parcel;

  while (!self->is_lost && (parcel = g_queue_peek_head (&self->outgoing)) != NULL &&
         count_unanswered_locked (self) < WINDOW)
    {
      gboolean has_parts = parcel->files != NULL &&
                           parcel->file < g_unix_fd_list_get_length (parcel->files);

      if (!(has_parts ? send_part_locked (self, parcel) : send_message_locked (self, parcel)))
        {
          lose_locked (self);
          return;
        }
      if (!has_parts)
        {
          parcel_free (g_queue_pop_head (&self->outgoing));
          self->n_sent++;
        }
    }
}

static gboolean
passes_files (GmpBusStream *self)
{
  GDBusConnection *connection = gmp_bus_get_connection (self->bus);

  return (g_dbus_connection_get_capabilities (connection) &
          G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING) != 0;
}

/* Gives a message, a reply too, the path of the stream's object. Returns a copy if the path has to
 * change. */
static GDBusMessage *
address (GmpBusStream *self,
         GDBusMessage *message,
         GUnixFDList **files)
{
  const char *path = g_dbus_message_get_path (message);
  GUnixFDList *handles = g_dbus_message_get_unix_fd_list (message);
  gboolean has_parts = handles != NULL && !passes_files (self);
  GDBusMessage *copy;

  if (!has_parts && g_strcmp0 (path, self->path) == 0)
    return g_object_ref (message);
  copy = g_dbus_message_copy (message, NULL);
  g_dbus_message_set_serial (copy, g_dbus_message_get_serial (message));
  g_dbus_message_set_path (copy, self->path);
  if (has_parts)
    {
      *files = g_object_ref (handles);
      g_dbus_message_set_unix_fd_list (copy, NULL);
    }
  return copy;
}

/* Returns the number of messages that must have been sent for @message to be among them. */
static guint64
queue_locked (GmpBusStream *self,
              GDBusMessage *message)
{
  Parcel *parcel = g_new0 (Parcel, 1);

  /* The caller needs the serial before the message is sent. */
  if (g_dbus_message_get_serial (message) == 0)
    g_dbus_message_set_serial (message, gmp_bus_next_serial (self->bus));
  parcel->message = address (self, message, &parcel->files);
  g_queue_push_tail (&self->outgoing, parcel);
  self->n_queued++;
  if (self->is_lost)
    g_queue_clear_full (&self->outgoing, parcel_free);
  push_locked (self);
  return self->n_queued;
}

static gboolean
gmp_bus_stream_send (GmpMessageStream *stream,
                     GDBusMessage     *message,
                     GError          **error)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  gboolean is_lost;
  guint64 n;

  g_mutex_lock (&self->lock);
  n = queue_locked (self, message);
  while (!self->is_lost && self->n_sent < n)
    g_cond_wait (&self->cond, &self->lock);
  is_lost = self->is_lost;
  g_mutex_unlock (&self->lock);
  if (!is_lost)
    return g_dbus_connection_flush_sync (gmp_bus_get_connection (self->bus), NULL, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The connection is closed");
  return FALSE;
}

static gboolean
gmp_bus_stream_has_unsent (GmpMessageStream *stream)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->outgoing.length > 0;
  g_mutex_unlock (&self->lock);
  return result;
}

static gboolean
gmp_bus_stream_flush (GmpMessageStream *stream)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);

  if (gmp_message_stream_is_foreign (stream))
    return TRUE;
  g_mutex_lock (&self->lock);
  push_locked (self);
  g_mutex_unlock (&self->lock);
  return !gmp_bus_stream_has_unsent (stream);
}

static gboolean
gmp_bus_stream_post (GmpMessageStream *stream,
                     GDBusMessage     *message)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);

  g_mutex_lock (&self->lock);
  queue_locked (self, message);
  g_mutex_unlock (&self->lock);
  return !gmp_bus_stream_has_unsent (stream);
}

/* Receiving, in GDBus's thread. */

static void
take_part_locked (GmpBusStream *self,
                  GDBusMessage *message)
{
  g_autoptr (GVariant) bytes = NULL;
  guint32 place;

  g_variant_get (g_dbus_message_get_body (message), "(u@ay)", &place, &bytes);
  if (self->failure == NULL && !gmp_file_parts_add (&self->parts, place, bytes, &self->failure))
    lose_locked (self);
}

/* The contents of @message's descriptors have come before it. */
static void
attach_files_locked (GmpBusStream *self,
                     GDBusMessage *message)
{
  g_autoptr (GUnixFDList) files = gmp_file_parts_take (&self->parts);

  if (files != NULL)
    g_dbus_message_set_unix_fd_list (message, files);
}

static gboolean
is_stream_call (GDBusMessage *message,
                const char   *name)
{
  const GDBusMethodInfo *info = g_dbus_interface_info_lookup_method (GMP_STREAM_INFO, name);

  return g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
         g_strcmp0 (g_dbus_message_get_interface (message), GMP_STREAM_INFO->name) == 0 &&
         g_strcmp0 (g_dbus_message_get_member (message), name) == 0 &&
         gmp_message_stream_has_arguments (message, info->in_args);
}

static void
take_message_locked (GmpBusStream *self,
                     GDBusMessage *message)
{
  /* GDBus has locked it. */
  GDBusMessage *copy = g_dbus_message_copy (message, NULL);

  g_dbus_message_set_serial (copy, g_dbus_message_get_serial (message));
  if (g_dbus_message_get_path (copy) != NULL)
    g_dbus_message_set_path (copy, GMP_WORKER_PATH);
  if (!is_stream_call (copy, "Sync"))
    attach_files_locked (self, copy);
  self->n_waiting += get_size (copy);
  g_queue_push_tail (&self->incoming, copy);
}

static gboolean
take_answer_locked (GmpBusStream *self,
                    GDBusMessage *message)
{
  Sync *sync = g_queue_peek_head (&self->syncs);

  if (sync == NULL || g_dbus_message_get_reply_serial (message) != sync->serial)
    return FALSE;
  g_free (g_queue_pop_head (&self->syncs));
  push_locked (self);
  return TRUE;
}

void
gmp_bus_stream_take (GmpBusStream *self,
                     GDBusMessage *message)
{
  g_mutex_lock (&self->lock);
  if (is_stream_call (message, "Part"))
    take_part_locked (self, message);
  else if (is_stream_call (message, "Close"))
    lose_locked (self);
  else if (!take_answer_locked (self, message))
    take_message_locked (self, message);
  wake_locked (self);
  g_mutex_unlock (&self->lock);
}

/* The connection has ended. */
void
gmp_bus_stream_lose (GmpBusStream *self)
{
  g_mutex_lock (&self->lock);
  lose_locked (self);
  g_mutex_unlock (&self->lock);
}

static GDBusMessage *
gmp_bus_stream_receive (GmpMessageStream *stream,
                        GError          **error)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  GDBusMessage *message;
  GDBusMessage *reply;

  g_mutex_lock (&self->lock);
  while ((message = g_queue_pop_head (&self->incoming)) != NULL)
    {
      self->n_waiting -= get_size (message);
      self->n_taken += get_size (message);
      if (!is_stream_call (message, "Sync"))
        break;
      reply = g_dbus_message_new_method_reply (message);
      g_dbus_message_set_path (reply, self->path);
      gmp_bus_send (self->bus, reply, NULL);
      g_object_unref (reply);
      g_object_unref (message);
    }
  if (message == NULL && self->failure != NULL)
    g_propagate_error (error, g_error_copy (self->failure));
  else if (message == NULL && self->is_lost)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The other end has closed the connection");
  g_mutex_unlock (&self->lock);
  return message;
}

static gboolean
gmp_bus_stream_is_open (GmpMessageStream *stream)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  gboolean result;

  g_mutex_lock (&self->lock);
  result = !self->is_lost;
  g_mutex_unlock (&self->lock);
  return result;
}

static guint64
gmp_bus_stream_get_n_taken (GmpMessageStream *stream)
{
  return GMP_BUS_STREAM (stream)->n_taken;
}

static gsize
gmp_bus_stream_get_n_waiting (GmpMessageStream *stream)
{
  GmpBusStream *self = GMP_BUS_STREAM (stream);
  gsize result;

  g_mutex_lock (&self->lock);
  result = self->n_waiting;
  g_mutex_unlock (&self->lock);
  return result;
}

static void
gmp_bus_stream_dispose (GObject *object)
{
  GmpBusStream *self = GMP_BUS_STREAM (object);

  if (self->bus != NULL && !gmp_message_stream_is_foreign (GMP_MESSAGE_STREAM (self)))
    {
      gmp_bus_remove (self->bus, self->path, self);
      g_mutex_lock (&self->lock);
      /* The other end does not know of a failure here. */
      if ((!self->is_lost || self->failure != NULL) && !self->owns_bus)
        send_stream_call_locked (self, "Close", NULL, NULL);
      lose_locked (self);
      g_mutex_unlock (&self->lock);
      if (self->owns_bus)
        gmp_bus_close (self->bus);
    }
  G_OBJECT_CLASS (gmp_bus_stream_parent_class)->dispose (object);
}

static void
gmp_bus_stream_finalize (GObject *object)
{
  GmpBusStream *self = GMP_BUS_STREAM (object);

  gmp_file_parts_clear (&self->parts);
  g_queue_clear_full (&self->incoming, g_object_unref);
  g_queue_clear_full (&self->outgoing, parcel_free);
  g_queue_clear_full (&self->syncs, g_free);
  g_clear_error (&self->failure);
  g_clear_object (&self->bus);
  g_free (self->path);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gmp_bus_stream_parent_class)->finalize (object);
}

static void
gmp_bus_stream_class_init (GmpBusStreamClass *klass)
{
  GmpMessageStreamClass *stream_class = GMP_MESSAGE_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = gmp_bus_stream_dispose;
  G_OBJECT_CLASS (klass)->finalize = gmp_bus_stream_finalize;
  stream_class->create_source = gmp_bus_stream_create_source;
  stream_class->attach = gmp_bus_stream_attach;
  stream_class->is_open = gmp_bus_stream_is_open;
  stream_class->get_n_taken = gmp_bus_stream_get_n_taken;
  stream_class->get_n_waiting = gmp_bus_stream_get_n_waiting;
  stream_class->receive = gmp_bus_stream_receive;
  stream_class->send = gmp_bus_stream_send;
  stream_class->post = gmp_bus_stream_post;
  stream_class->flush = gmp_bus_stream_flush;
  stream_class->has_unsent = gmp_bus_stream_has_unsent;
}

static void
gmp_bus_stream_init (GmpBusStream *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  gmp_file_parts_init (&self->parts);
}

/* The object at @path, whose messages have another path elsewhere. */
GmpBusStream *
gmp_bus_stream_new (GmpBus     *bus,
                    const char *path)
{
  GmpBusStream *self = g_object_new (GMP_TYPE_BUS_STREAM, NULL);

  self->bus = g_object_ref (bus);
  self->path = g_strdup (path);
  gmp_bus_add (bus, path, self);
  return self;
}

/* The only stream of @bus. Takes ownership of it and closes the connection at its end. Messages are
 * processed from here on. */
GmpMessageStream *
gmp_bus_stream_new_single (GmpBus *bus)
{
  GmpBusStream *self = gmp_bus_stream_new (bus, GMP_WORKER_PATH);

  self->owns_bus = TRUE;
  g_dbus_connection_start_message_processing (gmp_bus_get_connection (bus));
  g_object_unref (bus);
  return GMP_MESSAGE_STREAM (self);
}
