/* hostile-workers.c: workers that lie to the application over their control socket
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* The descriptor of a worker's control socket, and the serial number of the application's call
 * of Run. */
#define CONTROL 3
#define SERIAL  1

/* The most descriptors that a worker sends in this test. */
#define MAX_HANDLES 100

/* The value-size-limit of the applications that set one. */
#define LIMIT 1000

/* The worker's side. The library keeps sending correct messages over the same socket. */

/* Returns %FALSE when the application has closed the socket. */
static gboolean
write_bytes (gconstpointer data,
             gsize         size)
{
  const guint8 *bytes = data;

  while (size > 0)
    {
      struct pollfd place = { .fd = CONTROL, .events = POLLOUT };
      gssize n = send (CONTROL, bytes, size, MSG_NOSIGNAL);

      if (n == -1 && errno != EINTR && errno != EAGAIN)
        return FALSE;
      if (n == -1)
        poll (&place, 1, -1);
      if (n > 0)
        {
          bytes += n;
          size -= n;
        }
    }
  return TRUE;
}

/* The same, in one call and with @n descriptors. */
static void
write_with_handles (gconstpointer data,
                    gsize         size,
                    guint         n)
{
  struct iovec vector = { (gpointer) data, size };
  union {
    char bytes[CMSG_SPACE (MAX_HANDLES * sizeof (int))];
    struct cmsghdr aligned;
  } control = { { 0, } };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = CMSG_SPACE (n * sizeof (int)) };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  int fds[MAX_HANDLES];

  for (guint i = 0; i < n; i++)
    fds[i] = STDERR_FILENO;
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (n * sizeof (int));
  memcpy (CMSG_DATA (header), fds, n * sizeof (int));
  g_assert_cmpint (sendmsg (CONTROL, &message, MSG_NOSIGNAL), ==, size);
}

/* Consumes @message. */
static void
write_message (GDBusMessage *message,
               GVariant     *body)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *blob = NULL;
  gsize size;

  g_dbus_message_set_serial (message, 1000);
  if (body != NULL)
    g_dbus_message_set_body (message, body);
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, &error);
  g_assert_no_error (error);
  if (g_dbus_message_get_num_unix_fds (message) > 0)
    write_with_handles (blob, size, 1);
  else
    write_bytes (blob, size);
  g_object_unref (message);
}

static GDBusMessage *
new_reply (GDBusMessageType type)
{
  GDBusMessage *message = g_dbus_message_new ();

  g_dbus_message_set_message_type (message, type);
  g_dbus_message_set_reply_serial (message, SERIAL);
  return message;
}

static void
write_reply (const char *text)
{
  GVariant *body = g_variant_new_parsed (text);

  write_message (new_reply (G_DBUS_MESSAGE_TYPE_METHOD_RETURN), body);
}

static void
write_error (const char *name,
             const char *text)
{
  GDBusMessage *message = new_reply (G_DBUS_MESSAGE_TYPE_ERROR);

  g_dbus_message_set_error_name (message, name);
  write_message (message, text != NULL ? g_variant_new ("(s)", text) : NULL);
}

static void
write_signal (const char *member,
              GVariant   *body)
{
  write_message (g_dbus_message_new_signal ("/org/gmproc/Worker", "org.gmproc.Worker1", member),
                 body);
}

/* Waits until the application ends this process. */
static GVariant *
wait_for_end (void)
{
  while (TRUE)
    pause ();
  return NULL;
}

static GVariant *
rubbish_method (GVariant *params,
                GError  **error G_GNUC_UNUSED)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (g_variant_get_uint32 (params));
  guint32 words[1024];

  for (guint i = 0; i < 2048; i++)
    {
      for (guint j = 0; j < G_N_ELEMENTS (words); j++)
        words[j] = g_rand_int (random);
      write_bytes (words, sizeof words);
    }
  return wait_for_end ();
}

static GVariant *
close_method (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  shutdown (CONTROL, SHUT_RDWR);
  close (CONTROL);
  return wait_for_end ();
}

static GVariant *
twice_method (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  write_reply ("(('i', [byte 7, 0, 0, 0], @ah []),)");
  write_reply ("(('i', [byte 8, 0, 0, 0], @ah []),)");
  return g_variant_new_int32 (9);
}

static GVariant *
unknown_domain_method (GVariant *params G_GNUC_UNUSED,
                       GError  **error G_GNUC_UNUSED)
{
  write_error ("org.gtk.GDBus.UnmappedGError.Quark._never_2dheard_2dof.Code42", "%s of %n");
  return wait_for_end ();
}

