/* liars.c: workers that lie to the application of another machine, over their control socket
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* The descriptor of a worker's control socket. */
#define CONTROL 3

/* Serials of the application's calls: of its own to the agent, and of those to the workers. */
static const guint32 first_serials[] = { 1, 0x40000000 };
#define N_SERIALS 64

/* The worker's side. */

/* Consumes @message. */
static void
write_message (GDBusMessage *message,
               GVariant     *body)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *blob = NULL;
  gsize size;

  g_dbus_message_set_serial (message, 1000);
  g_dbus_message_set_body (message, body);
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  /* The application may have found the lie in an earlier message, and closed the socket. */
  if (send (CONTROL, blob, size, MSG_NOSIGNAL) == -1)
    g_assert_cmpint (errno, ==, EPIPE);
  g_object_unref (message);
}

static void
write_signal (const char *path,
              const char *interface,
              const char *member)
{
  write_message (g_dbus_message_new_signal (path, interface, member), g_variant_new ("(s)", "lie"));
}

/* To every call that another worker may wait for. */
static void
write_errors (guint32 first)
{
  for (guint32 i = 0; i < N_SERIALS; i++)
    {
      GDBusMessage *message = g_dbus_message_new ();

      g_dbus_message_set_message_type (message, G_DBUS_MESSAGE_TYPE_ERROR);
      g_dbus_message_set_reply_serial (message, first + i);
      g_dbus_message_set_error_name (message, "com.example.Lie");
      write_message (message, g_variant_new ("(s)", "lie"));
    }
}

/* Waits until the application ends this process. */
static GVariant *
lie (GVariant *params,
     GError  **error G_GNUC_UNUSED)
{
  switch (g_variant_get_int32 (params))
    {
    case 0:
      write_signal ("/org/gmproc/Agent", "org.gmproc.Agent1", "Leaving");
      break;
    case 1:
      write_signal ("/org/gmproc/Worker", "org.gmproc.Process1", "Ended");
      break;
    case 2:
      write_signal ("/org/gmproc/Worker", "org.gmproc.Stream1", "Close");
      break;
    default:
      for (gsize i = 0; i < G_N_ELEMENTS (first_serials); i++)
        write_errors (first_serials[i]);
    }
  while (TRUE)
    pause ();
  return NULL;
}

#define N_LIES 4

/* Waits until the application cancels it. */
static GVariant *
wait_for_cancel (GVariant *params G_GNUC_UNUSED,
                 GError  **error)
{
  if (gmp_worker_report (NULL, error))
    for (;;)
      pause ();
  return NULL;
}

/* The application's side. */

typedef struct {
  int number;
  GCancellable *cancellable; /* of the honest worker */
} Lie;

static void
run_liar_cb (GmpWorkers *honest G_GNUC_UNUSED,
             int         id G_GNUC_UNUSED,
             GVariant   *value G_GNUC_UNUSED,
             gpointer    user_data)
{
  Lie *self = user_data;
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 2, lie, g_variant_new_int32 (self->number));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_test_message ("%d: %s", self->number, error->message);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_cancellable_cancel (self->cancellable);
}

/* A liar fails alone: the other worker of its node goes on until it is cancelled. */
static void
test_lies (void)
{
  g_setenv ("GMPROC_NODES", "alpha", TRUE);
  for (int number = 0; number < N_LIES; number++)
    {
      g_autoptr (GmpWorkers) workers = gmp_workers_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Lie told = { number, cancellable };

      gmp_test_add_worker (workers, 1, wait_for_cancel, NULL);
      g_object_set (workers, "stop-grace", 0.1, NULL);
      g_signal_connect (workers, "progress", G_CALLBACK (run_liar_cb), &told);
      g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

int
main (int    argc,
      char **argv)
{
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  test_agents_add ("/cluster/liars", test_lies);
  return g_test_run ();
}
