/* gmp-socket-stream.c: D-Bus messages over a socket, without GDBus's threads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-socket-stream-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <gio/gunixfdmessage.h>
#include <sys/socket.h>
#include <unistd.h>

/* A GDBusConnection starts four threads in its process: its own, one of GLib, and two of GTask's
 * pool. They are most of the cost of a worker that is forked for one call, and they would get in
 * the way of user code that forks. In the application it reads without limit, whether or not
 * anything consumes the messages. GIO's messages do not need a GDBusConnection: here they are read
 * when a reader waits for them, and a sender that is faster waits. */

/* The bytes that contain the length of a message. */
#define HEADER_SIZE 16

/* It contains payloads up to 16 MiB, and descriptions of targets and errors may be long. */
#define MAX_SIZE ((gsize) 32 * 1024 * 1024)

/* The initial buffer of an announced message; later it is at most twice the received bytes. */
#define FIRST_ROOM ((gsize) 64 * 1024)

/* A channel takes four. */
#define MAX_HANDLES 8

/* An outgoing message. */
typedef struct {
  guint8 *blob;
  gsize size;
  gsize n_sent;
  GUnixFDList *handles; /* (nullable): they go with the first byte */
} Parcel;

struct _GmpSocketStream
{
  GmpMessageStream parent_instance;

  GSocket *socket;

  GMutex lock; /* of all that is sent */
  guint32 serial; /* the last one */
  GQueue parcels; /* messages that the socket had no room for */
  GError *refusal; /* (nullable): why a message could not be sent, although the other side lives */

  /* The received part of the next message. */
  guint8 *blob;
  gsize size; /* 0: not known yet */
  gsize n_received;
  gsize n_room;
  GUnixFDList *handles; /* (nullable) */
  guint64 n_taken; /* of bytes, of all messages */
};

G_DEFINE_FINAL_TYPE (GmpSocketStream, gmp_socket_stream, GMP_TYPE_MESSAGE_STREAM)

static void
parcel_free (gpointer data)
{
  Parcel *parcel = data;

  g_free (parcel->blob);
  g_clear_object (&parcel->handles);
  g_free (parcel);
}

static void
gmp_socket_stream_dispose (GObject *object)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (object);

  /* Forked children may hold the socket open, so closing it would not be enough. The children do
   * not shut it down, because it belongs to their parent. */
  if (self->socket != NULL && !gmp_message_stream_is_foreign (GMP_MESSAGE_STREAM (self)))
    g_socket_shutdown (self->socket, TRUE, TRUE, NULL);
  g_clear_object (&self->socket);
  G_OBJECT_CLASS (gmp_socket_stream_parent_class)->dispose (object);
}

static void
gmp_socket_stream_finalize (GObject *object)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (object);

  g_queue_clear_full (&self->parcels, parcel_free);
  g_clear_error (&self->refusal);
  g_free (self->blob);
  g_clear_object (&self->handles);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gmp_socket_stream_parent_class)->finalize (object);
}

static GSource *
gmp_socket_stream_create_source (GmpMessageStream *stream,
                                 GIOCondition      condition,
                                 GCancellable     *cancellable)
{
  return g_socket_create_source (GMP_SOCKET_STREAM (stream)->socket, condition, cancellable);
}

/* TRUE if the other end is connected. */
static gboolean
gmp_socket_stream_is_open (GmpMessageStream *stream)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);

  return (g_socket_condition_check (self->socket, G_IO_HUP) & (G_IO_HUP | G_IO_ERR)) == 0;
}

/* The bytes of messages that have been taken. */
static guint64
gmp_socket_stream_get_n_taken (GmpMessageStream *stream)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);

  return self->n_taken;
}

/* The bytes that have arrived and were not taken. */
static gsize
gmp_socket_stream_get_n_waiting (GmpMessageStream *stream)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);

  return MAX (g_socket_get_available_bytes (self->socket), 0);
}

