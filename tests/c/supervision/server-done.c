/* server-done.c: clients that fail, or are being restarted, when their server is done
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_ERROR (g_quark_from_static_string ("gmp-test-server-done-quark"))
#define WITHDRAWN "The server was done before it could be restarted"

/* When the server is done. In the cases that are later than its answer, the client has ended its
 * first life. */
typedef enum {
  WITH_ANSWER,  /* when it has answered */
  AFTER_END,    /* when it has been informed of the client's end */
  AFTER_RESTART /* when the client's second life has begun */
} Moment;

/* A byte through a fifo. */
static void
pass_gate (const char *path,
           int         flags)
{
  int fd = open (path, flags | O_CLOEXEC);
  char byte = 'x';

  g_assert_cmpint (flags == O_RDONLY ? read (fd, &byte, 1) : write (fd, &byte, 1), ==, 1);
  close (fd);
}

/* A server whose parameters are a Moment and the path of a fifo. It answers with its process. */

#define TEST_TYPE_BRIEF (test_brief_get_type ())
G_DECLARE_FINAL_TYPE (TestBrief, test_brief, TEST, BRIEF, GmpServerWorker)

struct _TestBrief
{
  GmpServerWorker parent_instance;

  Moment moment;
  char *gate;
  gboolean has_answered;
  guint n_asked; /* how often done was called since then */
};

G_DEFINE_FINAL_TYPE (TestBrief, test_brief, GMP_TYPE_SERVER_WORKER)

static gboolean
test_brief_start (GmpWorker *worker,
                  GVariant  *params,
                  GError   **error G_GNUC_UNUSED)
{
  TestBrief *self = TEST_BRIEF (worker);
  gint32 moment;

  g_variant_get (params, "(is)", &moment, &self->gate);
  self->moment = (Moment) moment;
  return TRUE;
}

static GVariant *
test_brief_process (GmpServerWorker *server,
                    const char      *client_id G_GNUC_UNUSED,
                    GVariant        *request G_GNUC_UNUSED,
                    GError         **error G_GNUC_UNUSED)
{
  TEST_BRIEF (server)->has_answered = TRUE;
  return g_variant_new_int32 (getpid ());
}

/* Called after the answer, and then for the client's end. */
static gboolean
test_brief_done (GmpWorker *worker,
                 GError   **error G_GNUC_UNUSED)
{
  TestBrief *self = TEST_BRIEF (worker);

  if (!self->has_answered || (self->n_asked++ == 0 && self->moment != WITH_ANSWER))
    return FALSE;
  if (self->moment == AFTER_RESTART)
    pass_gate (self->gate, O_RDONLY);
  return TRUE;
}

static void
test_brief_finalize (GObject *object)
{
  g_free (TEST_BRIEF (object)->gate);
  G_OBJECT_CLASS (test_brief_parent_class)->finalize (object);
}

static void
test_brief_class_init (TestBriefClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_brief_finalize;
  GMP_WORKER_CLASS (klass)->start = test_brief_start;
  GMP_WORKER_CLASS (klass)->done = test_brief_done;
  GMP_SERVER_WORKER_CLASS (klass)->process = test_brief_process;
}

static void
test_brief_init (TestBrief *self G_GNUC_UNUSED)
{
}

/* A client whose parameters are a Moment, the path of the fifo, that of a file, and whether it
 * fails. Its first life, which creates the file, ends after its first answer: with an error, or
 * with 1. A further one returns 2. */

#define TEST_TYPE_LATE (test_late_get_type ())
G_DECLARE_FINAL_TYPE (TestLate, test_late, TEST, LATE, GmpClientWorker)

struct _TestLate
{
  GmpClientWorker parent_instance;

  Moment moment;
  char *gate;
  gboolean fails;
  gboolean is_first;
  gboolean is_done;
};

