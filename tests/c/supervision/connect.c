/* connect.c: channels that could not be connected
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define N_CLIENTS  8
#define N_REQUESTS 5

/* For a worker of this program: its limit on open files before gmp_init(). */
#define FILES_ENV "TEST_CONNECT_FILES"

static void
limit_files (rlim_t n)
{
  struct rlimit limit = { n, n };

  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

/* Exits, unless the file @path exists, which it creates. */
static void
die_once (const char *path)
{
  if (access (path, F_OK) == 0)
    return;
  g_file_set_contents (path, "", 0, NULL);
  _exit (EXIT_FAILURE);
}

/* An additional action of a server or a client, at its first or second request. Its parameters
 * are ACTION and PATH. */
static void
act (GVariant *params,
     guint     n_requests)
{
  const char *action = "";
  const char *path = "";

  if (params != NULL)
    g_variant_get (params, "(&s&s)", &action, &path);
  /* All lower descriptors are in use, so no other can be opened. */
  if (n_requests == 1 && g_str_equal (action, "use-up"))
    limit_files (4);
  if (n_requests == 2 && g_str_equal (action, "die"))
    die_once (path);
}

#define CONNECT_TYPE_SERVER (connect_server_get_type ())
G_DECLARE_FINAL_TYPE (ConnectServer, connect_server, CONNECT, SERVER, GmpServerWorker)

struct _ConnectServer
{
  GmpServerWorker parent_instance;

  GVariant *params;
  guint n_requests;
};

G_DEFINE_FINAL_TYPE (ConnectServer, connect_server, GMP_TYPE_SERVER_WORKER)

static gboolean
connect_server_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  CONNECT_SERVER (worker)->params = params != NULL ? g_variant_ref (params) : NULL;
  return TRUE;
}

static GVariant *
connect_server_process (GmpServerWorker *server,
                        const char      *client_id G_GNUC_UNUSED,
                        GVariant        *request G_GNUC_UNUSED,
                        GError         **error G_GNUC_UNUSED)
{
  ConnectServer *self = CONNECT_SERVER (server);

  act (self->params, ++self->n_requests);
  return NULL;
}

static void
connect_server_finalize (GObject *object)
{
  g_clear_pointer (&CONNECT_SERVER (object)->params, g_variant_unref);
  G_OBJECT_CLASS (connect_server_parent_class)->finalize (object);
}

static void
connect_server_class_init (ConnectServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = connect_server_finalize;
  GMP_WORKER_CLASS (klass)->start = connect_server_start;
  GMP_SERVER_WORKER_CLASS (klass)->process = connect_server_process;
}

static void
connect_server_init (ConnectServer *self G_GNUC_UNUSED)
{
}

#define CONNECT_TYPE_CLIENT (connect_client_get_type ())
G_DECLARE_FINAL_TYPE (ConnectClient, connect_client, CONNECT, CLIENT, GmpClientWorker)

struct _ConnectClient
{
  GmpClientWorker parent_instance;

  GVariant *params;
  guint n_requests;
};

G_DEFINE_FINAL_TYPE (ConnectClient, connect_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
connect_client_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  CONNECT_CLIENT (worker)->params = params != NULL ? g_variant_ref (params) : NULL;
  return TRUE;
}

static GVariant *
connect_client_process (GmpClientWorker *client,
                        GError         **error G_GNUC_UNUSED)
{
  ConnectClient *self = CONNECT_CLIENT (client);

  act (self->params, ++self->n_requests);
  return NULL;
}

static gboolean
connect_client_done (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return CONNECT_CLIENT (worker)->n_requests == N_REQUESTS;
}

static GVariant *
connect_client_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (CONNECT_CLIENT (worker)->n_requests);
}

static void
connect_client_finalize (GObject *object)
{
  g_clear_pointer (&CONNECT_CLIENT (object)->params, g_variant_unref);
  G_OBJECT_CLASS (connect_client_parent_class)->finalize (object);
}

static void
connect_client_class_init (ConnectClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = connect_client_finalize;
  GMP_WORKER_CLASS (klass)->start = connect_client_start;
  GMP_WORKER_CLASS (klass)->done = connect_client_done;
  GMP_WORKER_CLASS (klass)->finish = connect_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = connect_client_process;
}

static void
connect_client_init (ConnectClient *self G_GNUC_UNUSED)
{
}

static GVariant *
make_params (const char *action)
{
  g_autofree char *path = gmp_test_build_path ("died");

  return g_variant_new ("(ss)", action, path);
}

/* The server's process has room for some of its channels. */
static void
test_server (void)
{
  gboolean is_dbus = g_strcmp0 (g_getenv ("GMPROC_CHANNEL"), "dbus") == 0;
  g_autofree char *setting = g_strdup_printf (FILES_ENV "=%d", is_dbus ? 14 : 24);
  const char *environment[] = { setting, NULL };
  g_autoptr (GmpClientServer) application = gmp_client_server_new (CONNECT_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (application, "environment", environment, NULL);
  gmp_client_server_new_workers (application, N_CLIENTS, CONNECT_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "The server");
  gmp_test_check_in (error->message, "could not be connected");
  gmp_test_check_in (error->message, "ulimit -n");
  g_assert_null (results);
}

static void
restarted_cb (GmpClientServer *application G_GNUC_UNUSED,
              const char      *id G_GNUC_UNUSED,
              GmpFailure      *failure,
              GString         *reasons)
{
  g_string_append (reasons, gmp_failure_get_error (failure)->message);
}

/* One side is restarted. The other has no room for the new channel, and is restarted because of
 * that. */
static void
test_restart (const char *server_action,
              const char *client_action,
              const char *reason)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (CONNECT_TYPE_SERVER);
  g_autoptr (GString) reasons = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (application, "restart", GMP_RESTART_ON_FAILURE, "resend-requests", TRUE, NULL);
  g_signal_connect (application, "restarted", G_CALLBACK (restarted_cb), reasons);
  gmp_client_server_new_workers (application, 1, CONNECT_TYPE_CLIENT, make_params (client_action),
                                 &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, make_params (server_action), NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_string (results, "0", "uint32 5");
  gmp_test_check_in (reasons->str, reason);
}

static void
test_server_in_a_run (void)
{
  test_restart ("use-up", "die", "its channel to 0 could not be connected");
}

static void
test_client_in_a_run (void)
{
  test_restart ("die", "use-up", "its channel to server could not be connected");
}

int
main (int    argc,
      char **argv)
{
  const char *n_files = g_getenv (FILES_ENV);

  g_type_ensure (CONNECT_TYPE_SERVER);
  g_type_ensure (CONNECT_TYPE_CLIENT);
  if (n_files != NULL)
    limit_files ((rlim_t) atoi (n_files));
  gmp_test_init (&argc, &argv);
  gmp_test_forgo_leak_check ();

  gmp_test_add ("/connect/server", test_server);
  gmp_test_add ("/connect/server-in-a-run", test_server_in_a_run);
  gmp_test_add ("/connect/client-in-a-run", test_client_in_a_run);
  return g_test_run ();
}
