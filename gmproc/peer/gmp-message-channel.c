/* gmp-message-channel.c: a channel that is D-Bus messages on a connection of its own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-message-channel-private.h"

#include "base/gmp-error.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-payload-private.h"

/* The one who sends and receives may be blocked in code of the user or have no main loop, so what
 * comes is taken by a message filter, in GDBus's thread, and left in this box. */
typedef struct {
  gatomicrefcount ref_count;
  GMutex lock;
  GQueue incoming;       /* of GVariant, or &null_payload; under lock */
  guint n_unsent;        /* values that GDBus has not begun to write; under lock */
  GError *reason;        /* (nullable): why the channel has closed; under lock */
  GmpDoorbell *doorbell; /* (nullable); under lock */
} Box;

/* There is one request at a time, and one answer. Nobody who keeps to that has more than this in
 * its peer's box. */
#define INCOMING_MAX 16

struct _GmpMessageChannel
{
  GmpChannel parent_instance;

  Box *box;
  GCancellable *connecting;
  GMutex lock;
  GDBusConnection *connection; /* (nullable): not yet connected; under lock */
  GQueue outgoing;             /* of GDBusMessage, until there is a connection; under lock */
  gboolean closed;             /* by this end; under lock */
};

G_DEFINE_FINAL_TYPE (GmpMessageChannel, gmp_message_channel, GMP_TYPE_CHANNEL)

static char null_payload;

static void
payload_free (gpointer payload)
{
  if (payload != &null_payload)
    g_variant_unref (payload);
}

static Box *
box_new (void)
{
  Box *box = g_new0 (Box, 1);

  g_atomic_ref_count_init (&box->ref_count);
  g_mutex_init (&box->lock);
  g_queue_init (&box->incoming);
  return box;
}

static Box *
box_ref (Box *box)
{
  g_atomic_ref_count_inc (&box->ref_count);
  return box;
}

static void
box_unref (gpointer data)
{
  Box *box = data;

  if (!g_atomic_ref_count_dec (&box->ref_count))
    return;
  g_queue_clear_full (&box->incoming, payload_free);
  g_clear_error (&box->reason);
  g_clear_pointer (&box->doorbell, gmp_doorbell_unref);
  g_mutex_clear (&box->lock);
  g_free (box);
}

/* Either a payload, as in the queue, or the end with its reason. Takes over what it is given;
 * called in any thread. */
static void
box_put (Box     *box,
         gpointer payload,
         GError  *reason)
{
  g_mutex_lock (&box->lock);
  if (box->reason == NULL && payload != NULL)
    g_queue_push_tail (&box->incoming, g_steal_pointer (&payload));
  else if (box->reason == NULL)
    box->reason = g_steal_pointer (&reason);
  if (box->doorbell != NULL)
    gmp_doorbell_ring (box->doorbell);
  g_mutex_unlock (&box->lock);

  if (payload != NULL)
    payload_free (payload);
  g_clear_error (&reason);
}

static GError *
disconnected_error (void)
{
  return g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                      "The process at the other end of the channel is gone");
}

static GDBusMessage *
new_call (const char *member,
          GVariant   *body)
{
  GDBusMessage *message = g_dbus_message_new_method_call (NULL, GMP_CHANNEL_PATH,
                                                          GMP_CHANNEL_INTERFACE, member);

  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_message_set_body (message, body);
  return message;
}

static GDBusMessage *
new_close (const GError *reason)
{
  if (reason == NULL)
    return new_call ("Close", g_variant_new ("(sis)", "", 0, ""));
  return new_call ("Close", g_variant_new ("(sis)", g_quark_to_string (reason->domain),
                                           reason->code, reason->message));
}

static gboolean
has_ended (Box *box)
{
  gboolean result;

  g_mutex_lock (&box->lock);
  result = box->reason != NULL;
  g_mutex_unlock (&box->lock);
  return result;
}

static gboolean
is_value (GDBusMessage *message)
{
  return g_strcmp0 (g_dbus_message_get_member (message), "Send") == 0 &&
         g_strcmp0 (g_dbus_message_get_signature (message), GMP_PAYLOAD_TYPE) == 0;
}

/* Whether it is the peer's turn to send. */
static gboolean
check_turn (Box     *box,
            GError **error)
{
  gboolean result;

  g_mutex_lock (&box->lock);
  result = box->n_unsent == 0 && box->incoming.length < INCOMING_MAX;
  g_mutex_unlock (&box->lock);
  if (!result)
    g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel brought %s",
                 GMP_CHANNEL_IMPATIENT);
  return result;
}

