/* channel-hostile.c: a peer that sends what the protocol does not allow fails alone
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-channel.h"

#include "peer/gmp-payload-private.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A server's inbox with two channels: "good", and "bad", whose other end is a bare D-Bus connection
 * under the test's control. */
typedef struct {
  GmpInbox *inbox;
  GmpChannel *good;
  GDBusConnection *bad;
  GAsyncQueue *answers; /* of GDBusMessage: what the bad one is told */
} Server;

static GDBusMessage *
filter_cb (GDBusConnection *connection G_GNUC_UNUSED,
           GDBusMessage    *message,
           gboolean         incoming,
           gpointer         user_data)
{
  if (!incoming)
    return message;
  g_async_queue_push (user_data, message);
  return NULL;
}

static int
add_channel (Server     *self,
             const char *id)
{
  g_autoptr (GmpChannel) channel = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  gmp_peer_socketpair (fds, &error);
  g_assert_no_error (error);
  channel = gmp_message_channel_new (fds[0]);
  gmp_inbox_add (self->inbox, id, "native", channel);
  return fds[1];
}

static void
server_init (Server *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int fd;

  self->answers = g_async_queue_new_full (g_object_unref);
  self->inbox = gmp_inbox_new (&error);
  g_assert_no_error (error);
  self->good = gmp_message_channel_new (add_channel (self, "good"));
  fd = add_channel (self, "bad");
  gmp_peer_greet (fd);
  gmp_peer_connect_async (fd, NULL, gmp_test_done_cb, &result);
  self->bad = gmp_peer_connect_finish (gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_dbus_connection_add_filter (self->bad, filter_cb, g_async_queue_ref (self->answers),
                                (GDestroyNotify) g_async_queue_unref);
  g_dbus_connection_start_message_processing (self->bad);
}

static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         vanished G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  gboolean *closed = user_data;

  *closed = TRUE;
}

static void
server_clear (Server *self)
{
  gboolean closed = g_dbus_connection_is_closed (self->bad);

  g_signal_connect (self->bad, "closed", G_CALLBACK (closed_cb), &closed);
  gmp_inbox_free (self->inbox);
  g_object_unref (self->good);
  g_dbus_connection_close (self->bad, NULL, NULL, NULL);
  while (!closed)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_object_unref (self->bad);
  g_async_queue_unref (self->answers);
}

static GDBusMessage *
new_message (const char *member,
             GVariant   *body)
{
  GDBusMessage *message = g_dbus_message_new_method_call (NULL, GMP_CHANNEL_PATH,
                                                          GMP_CHANNEL_INTERFACE, member);

  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  if (body != NULL)
    g_dbus_message_set_body (message, body);
  return message;
}

/* Takes @message over. */
static void
send (Server       *self,
      GDBusMessage *message)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_send_message (self->bad, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (message);
}

static void
check_good (Server *self)
{
  g_auto (GmpMail) mail = { 0, };
  g_autoptr (GVariant) payload = g_variant_ref_sink (g_variant_new_string ("still here"));

  g_assert_true (gmp_channel_send (self->good, payload, NULL));
  g_assert_cmpint (test_take (self->inbox, &mail), ==, GMP_INBOX_PAYLOAD);
  g_assert_cmpstr (mail.id, ==, "good");
  gmp_test_check_value (mail.payload, "'still here'");
}

/* Takes @message over. */
static void
check_refused (GDBusMessage *message)
{
  g_auto (GmpMail) mail = { 0, };
  g_autoptr (GDBusMessage) answer = NULL;
  const char *domain;
  int code;
  Server server;

  server_init (&server);
  check_good (&server);
  send (&server, message);
  /* More of it is not looked at. */
  send (&server, new_message ("Send",
                              g_variant_new_parsed ("(('i', [byte 1, 0, 0, 0], @ah []),)")));
  g_assert_cmpint (test_take (server.inbox, &mail), ==, GMP_INBOX_CLOSED);
  g_assert_cmpstr (mail.id, ==, "bad");
  g_assert_error (mail.error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_test_message ("%s", mail.error->message);
  g_assert_true (g_utf8_validate (mail.error->message, -1, NULL));
  g_assert_cmpuint (gmp_inbox_get_n_open (server.inbox), ==, 1);

  /* It is told why. */
  answer = g_async_queue_pop (server.answers);
  g_assert_cmpstr (g_dbus_message_get_member (answer), ==, "Close");
  g_variant_get (g_dbus_message_get_body (answer), "(&si&s)", &domain, &code, NULL);
  g_assert_cmpstr (domain, ==, g_quark_to_string (GMP_ERROR));
  g_assert_cmpint (code, ==, GMP_ERROR_PROTOCOL);

  check_good (&server);
  server_clear (&server);
}

static void
check_payload_refused (const char *payload)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (GMP_PAYLOAD_TYPE), payload, NULL, NULL,
                                     &error);

  g_assert_no_error (error);
  check_refused (new_message ("Send", g_variant_new_tuple (&value, 1)));
  g_variant_unref (value);
}

