/* hand-overs.c: how many GTasks a run passes through
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <dlfcn.h>

static int n_tasks; /* atomic */

/* The library's calls resolve to this function, because it is in the program. */
#undef g_task_new
G_MODULE_EXPORT GTask *g_task_new (gpointer            source_object,
                                   GCancellable       *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer            user_data);

GTask *
g_task_new (gpointer            source_object,
            GCancellable       *cancellable,
            GAsyncReadyCallback callback,
            gpointer            user_data)
{
  static GTask *(*original) (gpointer, GCancellable *, GAsyncReadyCallback, gpointer);

  if (original == NULL)
    original = (GTask * (*) (gpointer, GCancellable *, GAsyncReadyCallback, gpointer))
        dlsym (RTLD_NEXT, "g_task_new");
  g_atomic_int_inc (&n_tasks);
  return original (source_object, cancellable, callback, user_data);
}

static GVariant *
nothing (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return NULL;
}

static int
count (GmpWorkers *workers)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&n_tasks, 0);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  return g_atomic_int_get (&n_tasks);
}

/* One for the call, and for each worker two: the start and the end of its process. */
static void
test_new_processes (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 0, nothing, NULL);
  g_assert_cmpint (count (workers), ==, 3);
  gmp_test_add_worker (workers, 1, nothing, NULL);
  g_assert_cmpint (count (workers), ==, 5);
}

/* A kept process is not started again. */
static void
test_kept_process (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);

  gmp_test_add_worker (workers, 0, nothing, NULL);
  g_assert_cmpint (count (workers), ==, 3);
  g_assert_cmpint (count (workers), ==, 2);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/hand-overs/new-processes", test_new_processes);
  gmp_test_add ("/hand-overs/kept-process", test_kept_process);
  return g_test_run ();
}
