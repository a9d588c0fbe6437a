/* pool-queue.c: calls that wait in a pool: their order, calls sent ahead, cancelling
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-pool.h"

#include <stdio.h>

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return params != NULL ? g_variant_ref (params) : NULL;
}

/* Appends its second parameter to the file that its first parameter names. */
static GVariant *
append (GVariant *params,
        GError  **error G_GNUC_UNUSED)
{
  const char *path;
  const char *text;
  FILE *file;

  g_variant_get (params, "(&s&s)", &path, &text);
  file = fopen (path, "a");
  g_assert_nonnull (file);
  g_assert_cmpint (fputs (text, file), >=, 0);
  g_assert_cmpint (fclose (file), ==, 0);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autoptr (GCancellable) running = g_cancellable_new ();
  g_autoptr (GCancellable) waiting = g_cancellable_new ();
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *results[3] = { NULL, };
  guint n_running = 0;

  gmp_pool_call_async (pool, test_sleep, NULL, running, gmp_test_done_cb, &results[0]);
  gmp_pool_call_async (pool, test_square, g_variant_new_int32 (2), waiting, gmp_test_done_cb,
                       &results[1]);
  gmp_pool_call_async (pool, test_square, g_variant_new_int32 (3), NULL, gmp_test_done_cb,
                       &results[2]);
  while (n_running == 0)
    g_object_get (pool, "running", &n_running, NULL);
  g_cancellable_cancel (waiting);
  g_assert_null (test_pool_finish (pool, gmp_test_wait (&results[1]), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (results[0]);
  g_cancellable_cancel (running);
  g_assert_null (test_pool_finish (pool, gmp_test_wait (&results[0]), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  value = test_pool_finish (pool, gmp_test_wait (&results[2]), &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 9);
  g_assert_null (gmp_pool_call (pool, test_square, g_variant_new_int32 (1), running, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_priorities (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autofree char *fifo = test_make_fifo ("fifo");
  g_autofree char *path = gmp_test_build_path ("order");
  g_autofree char *text = NULL;
  const int priorities[] = { 0, 5, -5, 0, 5 };
  GAsyncResult *results[6] = { NULL, };
  guint n_running = 0;

  gmp_pool_call_async (pool, test_read_fifo, g_variant_new_string (fifo), NULL, gmp_test_done_cb,
                       &results[5]);
  while (n_running == 0)
    g_object_get (pool, "running", &n_running, NULL);
  for (guint i = 0; i < 5; i++)
    {
      const char name[] = { (char) ('a' + i), '\0' };

      g_object_set (pool, "call-priority", priorities[i], NULL);
      gmp_pool_call_async (pool, append, g_variant_new ("(ss)", path, name), NULL,
                           gmp_test_done_cb, &results[i]);
    }
  test_write_fifo (fifo);
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = test_pool_finish (pool, gmp_test_wait (&results[i]), &error);

      g_assert_no_error (error);
    }
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "cadbe");
}

/* Calls are sent ahead to a fast worker. Calls behind an endless one move to the other worker,
 * and so do those of a worker that dies: one call fails. */
static void
test_ahead (gboolean dies)
{
  g_autoptr (GmpPool) pool = test_pool_new (2);
  g_autofree char *fifo = test_make_fifo ("fifo");
  GAsyncResult *results[201] = { NULL, };

  for (guint i = 0; i < 500; i++)
    g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (3)), ==, 9);
  for (guint i = 0; i < 201; i++)
    if (i == 100)
      gmp_pool_call_async (pool, dies ? test_die : test_read_fifo, g_variant_new_string (fifo),
                           NULL, gmp_test_done_cb, &results[i]);
    else
      gmp_pool_call_async (pool, test_square, g_variant_new_int32 ((gint32) i), NULL,
                           gmp_test_done_cb, &results[i]);
  for (guint i = 0; i < 201; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;

      if (i == 100)
        continue;
      value = test_pool_finish (pool, gmp_test_wait (&results[i]), &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int32 (value), ==, (gint32) (i * i));
    }
  if (!dies)
    test_write_fifo (fifo);
  {
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) value = test_pool_finish (pool, gmp_test_wait (&results[100]), &error);

    if (dies)
      g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
    else
      g_assert_no_error (error);
  }
}

static void
test_ahead_of_slow (void)
{
  test_ahead (FALSE);
}

static void
test_ahead_of_death (void)
{
  test_ahead (TRUE);
}

#define BIG ((gsize) 4 * 1024 * 1024)

/* A worker that has got a part of a call's parameters, for which its channel has no more room, ends
 * when it is no longer wanted: after it has read the rest, although the call was withdrawn. */
static void
test_unsent (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autofree char *fifo = test_make_fifo ("fifo");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree guint8 *bytes = g_malloc0 (BIG);
  g_autoptr (GVariant) big = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE,
                                                                            bytes, BIG, 1));
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *results[2] = { NULL, };
  int pid, next_pid;
  guint n_waiting = 0;

  g_object_set (pool, "shared-memory-limit", (guint64) BIG / 4, NULL);
  for (guint i = 0; i < 500; i++)
    g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (3)), ==, 9);
  pid = test_pool_call_int (pool, test_get_pid, NULL);
  gmp_pool_call_async (pool, test_read_fifo, g_variant_new_string (fifo), NULL, gmp_test_done_cb,
                       &results[0]);
  gmp_pool_call_async (pool, echo, big, cancellable, gmp_test_done_cb, &results[1]);
  /* It was sent ahead, and does not wait for the slow one. */
  while (n_waiting == 0)
    g_object_get (pool, "waiting", &n_waiting, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_null (test_pool_finish (pool, gmp_test_wait (&results[1]), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  /* That counts for other workers. */
  g_object_set (pool, "nice", 1, NULL);
  test_write_fifo (fifo);
  value = test_pool_finish (pool, gmp_test_wait (&results[0]), &error);
  g_assert_no_error (error);
  next_pid = test_pool_call_int (pool, test_get_pid, NULL);
  g_assert_cmpint (next_pid, !=, pid);
  gmp_pool_close (pool);
}

static void
test_close (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (2);
  g_autoptr (GError) error = NULL;
  GAsyncResult *results[10] = { NULL, };
  guint n_running = 0;

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    gmp_pool_call_async (pool, test_sleep, NULL, NULL, gmp_test_done_cb, &results[i]);
  while (n_running < 2)
    g_object_get (pool, "running", &n_running, NULL);
  gmp_pool_close (pool);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_assert_null (test_pool_finish (pool, gmp_test_wait (&results[i]), &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
    }
  test_pool_check_error (pool, test_square, g_variant_new_int32 (1), G_IO_ERROR, G_IO_ERROR_CLOSED,
                         "*closed*");
  gmp_pool_close (pool);
}

static void
test_resize (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (3);
  GAsyncResult *results[3] = { NULL, };
  guint n_running = 0;

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    gmp_pool_call_async (pool, test_sleep, NULL, NULL, gmp_test_done_cb, &results[i]);
  while (n_running < 3)
    g_object_get (pool, "running", &n_running, NULL);
  g_object_set (pool, "max-workers", 4, NULL);
  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (5)), ==, 25);
  gmp_pool_close (pool);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_assert_null (test_pool_finish (pool, gmp_test_wait (&results[i]), NULL));
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/pool-queue/cancel", test_cancel);
  gmp_test_add ("/pool-queue/priorities", test_priorities);
  gmp_test_add ("/pool-queue/ahead-of-slow", test_ahead_of_slow);
  gmp_test_add ("/pool-queue/ahead-of-death", test_ahead_of_death);
  gmp_test_add ("/pool-queue/unsent", test_unsent);
  gmp_test_add ("/pool-queue/close", test_close);
  gmp_test_add ("/pool-queue/resize", test_resize);
  return g_test_run ();
}
