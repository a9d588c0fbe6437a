/* workers-restarts.c: workers that are begun again
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void
add_line (const char *path)
{
  int fd = open (path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (write (fd, "x\n", 2), ==, 2);
  close (fd);
}

static GVariant *
die_twice (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  const char *path = g_variant_get_string (params, NULL);

  add_line (path);
  if (gmp_test_count_lines (path) < 3)
    raise (SIGKILL);
  return g_variant_new_string ("lives");
}

static GVariant *
die (GVariant *params G_GNUC_UNUSED,
     GError  **error G_GNUC_UNUSED)
{
  /* If a sanitizer has mapped that address. */
  signal (SIGSEGV, SIG_DFL);
  raise (SIGSEGV);
  return NULL;
}

static GVariant *
count (GVariant *params,
       GError  **error G_GNUC_UNUSED)
{
  add_line (g_variant_get_string (params, NULL));
  return g_variant_new_uint32 (gmp_test_count_lines (g_variant_get_string (params, NULL)));
}

static void
count_int_cb (GmpWorkers *workers G_GNUC_UNUSED,
              int         id G_GNUC_UNUSED,
              GmpFailure *failure G_GNUC_UNUSED,
              guint      *n)
{
  (*n)++;
}

static GVariant *
run_workers (GmpMethod  method,
             GmpRestart restart,
             guint     *n_restarted,
             GError   **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("lines");
  GVariant *results;

  *n_restarted = 0;
  g_object_set (workers, "restart", restart, "max-restarts", 2, NULL);
  g_signal_connect (workers, "restarted", G_CALLBACK (count_int_cb), n_restarted);
  gmp_workers_add (workers, 1, method, g_variant_new_string (path), NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, error);
  if (results == NULL)
    {
      g_autoptr (GPtrArray) failures = gmp_runner_get_failures (GMP_RUNNER (workers));

      g_assert_cmpuint (failures->len, ==, 1);
      g_assert_cmpuint (gmp_failure_get_n_restarts (failures->pdata[0]), ==, *n_restarted);
    }
  return results;
}

static void
test_on_failure (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  guint n_restarted;

  results = run_workers (die_twice, GMP_RESTART_ON_FAILURE, &n_restarted, &error);
  g_assert_no_error (error);
  gmp_test_check_int (results, 1, "'lives'");
  g_assert_cmpuint (n_restarted, ==, 2);
}

