/* gmp-net-channel.c: a channel to a worker on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-net-channel-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error-private.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-bus-private.h"
#include "peer/gmp-large-memory-private.h"
#include "peer/gmp-message-stream-private.h"
#include "peer/gmp-net-frame-private.h"
#include "peer/gmp-net-opening-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* The size of a TLS record. Values up to this size are sent as one piece. */
#define RECORD ((gsize) 16 * 1024)

/* How many bytes a main loop reads at a time. */
#define READ_MAX ((gsize) 1024 * 1024)

/* The receiving thread reads the stream and the sending thread writes it, without waiting and
 * without an extra thread: bytes without room are copied, and sent while this end receives. Nothing
 * is read before it is needed, so a peer that sends without a pause waits for room in TCP's
 * window. */
struct _GmpNetChannel
{
  GmpChannel parent_instance;

  GmpNetOpening *opening; /* (nullable): NULL when the stream exists, or has failed */
  GIOStream *stream;      /* (nullable) */
  int fd;                 /* the stream's socket; -1 before it exists */
  double timeout;         /* of nodes, in seconds */
  GmpDoorbell *doorbell;  /* (nullable) */
  guint32 events;         /* the watch of the socket, which rings it */
  gboolean is_closed;     /* by this end */
  GError *reason;         /* (nullable): the other end has closed, or violated the protocol */

  guint8 buffer[RECORD]; /* received bytes that were not handled */
  gsize begin;
  gsize end;
  GmpNetFrame frame;
  gboolean has_paused; /* there may be more to read */

  GQueue unsent; /* of GBytes */
  gsize n_sent;  /* of the first */
};

G_DEFINE_FINAL_TYPE (GmpNetChannel, gmp_net_channel, GMP_TYPE_CHANNEL)

static void fail (GmpNetChannel *self,
                  GError        *error);

static gboolean
has_unsent (GmpNetChannel *self)
{
  return self->unsent.length > 0;
}

/* Watches for room only if it is needed; otherwise each message that is read would ring. */
static void
listen_to_socket (GmpNetChannel *self)
{
  guint32 events = EPOLLIN | EPOLLRDHUP | (has_unsent (self) ? EPOLLOUT : 0);

  if (self->doorbell == NULL || self->fd == -1 || events == self->events)
    return;
  if (self->events != 0)
    gmp_doorbell_forget (self->doorbell, self->fd);
  self->events = events;
  if (!gmp_doorbell_listen (self->doorbell, self->fd, events, NULL))
    fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel's socket cannot be waited "
                             "for: %s", g_strerror (errno)));
}

/* Sending. */

/* Returns the number of sent bytes. The end of the connection is reported when receiving. */
static gsize
write_now (GmpNetChannel *self,
           gconstpointer  data,
           gsize          size)
{
  GPollableOutputStream *stream;
  gsize n_sent = 0;
  gssize n = 1;

  if (self->stream == NULL)
    return 0;
  stream = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));
  while (n > 0 && n_sent < size)
    {
      n = g_pollable_output_stream_write_nonblocking (stream, (const guint8 *) data + n_sent,
                                                      size - n_sent, NULL, NULL);
      n_sent += (gsize) MAX (n, 0);
    }
  return n_sent;
}

static void
flush (GmpNetChannel *self)
{
  while (has_unsent (self))
    {
      gsize size;
      const guint8 *data = g_bytes_get_data (g_queue_peek_head (&self->unsent), &size);

      self->n_sent += write_now (self, data + self->n_sent, size - self->n_sent);
      if (self->n_sent < size)
        return;
      g_bytes_unref (g_queue_pop_head (&self->unsent));
      self->n_sent = 0;
    }
}

typedef struct {
  guint8 *bytes;
  gsize capacity;
} Copy;

static void
copy_free (gpointer data)
{
  Copy *copy = data;

  gmp_large_memory_give_back (copy->bytes, copy->capacity);
  g_free (copy);
}

static GBytes *
copy_bytes (gconstpointer data,
            gsize         size)
{
  gsize capacity;
  guint8 *bytes = size >= GMP_LARGE_MEMORY_MIN ? gmp_large_memory_take (size, &capacity) : NULL;
  Copy *copy;

  if (bytes == NULL)
    return g_bytes_new (data, size);
  copy = g_new (Copy, 1);
  *copy = (Copy) { bytes, capacity };
  memcpy (bytes, data, size);
  return g_bytes_new_with_free_func (bytes, size, copy_free, copy);
}

