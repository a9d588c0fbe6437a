/* channel.c: channels between honest ends, the inbox and the doorbell
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-channel.h"

#include "base/gmp-socketpair-private.h"
#include "peer/gmp-channel-descriptors-private.h"
#include "peer/gmp-message-stream-private.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Room for one of the large values; another one is sent in pieces. */
#define TEST_ARENA_SIZE ((gsize) 24 * 1024 * 1024)

#define TEST_ERROR (g_quark_from_static_string ("gmp-test-channel-quark"))

/* A channel without another process: it has @n_left payloads, and then is closed. */

#define TEST_TYPE_CHANNEL (test_channel_get_type ())
G_DECLARE_FINAL_TYPE (TestChannel, test_channel, TEST, CHANNEL, GmpChannel)

struct _TestChannel
{
  GmpChannel parent_instance;

  guint n_left;
};

G_DEFINE_FINAL_TYPE (TestChannel, test_channel, GMP_TYPE_CHANNEL)

static GmpChannelStatus
test_channel_receive (GmpChannel *channel,
                      GVariant  **payload,
                      GError    **error)
{
  TestChannel *self = TEST_CHANNEL (channel);

  if (self->n_left == 0)
    {
      g_set_error_literal (error, TEST_ERROR, 1, "no more");
      return GMP_CHANNEL_CLOSED;
    }
  *payload = g_variant_ref_sink (g_variant_new_uint32 (self->n_left--));
  return GMP_CHANNEL_PAYLOAD;
}

static void
test_channel_watch (GmpChannel  *channel G_GNUC_UNUSED,
                    GmpDoorbell *doorbell G_GNUC_UNUSED)
{
}

static void
test_channel_class_init (TestChannelClass *klass)
{
  GmpChannelClass *channel_class = GMP_CHANNEL_CLASS (klass);

  channel_class->receive = test_channel_receive;
  channel_class->watch = test_channel_watch;
}

static void
test_channel_init (TestChannel *self G_GNUC_UNUSED)
{
}

/* Two ends of a channel, each in an inbox. */
typedef struct {
  GmpChannelDescriptors *ports[2]; /* (nullable): NULL once connected */
  GmpChannel *channels[2];
  GmpInbox *inboxes[2];
} Ends;

static void
ends_connect (Ends *self,
              guint at)
{
  g_autoptr (GError) error = NULL;

  self->channels[at] = gmp_channel_descriptors_open (g_steal_pointer (&self->ports[at]), &error);
  g_assert_no_error (error);
  self->inboxes[at] = gmp_inbox_new (&error);
  g_assert_no_error (error);
  gmp_inbox_add (self->inboxes[at], at == 0 ? "client" : "server", "native",
                 self->channels[at]);
}

static void
ends_init (Ends *self)
{
  g_autoptr (GError) error = NULL;

  *self = (Ends) { 0, };
  gmp_channel_descriptors_new_pair (TEST_ARENA_SIZE, 2, &self->ports[1], &self->ports[0], &error);
  g_assert_no_error (error);
}

static void
ends_drop (Ends *self,
           guint at)
{
  g_clear_pointer (&self->inboxes[at], gmp_inbox_free);
  g_clear_object (&self->channels[at]);
}

static void
send (Ends     *self,
      guint     from,
      GVariant *payload)
{
  g_autoptr (GVariant) sunk = payload != NULL ? g_variant_ref_sink (payload) : NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_channel_send (self->channels[from], sunk, &error));
  g_assert_no_error (error);
}

/* Receives at one end while the other sends its queued messages: both are in this process, so
 * nothing else would send them. */
static GmpInboxStatus
test_take_between (Ends    *self,
                   guint    at,
                   GmpMail *mail)
{
  GmpInboxStatus status = GMP_INBOX_EMPTY;

  while (status == GMP_INBOX_EMPTY)
    {
      GmpMail none = { 0, };

      if (gmp_inbox_try_take (self->inboxes[1 - at], &none) != GMP_INBOX_EMPTY)
        g_assert_not_reached ();
      g_main_context_iteration (g_main_context_get_thread_default (), FALSE);
      status = gmp_inbox_try_take (self->inboxes[at], mail);
    }
  return status;
}

static void
check_payload (Ends       *self,
               guint       at,
               const char *expected)
{
  g_auto (GmpMail) mail = { 0, };

  g_assert_cmpint (test_take (self->inboxes[at], &mail), ==, GMP_INBOX_PAYLOAD);
  g_assert_cmpstr (mail.id, ==, at == 0 ? "client" : "server");
  gmp_test_check_value (mail.payload, expected);
}

