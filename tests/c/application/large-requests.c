/* large-requests.c: a main loop that serves continues while large requests and responses are
 * prepared
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-large.h"

#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_TURNS 3

static GVariant *
build_sunk (void)
{
  return g_variant_ref_sink (test_large_build ());
}

static guint
count (GVariant *value)
{
  return value != NULL && g_variant_is_container (value) ? (guint) g_variant_n_children (value) : 0;
}

/* A client. With the parameter "large" it sends large requests, otherwise its process. It finishes
 * with the number of entries in all responses. */

typedef struct {
  GmpClientWorker parent_instance;

  GVariant *request; /* (nullable) */
  guint n_turns;
  guint n_entries;
} LargeClient;
typedef GmpClientWorkerClass LargeClientClass;

GType large_client_get_type (void);

G_DEFINE_TYPE (LargeClient, large_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
large_client_start (GmpWorker *worker,
                    GVariant  *params,
                    GError   **error G_GNUC_UNUSED)
{
  LargeClient *self = (LargeClient *) worker;

  if (g_str_equal (g_variant_get_string (params, NULL), "large"))
    self->request = build_sunk ();
  return TRUE;
}

static GVariant *
large_client_process (GmpClientWorker *client,
                      GError         **error G_GNUC_UNUSED)
{
  LargeClient *self = (LargeClient *) client;

  return self->request != NULL ? g_variant_ref (self->request)
                               : g_variant_new_uint32 ((guint) getpid ());
}

static gboolean
large_client_update (GmpClientWorker *client,
                     GVariant        *response,
                     GError         **error G_GNUC_UNUSED)
{
  LargeClient *self = (LargeClient *) client;

  self->n_turns++;
  self->n_entries += count (response);
  return TRUE;
}

static gboolean
large_client_done (GmpWorker *worker,
                   GError   **error G_GNUC_UNUSED)
{
  return ((LargeClient *) worker)->n_turns == N_TURNS;
}

static GVariant *
large_client_finish (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (((LargeClient *) worker)->n_entries);
}

static void
large_client_finalize (GObject *object)
{
  g_clear_pointer (&((LargeClient *) object)->request, g_variant_unref);
  G_OBJECT_CLASS (large_client_parent_class)->finalize (object);
}

static void
large_client_class_init (LargeClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = large_client_finalize;
  GMP_WORKER_CLASS (klass)->start = large_client_start;
  GMP_WORKER_CLASS (klass)->done = large_client_done;
  GMP_WORKER_CLASS (klass)->finish = large_client_finish;
  klass->process = large_client_process;
  klass->update = large_client_update;
}

static void
large_client_init (LargeClient *self G_GNUC_UNUSED)
{
}

/* The application as server. Its responses were built before, but not serialised. */

typedef struct {
  GmpClientServer parent_instance;

  GQueue responses; /* of GVariant: then the request's number of entries is the response */
  guint n_requests;
  guint n_entries;
  GCancellable *cancellable; /* (nullable): cancelled before the first response */
  gboolean kills;            /* the client before its first response */
} LargeServer;
typedef GmpClientServerClass LargeServerClass;

GType large_server_get_type (void);

G_DEFINE_TYPE (LargeServer, large_server, GMP_TYPE_CLIENT_SERVER)

static GVariant *
large_server_process (GmpClientServer *application,
                      const char      *client_id G_GNUC_UNUSED,
                      GVariant        *request,
                      GError         **error G_GNUC_UNUSED)
{
  LargeServer *self = (LargeServer *) application;
  GVariant *response = g_queue_pop_head (&self->responses);

  self->n_requests++;
  self->n_entries += count (request);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  if (self->kills)
    kill ((int) g_variant_get_uint32 (request), SIGKILL);
  self->kills = FALSE;
  return response != NULL ? response : g_variant_new_uint32 (count (request));
}

static void
large_server_finalize (GObject *object)
{
  g_queue_clear_full (&((LargeServer *) object)->responses, (GDestroyNotify) g_variant_unref);
  G_OBJECT_CLASS (large_server_parent_class)->finalize (object);
}

static void
large_server_class_init (LargeServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = large_server_finalize;
  klass->process = large_server_process;
}

static void
large_server_init (LargeServer *self)
{
  g_queue_init (&self->responses);
}

/* One that answers each request when its main loop is idle. */

typedef LargeServer LateServer;
typedef LargeServerClass LateServerClass;

GType late_server_get_type (void);

G_DEFINE_TYPE (LateServer, late_server, large_server_get_type ())

typedef struct {
  GmpClientServer *application;
  GmpRequest *request;
} Answer;

static gboolean
answer_cb (gpointer user_data)
{
  Answer *answer = user_data;
  g_autoptr (GVariant) response = NULL;
  g_autoptr (GError) error = NULL;

  response = g_variant_take_ref (
      large_server_process (answer->application, gmp_request_get_client_id (answer->request),
                            gmp_request_get_value (answer->request), NULL));
  g_assert_true (gmp_request_respond (answer->request, response, &error));
  g_assert_no_error (error);
  g_object_unref (answer->request);
  g_free (answer);
  return G_SOURCE_REMOVE;
}

static gboolean
late_server_request (GmpClientServer *application,
                     GmpRequest      *request,
                     GError         **error G_GNUC_UNUSED)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  Answer *answer = g_new (Answer, 1);

  *answer = (Answer) { application, g_object_ref (request) };
  g_source_set_callback (source, answer_cb, answer, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return TRUE;
}

static void
late_server_class_init (LateServerClass *klass)
{
  klass->request = late_server_request;
}

static void
late_server_init (LateServer *self G_GNUC_UNUSED)
{
}

/* Runs. */

static LargeServer *
new_server (GType type,
            guint n_responses)
{
  LargeServer *self = g_object_new (type, NULL);

  for (guint i = 0; i < n_responses; i++)
    g_queue_push_tail (&self->responses, build_sunk ());
  return self;
}

static void
add_client (gpointer    server,
            const char *id,
            const char *kind)
{
  g_autoptr (GError) error = NULL;

  gmp_client_server_add_client (server, id, large_client_get_type (), g_variant_new_string (kind),
                                &error);
  g_assert_no_error (error);
}

static GVariant *
run_in_loop (gpointer      server,
             GCancellable *cancellable,
             GError      **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gmp_client_server_run_async (server, NULL, cancellable, gmp_test_done_cb, &result);
  return gmp_client_server_run_finish (server, gmp_test_wait (&result), error);
}

static void
assert_result (GVariant   *results,
               const char *id,
               guint       expected)
{
  guint32 n = G_MAXUINT32;

  g_assert_true (g_variant_lookup (results, id, "u", &n));
  g_assert_cmpuint (n, ==, expected);
}

static void
check_server (GType type)
{
  g_autoptr (GmpClientServer) server = (GmpClientServer *) new_server (type, N_TURNS);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  TestOthers others;

  add_client (server, "a", "large");
  test_others_begin (&others);
  results = run_in_loop (server, NULL, &error);
  g_assert_no_error (error);
  assert_result (results, "a", N_TURNS * TEST_LARGE_ENTRIES);
  g_assert_cmpuint (((LargeServer *) server)->n_entries, ==, N_TURNS * TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

static void
test_process (void)
{
  check_server (large_server_get_type ());
}

static void
test_request (void)
{
  check_server (late_server_get_type ());
}

/* The same response for several clients, which is being serialised when others are answered. */
static void
test_same_response (void)
{
  g_autoptr (GmpClientServer) server =
      (GmpClientServer *) new_server (large_server_get_type (), 0);
  g_autoptr (GVariant) response = build_sunk ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  const char *ids[] = { "a", "b", "c" };
  guint sum = 0;
  TestOthers others;

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    add_client (server, ids[i], "small");
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    g_queue_push_tail (&((LargeServer *) server)->responses, g_variant_ref (response));
  test_others_begin (&others);
  results = run_in_loop (server, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      guint32 n;

      g_assert_true (g_variant_lookup (results, ids[i], "u", &n));
      sum += n;
    }
  g_assert_cmpuint (sum, ==, G_N_ELEMENTS (ids) * TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

/* A response that cannot be sent ends the run, as a small one does. */
static void
test_refused (void)
{
  g_autoptr (GmpClientServer) server =
      (GmpClientServer *) new_server (large_server_get_type (), 0);
  GVariant *parts[2] = { test_large_build (), g_variant_new_variant (g_variant_new_handle (1)) };
  g_autoptr (GVariant) none = NULL;
  g_autoptr (GError) error = NULL;

  add_client (server, "a", "small");
  g_queue_push_tail (&((LargeServer *) server)->responses,
                     g_variant_ref_sink (g_variant_new_tuple (parts, 2)));
  none = run_in_loop (server, NULL, &error);
  g_assert_null (none);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  g_assert_cmpuint (((LargeServer *) server)->n_requests, ==, 1);
}

/* The limit on the size of values holds for large ones. */
static void
test_limit (void)
{
  g_autoptr (GmpClientServer) server =
      (GmpClientServer *) new_server (large_server_get_type (), 1);
  g_autoptr (GVariant) none = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (server, "value-size-limit", (guint64) 1024 * 1024, NULL);
  add_client (server, "a", "small");
  none = run_in_loop (server, NULL, &error);
  g_assert_null (none);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
}

/* The run ends while its response is being serialised. */
static void
test_cancel (void)
{
  g_autoptr (GmpClientServer) server =
      (GmpClientServer *) new_server (large_server_get_type (), 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) none = NULL;
  g_autoptr (GError) error = NULL;

  add_client (server, "a", "small");
  ((LargeServer *) server)->cancellable = cancellable;
  none = run_in_loop (server, cancellable, &error);
  g_assert_null (none);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A client dies while its response is being serialised, and is restarted. */
static void
test_killed (void)
{
  g_autoptr (GmpClientServer) server =
      (GmpClientServer *) new_server (large_server_get_type (), 2);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (server, "restart", GMP_RESTART_ON_FAILURE, NULL);
  add_client (server, "a", "small");
  ((LargeServer *) server)->kills = TRUE;
  results = run_in_loop (server, NULL, &error);
  g_assert_no_error (error);
  /* The first response is lost with the first process. */
  assert_result (results, "a", TEST_LARGE_ENTRIES);
  g_assert_cmpuint (((LargeServer *) server)->n_requests, ==, 1 + N_TURNS);
}

/* Open runs. */

static GmpClientServer *
open_in_loop (const char *kind)
{
  GmpClientServer *self = gmp_client_server_new (G_TYPE_NONE);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  add_client (self, "a", kind);
  gmp_client_server_open_async (self, NULL, NULL, gmp_test_done_cb, &result);
  gmp_client_server_open_finish (self, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  return self;
}

static GPtrArray *
receive_in_loop (GmpClientServer *self,
                 GError         **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gmp_client_server_receive_async (self, 0, -1, NULL, gmp_test_done_cb, &result);
  return gmp_client_server_receive_finish (self, gmp_test_wait (&result), error);
}

static GVariant *
close_in_loop (GmpClientServer *self,
               GError         **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gmp_client_server_close_async (self, NULL, gmp_test_done_cb, &result);
  return gmp_client_server_close_finish (self, gmp_test_wait (&result), error);
}

static void
test_open (void)
{
  g_autoptr (GmpClientServer) self = open_in_loop ("large");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *responses[N_TURNS];
  TestOthers others;

  for (guint i = 0; i < N_TURNS; i++)
    responses[i] = build_sunk ();
  test_others_begin (&others);
  for (guint i = 0; i < N_TURNS; i++)
    {
      g_autoptr (GPtrArray) requests = receive_in_loop (self, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (requests->len, ==, 1);
      g_assert_cmpuint (count (gmp_request_get_value (requests->pdata[0])), ==,
                        TEST_LARGE_ENTRIES);
      g_assert_true (gmp_request_respond (requests->pdata[0], responses[i], &error));
      g_variant_unref (responses[i]);
    }
  /* It ends after the last response. */
  results = close_in_loop (self, &error);
  g_assert_no_error (error);
  assert_result (results, "a", N_TURNS * TEST_LARGE_ENTRIES);
  test_others_end (&others);
}

/* The error of a response is the next one of the run. */
static void
test_open_refused (void)
{
  g_autoptr (GmpClientServer) self = open_in_loop ("small");
  GVariant *parts[2] = { test_large_build (), g_variant_new_variant (g_variant_new_handle (1)) };
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GError) error = NULL;

  requests = receive_in_loop (self, &error);
  g_assert_no_error (error);
  g_assert_true (gmp_request_respond (requests->pdata[0], g_variant_new_tuple (parts, 2), &error));
  none = receive_in_loop (self, &error);
  g_assert_null (none);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  g_assert_null (close_in_loop (self, NULL));
}

static void
freed_cb (gpointer is_freed)
{
  *(gboolean *) is_freed = TRUE;
}

/* The object is dropped while its response is being serialised. */
static void
test_open_dropped (void)
{
  GmpClientServer *self = open_in_loop ("small");
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GVariant) response = build_sunk ();
  g_autoptr (GError) error = NULL;
  gboolean is_freed = FALSE;

  requests = receive_in_loop (self, &error);
  g_assert_no_error (error);
  g_assert_true (gmp_request_respond (requests->pdata[0], response, &error));
  g_object_set_data_full (G_OBJECT (self), "end", &is_freed, freed_cb);
  g_object_unref (self);
  while (!is_freed)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_assert_cmpuint (count (response), ==, TEST_LARGE_ENTRIES);
}

/* A child that is forked while a response is being serialised has the value. */
static void
test_fork (void)
{
  g_autoptr (GmpClientServer) self = open_in_loop ("small");
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GPtrArray) next = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) response = build_sunk ();
  g_autoptr (GError) error = NULL;
  int status = -1;
  int pid;

  requests = receive_in_loop (self, &error);
  g_assert_no_error (error);
  g_assert_true (gmp_request_respond (requests->pdata[0], response, &error));
  pid = fork ();
  if (pid == 0)
    _exit (g_variant_get_size (response) > TEST_LARGE_ENTRIES ? 0 : 1);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  next = receive_in_loop (self, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (next->len, ==, 1);
  results = close_in_loop (self, &error);
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (large_client_get_type ());
  gmp_test_init (&argc, &argv);
  /* MALLOC_PERTURB_ would fill the memory of large values, which takes longer than what is measured
   * here. */
  mallopt (M_PERTURB, 0);
  gmp_test_add ("/large-requests/sent/process", test_process);
  gmp_test_add ("/large-requests/request", test_request);
  gmp_test_add ("/large-requests/sent/same-response", test_same_response);
  gmp_test_add ("/large-requests/refused", test_refused);
  gmp_test_add ("/large-requests/limit", test_limit);
  gmp_test_add ("/large-requests/cancel", test_cancel);
  gmp_test_add ("/large-requests/sent/killed", test_killed);
  gmp_test_add ("/large-requests/open", test_open);
  gmp_test_add ("/large-requests/open-refused", test_open_refused);
  gmp_test_add ("/large-requests/open-dropped", test_open_dropped);
  gmp_test_add ("/large-requests/fork", test_fork);
  return g_test_run ();
}
