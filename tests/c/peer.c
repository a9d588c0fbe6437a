/* peer.c: connections whose handshake is a text, and what else may come in place of a greeting
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include "peer/gmp-peer-private.h"

#include <gio/gunixconnection.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static GDBusConnection *
finish (GAsyncResult **result)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = gmp_peer_connect_finish (gmp_test_wait (result), &error);

  g_assert_no_error (error);
  g_clear_object (result);
  return connection;
}

static void
connect_pair (GDBusConnection *connections[2])
{
  GAsyncResult *results[2] = { NULL, NULL };
  g_autoptr (GError) error = NULL;
  int fds[2];

  gmp_peer_socketpair (fds, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    {
      gmp_peer_greet (fds[i]);
      gmp_peer_connect_async (fds[i], NULL, gmp_test_done_cb, &results[i]);
    }
  for (guint i = 0; i < 2; i++)
    connections[i] = finish (&results[i]);
}

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

static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         vanished G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  *(guint *) user_data += 1;
}

/* A message with a descriptor goes through. */
static void
test_connect (void)
{
  g_autoptr (GAsyncQueue) received = g_async_queue_new_full (g_object_unref);
  g_autoptr (GDBusMessage) message = g_dbus_message_new_signal ("/there", "org.example.Thing",
                                                                "Is");
  g_autoptr (GDBusMessage) same = NULL;
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  GDBusConnection *connections[2];
  guint n_closed = 0;

  connect_pair (connections);
  for (guint i = 0; i < 2; i++)
    {
      g_signal_connect (connections[i], "closed", G_CALLBACK (closed_cb), &n_closed);
      g_dbus_connection_add_filter (connections[i], filter_cb, g_async_queue_ref (received),
                                    (GDestroyNotify) g_async_queue_unref);
      g_dbus_connection_start_message_processing (connections[i]);
    }
  g_unix_fd_list_append (handles, STDIN_FILENO, &error);
  g_assert_no_error (error);
  g_dbus_message_set_unix_fd_list (message, handles);
  g_dbus_connection_send_message (connections[0], message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                  &error);
  g_assert_no_error (error);
  same = g_async_queue_pop (received);
  g_assert_cmpstr (g_dbus_message_get_member (same), ==, "Is");
  g_assert_cmpint (g_unix_fd_list_get_length (g_dbus_message_get_unix_fd_list (same)), ==, 1);

  for (guint i = 0; i < 2; i++)
    g_dbus_connection_close (connections[i], NULL, NULL, NULL);
  while (n_closed < 2)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  for (guint i = 0; i < 2; i++)
    g_object_unref (connections[i]);
}

/* The handshake that GDBus reads is whole and ends, in whatever portions it reads it, and nothing
 * of what the other end sends is taken along. */
static void
check_portions (gsize size)
{
  const char begin[] = "\0AUTH ANONYMOUS ";
  const char end[] = "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
  g_autofree char *portion = g_malloc (size);
  g_autoptr (GByteArray) read = g_byte_array_new ();
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  char byte = 0;
  gssize n;
  int fds[2];

  gmp_peer_socketpair (fds, &error);
  g_assert_no_error (error);
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);
  socket = g_socket_new_from_fd (fds[0], &error);
  g_assert_no_error (error);
  stream = g_object_new (g_type_from_name ("GmpPeerStream"), "socket", socket, NULL);
  g_assert_true (G_IS_UNIX_CONNECTION (stream));
  while ((n = g_input_stream_read (g_io_stream_get_input_stream (stream), portion, size, NULL,
                                   &error)) > 0)
    {
      g_byte_array_append (read, (const guint8 *) portion, (guint) n);
      g_output_stream_write_all (g_io_stream_get_output_stream (stream), "OK\r\n", 4, NULL, NULL,
                                 &error);
      g_assert_no_error (error);
    }
  g_assert_no_error (error);
  g_assert_cmpmem (read->data, sizeof begin - 1, begin, sizeof begin - 1);
  g_assert_cmpmem (read->data + read->len - (sizeof end - 1), sizeof end - 1, end, sizeof end - 1);
  g_assert_cmpint (recv (fds[1], &byte, 1, MSG_DONTWAIT), ==, -1);
  g_assert_cmpint (recv (fds[0], &byte, 1, MSG_DONTWAIT), ==, 1);
  g_assert_cmpint (byte, ==, 'x');
  close (fds[1]);
}

static void
test_portions (void)
{
  const gsize sizes[] = { 1, 2, 7, 16, 4096 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    check_portions (sizes[i]);
}

static void
check_refused (const char *bytes,
               gsize       size,
               int         code)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  gmp_peer_socketpair (fds, &error);
  g_assert_no_error (error);
  gmp_peer_connect_async (fds[0], NULL, gmp_test_done_cb, &result);
  g_assert_cmpint (write (fds[1], bytes, size), ==, size);
  close (fds[1]);
  g_assert_null (gmp_peer_connect_finish (gmp_test_wait (&result), &error));
  g_assert_error (error, GMP_ERROR, code);
}

static void
test_no_greeting (void)
{
  check_refused ("", 0, GMP_ERROR_DISCONNECTED);
  check_refused ("A", 1, GMP_ERROR_PROTOCOL);
  check_refused ("AUTH EXTERNAL 30\r\n", 18, GMP_ERROR_PROTOCOL);
}

/* A program that writes into the socket, and is no worker. */
static void
test_no_worker (void)
{
  const char *argv[] = { "sh", "-c", "echo hello >&3; exec sleep 1000", NULL };
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_runtime_set_command ("speaker", argv);
  gmp_workers_add_target (workers, 1, "speaker:anything", NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  gmp_test_check_in (error->message, "a greeting was expected");
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/peer/connect", test_connect);
  gmp_test_add ("/peer/portions", test_portions);
  gmp_test_add ("/peer/no-greeting", test_no_greeting);
  gmp_test_add ("/peer/no-worker", test_no_worker);
  return g_test_run ();
}
