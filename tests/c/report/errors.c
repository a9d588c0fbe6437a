/* errors.c: failing workers and the text of their errors
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc-binding.h>

#include "gmp-test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A domain that is not registered with GDBus. */
#define TEST_ERROR (g_quark_from_static_string ("gmp-test-errors-quark"))

static GVariant *
fail_own (GVariant *params G_GNUC_UNUSED,
          GError  **error)
{
  g_set_error (error, TEST_ERROR, 4711, "my own: %s", "100% ü");
  return NULL;
}

static GVariant *
fail_code (GVariant *params,
           GError  **error)
{
  g_set_error_literal (error, g_quark_from_string ("an odd: domain.-_\xc3\xbc"),
                       g_variant_get_int32 (params), "odd");
  return NULL;
}

/* The domain has the given name; 0 for NULL, as g_set_error (error, 0, ...) would make it if it did
 * not warn. */
static GVariant *
fail_nameless (GVariant *params,
               GError  **error)
{
  g_set_error_literal (error, TEST_ERROR, 4711, "nameless");
  (*error)->domain = params != NULL ? g_quark_from_string (g_variant_get_bytestring (params)) : 0;
  return NULL;
}

/* Longer than the limit of a message. */
#define LONG_TEXT (40 * 1024 * 1024)

static GVariant *
fail_long (GVariant *params G_GNUC_UNUSED,
           GError  **error)
{
  g_autofree char *text = g_strnfill (LONG_TEXT, 'x');

  g_message ("a: %s", text);
  g_set_error (error, TEST_ERROR, 5, "b: %s", text);
  return NULL;
}

static GVariant *
fail_gio (GVariant *params G_GNUC_UNUSED,
          GError  **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "disk full");
  return NULL;
}

static GVariant *
fail_gmp (GVariant *params,
          GError  **error)
{
  g_set_error_literal (error, GMP_ERROR, g_variant_get_int32 (params), "as if");
  return NULL;
}

/* Returns both a value and an error: the error counts. */
static GVariant *
fail_with_value (GVariant *params G_GNUC_UNUSED,
                 GError  **error)
{
  g_set_error_literal (error, TEST_ERROR, 1, "no value");
  return g_variant_new_int32 (1);
}

static GVariant *
fail_invalid (GVariant *params G_GNUC_UNUSED,
              GError  **error)
{
  g_propagate_error (error, g_error_new_literal (TEST_ERROR, 2, "bad \xff\xfe byte"));
  return NULL;
}

static GVariant *
fail_empty (GVariant *params G_GNUC_UNUSED,
            GError  **error)
{
  g_set_error_literal (error, TEST_ERROR, 0, "");
  return NULL;
}

static GVariant *
call_abort (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  abort ();
}

static GVariant *
call_exit (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  exit (g_variant_get_int32 (params));
}

static GVariant *
talk_and_crash (GVariant *params G_GNUC_UNUSED,
                GError  **error G_GNUC_UNUSED)
{
  for (int line = 1; line <= 30; line++)
    fprintf (stderr, "line %d of what went wrong\n", line);
  raise (SIGKILL);
  return NULL;
}

static GVariant *
report_and_wait (GVariant *params G_GNUC_UNUSED,
                 GError  **error)
{
  if (gmp_worker_report (g_variant_new_int32 (getpid ()), error))
    while (TRUE)
      pause ();
  return NULL;
}

/* A library that closes too many descriptors, including the control connection. */
static GVariant *
close_all (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  close_range (3, ~0U, 0);
  return g_variant_new_string ("closed");
}

/* The same without returning: such a worker receives nothing, and has to be killed. */
static GVariant *
close_all_and_wait (GVariant *params G_GNUC_UNUSED,
                    GError  **error)
{
  if (!gmp_worker_report (NULL, error))
    return NULL;
  close_range (3, ~0U, 0);
  while (TRUE)
    pause ();
}

static GVariant *
no_error (GVariant *params G_GNUC_UNUSED,
          GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_boolean (gmp_worker_get_cancellable () != NULL);
}

static int
run_failing (GmpWorkers *workers,
             GmpMethod   method,
             GVariant   *params,
             GError    **error)
{
  g_autoptr (GError) add_error = NULL;

  gmp_workers_add (workers, 31, method, params, &add_error);
  g_assert_no_error (add_error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, error));
  g_assert_nonnull (*error);
  g_test_message ("%s", (*error)->message);
  gmp_test_check_in ((*error)->message, "'31'");
  gmp_test_check_in ((*error)->message, "pid");
  return (*error)->code;
}