static GVariant *
foreign_method (GVariant *params G_GNUC_UNUSED,
                GError  **error G_GNUC_UNUSED)
{
  write_error ("com.example.Strange", NULL);
  return wait_for_end ();
}

/* A payload of @size bytes. */
static GVariant *
new_payload (gsize size)
{
  g_autofree guint8 *bytes = g_malloc0 (size);
  GVariant *data = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1);

  return g_variant_new ("((s@ay@ah))", "ay", data,
                        g_variant_new_array (G_VARIANT_TYPE_HANDLE, NULL, 0));
}

static void
write_signal_with_handle (void)
{
  GDBusMessage *message = g_dbus_message_new_signal ("/org/gmproc/Worker", "org.gmproc.Worker1",
                                                     "Ready");
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();

  g_unix_fd_list_append (handles, STDERR_FILENO, NULL);
  g_dbus_message_set_unix_fd_list (message, handles);
  write_message (message, g_variant_new ("(u)", 7));
}

/* Messages that a worker must not send, by number. */

static void
send_signal (guint number)
{
  switch (number)
    {
    case 0:
      write_signal ("Progress", g_variant_new ("(s)", "text"));
      break;
    case 1:
      write_signal ("Progress", g_variant_new_parsed ("(('a{', @ay []),)"));
      break;
    case 2:
      write_signal ("Ready", NULL);
      break;
    case 3:
      write_signal ("Party", NULL);
      break;
    case 4:
      write_signal ("Log", g_variant_new ("(us)", 1, "text"));
      break;
    case 17:
      write_signal ("Turn", g_variant_new ("(s)", "text"));
      break;
    case 18:
      write_signal ("Turn", g_variant_new_parsed ("(('a{', @ay [], @ah []),)"));
      break;
    case 19:
      write_signal ("Turn", g_variant_new_parsed ("(('ay', @ay [], [handle 0]),)"));
      break;
    case 20:
      write_signal ("Turn", new_payload (LIMIT + 1));
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
send_message (guint number)
{
  switch (number)
    {
    case 5:
      write_message (g_dbus_message_new_method_call (NULL, "/", "org.example.Thing", "Do"), NULL);
      break;
    case 6:
      write_message (g_dbus_message_new_signal ("/org/gmproc/Worker", "org.example.Else", "Ready"),
                     g_variant_new ("(u)", 7));
      break;
    case 7:
      write_reply ("('text',)");
      break;
    case 8:
      write_reply ("(('a{', @ay [], @ah []),)");
      break;
    case 9:
      write_reply ("(('as', [byte 255, 255], @ah []),)");
      break;
    case 10:
      write_reply ("(('ay', @ay [], [handle 0]),)");
      break;
    case 11:
      write_message (new_reply (G_DBUS_MESSAGE_TYPE_METHOD_RETURN), NULL);
      break;
    case 12:
      write_message (new_reply (G_DBUS_MESSAGE_TYPE_METHOD_RETURN), new_payload (LIMIT + 1));
      break;
    case 13:
      write_signal_with_handle ();
      break;
    case 14:
      write_bytes ("l\4\1\1\0\0\0\6\1\0\0\0\0\0\0\0", 16);
      break;
    case 15:
      write_with_handles ("l\4\1\1", 4, 100);
      break;
    case 16:
      write_with_handles ("l", 1, 1);
      write_with_handles ("\4", 1, 1);
      break;
    default:
      send_signal (number);
    }
}

static GVariant *
send_method (GVariant *params,
             GError  **error G_GNUC_UNUSED)
{
  guint number = g_variant_get_uint32 (params);

  send_message (number);
  /* A refused report fails the run only at its end, so the run has to end. */
  return number == 1 ? NULL : wait_for_end ();
}

#define N_MESSAGES 21

/* The largest buffer that a socket can have. */
#define SOCKET_SIZE (8 * 1024 * 1024)

/* Sends reports while the socket has room. The application is blocked meanwhile: it waits until
 * the fifo @params is opened and closed, which happens when the socket is full. Returns the
 * number of bytes that fitted. */
static GVariant *
flood_method (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GDBusMessage) message = g_dbus_message_new_signal ("/org/gmproc/Worker",
                                                                "org.gmproc.Worker1", "Progress");
  g_autofree guint8 *bytes = g_malloc0 (16 * 1024);
  g_autofree guint8 *blob = NULL;
  gsize size;
  gsize total = 0;
  gssize n;
  int fd;

  g_dbus_message_set_serial (message, 1000);
  g_dbus_message_set_body (message, g_variant_new ("((s@ay))", "ay",
                                                   g_variant_new_fixed_array (
                                                     G_VARIANT_TYPE_BYTE, bytes, 16 * 1024, 1)));
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &local);
  g_assert_no_error (local);
  write_bytes (blob, size);
  fd = open (g_variant_get_string (params, NULL), O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (fd, !=, -1);
  while (total < SOCKET_SIZE && (n = send (CONTROL, blob + total % size, size - total % size,
                                           MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
    total += n;
  close (fd);
  if (total % size > 0)
    write_bytes (blob + total % size, size - total % size);
  return g_variant_new_uint64 (total);
}

/* A correct worker with many messages. */
#define N_REPORTS 5000

static GVariant *
talk_method (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  guint8 bytes[16 * 1024] = { 0, };
  gboolean ok = TRUE;

  for (guint i = 0; i < N_REPORTS && ok; i++)
    ok = gmp_worker_report (g_variant_new ("(u@ay)", i,
                                           g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes,
                                                                      sizeof bytes, 1)), error);
  return ok ? g_variant_new_uint32 (N_REPORTS) : NULL;
}

static GVariant *
big_method (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  guint8 bytes[LIMIT + 1] = { 0, };

  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizeof bytes, 1);
}

/* A result over the limit that is no text either: its size is checked before its bytes are read. */
static GVariant *
big_rubbish_method (GVariant *params G_GNUC_UNUSED,
                    GError  **error G_GNUC_UNUSED)
{
  guint8 bytes[LIMIT + 1];

  memset (bytes, 0xff, sizeof bytes);
  write_message (new_reply (G_DBUS_MESSAGE_TYPE_METHOD_RETURN),
                 g_variant_new ("((s@ay@ah))", "as",
                                g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes,
                                                           sizeof bytes, 1),
                                g_variant_new_array (G_VARIANT_TYPE_HANDLE, NULL, 0)));
  return wait_for_end ();
}

static GVariant *
good_method (GVariant *params,
             GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

/* The application's side. */

/* The library warns of workers that crash after their result. */
static gboolean
is_fatal (const char    *domain,
          GLogLevelFlags level,
          const char    *message G_GNUC_UNUSED,
          gpointer       user_data G_GNUC_UNUSED)
{
  return (level & G_LOG_LEVEL_WARNING) == 0 || g_strcmp0 (domain, "gmproc") != 0;
}

/* GTest's own handler ends the test. */
static void
log_cb (const char    *domain G_GNUC_UNUSED,
        GLogLevelFlags level G_GNUC_UNUSED,
        const char    *message,
        gpointer       user_data G_GNUC_UNUSED)
{
  g_printerr ("%s\n", message);
}

/* Runs a hostile worker and two correct ones. Returns the hostile one's error, or %NULL and its
 * value. */
static GError *
run (GmpMethod  liar,
     guint      number,
     GVariant **value)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) returned = NULL;
  g_autoptr (GError) error = NULL;
  const GError *failed;

  g_object_set (workers, "value-size-limit", (guint64) LIMIT, NULL);
  gmp_workers_add (workers, 1, good_method, g_variant_new_int32 (1), &error);
  gmp_workers_add (workers, 2, liar, g_variant_new_uint32 (number), &error);
  gmp_workers_add (workers, 3, good_method, g_variant_new_int32 (3), &error);
  g_assert_no_error (error);
  g_test_log_set_fatal_handler (is_fatal, NULL);
  returned = gmp_workers_run (workers, NULL, 0, NULL, &error);
  results = gmp_workers_get_results (workers);
  for (int id = 1; id <= 3; id += 2)
    {
      g_autoptr (GVariant) result = gmp_test_get_int (results, id);

      g_assert_cmpint (g_variant_get_int32 (result), ==, id);
    }
  failed = gmp_workers_get_error (workers, 2);
  if (failed == NULL)
    *value = gmp_test_get_int (results, 2);
  else
    g_test_message ("%u: %s", number, failed->message);
  return failed != NULL ? g_error_copy (failed) : NULL;
}