static gboolean
parse_send (GDBusMessage *message,
            Box          *box,
            GError      **error)
{
  GVariant *payload;
  g_autoptr (GVariant) packed = g_variant_get_child_value (g_dbus_message_get_body (message), 0);

  if (!check_turn (box, error) ||
      !gmp_payload_unpack (packed, g_dbus_message_get_unix_fd_list (message), &payload, error))
    return FALSE;
  box_put (box, payload != NULL ? (gpointer) payload : &null_payload, NULL);
  return TRUE;
}

static void
parse_close (GDBusMessage *message,
             Box          *box)
{
  const char *domain;
  const char *text;
  int code;

  g_variant_get (g_dbus_message_get_body (message), "(&si&s)", &domain, &code, &text);
  if (domain[0] == '\0')
    box_put (box, NULL, disconnected_error ());
  else
    box_put (box, NULL, g_error_new_literal (g_quark_from_string (domain), code, text));
}

/* Called in GDBus's thread, for messages in both directions. */
static GDBusMessage *
filter_cb (GDBusConnection *connection,
           GDBusMessage    *message,
           gboolean         incoming,
           gpointer         user_data)
{
  Box *box = user_data;
  const char *member = g_dbus_message_get_member (message);
  const char *signature = g_dbus_message_get_signature (message);
  GError *error = NULL;

  if (!incoming)
    {
      g_mutex_lock (&box->lock);
      box->n_unsent -= is_value (message) ? 1 : 0;
      g_mutex_unlock (&box->lock);
      return message;
    }

  if (has_ended (box))
    ; /* An answer to each would be kept for one who reads none. */
  else if (is_value (message))
    parse_send (message, box, &error);
  else if (g_strcmp0 (member, "Close") == 0 && g_strcmp0 (signature, "sis") == 0)
    parse_close (message, box);
  else
    g_set_error (&error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                 "A channel brought a message that is none of its own: '%.100s' (%.100s)",
                 member != NULL ? member : "", signature != NULL ? signature : "");

  if (error != NULL)
    {
      g_autoptr (GDBusMessage) close_message = new_close (error);

      g_dbus_connection_send_message (connection, close_message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                      NULL, NULL);
      box_put (box, NULL, error);
    }
  g_object_unref (message);
  return NULL;
}

static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         remote_peer_vanished G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  box_put (user_data, NULL, disconnected_error ());
}

static void
closed_data_free (gpointer  data,
                  GClosure *closure G_GNUC_UNUSED)
{
  box_unref (data);
}

static void
send_outgoing_locked (GmpMessageChannel *self)
{
  GDBusMessage *message;

  while ((message = g_queue_pop_head (&self->outgoing)) != NULL)
    {
      g_dbus_connection_send_message (self->connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                      NULL, NULL);
      g_object_unref (message);
    }
}

static void
connected_cb (GObject      *source G_GNUC_UNUSED,
              GAsyncResult *result,
              gpointer      user_data)
{
  GWeakRef *weak_self = user_data;
  g_autoptr (GmpMessageChannel) self = g_weak_ref_get (weak_self);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = gmp_peer_connect_finish (result, &error);

  g_weak_ref_clear (weak_self);
  g_free (weak_self);
  if (self == NULL)
    return;
  if (connection == NULL)
    {
      box_put (self->box, NULL, error->domain == GMP_ERROR ? g_steal_pointer (&error)
                                                           : disconnected_error ());
      return;
    }
  g_signal_connect_data (connection, "closed", G_CALLBACK (closed_cb), box_ref (self->box),
                         closed_data_free, 0);
  g_dbus_connection_add_filter (connection, filter_cb, box_ref (self->box), box_unref);

  g_mutex_lock (&self->lock);
  self->connection = g_object_ref (connection);
  send_outgoing_locked (self);
  g_mutex_unlock (&self->lock);
  g_dbus_connection_start_message_processing (connection);
  /* It may have closed, and said so, before there was a handler. What the peer sent before that is
   * of no more use: it has ended. */
  if (g_dbus_connection_is_closed (connection))
    box_put (self->box, NULL, disconnected_error ());
}

static gboolean
gmp_message_channel_send (GmpChannel *channel,
                          GVariant   *payload,
                          GError    **error)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  g_autoptr (GDBusMessage) message = NULL;
  GVariant *packed;

  if (payload != NULL &&
      !gmp_value_check_size (g_variant_get_size (payload), channel->value_limit,
                             GMP_ERROR_BAD_PAYLOAD, error))
    return FALSE;
  packed = gmp_payload_pack (payload, handles, error);
  if (packed == NULL)
    return FALSE;
  message = new_call ("Send", g_variant_new_tuple (&packed, 1));
  if (g_unix_fd_list_get_length (handles) > 0)
    g_dbus_message_set_unix_fd_list (message, handles);

  /* A connection that is gone is not an error here: receive() tells, with the reason if the other
   * end gave one. */
  g_mutex_lock (&self->box->lock);
  self->box->n_unsent++;
  g_mutex_unlock (&self->box->lock);
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->outgoing, g_steal_pointer (&message));
  if (self->connection != NULL)
    send_outgoing_locked (self);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