static void
test_types (void)
{
  const char *payloads[] = {
    "('', [byte 0], [])",
    "('hello', [byte 0], [])",
    "('a{', [], [])",
    "('ii', [byte 0, 0, 0, 0, 0, 0, 0, 0], [])",
    "('a*', [], [])",
    "('r', [], [])",
    "('?', [], [])",
  };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    check_payload_refused (payloads[i]);
}

/* Nested without end: what reads it recursively has no stack left. */
static void
test_deep_type (void)
{
  g_autofree char *arrays = g_strnfill (60000, 'a');
  g_autofree char *type = g_strconcat (arrays, "i", NULL);
  GVariant *payload = g_variant_new ("(s@ay@ah)", type,
                                     g_variant_new_array (G_VARIANT_TYPE_BYTE, NULL, 0),
                                     g_variant_new_array (G_VARIANT_TYPE_HANDLE, NULL, 0));

  check_refused (new_message ("Send", g_variant_new_tuple (&payload, 1)));
}

static void
test_bytes (void)
{
  const char *payloads[] = {
    "('s', [byte 0x61], [])",
    "('s', [byte 0xff, 0], [])",
    "('b', [byte 2], [])",
    "('i', [byte 1, 2], [])",
    "('ai', [byte 1, 2, 3], [])",
    "('as', [byte 0x61, 0, 9], [])",
    "('v', [byte 1], [])",
    "('a{sv}', [byte 1, 2, 3, 4, 5, 6, 7, 8, 9], [])",
  };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    check_payload_refused (payloads[i]);
}

static void
test_no_handle (void)
{
  check_payload_refused ("('ay', [], [handle 0])");
  check_payload_refused ("('ay', [], [handle 7])");
  check_payload_refused ("('ay', [], [handle -1])");
}

/* Takes @fd over. */
static GDBusMessage *
new_with_handle (int fd,
                 int position)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new_from_array (&fd, 1);
  GVariant *handle = g_variant_new_handle (position);
  GVariant *payload = g_variant_new ("(s@ay@ah)", "ay",
                                     g_variant_new_array (G_VARIANT_TYPE_BYTE, NULL, 0),
                                     g_variant_new_array (NULL, &handle, 1));
  GDBusMessage *message = new_message ("Send", g_variant_new_tuple (&payload, 1));

  g_dbus_message_set_unix_fd_list (message, handles);
  return message;
}

static int
new_memfd (int seals)
{
  int fd = memfd_create ("gmproc-hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_no_errno (ftruncate (fd, 4096));
  if (seals != 0)
    g_assert_no_errno (fcntl (fd, F_ADD_SEALS, seals));
  return fd;
}

/* A file that its owner could still change, or cut off under the reader's eyes. */
static void
test_unsealed (void)
{
  check_refused (new_with_handle (new_memfd (0), 0));
  check_refused (new_with_handle (new_memfd (F_SEAL_SHRINK), 0));
  check_refused (new_with_handle (new_memfd (F_SEAL_SHRINK | F_SEAL_GROW), 0));
  check_refused (new_with_handle (new_memfd (F_SEAL_GROW | F_SEAL_WRITE), 0));
}

static void
test_no_memfd (void)
{
  check_refused (new_with_handle (open ("/dev/zero", O_RDONLY | O_CLOEXEC), 0));
  check_refused (new_with_handle (open ("/proc/self/exe", O_RDONLY | O_CLOEXEC), 0));
}

static void
test_wrong_position (void)
{
  int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

  check_refused (new_with_handle (new_memfd (seals), 1));
  check_refused (new_with_handle (new_memfd (seals), -1));
}

static void
test_members (void)
{
  check_refused (new_message ("Grab", NULL));
  check_refused (new_message ("Send", NULL));
  check_refused (new_message ("Send", g_variant_new ("(s)", "text")));
  check_refused (new_message ("Send", g_variant_new ("(say)", "i", NULL)));
  check_refused (new_message ("Close", NULL));
  check_refused (new_message ("Close", g_variant_new ("(ss)", "domain", "message")));
  check_refused (g_dbus_message_new_signal ("/somewhere", "org.example.Else", "Happened"));
}

/* More than a socket holds, and than a message may have of it. */
static void
test_too_much (void)
{
  gsize size = (gsize) 16 * 1024 * 1024 + 1;
  g_autofree guint8 *bytes = g_malloc0 (size);
  GVariant *payload = g_variant_new ("(s@ay@ah)", "ay",
                                     g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size,
                                                                1),
                                     g_variant_new_array (G_VARIANT_TYPE_HANDLE, NULL, 0));

  check_refused (new_message ("Send", g_variant_new_tuple (&payload, 1)));
}