static void
check_closed (Ends       *self,
              guint       at,
              GQuark      domain,
              int         code,
              const char *message)
{
  g_auto (GmpMail) mail = { 0, };

  g_assert_cmpint (test_take (self->inboxes[at], &mail), ==, GMP_INBOX_CLOSED);
  g_assert_error (mail.error, domain, code);
  if (message != NULL)
    g_assert_cmpstr (mail.error->message, ==, message);
  g_assert_cmpuint (gmp_inbox_get_n_open (self->inboxes[at]), ==, 0);
}

static void
test_both_ways (void)
{
  Ends ends;

  ends_init (&ends);
  ends_connect (&ends, 0);
  ends_connect (&ends, 1);
  for (int turn = 0; turn < 3; turn++)
    {
      send (&ends, 1, g_variant_new_int32 (turn));
      send (&ends, 1, NULL);
      check_payload (&ends, 0, turn == 0 ? "0" : turn == 1 ? "1" : "2");
      check_payload (&ends, 0, NULL);
      send (&ends, 0, g_variant_new_maybe (G_VARIANT_TYPE_INT32, NULL));
      check_payload (&ends, 1, "@mi nothing");
    }
  ends_drop (&ends, 0);
  ends_drop (&ends, 1);
}

/* Messages that were sent before the connection wait for it, in order. */
static void
test_before_connection (void)
{
  gsize size = (gsize) 17 * 1024 * 1024;
  g_autoptr (GVariant) big = NULL;
  Ends ends;

  big = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, g_malloc0 (size),
                                                     size, TRUE, NULL, NULL));
  ends_init (&ends);
  ends_connect (&ends, 1);
  send (&ends, 1, g_variant_new_string ("first"));
  send (&ends, 1, NULL);
  send (&ends, 1, big);
  send (&ends, 1, big);
  send (&ends, 1, g_variant_new_string ("last"));
  ends_connect (&ends, 0);
  check_payload (&ends, 0, "'first'");
  check_payload (&ends, 0, NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_auto (GmpMail) mail = { 0, };

      g_assert_cmpint (test_take_between (&ends, 0, &mail), ==, GMP_INBOX_PAYLOAD);
      g_assert_true (gmp_test_is_same (mail.payload, big));
    }
  {
    g_auto (GmpMail) mail = { 0, };

    g_assert_cmpint (test_take_between (&ends, 0, &mail), ==, GMP_INBOX_PAYLOAD);
    gmp_test_check_value (mail.payload, "'last'");
  }
  ends_drop (&ends, 0);
  ends_drop (&ends, 1);
  g_free ((gpointer) g_variant_get_data (big));
}

static void
test_close_reason (void)
{
  g_autoptr (GError) reason = g_error_new_literal (TEST_ERROR, -5, "my reason");
  g_autoptr (GError) other = g_error_new_literal (TEST_ERROR, 6, "too late");
  Ends ends;

  ends_init (&ends);
  ends_connect (&ends, 0);
  ends_connect (&ends, 1);
  send (&ends, 0, g_variant_new_int32 (1));
  gmp_channel_close (ends.channels[0], reason);
  gmp_channel_close (ends.channels[0], other);
  /* Messages that were sent before the end are received. */
  check_payload (&ends, 1, "1");
  check_closed (&ends, 1, TEST_ERROR, -5, "my reason");
  ends_drop (&ends, 0);
  ends_drop (&ends, 1);
}

static void
test_close_all (void)
{
  g_autoptr (GError) reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_SERVER_DONE, "done");
  Ends ends;

  ends_init (&ends);
  ends_connect (&ends, 0);
  gmp_inbox_close_all (ends.inboxes[0], reason);
  g_assert_cmpuint (gmp_inbox_get_n_open (ends.inboxes[0]), ==, 0);
  /* A client that connects afterwards receives the reason too. */
  ends_connect (&ends, 1);
  send (&ends, 1, g_variant_new_int32 (1));
  check_closed (&ends, 1, GMP_ERROR, GMP_ERROR_SERVER_DONE, "done");
  ends_drop (&ends, 0);
  ends_drop (&ends, 1);
}

static void
test_close_without_reason (void)
{
  Ends ends;

  ends_init (&ends);
  ends_connect (&ends, 0);
  ends_connect (&ends, 1);
  gmp_channel_close (ends.channels[1], NULL);
  check_closed (&ends, 0, GMP_ERROR, GMP_ERROR_DISCONNECTED, NULL);
  ends_drop (&ends, 0);
  ends_drop (&ends, 1);
}

