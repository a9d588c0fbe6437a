/* restarts.c: restarted servers and clients, and their peers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns TRUE for the first caller in any process. */
static gboolean
is_first (const char *path)
{
  int fd = open (path, O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd != -1)
    close (fd);
  return fd != -1;
}

/* Waits for a byte in the fifo. */
static void
wait_at (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  char byte;

  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  close (fd);
}

#define CARING "caring"

/* A server whose parameters are the path of a file: the server that creates it dies during a
 * request. With CARING, it fails when a client has failed. It responds with the number of
 * reported failures. */

#define TEST_TYPE_MORTAL (test_mortal_get_type ())
G_DECLARE_FINAL_TYPE (TestMortal, test_mortal, TEST, MORTAL, GmpServerWorker)

struct _TestMortal
{
  GmpServerWorker parent_instance;

  char *path; /* (nullable) */
  char *reasons;
  guint n_failed;
};

G_DEFINE_FINAL_TYPE (TestMortal, test_mortal, GMP_TYPE_SERVER_WORKER)

static gboolean
test_mortal_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  TestMortal *self = TEST_MORTAL (worker);

  self->path = params != NULL ? g_variant_dup_string (params, NULL) : NULL;
  self->reasons = g_strdup ("");
  return TRUE;
}

static GVariant *
test_mortal_process (GmpServerWorker *server,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *request,
                     GError         **error G_GNUC_UNUSED)
{
  TestMortal *self = TEST_MORTAL (server);

  if (g_variant_is_of_type (request, G_VARIANT_TYPE_STRING))
    pause ();
  if (self->path != NULL && !g_str_equal (self->path, CARING) &&
      (self->path[0] == '\0' || is_first (self->path)))
    {
      if (g_getenv ("GMP_TEST_DEATH") != NULL)
        {
          wait_at (g_getenv ("GMP_TEST_DEATH"));
          is_first (g_getenv ("GMP_TEST_DEAD"));
        }
      raise (SIGKILL);
    }
  return g_variant_new_uint32 (self->n_failed);
}

static gboolean
test_mortal_client_failed (GmpServerWorker *server,
                           const char      *client_id,
                           const GError    *reason,
                           GError         **error)
{
  TestMortal *self = TEST_MORTAL (server);
  g_autofree char *before = g_steal_pointer (&self->reasons);

  self->reasons = g_strdup_printf ("%s[%s: %s]", before, client_id, reason->message);
  self->n_failed++;
  if (g_strcmp0 (self->path, CARING) == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "cannot go on without %s", client_id);
  return TRUE;
}

static GVariant *
test_mortal_finish (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_string (TEST_MORTAL (worker)->reasons);
}

static void
test_mortal_finalize (GObject *object)
{
  g_free (TEST_MORTAL (object)->path);
  g_free (TEST_MORTAL (object)->reasons);
  G_OBJECT_CLASS (test_mortal_parent_class)->finalize (object);
}

static void
test_mortal_class_init (TestMortalClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_mortal_finalize;
  GMP_WORKER_CLASS (klass)->start = test_mortal_start;
  GMP_WORKER_CLASS (klass)->finish = test_mortal_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process = test_mortal_process;
  GMP_SERVER_WORKER_CLASS (klass)->client_failed = test_mortal_client_failed;
}

static void
test_mortal_init (TestMortal *self G_GNUC_UNUSED)
{
}

/* A client that sends no request and closes its channel; then it makes the server die, and ends
 * only when the fifo of its parameters is written to. */

#define TEST_TYPE_SILENT (test_silent_get_type ())
G_DECLARE_FINAL_TYPE (TestSilent, test_silent, TEST, SILENT, GmpClientWorker)

struct _TestSilent
{
  GmpClientWorker parent_instance;

  char *path;
};

G_DEFINE_FINAL_TYPE (TestSilent, test_silent, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_silent_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  TEST_SILENT (worker)->path = g_variant_dup_string (params, NULL);
  return TRUE;
}

static gboolean
test_silent_done (GmpWorker *worker G_GNUC_UNUSED,
                  GError   **error G_GNUC_UNUSED)
{
  return TRUE;
}