G_DEFINE_FINAL_TYPE (TestLate, test_late, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_late_start (GmpWorker *worker,
                 GVariant  *params,
                 GError   **error G_GNUC_UNUSED)
{
  TestLate *self = TEST_LATE (worker);
  g_autofree char *path = NULL;
  gint32 moment;
  int fd;

  g_variant_get (params, "(issb)", &moment, &self->gate, &path, &self->fails);
  self->moment = (Moment) moment;
  fd = open (path, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  self->is_first = fd != -1;
  if (self->is_first)
    close (fd);
  else if (self->moment == AFTER_RESTART)
    pass_gate (self->gate, O_WRONLY);
  return TRUE;
}

static gboolean
test_late_done (GmpWorker *worker,
                GError   **error G_GNUC_UNUSED)
{
  return TEST_LATE (worker)->is_done;
}

/* The application ends the process of a server when it knows that the server is done. */
static void
await_end (pid_t server)
{
  while (kill (server, 0) == 0)
    g_thread_yield ();
}

static gboolean
test_late_update (GmpClientWorker *client,
                  GVariant        *response,
                  GError         **error)
{
  TestLate *self = TEST_LATE (client);

  self->is_done = TRUE;
  if (self->moment == WITH_ANSWER)
    await_end (g_variant_get_int32 (response));
  if (self->is_first && self->fails)
    g_set_error_literal (error, TEST_ERROR, 7, "in its first life");
  return TRUE;
}

static GVariant *
test_late_finish (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (TEST_LATE (worker)->is_first ? 1 : 2);
}

static void
test_late_finalize (GObject *object)
{
  g_free (TEST_LATE (object)->gate);
  G_OBJECT_CLASS (test_late_parent_class)->finalize (object);
}

static void
test_late_class_init (TestLateClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_late_finalize;
  GMP_WORKER_CLASS (klass)->start = test_late_start;
  GMP_WORKER_CLASS (klass)->done = test_late_done;
  GMP_WORKER_CLASS (klass)->finish = test_late_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_late_update;
}

static void
test_late_init (TestLate *self G_GNUC_UNUSED)
{
}

/* The application's side. */

static void
count_cb (GmpClientServer *application G_GNUC_UNUSED,
          const char      *id G_GNUC_UNUSED,
          GmpFailure      *failure G_GNUC_UNUSED,
          guint           *n)
{
  ++*n;
}

/* It has one client, and counts its restarts in @n_restarted. */
static GmpClientServer *
new_application (GType       server_type,
                 Moment      moment,
                 const char *gate,
                 GmpRestart  restart,
                 guint      *n_restarted)
{
  GmpClientServer *application = gmp_client_server_new (server_type);
  g_autofree char *path = gmp_test_build_path ("first");
  g_autoptr (GError) error = NULL;

  unlink (path);
  *n_restarted = 0;
  g_object_set (application, "restart", restart, NULL);
  g_signal_connect (application, "restarted", G_CALLBACK (count_cb), n_restarted);
  gmp_client_server_add_client (application, "late", TEST_TYPE_LATE,
                                g_variant_new ("(issb)", moment, gate, path,
                                               restart == GMP_RESTART_ON_FAILURE), &error);
  g_assert_no_error (error);
  return application;
}

/* Returns the results. */
static GVariant *
run_until (Moment      moment,
           GmpRestart  restart,
           guint      *n_restarted,
           GError    **error)
{
  g_autoptr (GmpClientServer) application = NULL;
  g_autofree char *gate = gmp_test_build_path ("gate");
  GVariant *results;

  g_assert_no_errno (mkfifo (gate, 0600));
  application = new_application (TEST_TYPE_BRIEF, moment, gate, restart, n_restarted);
  results = gmp_client_server_run (application, g_variant_new ("(is)", moment, gate), NULL, error);
  unlink (gate);
  return results;
}

static void
check_failure (const GError *error,
               gboolean      is_withdrawn)
{
  g_assert_error (error, TEST_ERROR, 7);
  gmp_test_check_in (error->message, "in its first life");
  g_assert_null (strstr (error->message, "Restarts"));
  if (is_withdrawn)
    gmp_test_check_in (error->message, WITHDRAWN);
  else
    g_assert_null (strstr (error->message, WITHDRAWN));
}

/* The server is not restarted, and the client is not either. */
static void
test_fails_after (void)
{
  g_autoptr (GError) error = NULL;
  guint n_restarted;

  g_assert_null (run_until (WITH_ANSWER, GMP_RESTART_ON_FAILURE, &n_restarted, &error));
  check_failure (error, FALSE);
  g_assert_cmpuint (n_restarted, ==, 0);
}

/* A client is restarted when its server becomes done, which has not served its second life. */
static void
test_fails_before (void)
{
  for (Moment moment = AFTER_END; moment <= AFTER_RESTART; moment++)
    {
      g_autoptr (GError) error = NULL;
      guint n_restarted;

      g_assert_null (run_until (moment, GMP_RESTART_ON_FAILURE, &n_restarted, &error));
      check_failure (error, TRUE);
      g_assert_cmpuint (n_restarted, ==, 1);
    }
}

/* The same with a client that had finished: its result stays. */
static void
test_finishes_before (void)
{
  for (Moment moment = AFTER_END; moment <= AFTER_RESTART; moment++)
    {
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;
      guint n_restarted;

      results = run_until (moment, GMP_RESTART_ALWAYS, &n_restarted, &error);
      g_assert_no_error (error);
      gmp_test_check_string (results, "late", "uint32 1");
      g_assert_cmpuint (n_restarted, ==, 1);
    }
}

/* Returns a request, after @n_failures. */
static GmpRequest *
receive (GmpClientServer *application,
         guint            n_failures)
{
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GError) error = NULL;

  requests = gmp_client_server_receive (application, 0, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (requests->len, ==, 1 + n_failures);
  return g_object_ref (requests->pdata[0]);
}

/* The application is the server. It has received the first failure, so this is no error. */
static void
test_open_run (void)
{
  g_autoptr (GmpClientServer) application = NULL;
  g_autoptr (GmpRequest) first = NULL;
  g_autoptr (GmpRequest) second = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  guint n_restarted;

  application = new_application (G_TYPE_NONE, AFTER_END, "", GMP_RESTART_ON_FAILURE, &n_restarted);
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  first = receive (application, 0);
  g_assert_true (gmp_request_respond (first, g_variant_new_int32 (getpid ()), &error));
  second = receive (application, 1);
  g_assert_cmpuint (n_restarted, ==, 1);
  results = gmp_client_server_close (application, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 0);
  check_failure (gmp_client_server_get_error (application, "late"), TRUE);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_BRIEF);
  g_type_ensure (TEST_TYPE_LATE);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/server-done/fails-after", test_fails_after);
  gmp_test_add ("/server-done/fails-before", test_fails_before);
  gmp_test_add ("/server-done/finishes-before", test_finishes_before);
  gmp_test_add ("/server-done/open-run", test_open_run);
  return g_test_run ();
}
