/* forbidden-write.c: processes that cannot wake others, or cannot be woken
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-forbidden.h"

#include <sys/syscall.h>
#include <unistd.h>

static gboolean
is_thread_awake (const char *folder,
                 const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, "stat", NULL);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strstr (text, ") S ") == NULL;
}

static gboolean
is_awake (const char *folder)
{
  g_autoptr (GDir) threads = g_dir_open (folder, 0, NULL);
  const char *name;

  while (threads != NULL && (name = g_dir_read_name (threads)) != NULL)
    if (is_thread_awake (folder, name))
      return TRUE;
  return FALSE;
}

/* Waits until all threads of a process, which is a number, sleep, so that only a ring wakes it, or
 * it has ended. */
static void
wait_until_asleep (GVariant *pid)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/task", g_variant_get_int32 (pid));

  while (is_awake (folder))
    g_thread_yield ();
}

typedef enum {
  FORBIDS_NOTHING,
  FORBIDS_WRITE,
  FORBIDS_WAIT
} Forbidden;

/* A client and a server that send each other the numbers of their processes, and wait before each
 * message until the other one sleeps. Their parameter is what they forbid themselves. */
struct _Caller
{
  GmpClientWorker parent_instance;
  GVariant *peer; /* (nullable) */
};

G_DECLARE_FINAL_TYPE (Caller, caller, TEST, CALLER, GmpClientWorker)
G_DEFINE_FINAL_TYPE (Caller, caller, GMP_TYPE_CLIENT_WORKER)

struct _Callee
{
  GmpServerWorker parent_instance;
};

G_DECLARE_FINAL_TYPE (Callee, callee, TEST, CALLEE, GmpServerWorker)
G_DEFINE_FINAL_TYPE (Callee, callee, GMP_TYPE_SERVER_WORKER)

static gboolean
forbid (GmpWorker *worker G_GNUC_UNUSED,
        GVariant  *params,
        GError   **error G_GNUC_UNUSED)
{
  Forbidden forbidden = (Forbidden) g_variant_get_int32 (params);

  if (forbidden == FORBIDS_WRITE)
    gmp_test_forbid (SYS_write);
  if (forbidden != FORBIDS_WAIT)
    return TRUE;
#ifdef SYS_epoll_wait
  gmp_test_forbid (SYS_epoll_wait);
#endif
  gmp_test_forbid (SYS_epoll_pwait);
  return TRUE;
}

static GVariant *
caller_process (GmpClientWorker *worker,
                GError         **error G_GNUC_UNUSED)
{
  Caller *self = TEST_CALLER (worker);

  if (self->peer != NULL)
    wait_until_asleep (self->peer);
  return g_variant_new_int32 (getpid ());
}

static gboolean
caller_update (GmpClientWorker *worker,
               GVariant        *response,
               GError         **error G_GNUC_UNUSED)
{
  Caller *self = TEST_CALLER (worker);

  g_clear_pointer (&self->peer, g_variant_unref);
  self->peer = g_variant_ref (response);
  return TRUE;
}

static void
caller_finalize (GObject *object)
{
  g_clear_pointer (&TEST_CALLER (object)->peer, g_variant_unref);
  G_OBJECT_CLASS (caller_parent_class)->finalize (object);
}

static void
caller_class_init (CallerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = caller_finalize;
  GMP_WORKER_CLASS (klass)->start = forbid;
  GMP_CLIENT_WORKER_CLASS (klass)->process = caller_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = caller_update;
}

static void
caller_init (Caller *self G_GNUC_UNUSED)
{
}

static GVariant *
callee_process (GmpServerWorker *worker G_GNUC_UNUSED,
                const char      *client_id G_GNUC_UNUSED,
                GVariant        *request,
                GError         **error G_GNUC_UNUSED)
{
  wait_until_asleep (request);
  return g_variant_new_int32 (getpid ());
}

static void
callee_class_init (CalleeClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = forbid;
  GMP_SERVER_WORKER_CLASS (klass)->process = callee_process;
}

static void
callee_init (Callee *self G_GNUC_UNUSED)
{
}

/* If a worker cannot wake the other end of its channel, or cannot wait itself, that worker fails,
 * and neither end waits forever. */
