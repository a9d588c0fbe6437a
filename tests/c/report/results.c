/* results.c: results and errors of a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-error.h"
#include "report/gmp-failure-private.h"
#include "report/gmp-results-private.h"

static void
test_complete (void)
{
  g_autoptr (GmpResults) results = gmp_results_new ();

  g_assert_true (gmp_results_expect (results, "1"));
  g_assert_true (gmp_results_expect (results, "2"));
  gmp_results_succeeded (results, "2", NULL);
  gmp_results_succeeded (results, "1", NULL);
  g_assert_null (gmp_results_to_error (results, NULL));
}

static void
test_missing (void)
{
  g_autoptr (GmpResults) results = gmp_results_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_results_expect (results, "1"));
  g_assert_true (gmp_results_expect (results, "2"));
  gmp_results_succeeded (results, "1", NULL);
  error = gmp_results_to_error (results, NULL);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "Worker '2' has neither returned nor failed");
}

static void
test_missing_again (void)
{
  g_autoptr (GmpResults) results = gmp_results_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_results_expect (results, "1"));
  gmp_results_succeeded (results, "1", NULL);
  g_assert_true (gmp_results_reopen (results, "1"));
  error = gmp_results_to_error (results, NULL);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
}

static void
test_failure_counts_first (void)
{
  g_autoptr (GmpResults) results = gmp_results_new ();
  g_autoptr (GError) gone = g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED, "gone");
  g_autoptr (GmpFailure) failure = gmp_failure_new_for_error ("2", gone);
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_results_expect (results, "1"));
  g_assert_true (gmp_results_expect (results, "2"));
  gmp_results_failed (results, failure);
  error = gmp_results_to_error (results, NULL);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  g_assert_true (gmp_results_has_error (results, GMP_ERROR_DISCONNECTED));
  failures = gmp_results_copy_failures (results);
  g_assert_cmpuint (failures->len, ==, 1);
  g_assert_true (failures->pdata[0] == failure);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/results/complete", test_complete);
  g_test_add_func ("/results/missing", test_missing);
  g_test_add_func ("/results/missing-again", test_missing_again);
  g_test_add_func ("/results/failure-counts-first", test_failure_counts_first);
  return g_test_run ();
}