static void
check_lost (GmpMethod method,
            guint     number)
{
  g_autoptr (GError) error = run (method, number, NULL);

  /* Either side may notice the end first. */
  if (!g_error_matches (error, GMP_ERROR, GMP_ERROR_DISCONNECTED) &&
      !g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED))
    g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  gmp_test_check_in (error->message, "Worker '2'");
}

static void
test_rubbish (void)
{
  for (guint seed = 0; seed < 4; seed++)
    check_lost (rubbish_method, seed);
}

static void
test_close (void)
{
  check_lost (close_method, 0);
}

/* The first reply counts. */
static void
test_twice (void)
{
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = run (twice_method, 0, &value);

  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
}

static void
test_unknown_domain (void)
{
  g_autoptr (GError) error = run (unknown_domain_method, 0, NULL);

  g_assert_cmpstr (g_quark_to_string (error->domain), ==, "never-heard-of");
  g_assert_cmpint (error->code, ==, 42);
  gmp_test_check_in (error->message, "%s of %n");
}

static void
test_foreign (void)
{
  g_autoptr (GError) error = run (foreign_method, 0, NULL);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_DBUS_ERROR);
  gmp_test_check_in (error->message, "Worker '2'");
}

static void
test_sayings (void)
{
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      g_autoptr (GError) error = run (send_method, i, NULL);

      g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
      gmp_test_check_in (error->message, "Worker '2'");
    }
}