static void
test_end_dropped (void)
{
  Ends ends;

  /* The other end is dropped after it was connected. */
  ends_init (&ends);
  ends_connect (&ends, 0);
  ends_connect (&ends, 1);
  send (&ends, 1, g_variant_new_int32 (1));
  check_payload (&ends, 0, "1");
  ends_drop (&ends, 1);
  check_closed (&ends, 0, GMP_ERROR, GMP_ERROR_DISCONNECTED, NULL);
  ends_drop (&ends, 0);

  /* The other end is dropped before it was connected. */
  ends_init (&ends);
  ends_connect (&ends, 0);
  gmp_channel_descriptors_free (ends.ports[1]);
  check_closed (&ends, 0, GMP_ERROR, GMP_ERROR_DISCONNECTED, NULL);
  ends_drop (&ends, 0);
}

/* A channel that was never connected leaves nothing behind. */
static void
test_dropped (void)
{
  Ends ends;

  ends_init (&ends);
  ends_connect (&ends, 0);
  send (&ends, 0, g_variant_new_int32 (1));
  ends_drop (&ends, 0);
  gmp_channel_descriptors_free (ends.ports[1]);
}

static void
test_bad_payload (void)
{
  g_autoptr (GVariant) handle = g_variant_ref_sink (g_variant_new_handle (0));
  g_autoptr (GError) error = NULL;
  Ends ends;

  ends_init (&ends);
  ends_connect (&ends, 0);
  ends_connect (&ends, 1);
  g_assert_false (gmp_channel_send (ends.channels[0], handle, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  /* The channel is still usable. */
  send (&ends, 0, g_variant_new_int32 (1));
  check_payload (&ends, 1, "1");
  ends_drop (&ends, 0);
  ends_drop (&ends, 1);
}

static void
test_fair (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpInbox) inbox = gmp_inbox_new (&error);
  g_autoptr (GString) order = g_string_new (NULL);
  const char *ids[] = { "a", "b", "c" };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autoptr (TestChannel) channel = g_object_new (TEST_TYPE_CHANNEL, NULL);

      channel->n_left = 2 + i;
      gmp_inbox_add (inbox, ids[i], "native", GMP_CHANNEL (channel));
    }
  g_assert_cmpuint (gmp_inbox_get_n_open (inbox), ==, 3);
  while (gmp_inbox_get_n_open (inbox) > 0)
    {
      g_auto (GmpMail) mail = { 0, };
      GmpInboxStatus status = gmp_inbox_try_take (inbox, &mail);

      g_string_append_printf (order, "%s%s ", mail.id, status == GMP_INBOX_CLOSED ? "-end" : "");
    }
  /* In turn, although each channel always has a message. */
  g_assert_true (g_str_has_prefix (order->str, "a b c a b c "));
  gmp_test_check_in (order->str, "a-end ");
  gmp_test_check_in (order->str, "b-end ");
  gmp_test_check_in (order->str, "c-end ");
  g_assert_cmpint (gmp_inbox_try_take (inbox, &(GmpMail) { 0, }), ==, GMP_INBOX_EMPTY);
}

static gpointer
ask_thread (gpointer inbox)
{
  for (guint i = 0; i < 1000; i++)
    {
      g_assert_cmpuint (gmp_inbox_get_n_open (inbox), ==, 1);
      g_assert_cmpstr (gmp_inbox_get_runtime (inbox, "a"), ==, "native");
    }
  return NULL;
}

static void
lose_cb (gpointer is_lost,
         GObject *channel G_GNUC_UNUSED)
{
  *(gboolean *) is_lost = TRUE;
}

/* While a message is in use, its peer ends and is restarted, and the holder lists the peers. The
 * channel exists until the next message is taken. */