static void
test_silent_finalize (GObject *object)
{
  int fd = open (g_getenv ("GMP_TEST_DEATH"), O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  close (fd);
  wait_at (TEST_SILENT (object)->path);
  g_free (TEST_SILENT (object)->path);
  G_OBJECT_CLASS (test_silent_parent_class)->finalize (object);
}

static void
test_silent_class_init (TestSilentClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_silent_finalize;
  GMP_WORKER_CLASS (klass)->start = test_silent_start;
  GMP_WORKER_CLASS (klass)->done = test_silent_done;
}

static void
test_silent_init (TestSilent *self G_GNUC_UNUSED)
{
}

/* A client of three turns, whose parameters are the path of a file: the client that creates it
 * dies in its second turn. With "" each client dies; with "hang" the server hangs. It returns
 * how often its start was called in its process. */

#define TEST_TYPE_GUEST (test_guest_get_type ())
G_DECLARE_FINAL_TYPE (TestGuest, test_guest, TEST, GUEST, GmpClientWorker)

struct _TestGuest
{
  GmpClientWorker parent_instance;

  char *path; /* (nullable) */
  guint n_turns;
};

G_DEFINE_FINAL_TYPE (TestGuest, test_guest, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_guest_start (GmpWorker *worker,
                  GVariant  *params,
                  GError   **error G_GNUC_UNUSED)
{
  TEST_GUEST (worker)->path = params != NULL ? g_variant_dup_string (params, NULL) : NULL;
  return TRUE;
}

static gboolean
test_guest_done (GmpWorker *worker,
                 GError   **error G_GNUC_UNUSED)
{
  return TEST_GUEST (worker)->n_turns == 3;
}

static GVariant *
test_guest_process (GmpClientWorker *client,
                    GError         **error G_GNUC_UNUSED)
{
  TestGuest *self = TEST_GUEST (client);

  self->n_turns++;
  if (g_strcmp0 (self->path, "hang") == 0)
    return g_variant_new_string ("hang");
  if (self->n_turns == 2 && self->path != NULL &&
      (self->path[0] == '\0' || is_first (self->path)))
    raise (SIGKILL);
  return g_variant_new_uint32 (self->n_turns);
}

static GVariant *
test_guest_finish (GmpWorker *worker,
                   GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (TEST_GUEST (worker)->n_turns);
}

static void
test_guest_finalize (GObject *object)
{
  g_free (TEST_GUEST (object)->path);
  G_OBJECT_CLASS (test_guest_parent_class)->finalize (object);
}

static void
test_guest_class_init (TestGuestClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_guest_finalize;
  GMP_WORKER_CLASS (klass)->start = test_guest_start;
  GMP_WORKER_CLASS (klass)->done = test_guest_done;
  GMP_WORKER_CLASS (klass)->finish = test_guest_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_guest_process;
}

static void
test_guest_init (TestGuest *self G_GNUC_UNUSED)
{
}

static void
count_string_cb (GmpClientServer *application G_GNUC_UNUSED,
                 const char      *id,
                 GmpFailure      *failure,
                 GString         *ids)
{
  g_assert_nonnull (gmp_failure_get_error (failure));
  g_string_append_printf (ids, "%s ", id);
}

/* The application's side. */

static GVariant *
text_or_null (const char *text)
{
  return text != NULL ? g_variant_new_string (text) : NULL;
}

/* There are clients "one" and "two"; the first has parameters. */
static GmpClientServer *
new_application (const char *client_params,
                 GmpRestart  restart,
                 GString    *restarted)
{
  GmpClientServer *application = gmp_client_server_new (TEST_TYPE_MORTAL);
  g_autoptr (GError) error = NULL;

  g_object_set (application, "restart", restart, NULL);
  g_signal_connect (application, "restarted", G_CALLBACK (count_string_cb), restarted);
  gmp_client_server_new_worker (application, "one", TEST_TYPE_GUEST, text_or_null (client_params),
                                &error);
  g_assert_no_error (error);
  gmp_client_server_new_worker (application, "two", TEST_TYPE_GUEST, NULL, &error);
  g_assert_no_error (error);
  return application;
}

static void
check_server_result (GmpClientServer *application,
                     const char      *part)
{
  g_autoptr (GVariant) value = gmp_client_server_get_server_result (application);

  g_assert_nonnull (value);
  gmp_test_check_in (g_variant_get_string (value, NULL), part);
}

static void
test_client_dies (void)
{
  g_autoptr (GString) restarted = g_string_new (NULL);
  g_autoptr (GmpClientServer) application = new_application ("", GMP_RESTART_NEVER, restarted);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) kept = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_null (results);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  kept = gmp_client_server_get_results (application);
  gmp_test_check_string (kept, "two", "uint32 3");
  check_server_result (application, "[one: Client 'one' (pid ");
  check_server_result (application, "was killed by signal 9");
  g_assert_cmpstr (restarted->str, ==, "");
}

static void
test_client_restarts (void)
{
  g_autofree char *path = gmp_test_build_path ("one");
  g_autoptr (GString) restarted = g_string_new (NULL);
  g_autoptr (GmpClientServer) application = new_application (path, GMP_RESTART_ON_FAILURE,
                                                             restarted);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  /* It starts again: three turns, not one or two. */
  gmp_test_check_string (results, "one", "uint32 3");
  check_server_result (application, "[one: Client 'one' (pid ");
  g_assert_cmpstr (restarted->str, ==, "one ");
}

static void
run_with_mortal_server (gboolean    resends,
                        const char *expected)
{
  g_autofree char *path = gmp_test_build_path ("server");
  g_autoptr (GString) restarted = g_string_new (NULL);
  g_autoptr (GmpClientServer) application = new_application (NULL, GMP_RESTART_ON_FAILURE,
                                                             restarted);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (application, "resend-requests", resends, NULL);
  results = gmp_client_server_run (application, g_variant_new_string (path), NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_string (results, "one", "uint32 3");
  gmp_test_check_string (results, "two", "uint32 3");
  gmp_test_check_in (restarted->str, expected);
  if (resends)
    g_assert_cmpstr (restarted->str, ==, expected);
}

/* The client whose request the server died in is restarted too. */
static void
test_server_restarts (void)
{
  run_with_mortal_server (FALSE, "server ");
}

/* A server may refuse to continue without a client. */
static void
test_client_is_missed (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_MORTAL);
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_worker (application, "one", TEST_TYPE_GUEST, g_variant_new_string (""),
                                &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (application, g_variant_new_string (CARING), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  gmp_test_check_in (error->message, "cannot go on without one");
}

/* Most of the clients have not started yet. */
static void
test_server_restarts_early (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_MORTAL);
  g_autofree char *path = gmp_test_build_path ("died");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  GVariantIter iter;
  GVariant *value;
  guint n = 0;

  g_object_set (application, "restart", GMP_RESTART_ON_FAILURE, "resend-requests", TRUE, NULL);
  gmp_client_server_new_workers (application, 40, TEST_TYPE_GUEST, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, g_variant_new_string (path), NULL, &error);
  g_assert_no_error (error);
  g_variant_iter_init (&iter, results);
  for (; g_variant_iter_next (&iter, "{sv}", NULL, &value); n++)
    {
      gmp_test_check_value (value, "uint32 3");
      g_variant_unref (value);
    }
  g_assert_cmpuint (n, ==, 40);
}

/* A fifo, open for writing. */
typedef struct {
  char *path;
  int fd;
} Gate;

static void
gate_make (Gate       *self,
           const char *name)
{
  self->path = gmp_test_build_path (name);
  g_assert_no_errno (mkfifo (self->path, 0600));
  self->fd = open (self->path, O_RDWR | O_CLOEXEC);
}

static void
gate_open (const Gate *self)
{
  g_assert_cmpint (write (self->fd, "x", 1), ==, 1);
}

static void
gate_remove (Gate *self)
{
  close (self->fd);
  unlink (self->path);
  g_free (self->path);
}

static void
let_client_finish_cb (GmpClientServer *application G_GNUC_UNUSED,
                      const char      *id,
                      GmpFailure      *failure G_GNUC_UNUSED,
                      const Gate      *gate)
{
  g_assert_cmpstr (id, ==, "server");
  gate_open (gate);
}

static void
let_server_begin_cb (GmpClientServer *application G_GNUC_UNUSED,
                     const char      *id,
                     GVariant        *result G_GNUC_UNUSED,
                     const Gate      *gate)
{
  if (g_str_equal (id, "silent"))
    gate_open (gate);
}

/* A client has finished with the first server, which then dies. The client ends before the
 * second server has started. Without a message of the application the second server would wait
 * for it forever. */
static void
test_client_finishes_meanwhile (void)
{
  g_autofree char *path = gmp_test_build_path ("server");
  g_autofree char *dead = gmp_test_build_path ("dead"); /* created when all clients have started */
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_MORTAL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  Gate client, server, death;

  gate_make (&client, "client");
  gate_make (&death, "death");
  gate_make (&server, "gate");
  g_setenv ("GMPROC_WARM", "0", TRUE); /* so that main () runs in each worker */
  g_setenv ("GMP_TEST_DEATH", death.path, TRUE);
  g_setenv ("GMP_TEST_DEAD", dead, TRUE);
  g_setenv ("GMP_TEST_GATE", server.path, TRUE);
  g_object_set (application, "restart", GMP_RESTART_ON_FAILURE, "resend-requests", TRUE, NULL);
  g_signal_connect (application, "restarted", G_CALLBACK (let_client_finish_cb), &client);
  g_signal_connect (application, "result", G_CALLBACK (let_server_begin_cb), &server);
  gmp_client_server_new_worker (application, "silent", TEST_TYPE_SILENT,
                                g_variant_new_string (client.path), &error);
  g_assert_no_error (error);
  gmp_client_server_new_worker (application, "guest", TEST_TYPE_GUEST, NULL, &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, g_variant_new_string (path), NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_string (results, "guest", "uint32 3");
  g_unsetenv ("GMP_TEST_GATE");
  g_unsetenv ("GMP_TEST_DEAD");
  g_unsetenv ("GMP_TEST_DEATH");
  g_unsetenv ("GMPROC_WARM");
  gate_remove (&death);
  gate_remove (&server);
  gate_remove (&client);
}

/* In a worker: the one that starts after a server has died is the next server. */
static void
wait_if_requested (void)
{
  const char *dead = g_getenv ("GMP_TEST_DEAD");

  if (g_getenv ("GMPROC_WORKER") != NULL && dead != NULL && g_file_test (dead, G_FILE_TEST_EXISTS))
    wait_at (g_getenv ("GMP_TEST_GATE"));
}

static void
test_server_restarts_resend (void)
{
  run_with_mortal_server (TRUE, "server ");
}

static void
test_server_given_up (void)
{
  g_autoptr (GString) restarted = g_string_new (NULL);
  g_autoptr (GmpClientServer) application = new_application (NULL, GMP_RESTART_ON_FAILURE,
                                                             restarted);
  g_autoptr (GError) error = NULL;

  g_object_set (application, "resend-requests", TRUE, "max-restarts", 1, NULL);
  g_assert_null (gmp_client_server_run (application, g_variant_new_string (""), NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "The server (pid ");
  gmp_test_check_in (error->message, "Restarts: 1, last failure: The server");
  g_assert_cmpstr (restarted->str, ==, "server ");
}

/* Clients are restarted up to the limit. Then they have their last results, and the server is
 * done. */
static void
test_clients_always (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_MORTAL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (application, "restart", GMP_RESTART_ALWAYS, "max-restarts", 2, NULL);
  gmp_client_server_new_workers (application, 2, TEST_TYPE_GUEST, NULL, NULL);
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_string (results, "0", "uint32 3");
  gmp_test_check_string (results, "1", "uint32 3");
}

/* The server's process never returns, but its client and the run end. */
static void
test_request_timeout (void)
{
  g_autoptr (GString) restarted = g_string_new (NULL);
  g_autoptr (GmpClientServer) application = new_application ("hang", GMP_RESTART_NEVER, restarted);
  g_autoptr (GError) error = NULL;
  const GError *reason;

  g_object_set (application, "request-timeout", 0.3, "stop-grace", 0.01, NULL);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  gmp_test_check_in (error->message, "The server (pid ");
  gmp_test_check_in (error->message, "after its last client (request-timeout)");
  reason = gmp_client_server_get_error (application, "one");
  g_assert_error (reason, GMP_ERROR, GMP_ERROR_TIMED_OUT);
  gmp_test_check_in (reason->message, "The server did not answer this client's request within 0.3"
                     " seconds (request-timeout)");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_MORTAL);
  g_type_ensure (TEST_TYPE_GUEST);
  g_type_ensure (TEST_TYPE_SILENT);
  wait_if_requested ();
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/restarts/client-dies", test_client_dies);
  gmp_test_add ("/restarts/client-is-missed", test_client_is_missed);
  gmp_test_add ("/restarts/client-restarts", test_client_restarts);
  gmp_test_add ("/restarts/server-restarts", test_server_restarts);
  gmp_test_add ("/restarts/server-restarts-early", test_server_restarts_early);
  gmp_test_add ("/restarts/server-restarts-resend", test_server_restarts_resend);
  gmp_test_add ("/restarts/client-finishes-meanwhile", test_client_finishes_meanwhile);
  gmp_test_add ("/restarts/server-given-up", test_server_given_up);
  gmp_test_add ("/restarts/clients-always", test_clients_always);
  gmp_test_add ("/restarts/request-timeout", test_request_timeout);
  return g_test_run ();
}
