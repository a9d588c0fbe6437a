/* notices.c: log messages about workers that die during a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static GVariant *
die (GVariant *params,
     GError  **error G_GNUC_UNUSED)
{
  gmp_test_meet (g_variant_get_string (params, NULL));
  raise (SIGKILL);
  return NULL;
}

static GVariant *
fail (GVariant *params,
      GError  **error)
{
  gmp_test_meet (g_variant_get_string (params, NULL));
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "it is busy");
  return NULL;
}

/* Runs until it is cancelled. */
static GVariant *
go_on (GVariant *params,
       GError  **error)
{
  GCancellable *cancellable = gmp_worker_get_cancellable ();
  GPollFD poll_fd;

  gmp_test_meet (g_variant_get_string (params, NULL));
  g_cancellable_make_pollfd (cancellable, &poll_fd);
  g_poll (&poll_fd, 1, -1);
  g_cancellable_release_fd (cancellable);
  g_cancellable_set_error_if_cancelled (cancellable, error);
  return NULL;
}

/* The library's messages, and the number of reported deaths. When there are enough, the run is
 * cancelled. */
typedef struct {
  GCancellable *cancellable;
  GString *text;
  guint n_logged;
  guint n_wanted;
} Notices;

static void
log_cb (const char    *domain G_GNUC_UNUSED,
        GLogLevelFlags level G_GNUC_UNUSED,
        const char    *message,
        gpointer       user_data)
{
  Notices *self = user_data;
  const char *others = strstr (message, ", and ");
  guint n_others = 0;

  g_assert_true (g_str_has_suffix (message, "; the run continues"));
  g_assert_null (strchr (message, '\n'));
  if (others != NULL)
    g_assert_cmpint (sscanf (others, ", and %u more failed;", &n_others), ==, 1);
  g_string_append (self->text, message);
  self->n_logged += 1 + n_others;
  if (self->n_logged == self->n_wanted)
    g_cancellable_cancel (self->cancellable);
}

/* Runs @n workers with @methods, which all start together. */
static void
run (Notices         *self,
     GmpWorkers      *workers,
     const GmpMethod *methods,
     guint            n)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (n);
  g_autoptr (GError) error = NULL;
  guint handler = g_log_set_handler ("gmproc", G_LOG_LEVEL_MESSAGE, log_cb, self);

  for (guint i = 0; i < n; i++)
    gmp_test_add_worker (workers, (int) i, methods[i],
                         g_variant_new_string (gmp_test_meeting_path (meeting)));
  g_assert_null (gmp_workers_run (workers, NULL, 0, self->cancellable, &error));
  if (self->cancellable != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_error (gmp_workers_get_error (workers, 0), GMP_ERROR, GMP_ERROR_CRASHED);
  g_log_remove_handler ("gmproc", handler);
}

/* Each death is logged, and no other failure: code that sets an error can report it itself. */
static void
test_deaths (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  const GmpMethod methods[] = { die, fail, die, go_on, die };
  Notices notices = { cancellable, text, 0, 3 };

  run (&notices, workers, methods, G_N_ELEMENTS (methods));
  g_assert_cmpuint (notices.n_logged, ==, 3);
  g_assert_error (gmp_workers_get_error (workers, 1), G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_true (g_regex_match_simple ("^Worker '[024]' \\(pid \\d+\\) was killed by signal 9 "
                                       "\\(Killed\\)[;,]", text->str, 0, 0));
}

/* A run that ends soon reports everything itself. */
static void
test_end (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  const GmpMethod methods[] = { die };
  Notices notices = { NULL, text, 0, 0 };

  run (&notices, workers, methods, G_N_ELEMENTS (methods));
  g_assert_cmpstr (text->str, ==, "");
}

#define DEAF_TYPE_CLIENT (deaf_client_get_type ())
G_DECLARE_FINAL_TYPE (DeafClient, deaf_client, DEAF, CLIENT, GmpClientWorker)

struct _DeafClient
{
  GmpClientWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (DeafClient, deaf_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
deaf_client_process (GmpClientWorker *client G_GNUC_UNUSED,
                     GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

static gboolean
deaf_client_start (GmpWorker *worker G_GNUC_UNUSED,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  gmp_test_meet (g_variant_get_string (params, NULL));
  return TRUE;
}

/* One of them is not cancelled: only a signal ends it. */
static gboolean
deaf_client_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  while (g_str_equal (gmp_worker_get_id (worker), "deaf"))
    pause ();
  return FALSE;
}

static void
deaf_client_class_init (DeafClientClass *klass)
{
  GMP_CLIENT_WORKER_CLASS (klass)->process = deaf_client_process;
  GMP_WORKER_CLASS (klass)->start = deaf_client_start;
  GMP_WORKER_CLASS (klass)->done = deaf_client_done;
}

static void
deaf_client_init (DeafClient *self G_GNUC_UNUSED)
{
}

/* A run does not continue without its server, and reports the death itself, also if its clients
 * take long to end. */
static void
test_server (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GVariant) place = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  Notices notices = { NULL, text, 0, 0 };
  guint handler = g_log_set_handler ("gmproc", G_LOG_LEVEL_MESSAGE, log_cb, &notices);

  place = g_variant_ref_sink (g_variant_new_string (gmp_test_meeting_path (meeting)));
  gmp_client_server_add_client (application, "asks", DEAF_TYPE_CLIENT, place, NULL);
  gmp_client_server_add_client (application, "deaf", DEAF_TYPE_CLIENT, place, NULL);
  g_assert_null (gmp_client_server_run (application, test_params ("{'kill': <'process'>}"), NULL,
                                        &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_true (g_str_has_prefix (error->message, "The server (pid "));
  g_assert_cmpstr (text->str, ==, "");
  g_log_remove_handler ("gmproc", handler);
}

static gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* The library would have logged the death by then. */
static void
failed_cb (GmpWorkers   *workers G_GNUC_UNUSED,
           int           id G_GNUC_UNUSED,
           const GError *error,
           gpointer      user_data)
{
  g_autoptr (GSource) source = g_timeout_source_new (60);

  if (!g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED))
    return;
  g_source_set_callback (source, cancel_cb, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
}

/* A handler of the signal. */
static void
test_handler (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  const GmpMethod methods[] = { die, go_on };
  Notices notices = { cancellable, text, 0, 0 };

  g_signal_connect (workers, "failed", G_CALLBACK (failed_cb), cancellable);
  run (&notices, workers, methods, G_N_ELEMENTS (methods));
  g_assert_cmpstr (text->str, ==, "");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (DEAF_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/notices/deaths", test_deaths);
  gmp_test_add ("/notices/end", test_end);
  gmp_test_add ("/notices/server", test_server);
  gmp_test_add ("/notices/handler", test_handler);
  return g_test_run ();
}