static void
check_worker (Forbidden   forbidden,
              const char *text)
{
  if (gmp_test_skip_under_valgrind ("a filter would hold for it as well"))
    return;
  for (gboolean is_server = FALSE; is_server <= TRUE; is_server++)
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new (callee_get_type ());
      g_autoptr (GError) error = NULL;

      g_assert_true (gmp_client_server_new_worker (application, "caller", caller_get_type (),
                                                   g_variant_new_int32 (is_server ? 0 : forbidden),
                                                   NULL));
      g_assert_null (gmp_client_server_run (application,
                                            g_variant_new_int32 (is_server ? forbidden : 0),
                                            NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
      gmp_test_check_in (error->message, is_server ? "The server" : "Client 'caller'");
      g_assert_true (g_error_matches (gmp_client_server_get_error (application, "server"),
                                      G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) == is_server);
      g_assert_true (g_error_matches (gmp_client_server_get_error (application, "caller"),
                                      G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) != is_server);
      gmp_test_check_in (error->message, text);
      gmp_test_check_in (error->message, "a sandbox");
    }
}

static void
test_write_in_worker (void)
{
  check_worker (FORBIDS_WRITE, "cannot wake the other end");
}

static void
test_wait_in_worker (void)
{
  check_worker (FORBIDS_WAIT, "cannot wait for messages");
}

/* @params is the process of the application. */
static GVariant *
call_without_write (GVariant *params,
                    GError  **error G_GNUC_UNUSED)
{
  gmp_test_forbid (SYS_write);
  wait_until_asleep (params);
  return g_variant_new_int32 (getpid ());
}

/* A worker of a pool that cannot wake the pool: its result has arrived all the same. */
static void
test_write_in_pool (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autoptr (GVariant) application = g_variant_ref_sink (g_variant_new_int32 (getpid ()));
  int pids[3];

  if (gmp_test_skip_under_valgrind ("a filter would hold for it as well"))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) pid = gmp_pool_call (pool, call_without_write, application, NULL,
                                                &error);

      g_assert_no_error (error);
      pids[i] = g_variant_get_int32 (pid);
    }
  g_assert_cmpint (pids[0], !=, pids[1]);
  g_assert_cmpint (pids[1], !=, pids[2]);
}

/* An application that cannot write itself, as server of a client that waits. */
static void
test_write_in_application (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (G_TYPE_NONE);
  g_autofree char *expected = g_strdup_printf ("Process %d cannot wake", (int) getpid ());
  g_autoptr (GPtrArray) requests = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) pid = NULL;
  g_autoptr (GError) error = NULL;
  const GError *failure;

  if (!gmp_test_is_in_own_process ("/forbidden-write/application"))
    return;
  g_assert_true (gmp_client_server_new_worker (application, "caller", caller_get_type (),
                                               g_variant_new_int32 (FORBIDS_NOTHING), NULL));
  g_assert_true (gmp_client_server_open (application, NULL, NULL, &error));
  requests = gmp_client_server_receive (application, 1, -1, NULL, &error);
  g_assert_no_error (error);
  pid = g_variant_ref (gmp_request_get_value (requests->pdata[0]));
  gmp_test_forbid (SYS_write);
  wait_until_asleep (pid);
  g_assert_false (gmp_request_respond (requests->pdata[0], g_variant_new_int32 (getpid ()),
                                      &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  gmp_test_check_in (error->message, expected);
  g_clear_error (&error);
  /* It may find the response when it notices the end, and ask once more, before it fails. */
  do
    {
      g_ptr_array_unref (requests);
      requests = gmp_client_server_receive (application, 1, -1, NULL, &error);
      g_assert_no_error (error);
    }
  while (requests->len > 0);
  failure = gmp_client_server_get_error (application, "caller");
  g_assert_error (failure, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  gmp_test_check_in (failure->message, "Client 'caller'");
  gmp_test_check_in (failure->message, expected);
  results = gmp_client_server_close (application, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (caller_get_type ());
  g_type_ensure (callee_get_type ());
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/forbidden-write/worker", test_write_in_worker);
  gmp_test_add ("/forbidden-write/wait-in-worker", test_wait_in_worker);
  gmp_test_add ("/forbidden-write/pool", test_write_in_pool);
  gmp_test_add ("/forbidden-write/application", test_write_in_application);
  return g_test_run ();
}
