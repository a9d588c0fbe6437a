/* exhausted.c: each kind of run where the program has no descriptors left
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number of descriptors that are left. */
#define ROOM_ENV "GMP_TEST_ROOM"

static GVariant *
same (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

/* It works, or the error says why not. */
static void
check (gboolean      works,
       const GError *error)
{
  if (works)
    return;
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "'ulimit -n'");
}

static void
check_workers (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) later = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later_error = NULL;

  gmp_test_add_worker (workers, 1, same, g_variant_new_int32 (1));
  gmp_test_add_worker (workers, 2, same, g_variant_new_int32 (2));
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  check (results != NULL, error);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  later = gmp_workers_run_finish (workers, gmp_test_wait (&result), &later_error);
  check (later != NULL, later_error);
}

/* Takes ownership of @application. */
static GmpClientServer *
with_clients (GmpClientServer *application)
{
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 2, TEST_TYPE_CLIENT,
                                 test_params ("{'turns': <uint32 3>}"), &error);
  g_assert_no_error (error);
  return application;
}

static void
check_clients (void)
{
  g_autoptr (GmpClientServer) application = with_clients (gmp_client_server_new (TEST_TYPE_SERVER));
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_client_server_run (application, NULL, NULL, &error);
  check (results != NULL, error);
}

/* A client that gets no process is a request with its error. */
static void
check_open_run (void)
{
  g_autoptr (GmpClientServer) application =
      with_clients (g_object_new (GMP_TYPE_CLIENT_SERVER, NULL));
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  gboolean was_opened = gmp_client_server_open (application, NULL, NULL, &error);
  guint n = 1;

  check (was_opened, error);
  while (was_opened && n > 0)
    {
      g_autoptr (GPtrArray) requests = gmp_client_server_receive (application, 1, -1, NULL, &error);

      g_assert_no_error (error);
      n = requests->len;
      for (guint i = 0; i < n; i++)
        if (gmp_request_get_error (requests->pdata[i]) != NULL)
          check (FALSE, gmp_request_get_error (requests->pdata[i]));
        else
          gmp_request_respond (requests->pdata[i], NULL, NULL);
    }
  if (!was_opened)
    return;
  results = gmp_client_server_close (application, NULL, &error);
  check (results != NULL, error);
}

static void
check_pool (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (2);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) later = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later_error = NULL;

  value = gmp_pool_call (pool, same, g_variant_new_int32 (1), NULL, &error);
  check (value != NULL, error);
  gmp_pool_call_async (pool, same, g_variant_new_int32 (2), NULL, gmp_test_done_cb, &result);
  later = gmp_pool_call_finish (pool, gmp_test_wait (&result), &later_error);
  check (later != NULL, later_error);
}

static void
leave_descriptors (rlim_t n)
{
  int lowest = open ("/", O_PATH | O_CLOEXEC);
  struct rlimit limit;

  close (lowest);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = (rlim_t) lowest + n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* Each in a program of its own, so that everything that the library and GLib open once is missing
 * in one of them. */
static void
check_kind (const char *path,
            void      (*function) (void))
{
  static const int rooms[] = { 0, 1, 2, 3, 5, 9, 17, 18, 19, 21, 24, 34 };

  if (gmp_test_is_stretched ())
    {
      g_test_skip ("under valgrind or a sanitizer");
      return;
    }
  if (g_test_subprocess ())
    {
      leave_descriptors ((rlim_t) atoi (g_getenv (ROOM_ENV)));
      function ();
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (rooms); i++)
    {
      g_autofree char *room = g_strdup_printf ("%d", rooms[i]);

      g_test_message ("%s descriptors", room);
      g_setenv (ROOM_ENV, room, TRUE);
      g_test_trap_subprocess (path, 0, 0);
      g_test_trap_assert_passed ();
    }
}

static void
test_workers (void)
{
  check_kind ("/exhausted/workers", check_workers);
}

static void
test_clients (void)
{
  check_kind ("/exhausted/clients", check_clients);
}

static void
test_open_run (void)
{
  check_kind ("/exhausted/open-run", check_open_run);
}

static void
test_pool (void)
{
  check_kind ("/exhausted/pool", check_pool);
}

/* An object whose program has used up its descriptors meanwhile ends its processes. */
static void
test_end (void)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess ("/exhausted/end", 0, 0);
      g_test_trap_assert_passed ();
      g_object_unref (workers);
      return;
    }
  g_object_set (workers, "reuse", TRUE, NULL);
  gmp_test_add_worker (workers, 1, same, g_variant_new_int32 (1));
  results = gmp_test_run (workers);
  leave_descriptors (0);
  g_object_unref (workers);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/exhausted/workers", test_workers);
  gmp_test_add ("/exhausted/clients", test_clients);
  gmp_test_add ("/exhausted/open-run", test_open_run);
  gmp_test_add ("/exhausted/pool", test_pool);
  gmp_test_add ("/exhausted/end", test_end);
  return g_test_run ();
}