static void
test_never (void)
{
  g_autoptr (GError) error = NULL;
  guint n_restarted;

  g_assert_null (run_workers (die, GMP_RESTART_NEVER, &n_restarted, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_cmpuint (n_restarted, ==, 0);
}

static void
test_give_up (void)
{
  g_autoptr (GError) error = NULL;
  guint n_restarted;

  g_assert_null (run_workers (die, GMP_RESTART_ON_FAILURE, &n_restarted, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "was killed by signal 11");
  gmp_test_check_in (error->message, "Restarts: 2, last failure: Worker '1'");
  g_assert_cmpuint (n_restarted, ==, 2);
}

/* A worker that is always restarted ends with its last result. */
static void
test_always (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  guint n_restarted;

  results = run_workers (count, GMP_RESTART_ALWAYS, &n_restarted, &error);
  g_assert_no_error (error);
  gmp_test_check_int (results, 1, "uint32 3");
  g_assert_cmpuint (n_restarted, ==, 2);
}

/* Returns twice, then fails. */
static GVariant *
fail_at_last (GVariant *params,
              GError  **error)
{
  const char *path = g_variant_get_string (params, NULL);

  add_line (path);
  if (gmp_test_count_lines (path) > 2)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "enough");
  return NULL;
}

/* If no restart was for a failure, the last failure is the cause. */
static void
test_always_fails (void)
{
  g_autoptr (GError) error = NULL;
  guint n_restarted;

  g_assert_null (run_workers (fail_at_last, GMP_RESTART_ALWAYS, &n_restarted, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  gmp_test_check_in (error->message, "enough\nRestarts: 2");
  g_assert_cmpuint (n_restarted, ==, 2);
}

static void
ask_again_cb (GmpWorkers *workers,
              int         id,
              GVariant   *result G_GNUC_UNUSED,
              guint      *n_asked)
{
  g_autoptr (GError) error = NULL;

  if ((*n_asked)++ > 0)
    return;
  g_assert_true (gmp_workers_run_again (workers, id, &error));
  g_assert_no_error (error);
}

static void
ask_in_vain_cb (GmpWorkers *workers,
                int         id,
                GmpFailure *failure G_GNUC_UNUSED,
                gpointer    user_data G_GNUC_UNUSED)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gmp_workers_run_again (workers, id, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

/* A worker that runs again for its result is not restarted in addition because it has finished,
 * and run_again is refused for a worker that is being restarted. */
static void
test_always_again (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("lines");
  g_autoptr (GVariant) results = NULL;
  guint n_asked = 0;

  g_object_set (workers, "restart", GMP_RESTART_ALWAYS, "max-restarts", 2, NULL);
  g_signal_connect (workers, "result", G_CALLBACK (ask_again_cb), &n_asked);
  g_signal_connect (workers, "restarted", G_CALLBACK (ask_in_vain_cb), NULL);
  gmp_test_add_worker (workers, 1, count, g_variant_new_string (path));
  results = gmp_test_run (workers);
  g_assert_cmpuint (n_asked, ==, 4);
  gmp_test_check_value (results, "{1: <uint32 4>}");
}

/* An application that refuses the results. */

#define TEST_TYPE_CRITIC (test_critic_get_type ())
G_DECLARE_FINAL_TYPE (TestCritic, test_critic, TEST, CRITIC, GmpWorkers)

struct _TestCritic
{
  GmpWorkers parent_instance;
};

G_DEFINE_FINAL_TYPE (TestCritic, test_critic, GMP_TYPE_WORKERS)

static gboolean
test_critic_update (GmpWorkers *workers G_GNUC_UNUSED,
                    int         id G_GNUC_UNUSED,
                    GVariant   *result G_GNUC_UNUSED,
                    GError    **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "no good");
  return FALSE;
}

static void
test_critic_class_init (TestCriticClass *klass)
{
  GMP_WORKERS_CLASS (klass)->update = test_critic_update;
}

static void
test_critic_init (TestCritic *self G_GNUC_UNUSED)
{
}

/* That is not a failure of the worker, which would send the same result again. */
static void
test_always_refused (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_CRITIC, "restart", GMP_RESTART_ALWAYS,
                                                 NULL);
  g_autofree char *path = gmp_test_build_path ("lines");
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, count, g_variant_new_string (path));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpuint (gmp_test_count_lines (path), ==, 1);
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  g_assert_cmpuint (failures->len, ==, 1);
}

/* Restarts before the period do not count; without a period all restarts count. */
static void
test_period (void)
{
  const double periods[] = { 1e-6, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (periods); i++)
    {
      g_autoptr (GmpWorkers) workers = gmp_workers_new ();
      g_autofree char *path = gmp_test_build_path (i == 0 ? "short" : "none");
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GError) error = NULL;

      g_object_set (workers, "restart", GMP_RESTART_ON_FAILURE, "max-restarts", 1,
                    "restart-period", periods[i], NULL);
      gmp_workers_add (workers, 1, die_twice, g_variant_new_string (path), &error);
      results = gmp_workers_run (workers, NULL, 0, NULL, &error);
      if (i == 0)
        g_assert_no_error (error);
      else
        g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
    }
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-restarts/on-failure", test_on_failure);
  gmp_test_add ("/workers-restarts/never", test_never);
  gmp_test_add ("/workers-restarts/give-up", test_give_up);
  gmp_test_add ("/workers-restarts/always", test_always);
  gmp_test_add ("/workers-restarts/always-fails", test_always_fails);
  gmp_test_add ("/workers-restarts/always-again", test_always_again);
  gmp_test_add ("/workers-restarts/always-refused", test_always_refused);
  gmp_test_add ("/workers-restarts/period", test_period);
  return g_test_run ();
}