/* The connection stays up after this: closing it now would make the other end's next write fail,
 * and GDBus then drops what it has not read yet, the reason among it. */
static void
gmp_message_channel_close (GmpChannel   *channel,
                           const GError *reason)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (channel);

  g_mutex_lock (&self->lock);
  if (!self->closed)
    {
      self->closed = TRUE;
      g_queue_push_tail (&self->outgoing, new_close (reason));
      if (self->connection != NULL)
        send_outgoing_locked (self);
    }
  g_mutex_unlock (&self->lock);
}

static GmpChannelStatus
gmp_message_channel_receive (GmpChannel *channel,
                             GVariant  **payload,
                             GError    **error)
{
  Box *box = GMP_MESSAGE_CHANNEL (channel)->box;
  GmpChannelStatus status = GMP_CHANNEL_EMPTY;
  GError *local = NULL;
  gpointer first;

  g_mutex_lock (&box->lock);
  first = g_queue_pop_head (&box->incoming);
  if (first != NULL)
    {
      *payload = first != &null_payload ? first : NULL;
      status = GMP_CHANNEL_PAYLOAD;
    }
  else if (box->reason != NULL)
    {
      g_propagate_error (error, g_error_copy (box->reason));
      status = GMP_CHANNEL_CLOSED;
    }
  g_mutex_unlock (&box->lock);
  if (status != GMP_CHANNEL_PAYLOAD || *payload == NULL ||
      gmp_value_check_size (g_variant_get_size (*payload), channel->value_limit,
                            GMP_ERROR_PROTOCOL, &local))
    return status;
  g_clear_pointer (payload, g_variant_unref);
  gmp_message_channel_close (channel, local);
  box_put (box, NULL, g_error_copy (local));
  g_propagate_error (error, local);
  return GMP_CHANNEL_CLOSED;
}

static void
gmp_message_channel_watch (GmpChannel  *channel,
                           GmpDoorbell *doorbell)
{
  Box *box = GMP_MESSAGE_CHANNEL (channel)->box;

  g_mutex_lock (&box->lock);
  g_clear_pointer (&box->doorbell, gmp_doorbell_unref);
  box->doorbell = gmp_doorbell_ref (doorbell);
  g_mutex_unlock (&box->lock);
}

static void
gmp_message_channel_dispose (GObject *object)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (object);

  g_cancellable_cancel (self->connecting);
  /* Without a callback, which would wait in the main context of this thread: it may have none. */
  if (self->connection != NULL)
    g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
  G_OBJECT_CLASS (gmp_message_channel_parent_class)->dispose (object);
}

static void
gmp_message_channel_finalize (GObject *object)
{
  GmpMessageChannel *self = GMP_MESSAGE_CHANNEL (object);

  g_object_unref (self->connecting);
  g_queue_clear_full (&self->outgoing, g_object_unref);
  g_mutex_clear (&self->lock);
  box_unref (self->box);
  G_OBJECT_CLASS (gmp_message_channel_parent_class)->finalize (object);
}

static void
gmp_message_channel_class_init (GmpMessageChannelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GmpChannelClass *channel_class = GMP_CHANNEL_CLASS (klass);

  object_class->dispose = gmp_message_channel_dispose;
  object_class->finalize = gmp_message_channel_finalize;
  channel_class->send = gmp_message_channel_send;
  channel_class->receive = gmp_message_channel_receive;
  channel_class->close = gmp_message_channel_close;
  channel_class->watch = gmp_message_channel_watch;
}

static void
gmp_message_channel_init (GmpMessageChannel *self)
{
  self->box = box_new ();
  self->connecting = g_cancellable_new ();
  g_mutex_init (&self->lock);
  g_queue_init (&self->outgoing);
}

/* Takes @fd over and connects in the thread-default main context, which must run for as long as the
 * channel lives; what is sent before that waits. */
GmpChannel *
gmp_message_channel_new (int fd)
{
  GmpMessageChannel *self = g_object_new (GMP_TYPE_MESSAGE_CHANNEL, NULL);

  GWeakRef *weak_self = g_new (GWeakRef, 1);

  g_weak_ref_init (weak_self, self);
  gmp_peer_greet (fd);
  gmp_peer_connect_async (fd, self->connecting, connected_cb, weak_self);
  return GMP_CHANNEL (self);
}
