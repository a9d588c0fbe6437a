/* gmp-message-channel.c: a channel that is D-Bus messages over a socket
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-message-channel-private.h"

#include "base/gmp-error-private.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-socket-stream-private.h"
#include "peer/gmp-payload-private.h"

#include <errno.h>
#include <sys/epoll.h>

#define CHANNEL_PATH      "/org/gmproc/Channel"
#define CHANNEL_INTERFACE "org.gmproc.Channel1"

/* The receiving thread reads the socket, and the sending thread writes it. Messages without room
 * are sent while this end receives. Nothing is read before it is needed, so a peer that sends
 * without a pause waits for room. */
struct _GmpMessageChannel
{
  GmpChannel parent_instance;

  GmpMessageStream *stream;
  GmpDoorbell *doorbell; /* (nullable) */
  guint32 events;        /* the watch of the socket, which rings it */
  gboolean is_closed;    /* by this end */
  GError *reason;        /* (nullable): the other end has closed, or violated the protocol */
};

G_DEFINE_FINAL_TYPE (GmpMessageChannel, gmp_message_channel, GMP_TYPE_CHANNEL)

static void fail (GmpMessageChannel *self,
                  GError            *error);

static int
get_fd (GmpMessageChannel *self)
{
  return gmp_socket_stream_get_fd (GMP_SOCKET_STREAM (self->stream));
}

/* Watches for room only if it is needed; otherwise each message that is read would ring. */
static void
listen_to_socket (GmpMessageChannel *self)
{
  int fd = get_fd (self);
  guint32 events =
      EPOLLIN | EPOLLRDHUP | (gmp_message_stream_has_unsent (self->stream) ? EPOLLOUT : 0);

  if (self->doorbell == NULL || events == self->events)
    return;
  if (self->events != 0)
    gmp_doorbell_forget (self->doorbell, fd);
  self->events = events;
  if (!gmp_doorbell_listen (self->doorbell, fd, events, NULL))
    fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel's socket cannot be waited "
                             "for: %s", g_strerror (errno)));
}

/* Takes ownership of @body, which is floating. */
static void
post (GmpMessageChannel *self,
      const char        *member,
      GVariant          *body,
      GUnixFDList       *handles)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (NULL, CHANNEL_PATH,
                                                                     CHANNEL_INTERFACE, member);

  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_message_set_body (message, body);
  g_dbus_message_set_unix_fd_list (message, handles);
  gmp_message_stream_post (self->stream, message);
  listen_to_socket (self);
}

static gboolean
gmp_message_channel_send (GmpChannel *channel,
                          guint8      tag,
                          GVariant   *payload,
                          GError    **error)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *packed;

  /* A channel that has ended is not an error here: receive() reports it with the reason. */
  if (self->reason != NULL || self->is_closed)
    return TRUE;
  if (payload != NULL &&
      (!gmp_value_check_size (g_variant_get_size (payload), channel->value_limit,
                              GMP_ERROR_BAD_PAYLOAD, error) ||
       (!channel->is_checked && !gmp_value_check_sendable (payload, error))))
    return FALSE;
  packed = gmp_payload_pack_message (payload, handles, error);
  if (packed == NULL)
    return FALSE;
  if (tag == 0)
    post (self, "Send", g_variant_new_tuple (&packed, 1), handles);
  else
    post (self, "SendTagged", g_variant_new ("(@" GMP_PAYLOAD_TYPE "y)", packed, tag), handles);
  return TRUE;
}

static gboolean
gmp_message_channel_has_unsent (GmpChannel *channel)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);

  return self->reason == NULL && gmp_message_stream_has_unsent (self->stream);
}

static void
gmp_message_channel_close (GmpChannel   *channel,
                           const GError *reason)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);
  g_autofree char *text = gmp_message_stream_limit_text (reason != NULL ? reason->message : "");
  GmpErrorName name = gmp_error_get_name (reason);

  if (self->is_closed)
    return;
  self->is_closed = TRUE;
  post (self, "Close", g_variant_new ("(sis)", name.domain, name.code, text), NULL);
}

/* The other end has violated the protocol and is informed. Takes ownership of @error. */
static void
fail (GmpMessageChannel *self,
      GError            *error)
{
  g_clear_error (&self->reason);
  self->reason = error;
  gmp_message_channel_close (GMP_CHANNEL (self), error);
}

static GError *
disconnected_error (void)
{
  return g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                      "The process at the other end of the channel has ended");
}

static gboolean
is_call (GDBusMessage *message,
         const char   *member,
         const char   *signature)
{
  return g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
         g_strcmp0 (g_dbus_message_get_member (message), member) == 0 &&
         g_strcmp0 (g_dbus_message_get_signature (message), signature) == 0;
}

