/* channel-hostile.c: a peer that violates the protocol fails alone
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-channel.h"

#include "base/gmp-socketpair-private.h"
#include "peer/gmp-socket-stream-private.h"
#include "peer/gmp-payload-private.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A server's inbox with two channels: "good", and "bad", whose other end is a bare stream that
 * the test controls. */
typedef struct {
  GmpInbox *inbox;
  GmpChannel *good;
  GmpMessageStream *bad;
  GSource *bad_source;
} Server;

static int
get_fd (Server *self)
{
  return gmp_socket_stream_get_fd (GMP_SOCKET_STREAM (self->bad));
}

/* The messages may be larger than the socket's buffer. */
static gboolean
flush_cb (GSocket     *socket G_GNUC_UNUSED,
          GIOCondition condition G_GNUC_UNUSED,
          gpointer     wire)
{
  return gmp_message_stream_flush (wire) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static GmpChannel *
new_channel (int fd)
{
  g_autoptr (GError) error = NULL;
  GmpChannel *channel = gmp_message_channel_new (fd, &error);

  g_assert_no_error (error);
  return channel;
}

static int
add_channel (Server     *self,
             const char *id)
{
  g_autoptr (GmpChannel) channel = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  gmp_socketpair_open (fds, &error);
  g_assert_no_error (error);
  channel = new_channel (fds[0]);
  gmp_inbox_add (self->inbox, id, "native", channel);
  return fds[1];
}

static void
server_init (Server *self)
{
  g_autoptr (GError) error = NULL;

  *self = (Server) { .inbox = gmp_inbox_new (&error) };
  g_assert_no_error (error);
  self->good = new_channel (add_channel (self, "good"));
  self->bad = GMP_MESSAGE_STREAM (gmp_socket_stream_new (add_channel (self, "bad"), &error));
  g_assert_no_error (error);
}

static void
server_clear (Server *self)
{
  if (self->bad_source != NULL)
    g_source_destroy (self->bad_source);
  g_clear_pointer (&self->bad_source, g_source_unref);
  gmp_inbox_free (self->inbox);
  g_object_unref (self->good);
  gmp_message_stream_free (self->bad);
}

static GDBusMessage *
new_message (const char *member,
             GVariant   *body)
{
  GDBusMessage *message = g_dbus_message_new_method_call (NULL, "/org/gmproc/Channel",
                                                          "org.gmproc.Channel1", member);

  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  if (body != NULL)
    g_dbus_message_set_body (message, body);
  return message;
}

/* Consumes @message. */
static void
post (Server       *self,
      GDBusMessage *message)
{
  if (!gmp_message_stream_post (self->bad, message) && self->bad_source == NULL)
    self->bad_source = gmp_message_stream_create_source (self->bad, G_PRIORITY_DEFAULT, G_IO_OUT,
                                                         NULL, flush_cb, self->bad);
  g_object_unref (message);
}

static void
post_int (Server *self)
{
  post (self, new_message ("Send", g_variant_new_parsed ("(('i', [byte 1, 0, 0, 0], @ah []),)")));
}

/* The bad client receives the reason why its channel was closed. */
static void
check_reason (Server *self,
              int     wanted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) answer = gmp_message_stream_receive (self->bad, &error);
  const char *domain;
  int code;

  g_assert_no_error (error);
  g_assert_cmpstr (g_dbus_message_get_member (answer), ==, "Close");
  g_variant_get (g_dbus_message_get_body (answer), "(&si&s)", &domain, &code, NULL);
  g_assert_cmpstr (domain, ==, g_quark_to_string (GMP_ERROR));
  g_assert_cmpint (code, ==, wanted);
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

/* Only the bad client's channel is closed, and the client receives the reason. */
static void
check_ended (Server *self)
{
  g_auto (GmpMail) mail = { 0, };

  g_assert_cmpint (test_take (self->inbox, &mail), ==, GMP_INBOX_CLOSED);
  g_assert_cmpstr (mail.id, ==, "bad");
  g_assert_error (mail.error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_test_message ("%s", mail.error->message);
  g_assert_true (g_utf8_validate (mail.error->message, -1, NULL));
  g_assert_cmpuint (gmp_inbox_get_n_open (self->inbox), ==, 1);
  check_reason (self, GMP_ERROR_PROTOCOL);
  check_good (self);
}

/* Consumes @message. Values larger than @limit bytes, unless it is 0, are refused. */
static void
check_refused_above (GDBusMessage *message,
                     guint64       limit)
{
  Server server;

  server_init (&server);
  gmp_inbox_set_value_limit (server.inbox, limit);
  check_good (&server);
  post (&server, message);
  /* Later messages are not read. */
  post_int (&server);
  check_ended (&server);
  server_clear (&server);
}

static void
check_refused (GDBusMessage *message)
{
  check_refused_above (message, 0);
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

/* Endless nesting: a recursive reader would run out of stack. */
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

/* Consumes @fd. */
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

/* A file that its owner could still change or truncate while it is read. */
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

static GVariant *
new_bytes (gsize size)
{
  g_autofree guint8 *bytes = g_malloc0 (size);

  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

static GDBusMessage *
new_inline (gsize size)
{
  GVariant *payload = g_variant_new ("(s@ay@ah)", "ay", new_bytes (size),
                                     g_variant_new_array (G_VARIANT_TYPE_HANDLE, NULL, 0));

  return new_message ("Send", g_variant_new_tuple (&payload, 1));
}

/* Larger than a socket's buffer, and than a value in a message may be. */
static void
test_too_much (void)
{
  check_refused (new_inline ((gsize) 16 * 1024 * 1024 + 1));
}

/* A size that is announced, while nothing is sent: no memory is allocated for it. */
static void
test_announced (void)
{
  Server server;

  server_init (&server);
  g_assert_cmpint (
      write (get_fd (&server), "l\1\1\1\0\0\0\7\1\0\0\0\0\0\0\0", 16), ==,
      16);
  check_ended (&server);
  server_clear (&server);
}

/* value-size-limit, for values in a message and in a memfd. */
static void
test_value_limit (void)
{
  int fd = new_memfd (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);

  check_refused_above (new_inline (1001), 1000);
  check_refused_above (new_with_handle (fd, 0), 4095);
}

/* The limit for sent values: the other end receives nothing, and the channel stays open. */
static void
test_own_value_limit (void)
{
  g_autoptr (GVariant) fits = g_variant_ref_sink (new_bytes (1000));
  g_autoptr (GVariant) too_big = g_variant_ref_sink (new_bytes (1001));
  g_auto (GmpMail) mail = { 0, };
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) message = NULL;
  Server server;

  server_init (&server);
  gmp_inbox_set_value_limit (server.inbox, 1000);
  post_int (&server);
  g_assert_cmpint (test_take (server.inbox, &mail), ==, GMP_INBOX_PAYLOAD);
  g_assert_false (gmp_channel_send (mail.channel, too_big, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, "(value-size-limit)");
  g_clear_error (&error);
  g_assert_true (gmp_channel_send (mail.channel, fits, &error));
  message = gmp_message_stream_receive (server.bad, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_dbus_message_get_member (message), ==, "Send");
  server_clear (&server);
}

/* A client that sends requests without reading the responses, which do not fit into the socket. */
static void
test_impatient (void)
{
  g_autoptr (GVariant) big = g_variant_ref_sink (new_bytes (8 * 1024 * 1024));
  g_auto (GmpMail) first = { 0, };
  g_auto (GmpMail) second = { 0, };
  Server server;

  server_init (&server);
  post_int (&server);
  g_assert_cmpint (test_take (server.inbox, &first), ==, GMP_INBOX_PAYLOAD);
  g_assert_true (gmp_channel_send (first.channel, big, NULL));
  g_assert_true (gmp_inbox_has_unsent (server.inbox));
  post_int (&server);
  g_assert_cmpint (test_take (server.inbox, &second), ==, GMP_INBOX_CLOSED);
  g_assert_cmpstr (second.id, ==, "bad");
  g_assert_error (second.error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  gmp_test_check_in (second.error->message, GMP_CHANNEL_IMPATIENT);
  check_good (&server);
  server_clear (&server);
}

/* Any text is valid as a reason, but a domain has to be text. */
static void
test_close_reasons (void)
{
  g_auto (GmpMail) mail = { 0, };
  Server server;

  server_init (&server);
  post (&server, new_message ("Close", g_variant_new ("(sis)", "some-unheard-of-quark", G_MININT,
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
  Server server;

  server_init (&server);
  g_assert_cmpint (write (get_fd (&server), "GET / HTTP/1.1\r\n\r\n", 18), ==,
                   18);
  check_ended (&server);
  server_clear (&server);
}

/* The codec, with input that no correct peer sends. */
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
  gmp_test_add ("/channel-hostile/announced", test_announced);
  gmp_test_add ("/channel-hostile/value-limit", test_value_limit);
  gmp_test_add ("/channel-hostile/own-value-limit", test_own_value_limit);
  gmp_test_add ("/channel-hostile/impatient", test_impatient);
  gmp_test_add ("/channel-hostile/close-reasons", test_close_reasons);
  gmp_test_add ("/channel-hostile/no-dbus", test_no_dbus);
  gmp_test_add ("/channel-hostile/inline", test_inline);
  return g_test_run ();
}