/* One who sends and sends, and waits for no answer. */
static void
test_impatient (void)
{
  g_autoptr (GError) error = NULL;
  GmpInboxStatus status = GMP_INBOX_PAYLOAD;
  guint n = 0;
  Server server;

  server_init (&server);
  for (guint i = 0; i < 100; i++)
    send (&server, new_message ("Send",
                                g_variant_new_parsed ("(('i', [byte 1, 0, 0, 0], @ah []),)")));
  g_dbus_connection_flush_sync (server.bad, NULL, NULL);
  /* It is told why when all of them have come. */
  g_object_unref (g_async_queue_pop (server.answers));
  while (status == GMP_INBOX_PAYLOAD)
    {
      g_auto (GmpMail) mail = { 0, };

      status = test_take (server.inbox, &mail);
      g_assert_cmpstr (mail.id, ==, "bad");
      g_assert_cmpuint (++n, <, 50);
      if (status == GMP_INBOX_CLOSED)
        error = g_steal_pointer (&mail.error);
    }
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  check_good (&server);
  server_clear (&server);
}

/* Anything may be a reason, but only text is a domain. */
static void
test_close_reasons (void)
{
  g_auto (GmpMail) mail = { 0, };
  Server server;

  server_init (&server);
  send (&server, new_message ("Close", g_variant_new ("(sis)", "some-unheard-of-quark", G_MININT,
                                                      "%s %n")));
  g_assert_cmpint (test_take (server.inbox, &mail), ==, GMP_INBOX_CLOSED);
  g_assert_cmpstr (mail.id, ==, "bad");
  g_assert_cmpstr (g_quark_to_string (mail.error->domain), ==, "some-unheard-of-quark");
  g_assert_cmpint (mail.error->code, ==, G_MININT);
  g_assert_cmpstr (mail.error->message, ==, "%s %n");
  check_good (&server);
  server_clear (&server);
}

/* Bytes that are not D-Bus at all. */
static void
test_no_dbus (void)
{
  g_auto (GmpMail) mail = { 0, };
  Server server = { 0, };
  int fd;

  server.inbox = gmp_inbox_new (NULL);
  fd = add_channel (&server, "bad");
  server.good = gmp_message_channel_new (add_channel (&server, "good"));
  g_assert_cmpint (write (fd, "GET / HTTP/1.1\r\n\r\n", 18), ==, 18);
  close (fd);
  g_assert_cmpint (test_take (server.inbox, &mail), ==, GMP_INBOX_CLOSED);
  g_assert_cmpstr (mail.id, ==, "bad");
  g_assert_error (mail.error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  check_good (&server);
  gmp_inbox_free (server.inbox);
  g_object_unref (server.good);
}

/* The codec itself, with what no honest end sends. */
static void
test_inline (void)
{
  const char *texts[] = { "('i', [byte 1])", "('', [byte 1])", "('a', [])", "('s', [byte 1])" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) packed = g_variant_parse (G_VARIANT_TYPE (GMP_PAYLOAD_INLINE_TYPE),
                                                     texts[i], NULL, NULL, NULL);
      g_autoptr (GError) error = NULL;
      GVariant *payload = NULL;

      g_assert_false (gmp_payload_unpack_inline (packed, &payload, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
      g_assert_null (payload);
    }
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/channel-hostile/types", test_types);
  gmp_test_add ("/channel-hostile/deep-type", test_deep_type);
  gmp_test_add ("/channel-hostile/bytes", test_bytes);
  gmp_test_add ("/channel-hostile/no-handle", test_no_handle);
  gmp_test_add ("/channel-hostile/unsealed", test_unsealed);
  gmp_test_add ("/channel-hostile/no-memfd", test_no_memfd);
  gmp_test_add ("/channel-hostile/wrong-position", test_wrong_position);
  gmp_test_add ("/channel-hostile/members", test_members);
  gmp_test_add ("/channel-hostile/too-much", test_too_much);
  gmp_test_add ("/channel-hostile/impatient", test_impatient);
  gmp_test_add ("/channel-hostile/close-reasons", test_close_reasons);
  gmp_test_add ("/channel-hostile/no-dbus", test_no_dbus);
  gmp_test_add ("/channel-hostile/inline", test_inline);
  return g_test_run ();
}