/* Returns FALSE without an error if another thread checks the value first. */
static gboolean
take_value (GmpMessageChannel *self,
            GDBusMessage      *message,
            GVariant         **payload,
            GError           **error)
{
  g_autoptr (GVariant) packed = g_variant_get_child_value (g_dbus_message_get_body (message), 0);
  g_autoptr (GBytes) bytes = NULL;
  const char *type;

  /* Otherwise the kept messages for a client that never reads would grow without limit. */
  if (!self->parent_instance.is_pipelined && gmp_message_stream_has_unsent (self->stream))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel received %s",
                   GMP_CHANNEL_IMPATIENT);
      return FALSE;
    }
  *payload = NULL;
  bytes = gmp_payload_get_bytes (packed, g_dbus_message_get_unix_fd_list (message), &type, error);
  if (bytes == NULL)
    return FALSE;
  if (gmp_payload_is_null (type, bytes))
    return TRUE;
  if (gmp_value_check_type (type, error) &&
      gmp_value_check_size (g_bytes_get_size (bytes), self->parent_instance.value_limit,
                            GMP_ERROR_PROTOCOL, error))
    *payload = gmp_channel_take_value (GMP_CHANNEL (self), type, bytes, NULL, error);
  return *payload != NULL;
}

/* TRUE if @message carries a value. */
static gboolean
take_tag (GmpMessageChannel *self,
          GDBusMessage      *message)
{
  self->parent_instance.tag = 0;
  if (is_call (message, "Send", GMP_PAYLOAD_TYPE))
    return TRUE;
  if (!is_call (message, "SendTagged", GMP_PAYLOAD_TYPE "y"))
    return FALSE;
  g_variant_get_child (g_dbus_message_get_body (message), 1, "y", &self->parent_instance.tag);
  return TRUE;
}

/* The reason that the other end gave. */
static GError *
read_close (GDBusMessage *message)
{
  const char *domain;
  const char *text;
  int code;

  g_variant_get (g_dbus_message_get_body (message), "(&si&s)", &domain, &code, &text);
  return domain[0] != '\0' ? g_error_new_literal (g_quark_from_string (domain), code, text)
                           : disconnected_error ();
}

static void
take_nonsense (GmpMessageChannel *self,
               GDBusMessage      *message)
{
  const char *member = g_dbus_message_get_member (message);

  fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                           "Unexpected message on a channel: '%.100s' "
                           "(%.100s)", member != NULL ? member : "",
                           g_dbus_message_get_signature (message)));
}

/* No more messages arrive: the socket was closed, or its data was invalid. Takes ownership of
 * @error. */
static void
lose (GmpMessageChannel *self,
      GError            *error)
{
  if (g_error_matches (error, GMP_ERROR, GMP_ERROR_PROTOCOL))
    {
      g_prefix_error (&error, "The other end of a channel has failed: ");
      fail (self, error);
      return;
    }
  g_error_free (error);
  self->reason = disconnected_error ();
}

static GmpChannelStatus
gmp_message_channel_receive (GmpChannel *channel,
                             GVariant  **payload,
                             GError    **error)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);
  g_autoptr (GDBusMessage) message = NULL;
  GError *local = NULL;

  if (self->reason == NULL)
    {
      gmp_message_stream_flush (self->stream);
      listen_to_socket (self);
      message = gmp_message_stream_receive (self->stream, &local);
      if (message == NULL && local == NULL)
        return GMP_CHANNEL_EMPTY;
      if (message == NULL)
        lose (self, local);
      else if (is_call (message, "Close", "sis"))
        self->reason = read_close (message);
      else if (!take_tag (self, message))
        take_nonsense (self, message);
      else if (take_value (self, message, payload, &local))
        return GMP_CHANNEL_PAYLOAD;
      else if (local == NULL)
        return GMP_CHANNEL_EMPTY;
      else
        fail (self, local);
    }
  g_propagate_error (error, g_error_copy (self->reason));
  return GMP_CHANNEL_CLOSED;
}

static void
gmp_message_channel_watch (GmpChannel  *channel,
                           GmpDoorbell *doorbell)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);

  self->doorbell = gmp_doorbell_ref (doorbell);
  listen_to_socket (self);
}

static void
gmp_message_channel_fail (GmpChannel *channel,
                          GError     *error)
{
  fail (GMP_MESSAGE_CHANNEL (channel), error);
}

static void
gmp_message_channel_finalize (GObject *object)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (object);

  if (self->doorbell != NULL)
    gmp_doorbell_forget (self->doorbell, get_fd (self));
  g_clear_pointer (&self->doorbell, gmp_doorbell_unref);
  g_clear_pointer (&self->stream, gmp_message_stream_free);
  g_clear_error (&self->reason);
  G_OBJECT_CLASS (gmp_message_channel_parent_class)->finalize (object);
}

static void
gmp_message_channel_class_init (GmpMessageChannelClass *klass)
{
  GmpChannelClass *channel_class = GMP_CHANNEL_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_message_channel_finalize;
  channel_class->send = gmp_message_channel_send;
  channel_class->has_unsent = gmp_message_channel_has_unsent;
  channel_class->receive = gmp_message_channel_receive;
  channel_class->close = gmp_message_channel_close;
  channel_class->watch = gmp_message_channel_watch;
  channel_class->fail = gmp_message_channel_fail;
}

static void
gmp_message_channel_init (GmpMessageChannel *self G_GNUC_UNUSED)
{
}

/* Takes ownership of @fd. */
GmpChannel *
gmp_message_channel_new (int      fd,
                         GError **error)
{
  g_autoptr (GmpMessageChannel) self = g_object_new (GMP_TYPE_MESSAGE_CHANNEL, NULL);

  self->stream = (GmpMessageStream *) gmp_socket_stream_new (fd, error);
  return self->stream != NULL ? GMP_CHANNEL (g_steal_pointer (&self)) : NULL;
}