int
gmp_socket_stream_get_fd (GmpSocketStream *self)
{
  return g_socket_get_fd (self->socket);
}

/* One byte, before all messages, announces a worker. */
gboolean
gmp_socket_stream_greet (GmpSocketStream *self,
                         GError         **error)
{
  return g_socket_send (self->socket, "", 1, NULL, error) == 1;
}

gboolean
gmp_socket_stream_take_greeting (GmpSocketStream *self,
                                 GError         **error)
{
  char byte;
  gssize n = g_socket_receive (self->socket, &byte, 1, NULL, error);

  if (n == 1 && byte == '\0')
    return TRUE;
  if (n == 0)
    g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                 "The other end has closed the connection");
  else if (n == 1)
    g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                 "expected a greeting, received another byte");
  return FALSE;
}

/* All descriptors of a message arrive at once. */
static gboolean
take_handles (GmpSocketStream       *self,
              GSocketControlMessage *part,
              GError               **error)
{
  GUnixFDList *handles = G_IS_UNIX_FD_MESSAGE (part)
                         ? g_unix_fd_message_get_fd_list (G_UNIX_FD_MESSAGE (part)) : NULL;

  if (handles == NULL || self->handles != NULL ||
      g_unix_fd_list_get_length (handles) > MAX_HANDLES)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "it sent more than %d descriptors with a "
                   "message", MAX_HANDLES);
      return FALSE;
    }
  self->handles = g_object_ref (handles);
  return TRUE;
}

/* Nothing comes any more. */
static void
set_closed (GmpSocketStream *self,
            GError         **error)
{
  g_mutex_lock (&self->lock);
  if (self->refusal != NULL)
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "A message to it cannot be sent: %s%s",
                 self->refusal->message,
                 g_error_matches (self->refusal, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED)
                 ? gmp_limit_describe (EPERM) : "");
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The other end has closed the socket");
  g_mutex_unlock (&self->lock);
}

/* Unlike other errors of a socket, this is not the end of the other side. */
static void
refuse_to_receive (GError **error)
{
  g_autoptr (GError) reason = g_steal_pointer (error);

  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "A message cannot be received: %s%s",
               reason->message, gmp_limit_describe (EPERM));
}

/* %FALSE without an error if there is nothing to read yet. */
static gboolean
receive_bytes (GmpSocketStream *self,
               gsize             n_wanted,
               GError          **error)
{
  GInputVector place = { self->blob + self->n_received, n_wanted - self->n_received };
  GSocketControlMessage **parts = NULL;
  GError *local = NULL;
  gboolean is_sound = TRUE;
  int n_parts = 0;
  gssize n = g_socket_receive_message (self->socket, NULL, &place, 1, &parts, &n_parts, NULL, NULL,
                                       &local);

  for (int i = 0; i < n_parts; i++)
    {
      is_sound = is_sound && take_handles (self, parts[i], &local);
      g_object_unref (parts[i]);
    }
  g_free (parts);
  if (n == 0)
    set_closed (self, &local);
  self->n_received += MAX (n, 0);
  self->n_taken += MAX (n, 0);
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    g_clear_error (&local);
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    refuse_to_receive (&local);
  if (local != NULL)
    g_propagate_error (error, local);
  return n > 0 && is_sound;
}

/* Makes room for the bytes that are missing from @n_wanted. */
static void
make_room (GmpSocketStream *self,
           gsize             n_wanted)
{
  if (self->n_received < self->n_room)
    return;
  self->n_room = MIN (MAX (2 * self->n_room, FIRST_ROOM), n_wanted);
  self->blob = g_realloc (self->blob, self->n_room);
}

static gboolean
read_size (GmpSocketStream *self,
           GError          **error)
{
  gssize size = g_dbus_message_bytes_needed (self->blob, HEADER_SIZE, NULL);

  if (size > HEADER_SIZE && (gsize) size <= MAX_SIZE)
    {
      self->size = size;
      return TRUE;
    }
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "invalid message header, or a message larger "
                                                     "than %" G_GSIZE_FORMAT " bytes", MAX_SIZE);
  return FALSE;
}