/* Keeps a copy of the bytes without room, because the sender may change its own. */
static void
write_or_keep (GmpNetChannel *self,
               gconstpointer  data,
               gsize          size)
{
  gsize n = has_unsent (self) ? 0 : write_now (self, data, size);

  if (n < size)
    g_queue_push_tail (&self->unsent, copy_bytes ((const guint8 *) data + n, size - n));
}

static void
post (GmpNetChannel *self,
      guint8         tag,
      gboolean       is_close,
      GVariant      *value)
{
  g_autoptr (GByteArray) begin = gmp_net_frame_begin (tag, is_close, value);
  const guint8 *data = value != NULL ? g_variant_get_data (value) : NULL;
  gsize size = value != NULL ? g_variant_get_size (value) : 0;
  gsize n_first = MIN (size, RECORD - MIN (RECORD, begin->len));

  if (n_first > 0)
    g_byte_array_append (begin, data, (guint) n_first);
  flush (self);
  write_or_keep (self, begin->data, begin->len);
  if (n_first < size)
    write_or_keep (self, data + n_first, size - n_first);
  listen_to_socket (self);
}

static gboolean
gmp_net_channel_send (GmpChannel *channel,
                      guint8      tag,
                      GVariant   *payload,
                      GError    **error)
{
  GmpNetChannel *self = GMP_NET_CHANNEL (channel);

  /* A channel that has ended is not an error here: receive() reports it with the reason. */
  if (self->reason != NULL || self->is_closed)
    return TRUE;
  if (payload != NULL &&
      (!gmp_value_check_size (g_variant_get_size (payload), channel->value_limit,
                              GMP_ERROR_BAD_PAYLOAD, error) ||
       (!channel->is_checked && !gmp_value_check_sendable (payload, error))))
    return FALSE;
  post (self, tag, FALSE, payload);
  return TRUE;
}

/* Before there is a stream, an end that closes the channel could not tell the other end why. */
static gboolean
gmp_net_channel_has_unsent (GmpChannel *channel)
{
  GmpNetChannel *self = GMP_NET_CHANNEL (channel);

  return self->reason == NULL && (has_unsent (self) || self->opening != NULL);
}

static void
gmp_net_channel_close (GmpChannel   *channel,
                       const GError *reason)
{
  GmpNetChannel *self = GMP_NET_CHANNEL (channel);
  g_autofree char *text = gmp_message_stream_limit_text (reason != NULL ? reason->message : "");
  GmpErrorName name = gmp_error_get_name (reason);
  g_autoptr (GVariant) value = NULL;

  if (self->is_closed)
    return;
  self->is_closed = TRUE;
  value = g_variant_ref_sink (g_variant_new ("(sis)", name.domain, name.code, text));
  post (self, 0, TRUE, value);
}

/* Receiving. */

/* The other end has violated the protocol and is informed. Takes ownership of @error. */
static void
fail (GmpNetChannel *self,
      GError        *error)
{
  g_clear_error (&self->reason);
  self->reason = error;
  gmp_net_channel_close (GMP_CHANNEL (self), error);
}

static GError *
disconnected_error (void)
{
  return g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                              "The process at the other end of the channel has ended, or the "
                              "connection to it was lost");
}

static gboolean
ring_cb (gpointer doorbell)
{
  gmp_doorbell_ring (doorbell);
  return G_SOURCE_REMOVE;
}

/* There is no connection, or it has ended without a word. If the other process has ended, the
 * application knows it within the limit for nodes. Takes ownership of @error. */
static void
lose (GmpNetChannel *self,
      GError        *error)
{
  g_autoptr (GSource) source = g_timeout_source_new ((guint) (self->timeout * 1000) + 1);

  self->reason = error;
  self->parent_instance.cut_at =
      g_get_monotonic_time () + (gint64) (self->timeout * G_USEC_PER_SEC);
  if (self->doorbell == NULL)
    return;
  g_source_set_callback (source, ring_cb, gmp_doorbell_ref (self->doorbell),
                         (GDestroyNotify) gmp_doorbell_unref);
  g_source_attach (source, gmp_bus_get_context ());
}