static void
test_out (void)
{
  g_autoptr (GmpInbox) inbox = gmp_inbox_new (NULL);
  g_autoptr (GError) reason = g_error_new_literal (TEST_ERROR, 1, "a reason");
  TestChannel *channels[2];
  g_auto (GmpMail) mail = { 0, };
  gboolean is_lost = FALSE;
  GThread *thread;

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    {
      channels[i] = g_object_new (TEST_TYPE_CHANNEL, NULL);
      channels[i]->n_left = 1;
    }
  g_object_weak_ref (G_OBJECT (channels[0]), lose_cb, &is_lost);
  gmp_inbox_set_trust (inbox, GMP_INBOX_TRUSTS_NONE);
  gmp_inbox_add (inbox, "a", "native", GMP_CHANNEL (channels[0]));
  g_object_unref (channels[0]);
  g_assert_cmpint (gmp_inbox_try_take (inbox, &mail), ==, GMP_INBOX_PAYLOAD);

  gmp_inbox_peer_ended (inbox, "a", reason, TRUE);
  gmp_inbox_add (inbox, "a", "native", GMP_CHANNEL (channels[1]));
  ask_thread (inbox);
  thread = g_thread_new ("asks", ask_thread, inbox);
  g_thread_join (thread);
  g_assert_false (is_lost);
  g_assert_true (mail.channel == GMP_CHANNEL (channels[0]));
  g_assert_cmpstr (mail.id, ==, "a");

  gmp_mail_clear (&mail);
  g_assert_cmpint (gmp_inbox_try_take (inbox, &mail), ==, GMP_INBOX_LEFT);
  g_assert_true (is_lost);
  gmp_mail_clear (&mail);
  g_assert_cmpint (gmp_inbox_try_take (inbox, &mail), ==, GMP_INBOX_RENEWED);
  g_assert_cmpint (gmp_inbox_try_take (inbox, &mail), ==, GMP_INBOX_PAYLOAD);
  g_assert_true (mail.channel == GMP_CHANNEL (channels[1]));
  g_object_unref (channels[1]);
}

static gpointer
cancel_thread (gpointer data)
{
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_stop (void)
{
  g_autoptr (GmpInbox) inbox = gmp_inbox_new (NULL);
  g_autoptr (GCancellable) stop = g_cancellable_new ();
  GThread *thread = g_thread_new ("cancel", cancel_thread, stop);
  GmpMail mail = { 0, };

  gmp_inbox_set_stop (inbox, stop);
  g_assert_cmpint (gmp_inbox_take (inbox, &mail), ==, GMP_INBOX_STOPPED);
  g_assert_cmpint (gmp_inbox_take (inbox, &mail), ==, GMP_INBOX_STOPPED);
  gmp_inbox_set_stop (inbox, NULL);
  g_thread_join (thread);
}

static gpointer
ring_thread (gpointer data)
{
  gmp_doorbell_ring (data);
  return NULL;
}

static void
test_doorbell (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpDoorbell) doorbell = gmp_doorbell_new (&error);
  GmpBell bell = { .key = 7 };
  GThread *thread;
  int fds[2];

  g_assert_no_error (error);
  /* The bell is rung by another thread, and rung before the wait. */
  thread = g_thread_new ("ring", ring_thread, doorbell);
  g_assert_true (gmp_doorbell_wait (doorbell, -1));
  g_thread_join (thread);
  gmp_doorbell_ring (doorbell);
  g_assert_true (gmp_doorbell_wait (doorbell, -1));
  g_assert_false (gmp_doorbell_wait (doorbell, 0));

  /* A watched descriptor rings too, and is identified. */
  gmp_socketpair_open (fds, &error);
  g_assert_no_error (error);
  g_assert_true (gmp_doorbell_listen (doorbell, fds[0], EPOLLRDHUP, &bell));
  g_assert_false (gmp_doorbell_wait (doorbell, 0));
  close (fds[1]);
  g_assert_true (gmp_doorbell_wait (doorbell, -1));
  g_assert_true (bell.has_rung);
  g_assert_cmpuint (gmp_doorbell_take_key (doorbell), ==, 7);
  g_assert_cmpuint (gmp_doorbell_take_key (doorbell), ==, 0);
  gmp_doorbell_forget (doorbell, fds[0]);
  close (fds[0]);
  g_assert_false (gmp_doorbell_wait (doorbell, 0));
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/channel/both-ways", test_both_ways);
  gmp_test_add ("/channel/before-connection", test_before_connection);
  gmp_test_add ("/channel/close-reason", test_close_reason);
  gmp_test_add ("/channel/close-all", test_close_all);
  gmp_test_add ("/channel/close-without-reason", test_close_without_reason);
  gmp_test_add ("/channel/end-dropped", test_end_dropped);
  gmp_test_add ("/channel/dropped", test_dropped);
  gmp_test_add ("/channel/bad-payload", test_bad_payload);
  gmp_test_add ("/channel/fair", test_fair);
  gmp_test_add ("/channel/out", test_out);
  gmp_test_add ("/channel/stop", test_stop);
  gmp_test_add ("/channel/doorbell", test_doorbell);
  return g_test_run ();
}