static GDBusMessage *
take_message (GmpSocketStream *self,
              GError          **error)
{
  g_autoptr (GError) local = NULL;
  GDBusMessage *message = g_dbus_message_new_from_blob (self->blob, self->size,
                                                        G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING,
                                                        &local);

  if (message != NULL)
    {
      g_dbus_message_set_unix_fd_list (message, self->handles);
    }
  else
    {
      /* GLib quotes the received bytes, which may not be text. */
      g_autofree char *valid = g_utf8_make_valid (local->message, -1);

      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "invalid message: %s", valid);
    }
  g_clear_object (&self->handles);
  self->n_room = HEADER_SIZE;
  self->blob = g_realloc (self->blob, HEADER_SIZE);
  self->size = 0;
  self->n_received = 0;
  return message;
}

/* Takes the next message, without waiting: %NULL without an error if no complete message is there
 * yet. In one thread at a time. */
static GDBusMessage *
gmp_socket_stream_receive (GmpMessageStream *stream,
                           GError          **error)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);

  for (;;)
    {
      gsize n_wanted = self->size > 0 ? self->size : HEADER_SIZE;

      if (self->n_received < n_wanted)
        {
          make_room (self, n_wanted);
          if (!receive_bytes (self, MIN (n_wanted, self->n_room), error))
            return NULL;
        }
      else if (self->size > 0)
        {
          return take_message (self, error);
        }
      else if (!read_size (self, error))
        {
          return NULL;
        }
    }
}

static Parcel *
pack_locked (GmpSocketStream *self,
             GDBusMessage     *message,
             GError          **error)
{
  GUnixFDList *handles = g_dbus_message_get_unix_fd_list (message);
  Parcel *parcel;
  guint8 *blob;
  gsize size;

  /* A forwarded message keeps its serial, which its answer will contain. */
  if (g_dbus_message_get_serial (message) == 0)
    g_dbus_message_set_serial (message, ++self->serial);
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, error);
  if (blob == NULL)
    return NULL;
  parcel = g_new0 (Parcel, 1);
  parcel->blob = blob;
  parcel->size = size;
  if (handles != NULL && g_unix_fd_list_get_length (handles) > 0)
    parcel->handles = g_object_ref (handles);
  return parcel;
}

/* %FALSE if it cannot be sent, or not yet. */
static gboolean
send_parcel (GmpSocketStream *self,
             Parcel           *parcel,
             GError          **error)
{
  g_autoptr (GSocketControlMessage) part = NULL;

  if (parcel->handles != NULL)
    part = g_unix_fd_message_new_with_fd_list (parcel->handles);
  while (parcel->n_sent < parcel->size)
    {
      GOutputVector place = { parcel->blob + parcel->n_sent, parcel->size - parcel->n_sent };
      gssize n = g_socket_send_message (self->socket, NULL, &place, 1, &part, part != NULL, 0, NULL,
                                        error);

      if (n == -1)
        return FALSE;
      g_clear_object (&part);
      g_clear_object (&parcel->handles);
      parcel->n_sent += n;
    }
  return TRUE;
}

/* Waits while the other end does not read. Called in any thread. */
static gboolean
gmp_socket_stream_send (GmpMessageStream *stream,
                        GDBusMessage     *message,
                        GError          **error)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);
  gboolean is_sent = FALSE;
  Parcel *parcel;
  GError *local = NULL;

  g_mutex_lock (&self->lock);
  parcel = pack_locked (self, message, &local);
  while (local == NULL && !(is_sent = send_parcel (self, parcel, &local)) &&
         g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_clear_error (&local);
      g_socket_condition_wait (self->socket, G_IO_OUT, NULL, &local);
    }
  g_clear_pointer (&parcel, parcel_free);
  g_mutex_unlock (&self->lock);
  if (local != NULL)
    g_propagate_error (error, local);
  return is_sent;
}

