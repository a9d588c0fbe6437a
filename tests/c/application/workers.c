/* workers.c: which workers run, with which parameters and results
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <unistd.h>

static GVariant *
twice (GVariant *params,
       GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (2 * g_variant_get_int32 (params));
}

/* Distinguishes NULL from everything else. */
static GVariant *
describe (GVariant *params,
          GError  **error G_GNUC_UNUSED)
{
  g_autofree char *text = params != NULL ? g_variant_print (params, TRUE) : g_strdup ("NULL");

  return g_variant_new_string (text);
}

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return params != NULL ? g_variant_ref (params) : NULL;
}

static GVariant *
nothing (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return NULL;
}

static GVariant *
refuse (GVariant *params G_GNUC_UNUSED,
        GError  **error)
{
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_PERM, "no");
  return NULL;
}

static GVariant *
leave_mark (GVariant *params,
            GError  **error)
{
  g_file_set_contents (g_variant_get_string (params, NULL), "here", -1, error);
  return NULL;
}

static GVariant *
run (GmpWorkers *workers,
     const int  *ids,
     gsize       n_ids)
{
  g_autoptr (GError) error = NULL;
  GVariant *results = gmp_workers_run (workers, ids, n_ids, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (results);
  g_assert_false (g_variant_is_floating (results));
  return results;
}

static void
test_run (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  const int ids[] = { 7 };

  gmp_test_add_worker (workers, 7, twice, g_variant_new_int32 (21));
  results = run (workers, ids, 1);
  gmp_test_check_value (results, "{7: <42>}");
}

static void
test_guide (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  const int ids[] = { 1 };

  gmp_test_add_worker (workers, 1, twice, g_variant_new_int32 (1));
  for (int turn = 1; turn <= 5; turn++)
    {
      g_autoptr (GVariant) results = run (workers, ids, 1);
      g_autoptr (GVariant) value = gmp_test_get_int (results, 1);
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (g_variant_get_int32 (value), ==, 1 << turn);
      g_assert_true (gmp_workers_set_params (workers, 1, value, &error));
      g_assert_no_error (error);
    }
}

static void
test_exists (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, twice, g_variant_new_int32 (1));
  g_assert_false (gmp_workers_add (workers, 1, echo, g_variant_new_string ("other"), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  gmp_test_check_in (error->message, "1");
  g_clear_error (&error);
  g_assert_false (gmp_workers_add_target (workers, 1, "native::x", NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);

  /* The first worker is unchanged. */
  results = run (workers, NULL, 0);
  gmp_test_check_value (results, "{1: <2>}");
}

static void
test_not_found (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *mark = gmp_test_build_path ("mark");
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  const int ids[] = { 1, 99 };

  g_assert_false (gmp_workers_set_params (workers, 99, g_variant_new_int32 (1), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "99");
  g_clear_error (&error);

  gmp_test_add_worker (workers, 1, leave_mark, g_variant_new_string (mark));
  g_assert_null (gmp_workers_run (workers, ids, 2, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "99");
  /* A wrong id starts no worker. */
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));

  results = run (workers, ids, 1);
  g_assert_true (g_file_test (mark, G_FILE_TEST_EXISTS));
}

static void
test_no_method (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (gmp_workers_add (workers, 1, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "process");
}

static void
test_id_twice (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *mark = gmp_test_build_path ("mark");
  g_autoptr (GError) error = NULL;
  const int ids[] = { 1, 2, 1 };

  gmp_test_add_worker (workers, 1, leave_mark, g_variant_new_string (mark));
  gmp_test_add_worker (workers, 2, leave_mark, g_variant_new_string (mark));
  g_assert_null (gmp_workers_run (workers, ids, 3, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
  gmp_test_check_in (error->message, "1");
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
}

static void
test_pending (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) again = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, twice, g_variant_new_int32 (4));
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &first);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &second);
  g_assert_null (gmp_workers_run_finish (workers, gmp_test_wait (&second), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);

  /* The first run is not affected, and another can follow it. */
  results = gmp_workers_run_finish (workers, gmp_test_wait (&first), &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{1: <8>}");
  again = run (workers, NULL, 0);
  gmp_test_check_value (again, "{1: <8>}");
}

static void
test_all (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) all = NULL;
  g_autoptr (GVariant) some = NULL;
  g_autoptr (GVariant) kept = NULL;
  const int ids[] = { G_MAXINT, 0 };

  gmp_test_add_worker (workers, G_MININT, echo, g_variant_new_string ("least"));
  gmp_test_add_worker (workers, -1, echo, g_variant_new_string ("below"));
  gmp_test_add_worker (workers, 0, echo, g_variant_new_string ("zero"));
  gmp_test_add_worker (workers, G_MAXINT, echo, g_variant_new_string ("most"));
  all = run (workers, NULL, 0);
  gmp_test_check_value (all, "{-2147483648: <'least'>, -1: <'below'>, 0: <'zero'>, "
                        "2147483647: <'most'>}");
  some = run (workers, ids, 2);
  gmp_test_check_value (some, "{2147483647: <'most'>, 0: <'zero'>}");
  kept = gmp_workers_get_results (workers);
  g_assert_true (gmp_test_is_same (some, kept));
}

static void
test_none (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) before = gmp_workers_get_results (workers);
  g_autoptr (GVariant) results = run (workers, NULL, 0);

  gmp_test_check_value (before, "@a{iv} {}");
  gmp_test_check_value (results, "@a{iv} {}");
  g_assert_null (gmp_workers_get_error (workers, 1));
}

/* An empty list means no workers, not all of them. */
static void
test_empty_list (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  int ids[] = { 1 };
  g_autoptr (GVariant) empty = NULL;
  g_autoptr (GVariant) all = NULL;

  gmp_test_add_worker (workers, 1, twice, g_variant_new_int32 (1));
  empty = run (workers, ids, 0);
  gmp_test_check_value (empty, "@a{iv} {}");
  all = run (workers, NULL, 0);
  gmp_test_check_value (all, "{1: <2>}");
}

static void
test_null (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) again = NULL;
  g_autoptr (GError) error = NULL;
  const int ids[] = { 1 };

  gmp_test_add_worker (workers, 1, describe, NULL);
  gmp_test_add_worker (workers, 2, nothing, g_variant_new_int32 (1));
  gmp_test_add_worker (workers, 3, describe, g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL));
  results = run (workers, NULL, 0);
  gmp_test_check_value (results, "{1: <'NULL'>, 2: <@mv nothing>, 3: <'@mv nothing'>}");

  /* set_params accepts NULL as well. */
  g_assert_true (gmp_workers_set_params (workers, 1, g_variant_new_byte (1), &error));
  g_assert_true (gmp_workers_set_params (workers, 1, NULL, &error));
  g_assert_no_error (error);
  again = run (workers, ids, 1);
  gmp_test_check_value (again, "{1: <'NULL'>}");
}

