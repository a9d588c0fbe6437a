/* test-pool.c: functions for the tests of pools
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-pool.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

GVariant *
test_square (GVariant *params,
             GError  **error G_GNUC_UNUSED)
{
  gint32 n = g_variant_get_int32 (params);

  return g_variant_new_int32 (n * n);
}

GVariant *
test_get_pid (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

GVariant *
test_refuse (GVariant *params G_GNUC_UNUSED,
             GError  **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM, "It refuses");
  return NULL;
}

GVariant *
test_die (GVariant *params G_GNUC_UNUSED,
          GError  **error G_GNUC_UNUSED)
{
  raise (SIGKILL);
  return NULL;
}

/* Until it is killed. */
GVariant *
test_sleep (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  while (pause () == -1)
    continue;
  return NULL;
}

/* Waits until the test writes to the fifo @params. */
GVariant *
test_read_fifo (GVariant *params,
                GError  **error G_GNUC_UNUSED)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (g_variant_get_string (params, NULL), &text, NULL, NULL));
  return g_variant_new_string (text);
}

GmpPool *
test_pool_new (guint max_workers)
{
  GmpPool *pool = gmp_pool_new (max_workers);

  g_object_set (pool, "stop-grace", 0.0, "kill-grace", 0.1, NULL);
  return pool;
}

gint32
test_pool_call_int (GmpPool  *pool,
                    GmpMethod method,
                    GVariant *params)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = gmp_pool_call (pool, method, params, NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (result);
}

void
test_pool_check_error (GmpPool    *pool,
                       GmpMethod   method,
                       GVariant   *params,
                       GQuark      domain,
                       int         code,
                       const char *pattern)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_pool_call (pool, method, params, NULL, &error));
  g_assert_error (error, domain, code);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("'%s' is not like '%s'", error->message, pattern);
}

char *
test_make_fifo (const char *name)
{
  char *path = gmp_test_build_path (name);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  return path;
}

void
test_write_fifo (const char *path)
{
  FILE *file = fopen (path, "w");

  g_assert_nonnull (file);
  g_assert_cmpint (fputs ("go", file), >=, 0);
  g_assert_cmpint (fclose (file), ==, 0);
}

/* Takes ownership of @result. */
GVariant *
test_pool_finish (GmpPool      *pool,
                  GAsyncResult *result,
                  GError      **error)
{
  g_autoptr (GAsyncResult) own = result;

  return gmp_pool_call_finish (pool, own, error);
}