static GError *
fail (GmpMethod method,
      GVariant *params)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  GError *error = NULL;

  run_failing (workers, method, params, &error);
  g_assert_error (gmp_workers_get_error (workers, 31), error->domain, error->code);
  return error;
}

static void
test_own_domain (void)
{
  g_autoptr (GError) error = fail (fail_own, NULL);

  g_assert_error (error, TEST_ERROR, 4711);
  gmp_test_check_in (error->message, "my own: 100% ü");
}

static void
long_log_cb (GmpWorkers    *workers G_GNUC_UNUSED,
             int            id G_GNUC_UNUSED,
             const char    *domain G_GNUC_UNUSED,
             GLogLevelFlags level G_GNUC_UNUSED,
             const char    *message,
             gpointer       user_data)
{
  g_assert_true (g_str_has_prefix (message, "a: xxx"));
  *(gsize *) user_data = strlen (message);
}

/* Only the start of a text that is too long arrives. */
static void
test_long_texts (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;
  gsize length = 0;

  g_signal_connect (workers, "log", G_CALLBACK (long_log_cb), &length);
  gmp_workers_add (workers, 1, fail_long, NULL, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, TEST_ERROR, 5);
  gmp_test_check_in (error->message, "b: xxx");
  g_assert_cmpuint (strlen (error->message), >, 1000 * 1000);
  g_assert_cmpuint (length, >, 1000 * 1000);
}

/* Codes need not belong to an enumeration, nor be domains words. */
static void
test_odd_codes (void)
{
  const int codes[] = { 0, -1, G_MININT, G_MAXINT };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (GError) error = fail (fail_code, g_variant_new_int32 (codes[i]));

      g_assert_error (error, g_quark_from_string ("an odd: domain.-_\xc3\xbc"), codes[i]);
    }
}

/* A worker fails, and its text arrives, whatever its error is called. */
static void
test_nameless (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autofree char *text = g_strnfill (300, 'd');
  const char *names[] = { NULL, "", "\xff", text };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) params =
          names[i] != NULL ? g_variant_ref_sink (g_variant_new_bytestring (names[i])) : NULL;
      g_autoptr (GError) error = fail (fail_nameless, params);
      g_autoptr (GError) of_call = NULL;

      g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
      gmp_test_check_in (error->message, "nameless");
      g_assert_null (gmp_pool_call (pool, fail_nameless, params, NULL, &of_call));
      g_assert_error (of_call, GMP_ERROR, GMP_ERROR_FAILED);
      g_assert_cmpstr (of_call->message, ==, "nameless");
    }
}

static void
test_known_domain (void)
{
  g_autoptr (GError) error = fail (fail_gio, NULL);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  gmp_test_check_in (error->message, "disk full");
}

static void
test_gmp_domain (void)
{
  for (int code = GMP_ERROR_FAILED; code <= GMP_ERROR_LAUNCH; code++)
    {
      g_autoptr (GError) error = fail (fail_gmp, g_variant_new_int32 (code));

      g_assert_error (error, GMP_ERROR, code);
      gmp_test_check_in (error->message, "as if");
    }
}

static void
test_value_and_error (void)
{
  g_autoptr (GError) error = fail (fail_with_value, NULL);

  g_assert_error (error, TEST_ERROR, 1);
}

static void
test_invalid_utf8 (void)
{
  g_autoptr (GError) error = fail (fail_invalid, NULL);

  g_assert_error (error, TEST_ERROR, 2);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  gmp_test_check_in (error->message, "bad \357\277\275\357\277\275 byte");
}

static void
test_empty_message (void)
{
  g_autoptr (GError) error = fail (fail_empty, NULL);

  g_assert_error (error, TEST_ERROR, 0);
}

static void
test_abort (void)
{
  g_autoptr (GError) error = fail (call_abort, NULL);
  g_autofree char *signal_text = g_strdup_printf ("signal %d", SIGABRT);

  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, signal_text);
}

static void
test_exit (void)
{
  g_autoptr (GError) error = fail (call_exit, g_variant_new_int32 (3));

  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "status 3");
}