static void
test_floating (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) held = g_variant_ref_sink (g_variant_new_string ("held"));
  GVariant *floating = g_variant_new_string ("floating");
  GVariant *refused = g_variant_ref_sink (g_variant_new_string ("refused"));
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, echo, held);
  gmp_test_add_worker (workers, 2, echo, floating);
  g_assert_false (g_variant_is_floating (floating));
  /* A worker has its own reference to its parameters. If the worker was refused, none is left. */
  g_assert_false (gmp_workers_add (workers, 2, echo, refused, NULL));
  g_assert_cmpstr (g_variant_get_string (refused, NULL), ==, "refused");
  g_variant_unref (refused);
  g_assert_false (gmp_workers_add (workers, 2, echo, g_variant_new_string ("lost"), NULL));
  results = run (workers, NULL, 0);
  gmp_test_check_value (results, "{1: <'held'>, 2: <'floating'>}");
}

static void
test_partial (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) again = NULL;
  g_autoptr (GError) error = NULL;
  const int good[] = { 1, 3 };

  gmp_test_add_worker (workers, 1, twice, g_variant_new_int32 (1));
  gmp_test_add_worker (workers, 2, refuse, NULL);
  gmp_test_add_worker (workers, 3, twice, g_variant_new_int32 (3));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM);
  gmp_test_check_in (error->message, "'2'");

  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "{1: <2>, 3: <6>}");
  g_assert_null (gmp_workers_get_error (workers, 1));
  g_assert_error (gmp_workers_get_error (workers, 2), G_FILE_ERROR, G_FILE_ERROR_PERM);
  g_assert_null (gmp_workers_get_error (workers, 3));

  /* The next run is not affected. */
  again = run (workers, good, 2);
  gmp_test_check_value (again, "{1: <2>, 3: <6>}");
  g_assert_null (gmp_workers_get_error (workers, 2));
}

static void
test_several_fail (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  for (int id = 0; id < 3; id++)
    gmp_test_add_worker (workers, id, refuse, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM);
  for (int id = 0; id < 3; id++)
    {
      g_autofree char *quoted = g_strdup_printf ("'%d'", id);

      gmp_test_check_in (error->message, quoted);
      g_assert_error (gmp_workers_get_error (workers, id), G_FILE_ERROR, G_FILE_ERROR_PERM);
    }
  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "@a{iv} {}");
}

static void
test_properties (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 3, "reuse",
                                                 TRUE, "capture-output", TRUE, NULL);
  g_autoptr (GVariant) results = NULL;
  gboolean capture_output, reuse;
  guint max_parallel;

  g_object_get (workers, "max-parallel", &max_parallel, "reuse", &reuse, "capture-output",
                &capture_output, "results", &results, NULL);
  g_assert_cmpuint (max_parallel, ==, 3);
  g_assert_true (reuse);
  g_assert_true (capture_output);
  gmp_test_check_value (results, "@a{iv} {}");
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers/run", test_run);
  gmp_test_add ("/workers/guide", test_guide);
  gmp_test_add ("/workers/exists", test_exists);
  gmp_test_add ("/workers/not-found", test_not_found);
  gmp_test_add ("/workers/no-method", test_no_method);
  gmp_test_add ("/workers/id-twice", test_id_twice);
  gmp_test_add ("/workers/pending", test_pending);
  gmp_test_add ("/workers/all", test_all);
  gmp_test_add ("/workers/none", test_none);
  gmp_test_add ("/workers/empty-list", test_empty_list);
  gmp_test_add ("/workers/null", test_null);
  gmp_test_add ("/workers/floating", test_floating);
  gmp_test_add ("/workers/partial", test_partial);
  gmp_test_add ("/workers/several-fail", test_several_fail);
  gmp_test_add ("/workers/properties", test_properties);
  return g_test_run ();
}