/* Returns the number of received bytes, or 0 if there are none now. */
static gsize
read_now (GmpNetChannel *self,
          gpointer       place,
          gsize          size)
{
  GPollableInputStream *stream =
      G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (self->stream));
  g_autoptr (GError) error = NULL;
  gssize n = g_pollable_input_stream_read_nonblocking (stream, place, size, NULL, &error);

  if (n > 0)
    return (gsize) n;
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    lose (self, disconnected_error ());
  return 0;
}

/* Reads at most @size bytes to @place. Little is read ahead. */
static gsize
take_bytes (GmpNetChannel *self,
            guint8        *place,
            gsize          size)
{
  if (self->begin == self->end && size >= RECORD)
    return read_now (self, place, size);
  if (self->begin == self->end)
    {
      self->begin = 0;
      self->end = read_now (self, self->buffer, RECORD);
    }
  size = MIN (size, self->end - self->begin);
  memcpy (place, self->buffer + self->begin, size);
  self->begin += size;
  return size;
}

/* TRUE if a value is complete. */
static gboolean
read_frame (GmpNetChannel *self,
            GError       **error)
{
  gsize n_read = 0;
  guint8 *place;
  gsize size;

  self->has_paused = FALSE;
  while (gmp_net_frame_get_room (&self->frame, self->parent_instance.value_limit, &place, &size,
                                 error))
    {
      gsize n;

      if (size == 0)
        return TRUE;
      n = take_bytes (self, place, size);
      if (n == 0)
        return FALSE;
      gmp_net_frame_take (&self->frame, n);
      n_read += n;
      self->has_paused = n_read >= READ_MAX && self->parent_instance.later != NULL;
      if (self->has_paused)
        return FALSE;
    }
  return FALSE;
}

/* The reason that the other end gave. */
static GError *
read_close (GVariant *value)
{
  const char *domain = "";
  const char *text;
  int code;

  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE ("(sis)")))
    g_variant_get (value, "(&si&s)", &domain, &code, &text);
  return domain[0] != '\0' ? g_error_new_literal (g_quark_from_string (domain), code, text)
                           : disconnected_error ();
}

/* The value of a complete frame. Returns FALSE without an error if another thread checks it first,
 * or if this is the end. */
static gboolean
take_value (GmpNetChannel *self,
            GVariant     **payload,
            GError       **error)
{
  gboolean is_close = self->frame.head.is_close != 0;
  g_autofree char *type = NULL;
  g_autoptr (GBytes) bytes = NULL;

  self->parent_instance.tag = self->frame.head.tag;
  /* Otherwise the kept bytes for a client that never reads would grow without limit. */
  if (!is_close && !self->parent_instance.is_pipelined && has_unsent (self))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel received %s",
                   GMP_CHANNEL_IMPATIENT);
      return FALSE;
    }
  *payload = NULL;
  bytes = gmp_net_frame_finish (&self->frame, &type, error);
  if (bytes == NULL)
    return FALSE;
  if (!is_close && type[0] == '\0')
    return TRUE;
  if (!is_close)
    {
      *payload = gmp_channel_take_value (GMP_CHANNEL (self), type, bytes, NULL, error);
      return *payload != NULL;
    }
  if (type[0] != '\0')
    *payload = gmp_value_from_bytes (type, bytes, NULL, error);
  if (type[0] != '\0' && *payload == NULL)
    return FALSE;
  self->reason = read_close (*payload);
  g_clear_pointer (payload, g_variant_unref);
  return FALSE;
}

/* So that this end notices while it waits for a message that the other node is out of reach. */
static void
keep_alive (GmpNetChannel *self)
{
  const int on = 1;
  const int n_probes = 3;
  int pause = (int) MAX (self->timeout / (n_probes + 1), 1);

  setsockopt (self->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt (self->fd, IPPROTO_TCP, TCP_KEEPIDLE, &pause, sizeof pause);
  setsockopt (self->fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof pause);
  setsockopt (self->fd, IPPROTO_TCP, TCP_KEEPCNT, &n_probes, sizeof n_probes);
}

/* TRUE if the stream exists. */
static gboolean
adopt_stream (GmpNetChannel *self)
{
  GError *error = NULL;

  if (self->opening == NULL)
    return self->stream != NULL;
  if (!gmp_net_opening_is_done (self->opening))
    return FALSE;
  self->stream = gmp_net_opening_finish (self->opening, &error);
  g_clear_pointer (&self->opening, gmp_net_opening_free);
  if (self->stream == NULL)
    lose (self, error);
  else
    {
      g_autoptr (GIOStream) base = NULL;

      g_object_get (self->stream, "base-io-stream", &base, NULL);
      self->fd = g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base)));
      keep_alive (self);
    }
  return self->stream != NULL;
}

