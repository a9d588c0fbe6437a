/* stop.c: endless runs, ended in good order
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <signal.h>

/* A server that is never done, and counts its responses. Its parameters, if any, are the path of a
 * file: the server that creates it dies at its first request. */

#define ENDLESS_TYPE_SERVER (endless_server_get_type ())
G_DECLARE_FINAL_TYPE (EndlessServer, endless_server, ENDLESS, SERVER, GmpServerWorker)

struct _EndlessServer
{
  GmpServerWorker parent_instance;

  char *path; /* (nullable) */
  guint n_answers;
};

G_DEFINE_FINAL_TYPE (EndlessServer, endless_server, GMP_TYPE_SERVER_WORKER)

static gboolean
endless_server_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  ENDLESS_SERVER (worker)->path = params != NULL ? g_variant_dup_string (params, NULL) : NULL;
  return TRUE;
}

static GVariant *
endless_server_process (GmpServerWorker *server,
                        const char      *client_id G_GNUC_UNUSED,
                        GVariant        *request G_GNUC_UNUSED,
                        GError         **error)
{
  EndlessServer *self = ENDLESS_SERVER (server);
  guint n_answers = ++self->n_answers;

  if (self->path != NULL && !g_file_test (self->path, G_FILE_TEST_EXISTS) &&
      g_file_set_contents (self->path, "", 0, error))
    raise (SIGKILL);
  if (n_answers == 5)
    gmp_worker_report (g_variant_new_uint32 (n_answers), error);
  return g_variant_new_uint32 (n_answers);
}

static gboolean
endless_server_done (GmpWorker *worker G_GNUC_UNUSED,
                     GError   **error G_GNUC_UNUSED)
{
  return FALSE;
}

static GVariant *
endless_server_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (ENDLESS_SERVER (worker)->n_answers);
}

static void
endless_server_finalize (GObject *object)
{
  g_free (ENDLESS_SERVER (object)->path);
  G_OBJECT_CLASS (endless_server_parent_class)->finalize (object);
}

static void
endless_server_class_init (EndlessServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = endless_server_finalize;
  GMP_WORKER_CLASS (klass)->start = endless_server_start;
  GMP_SERVER_WORKER_CLASS (klass)->process = endless_server_process;
  GMP_WORKER_CLASS (klass)->done = endless_server_done;
  GMP_WORKER_CLASS (klass)->finish = endless_server_finish;
}

static void
endless_server_init (EndlessServer *self G_GNUC_UNUSED)
{
}

/* A client that sends requests forever. */

#define ENDLESS_TYPE_CLIENT (endless_client_get_type ())
G_DECLARE_FINAL_TYPE (EndlessClient, endless_client, ENDLESS, CLIENT, GmpClientWorker)

struct _EndlessClient
{
  GmpClientWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (EndlessClient, endless_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
endless_client_finish (GmpWorker *worker G_GNUC_UNUSED,
                       GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_string ("finished");
}

static void
endless_client_class_init (EndlessClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->finish = endless_client_finish;
}

static void
endless_client_init (EndlessClient *self G_GNUC_UNUSED)
{
}

/* An application that is the server, and stops itself. */

#define ENDLESS_TYPE_APPLICATION (endless_application_get_type ())
G_DECLARE_FINAL_TYPE (EndlessApplication, endless_application, ENDLESS, APPLICATION,
                      GmpClientServer)

struct _EndlessApplication
{
  GmpClientServer parent_instance;

  guint n_answers;
  guint asked; /* a bit for each client that has sent a request */
  void (*stop) (GmpClientServer *self);
};

G_DEFINE_FINAL_TYPE (EndlessApplication, endless_application, GMP_TYPE_CLIENT_SERVER)

static GVariant *
endless_application_process (GmpClientServer *self,
                             const char      *client_id,
                             GVariant        *request G_GNUC_UNUSED,
                             GError         **error G_GNUC_UNUSED)
{
  EndlessApplication *application = ENDLESS_APPLICATION (self);

  /* The first client's endless requests keep no other from starting. */
  application->n_answers++;
  application->asked |= 1U << atoi (client_id);
  if (application->asked == 7)
    application->stop (self);
  return NULL;
}

static gboolean
endless_application_done (GmpClientServer *self G_GNUC_UNUSED,
                          GError         **error G_GNUC_UNUSED)
{
  return FALSE;
}

static GVariant *
endless_application_finish (GmpClientServer *self,
                            GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (ENDLESS_APPLICATION (self)->n_answers);
}

static void
endless_application_class_init (EndlessApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = endless_application_process;
  GMP_CLIENT_SERVER_CLASS (klass)->done = endless_application_done;
  GMP_CLIENT_SERVER_CLASS (klass)->finish = endless_application_finish;
}

static void
endless_application_init (EndlessApplication *self)
{
  self->stop = gmp_client_server_stop;
}

/* @params (nullable) are the server's; floating. */
static guint
run_with_params (GmpClientServer *application,
                 GVariant        *params)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 3, ENDLESS_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, params, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      const char *text = NULL;

      g_assert_true (g_variant_lookup (results, id, "&s", &text));
      g_assert_cmpstr (text, ==, "finished");
    }
  value = gmp_client_server_get_server_result (application);
  return g_variant_get_uint32 (value);
}