static gboolean
gmp_socket_stream_has_unsent (GmpMessageStream *stream)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->parcels.length > 0;
  g_mutex_unlock (&self->lock);
  return result;
}

/* The system refuses to send messages, which the other side would wait for: that ends the
 * connection, after what has arrived. If the other side is gone, receiving reports that. */
static void
refuse_locked (GmpSocketStream *self,
               const GError    *error)
{
  g_queue_clear_full (&self->parcels, parcel_free);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED) || self->refusal != NULL)
    return;
  self->refusal = g_error_copy (error);
  shutdown (g_socket_get_fd (self->socket), SHUT_RDWR);
}

/* TRUE if everything that can be sent has been sent. */
static gboolean
gmp_socket_stream_flush (GmpMessageStream *stream)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);
  g_autoptr (GError) error = NULL;
  Parcel *parcel;
  gboolean has_rest;

  if (gmp_message_stream_is_foreign (stream))
    return TRUE;
  g_mutex_lock (&self->lock);
  while ((parcel = g_queue_peek_head (&self->parcels)) != NULL &&
         send_parcel (self, parcel, &error))
    parcel_free (g_queue_pop_head (&self->parcels));
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    refuse_locked (self, error);
  has_rest = self->parcels.length > 0;
  g_mutex_unlock (&self->lock);
  return !has_rest;
}

/* Sends as much as there is room for, and keeps the rest: see gmp_message_stream_flush(). The end
 * of the other side is reported when receiving. */
static gboolean
gmp_socket_stream_post (GmpMessageStream *stream,
                        GDBusMessage     *message)
{
  GmpSocketStream *self = GMP_SOCKET_STREAM (stream);
  g_autoptr (GError) error = NULL;
  Parcel *parcel;

  g_mutex_lock (&self->lock);
  parcel = pack_locked (self, message, &error);
  if (parcel != NULL)
    g_queue_push_tail (&self->parcels, parcel);
  else
    g_critical ("Cannot send %s: %s", g_dbus_message_get_member (message), error->message);
  g_mutex_unlock (&self->lock);
  return gmp_socket_stream_flush (stream);
}

static void
gmp_socket_stream_class_init (GmpSocketStreamClass *klass)
{
  GmpMessageStreamClass *stream_class = GMP_MESSAGE_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = gmp_socket_stream_dispose;
  G_OBJECT_CLASS (klass)->finalize = gmp_socket_stream_finalize;
  stream_class->create_source = gmp_socket_stream_create_source;
  stream_class->is_open = gmp_socket_stream_is_open;
  stream_class->get_n_taken = gmp_socket_stream_get_n_taken;
  stream_class->get_n_waiting = gmp_socket_stream_get_n_waiting;
  stream_class->receive = gmp_socket_stream_receive;
  stream_class->send = gmp_socket_stream_send;
  stream_class->post = gmp_socket_stream_post;
  stream_class->flush = gmp_socket_stream_flush;
  stream_class->has_unsent = gmp_socket_stream_has_unsent;
}

static void
gmp_socket_stream_init (GmpSocketStream *self)
{
  self->n_room = HEADER_SIZE;
  self->blob = g_malloc (HEADER_SIZE);
  g_mutex_init (&self->lock);
  g_queue_init (&self->parcels);
}

/* Takes ownership of @fd. */
GmpSocketStream *
gmp_socket_stream_new (int      fd,
                       GError **error)
{
  GSocket *socket = g_socket_new_from_fd (fd, error);
  GmpSocketStream *self;

  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }
  g_socket_set_blocking (socket, FALSE);
  self = g_object_new (GMP_TYPE_SOCKET_STREAM, NULL);
  self->socket = socket;
  return self;
}

/* Releases the socket that @self was created with. The caller closes it. */
GSocket *
gmp_socket_stream_steal_socket (GmpSocketStream *self)
{
  return g_steal_pointer (&self->socket);
}