/* A function that calls exit() has not returned, whatever the status. */
static void
test_exit_zero (void)
{
  g_autoptr (GError) error = fail (call_exit, g_variant_new_int32 (0));

  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "status 0");
}

static void
test_last_lines (void)
{
  g_autoptr (GError) error = fail (talk_and_crash, NULL);

  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "line 30 of what went wrong");
  gmp_test_check_in (error->message, "line 25 of what went wrong");
  g_assert_null (strstr (error->message, "line 1 of"));
}

static void
kill_cb (GmpWorkers *workers G_GNUC_UNUSED,
         int         id G_GNUC_UNUSED,
         GVariant   *value,
         gpointer    user_data)
{
  int *pid = user_data;

  *pid = g_variant_get_int32 (value);
  g_assert_no_errno (kill (*pid, SIGKILL));
}

static void
test_killed (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *pid_text = NULL;
  g_autoptr (GError) error = NULL;
  int pid = 0;

  g_signal_connect (workers, "progress", G_CALLBACK (kill_cb), &pid);
  run_failing (workers, report_and_wait, NULL, &error);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  pid_text = g_strdup_printf ("pid %d", pid);
  gmp_test_check_in (error->message, pid_text);
  gmp_test_check_in (error->message, "signal 9");
}

/* One worker dies. This affects neither the others nor the next run. */
static void
test_others_go_on (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, no_error, NULL, &error);
  gmp_workers_add (workers, 2, no_error, NULL, &error);
  g_assert_no_error (error);
  run_failing (workers, call_abort, NULL, &error);
  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "{1: <true>, 2: <true>}");
}

static void
test_closed_descriptors (void)
{
  g_autoptr (GError) error = fail (close_all, NULL);

  g_assert_true (error->domain == GMP_ERROR);
  g_assert_true (error->code == GMP_ERROR_CRASHED || error->code == GMP_ERROR_DISCONNECTED);
}

static void
cancel_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id G_GNUC_UNUSED,
           GVariant   *value G_GNUC_UNUSED,
           gpointer    user_data)
{
  g_cancellable_cancel (user_data);
}

static void
test_closed_descriptors_cancel (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_signal_connect (workers, "progress", G_CALLBACK (cancel_cb), cancellable);
  gmp_workers_add (workers, 1, close_all_and_wait, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  /* Either side may notice the closed descriptors first. */
  if (!g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED) &&
      !g_error_matches (error, GMP_ERROR, GMP_ERROR_DISCONNECTED))
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* This has to work in an application that never uses the domain itself. */
static void
test_domain_unnamed (void)
{
  g_autoptr (GError) error = fail (fail_gmp, g_variant_new_int32 (4));

  g_assert_cmpstr (g_quark_to_string (error->domain), ==, "gmp-error-quark");
  g_assert_cmpint (error->code, ==, 4);
}

static void
test_outside_worker (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_worker_get_cancellable ());
  g_assert_false (gmp_host_is_worker ());
  g_assert_false (gmp_worker_report (g_variant_new_int32 (1), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/errors/domain-unnamed", test_domain_unnamed);
  gmp_test_add ("/errors/own-domain", test_own_domain);
  gmp_test_add ("/errors/long-texts", test_long_texts);
  gmp_test_add ("/errors/odd-codes", test_odd_codes);
  gmp_test_add ("/errors/nameless", test_nameless);
  gmp_test_add ("/errors/known-domain", test_known_domain);
  gmp_test_add ("/errors/gmp-domain", test_gmp_domain);
  gmp_test_add ("/errors/value-and-error", test_value_and_error);
  gmp_test_add ("/errors/invalid-utf8", test_invalid_utf8);
  gmp_test_add ("/errors/empty-message", test_empty_message);
  gmp_test_add ("/errors/abort", test_abort);
  gmp_test_add ("/errors/exit", test_exit);
  gmp_test_add ("/errors/exit-zero", test_exit_zero);
  gmp_test_add ("/errors/last-lines", test_last_lines);
  gmp_test_add ("/errors/killed", test_killed);
  gmp_test_add ("/errors/others-go-on", test_others_go_on);
  gmp_test_add ("/errors/closed-descriptors", test_closed_descriptors);
  gmp_test_add ("/errors/closed-descriptors-cancel", test_closed_descriptors_cancel);
  gmp_test_add ("/errors/outside-worker", test_outside_worker);
  return g_test_run ();
}
