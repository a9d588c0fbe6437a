/* surplus.c: more runs and workers at once than there is room for
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_WORKERS 40
#define N_RUNS    100

static GVariant *
same (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

static GmpWorkers *
new_workers (int n)
{
  GmpWorkers *workers = gmp_workers_new ();

  for (int i = 0; i < n; i++)
    gmp_test_add_worker (workers, i, same, g_variant_new_int32 (i));
  return workers;
}

static void
check (GVariant *results,
       guint     n)
{
  g_assert_cmpuint (g_variant_n_children (results), ==, n);
}

/* Leaves @n descriptors free. */
static void
leave_descriptors (int            n,
                   struct rlimit *before)
{
  struct rlimit limit;
  int lowest = open ("/", O_PATH | O_CLOEXEC);

  close (lowest);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, before));
  limit = *before;
  limit.rlim_cur = lowest + n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* The free descriptors suffice for some workers at a time, or for one. The others wait. */
static void
test_descriptors (void)
{
  static const int room[] = { 100, 75, 40 };

  for (gsize i = 0; i < G_N_ELEMENTS (room); i++)
    for (int reuse = 0; reuse < 2; reuse++)
      {
        g_autoptr (GmpWorkers) workers = new_workers (room[i] > 64 ? N_WORKERS : 5);
        g_autoptr (GVariant) results = NULL;
        g_autoptr (GVariant) again = NULL;
        struct rlimit before;

        g_object_set (workers, "reuse", reuse, NULL);
        leave_descriptors (room[i], &before);
        results = gmp_test_run (workers);
        again = gmp_test_run (workers);
        g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
        check (results, room[i] > 64 ? N_WORKERS : 5);
        check (again, room[i] > 64 ? N_WORKERS : 5);
      }
}

/* A pool has as many workers as fit. They do not end, and no run waits for them. */

static void
test_pool (void)
{
  static const int room[] = { 100, 75, 40 };

  for (gsize i = 0; i < G_N_ELEMENTS (room); i++)
    {
      g_autoptr (GmpPool) pool = gmp_pool_new (N_WORKERS);
      g_autoptr (GmpWorkers) workers = new_workers (5);
      g_autoptr (GVariant) results = NULL;
      struct rlimit before;

      leave_descriptors (room[i], &before);
      gmp_test_call_all (pool, same, N_WORKERS);
      results = gmp_test_run (workers);
      g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
      check (results, 5);
    }
}

/* Many runs in one main loop, each with few workers. */

static void
ran_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  guint *n_left = user_data;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_workers_run_finish (GMP_WORKERS (source), result, &error);
  g_assert_no_error (error);
  check (results, 1);
  (*n_left)--;
}

static guint
count_threads (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

static void
test_runs (void)
{
  GMainContext *context = g_main_context_get_thread_default ();
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_object_unref);
  struct rlimit before;
  guint n_left = N_RUNS;
  guint n_threads = 0;

  leave_descriptors (200, &before);
  for (int i = 0; i < N_RUNS; i++)
    {
      GmpWorkers *workers = new_workers (1);

      g_ptr_array_add (all, workers);
      gmp_workers_run_async (workers, NULL, 0, NULL, ran_cb, &n_left);
    }
  while (n_left > 0)
    {
      g_main_context_iteration (context, TRUE);
      n_threads = MAX (n_threads, count_threads ());
    }
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  g_assert_cmpuint (n_threads, <, 10);
}

/* Two threads use one object: one has its run, the other gets an error immediately. */

static GVariant *
wait_for_line (GVariant *params,
               GError  **error)
{
  g_autofree char *text = NULL;

  gmp_worker_report (NULL, error);
  g_file_get_contents (g_variant_get_bytestring (params), &text, NULL, error);
  return NULL;
}

static gpointer
run_too (gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_workers_run (user_data, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  return NULL;
}

static void
run_in_thread_cb (GmpWorkers *workers,
                  int         id G_GNUC_UNUSED,
                  GVariant   *value G_GNUC_UNUSED,
                  const char *path)
{
  int fd;

  g_thread_join (g_thread_new (NULL, run_too, workers));
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (fd, !=, -1);
  close (fd);
}

static void
test_threads (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("fifo");
  g_autoptr (GVariant) results = NULL;

  g_assert_no_errno (mkfifo (path, 0600));
  gmp_test_add_worker (workers, 1, wait_for_line, g_variant_new_bytestring (path));
  g_signal_connect (workers, "progress", G_CALLBACK (run_in_thread_cb), path);
  results = gmp_test_run (workers);
  check (results, 1);
}

/* Setting a property does not wait for a kept process that exits slowly. */

static void
wait_at_exit (void)
{
  g_autofree char *text = NULL;

  g_file_get_contents (g_getenv ("FIFO"), &text, NULL, NULL);
  g_file_set_contents (g_getenv ("MARK"), "", 0, NULL);
}

static GVariant *
exit_late (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  g_autofree char *mark = g_strconcat (g_variant_get_bytestring (params), ".mark", NULL);

  g_setenv ("FIFO", g_variant_get_bytestring (params), TRUE);
  g_setenv ("MARK", mark, TRUE);
  atexit (wait_at_exit);
  return NULL;
}

static void
test_property (void)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("fifo");
  g_autofree char *mark = g_strconcat (path, ".mark", NULL);
  g_autoptr (GVariant) results = NULL;
  int fd;

  g_assert_no_errno (mkfifo (path, 0600));
  g_object_set (workers, "reuse", TRUE, NULL);
  gmp_test_add_worker (workers, 1, exit_late, g_variant_new_bytestring (path));
  results = gmp_test_run (workers);
  g_object_set (workers, "max-parallel", 3, NULL);
  /* It could not exit before, because nobody had opened the fifo. */
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (fd, !=, -1);
  close (fd);
  g_object_unref (workers);
  g_assert_true (g_file_test (mark, G_FILE_TEST_EXISTS));
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/surplus/descriptors", test_descriptors);
  gmp_test_add ("/surplus/pool", test_pool);
  gmp_test_add ("/surplus/runs", test_runs);
  gmp_test_add ("/surplus/threads", test_threads);
  gmp_test_add ("/surplus/property", test_property);
  return g_test_run ();
}