static void
test_big (void)
{
  g_autoptr (GError) error = run (big_method, 0, NULL);

  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, "A value of 1001 bytes is bigger than the limit of 1000 bytes "
                     "(value-size-limit)");
}

static void
test_big_rubbish (void)
{
  g_autoptr (GError) error = run (big_rubbish_method, 0, NULL);

  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  gmp_test_check_in (error->message, "(value-size-limit)");
}

/* A main loop that is busy for as long as the worker sends messages. */
static void
busy_cb (GmpWorkers *workers G_GNUC_UNUSED,
         int         id G_GNUC_UNUSED,
         GVariant   *value G_GNUC_UNUSED,
         gpointer    user_data)
{
  char **path = user_data;
  g_autofree char *file = g_steal_pointer (path);
  char byte;
  int fd;

  if (file == NULL)
    return;
  fd = open (file, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (read (fd, &byte, 1), ==, 0);
  close (fd);
}

static void
test_flood (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("pipe");
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) total = NULL;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  gmp_workers_add (workers, 1, flood_method, g_variant_new_string (path), &error);
  g_assert_no_error (error);
  g_signal_connect (workers, "progress", G_CALLBACK (busy_cb), &path);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_variant_get_child (results, 0, "{iv}", NULL, &total);
  g_test_message ("%" G_GUINT64_FORMAT " bytes", g_variant_get_uint64 (total));
  g_assert_cmpuint (g_variant_get_uint64 (total), <, SOCKET_SIZE);
}

/* A handler that is much slower than the worker. */
static void
slow_cb (GmpWorkers *workers G_GNUC_UNUSED,
         int         id G_GNUC_UNUSED,
         GVariant   *value,
         gpointer    user_data)
{
  guint *n = user_data;
  g_autoptr (GVariant) number = g_variant_get_child_value (value, 0);
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA512, g_variant_get_data (value),
                                                      g_variant_get_size (value));

  g_assert_cmpuint (g_variant_get_uint32 (number), ==, *n);
  *n += 1;
}

static void
test_talk (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  guint n = 0;

  gmp_workers_add (workers, 1, talk_method, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (workers, "progress", G_CALLBACK (slow_cb), &n);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, N_REPORTS);
}

/* A program that writes to the socket, and is not a worker. */
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
  gmp_test_check_in (error->message, "expected a greeting");
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  g_log_set_handler ("gmproc", G_LOG_LEVEL_WARNING | G_LOG_FLAG_FATAL, log_cb, NULL);

  gmp_test_add ("/hostile-workers/rubbish", test_rubbish);
  gmp_test_add ("/hostile-workers/close", test_close);
  gmp_test_add ("/hostile-workers/twice", test_twice);
  gmp_test_add ("/hostile-workers/unknown-domain", test_unknown_domain);
  gmp_test_add ("/hostile-workers/foreign", test_foreign);
  gmp_test_add ("/hostile-workers/sayings", test_sayings);
  gmp_test_add ("/hostile-workers/big", test_big);
  gmp_test_add ("/hostile-workers/big-rubbish", test_big_rubbish);
  gmp_test_add ("/hostile-workers/flood", test_flood);
  gmp_test_add ("/hostile-workers/talk", test_talk);
  gmp_test_add ("/hostile-workers/no-worker", test_no_worker);
  return g_test_run ();
}