static guint
run_until_stopped (GmpClientServer *application)
{
  return run_with_params (application, NULL);
}

static void
test_server (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (ENDLESS_TYPE_SERVER);

  g_signal_connect (application, "progress", G_CALLBACK (gmp_client_server_stop), NULL);
  g_assert_cmpuint (run_until_stopped (application), >=, 5);
}

static void
test_application (void)
{
  g_autoptr (GmpClientServer) application = g_object_new (ENDLESS_TYPE_APPLICATION, NULL);

  g_assert_cmpuint (run_until_stopped (application), >=, 3);
}

static void
test_without_run (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (ENDLESS_TYPE_SERVER);

  gmp_client_server_stop (application);
  g_signal_connect (application, "progress", G_CALLBACK (gmp_client_server_stop), NULL);
  g_assert_cmpuint (run_until_stopped (application), >=, 5);
  gmp_client_server_stop (application);
}

static gpointer
stop_in_thread (gpointer application)
{
  gmp_client_server_stop (application);
  return NULL;
}

static void
stop_in_thread_cb (GmpClientServer *application)
{
  g_thread_join (g_thread_new ("stop", stop_in_thread, application));
}

/* Another thread stops runs whose server is a process, and the application. A stop between two runs
 * does not stop the second one. */
static void
test_thread (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GmpClientServer) application =
          g_object_new (ENDLESS_TYPE_APPLICATION, "server-type",
                        i == 0 ? ENDLESS_TYPE_SERVER : G_TYPE_NONE, NULL);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;

      ENDLESS_APPLICATION (application)->stop = stop_in_thread_cb;
      g_signal_connect (application, "progress", G_CALLBACK (stop_in_thread_cb), NULL);
      g_assert_cmpuint (run_until_stopped (application), >=, 3);

      stop_in_thread_cb (application);
      ENDLESS_APPLICATION (application)->asked = 0;
      results = gmp_client_server_run (application, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, 3);
    }
}

/* Stops before any client is connected. The server stops when it is connected. */
static void
test_at_once (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (ENDLESS_TYPE_SERVER);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 3, ENDLESS_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  gmp_client_server_run_async (application, NULL, NULL, gmp_test_done_cb, &result);
  gmp_client_server_stop (application);
  results = gmp_client_server_run_finish (application, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{'0': <'finished'>, '1': <'finished'>, '2': <'finished'>}");
}

/* A stop holds for a server that is about to be restarted. */
static void
test_restarted (void)
{
  g_autoptr (GmpClientServer) application = g_object_new (GMP_TYPE_CLIENT_SERVER,
                                                          "server-type", ENDLESS_TYPE_SERVER,
                                                          "restart", GMP_RESTART_ON_FAILURE,
                                                          "resend-requests", TRUE, NULL);
  g_autofree char *path = gmp_test_build_path ("dead");

  g_signal_connect (application, "restarted", G_CALLBACK (gmp_client_server_stop), NULL);
  run_with_params (application, g_variant_new_string (path));
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (ENDLESS_TYPE_SERVER);
  g_type_ensure (ENDLESS_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/stop/server", test_server);
  gmp_test_add ("/stop/application", test_application);
  gmp_test_add ("/stop/thread", test_thread);
  gmp_test_add ("/stop/without-run", test_without_run);
  gmp_test_add ("/stop/at-once", test_at_once);
  gmp_test_add ("/stop/restarted", test_restarted);
  return g_test_run ();
}