static GmpChannelStatus
gmp_net_channel_receive (GmpChannel *channel,
                         GVariant  **payload,
                         GError    **error)
{
  GmpNetChannel *self = GMP_NET_CHANNEL (channel);
  GError *local = NULL;

  if (self->reason == NULL && adopt_stream (self))
    {
      flush (self);
      listen_to_socket (self);
      if (read_frame (self, &local) && take_value (self, payload, &local))
        return GMP_CHANNEL_PAYLOAD;
    }
  if (local != NULL)
    fail (self, local);
  if (self->reason == NULL)
    return GMP_CHANNEL_EMPTY;
  g_propagate_error (error, g_error_copy (self->reason));
  return GMP_CHANNEL_CLOSED;
}

static gboolean
gmp_net_channel_sleep (GmpChannel *channel)
{
  return GMP_NET_CHANNEL (channel)->has_paused;
}

static void
gmp_net_channel_fail (GmpChannel *channel,
                      GError     *error)
{
  fail (GMP_NET_CHANNEL (channel), error);
}

static void
gmp_net_channel_trim (GmpChannel *channel G_GNUC_UNUSED)
{
  gmp_large_memory_trim ();
}

static void
gmp_net_channel_watch (GmpChannel  *channel,
                       GmpDoorbell *doorbell)
{
  GmpNetChannel *self = GMP_NET_CHANNEL (channel);

  self->doorbell = gmp_doorbell_ref (doorbell);
  if (self->opening != NULL)
    gmp_net_opening_watch (self->opening, doorbell);
  listen_to_socket (self);
}

/* Dropping a stream sends a TLS alert, which a peer that does not read would block, so the socket
 * is shut down first. */
static void
drop_stream (GmpNetChannel *self)
{
  g_autoptr (GIOStream) base = NULL;

  g_object_get (self->stream, "base-io-stream", &base, NULL);
  g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base)), TRUE, TRUE, NULL);
  g_clear_object (&self->stream);
}

static void
gmp_net_channel_finalize (GObject *object)
{
  GmpNetChannel *self = GMP_NET_CHANNEL (object);

  /* A forked process leaves the connection to its parent, although it has the keys too. */
  if (!gmp_channel_is_inherited (GMP_CHANNEL (self)))
    {
      if (self->doorbell != NULL && self->events != 0)
        gmp_doorbell_forget (self->doorbell, self->fd);
      g_clear_pointer (&self->opening, gmp_net_opening_free);
      if (self->stream != NULL)
        drop_stream (self);
    }
  g_clear_pointer (&self->doorbell, gmp_doorbell_unref);
  g_clear_error (&self->reason);
  gmp_net_frame_clear (&self->frame);
  g_queue_clear_full (&self->unsent, (GDestroyNotify) g_bytes_unref);
  G_OBJECT_CLASS (gmp_net_channel_parent_class)->finalize (object);
}

static void
gmp_net_channel_class_init (GmpNetChannelClass *klass)
{
  GmpChannelClass *channel_class = GMP_CHANNEL_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_net_channel_finalize;
  channel_class->send = gmp_net_channel_send;
  channel_class->has_unsent = gmp_net_channel_has_unsent;
  channel_class->receive = gmp_net_channel_receive;
  channel_class->close = gmp_net_channel_close;
  channel_class->watch = gmp_net_channel_watch;
  channel_class->trim = gmp_net_channel_trim;
  channel_class->sleep = gmp_net_channel_sleep;
  channel_class->fail = gmp_net_channel_fail;
}

static void
gmp_net_channel_init (GmpNetChannel *self)
{
  self->fd = -1;
  g_queue_init (&self->unsent);
}

/* Takes ownership of @fd, which will receive a socket: see GmpNetOpening. */
GmpChannel *
gmp_net_channel_new (int      fd,
                     GError **error)
{
  GmpNetOpening *opening = gmp_net_opening_new (fd, error);
  GmpNetChannel *self;

  if (opening == NULL)
    return NULL;
  self = g_object_new (GMP_TYPE_NET_CHANNEL, NULL);
  self->opening = opening;
  self->timeout = gmp_environment_get_seconds (GMP_NODE_TIMEOUT_ENV, 0.1, GMP_NODE_TIMEOUT);
  return GMP_CHANNEL (self);
}
