/* limits.c: resource and time limits of workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static GVariant *
spin (GVariant *params G_GNUC_UNUSED,
      GError  **error G_GNUC_UNUSED)
{
  for (volatile guint64 n = 1; n != 0; n++)
    ;
  return NULL;
}

/* Uses 0.4 seconds of processor time. */
static GVariant *
use_processor (GVariant *params G_GNUC_UNUSED,
               GError  **error G_GNUC_UNUSED)
{
  clock_t end = clock () + CLOCKS_PER_SEC * 2 / 5;

  while (clock () < end)
    ;
  return NULL;
}

static volatile clock_t warned_at;

static void
warn_cb (int signum G_GNUC_UNUSED)
{
  warned_at = clock ();
}

/* Returns the seconds of processor time from the beginning of the run to the signal. */
static GVariant *
spin_until_warned (GVariant *params G_GNUC_UNUSED,
                   GError  **error G_GNUC_UNUSED)
{
  clock_t start = clock ();

  signal (SIGXCPU, warn_cb);
  while (warned_at == 0)
    ;
  return g_variant_new_double ((double) (warned_at - start) / CLOCKS_PER_SEC);
}

static GVariant *
spin_deaf (GVariant *params,
           GError  **error)
{
  signal (SIGTERM, SIG_IGN);
  signal (SIGXCPU, SIG_IGN);
  return spin (params, error);
}

static GVariant *
stop_self (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  raise (SIGSTOP);
  return NULL;
}

static GVariant *
wait_for_cancel (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  GCancellable *cancellable = gmp_worker_get_cancellable ();
  GPollFD fd;

  g_cancellable_make_pollfd (cancellable, &fd);
  g_poll (&fd, 1, -1);
  /* After the limit, so it does not count. */
  return g_variant_new_string ("late");
}

static GVariant *
describe_self (GVariant *params G_GNUC_UNUSED,
               GError  **error G_GNUC_UNUSED)
{
  g_autofree char *folder = g_get_current_dir ();
  struct rlimit files;
  cpu_set_t set;

  getrlimit (RLIMIT_NOFILE, &files);
  sched_getaffinity (0, sizeof set, &set);
  return g_variant_new ("(ssbsuiu)", folder, g_getenv ("GMP_TEST_ADDED"),
                        g_getenv ("GMP_TEST_TAKEN") == NULL, g_getenv ("OMP_NUM_THREADS"),
                        (guint) files.rlim_cur, getpriority (PRIO_PROCESS, 0),
                        (guint) CPU_COUNT (&set));
}

static GVariant *
allocate (GVariant *params G_GNUC_UNUSED,
          GError  **error G_GNUC_UNUSED)
{
  for (guint n = 1; n != 0; n++)
    memset (g_malloc (MIB), 1, MIB);
  return NULL;
}

static GVariant *
allocate_some (GVariant *params G_GNUC_UNUSED,
                           GError  **error G_GNUC_UNUSED)
{
  g_autofree char *block = g_malloc (64 * MIB);

  memset (block, 1, 64 * MIB);
  return g_variant_new_boolean (TRUE);
}

static GVariant *
open_many (GVariant *params G_GNUC_UNUSED,
           GError  **error)
{
  for (;;)
    if (open ("/dev/null", O_RDONLY | O_CLOEXEC) == -1)
      {
        g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Cannot open: %s",
                     g_strerror (errno));
        return NULL;
      }
}

static GmpWorkers *
new_workers (GmpMethod method)
{
  GmpWorkers *workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, method, NULL, &error);
  g_assert_no_error (error);
  return workers;
}

static GmpFailure *
run_failing (GmpWorkers *workers,
             GQuark      domain,
             int         code,
             const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_autoptr (GPtrArray) failures = gmp_runner_get_failures (GMP_RUNNER (workers));

  g_assert_null (results);
  g_assert_error (error, domain, code);
  gmp_test_check_in (error->message, part);
  g_assert_cmpuint (failures->len, ==, 1);
  g_assert_cmpstr (gmp_failure_get_id (failures->pdata[0]), ==, "1");
  return g_object_ref (failures->pdata[0]);
}

/* A worker that ends at SIGTERM has unlimited time for that. A worker that ignores it may exceed
 * the limit before it has started to ignore it; then it is tried again with a longer limit. */
static void
check_timed_out (GmpMethod method,
                 int       signum)
{
  g_autoptr (GmpWorkers) workers = new_workers (method);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "stop-grace", gmp_test_stretch (0.01), "kill-grace",
                signum == SIGTERM ? 1000.0 : 0.01, NULL);
  for (double limit = gmp_test_stretch (0.2);
       failure == NULL || (signum == SIGKILL && gmp_failure_get_signal (failure) == SIGTERM);
       limit *= 2)
    {
      g_autofree char *text = g_strdup_printf ("it did not end within %g seconds (run-timeout)",
                                               limit);

      g_clear_object (&failure);
      g_object_set (workers, "run-timeout", limit, NULL);
      failure = run_failing (workers, GMP_ERROR, GMP_ERROR_TIMED_OUT, text);
      g_assert_cmpfloat (gmp_failure_get_run_time (failure), >=, limit);
    }
  g_assert_cmpint (gmp_failure_get_signal (failure), ==, signum);
  g_assert_cmpint (gmp_failure_get_pid (failure), >, 0);
}

static void
test_run_timeout (void)
{
  check_timed_out (spin, SIGTERM);
}

static void
test_run_timeout_deaf (void)
{
  check_timed_out (spin_deaf, SIGKILL);
}

static void
test_run_timeout_stopped (void)
{
  check_timed_out (stop_self, SIGKILL);
}

/* A worker that notices its cancellation returns, but the result does not count. */
static void
test_run_timeout_noticed (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (wait_for_cancel);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "run-timeout", gmp_test_stretch (1), "stop-grace", 60.0, NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_TIMED_OUT, "(run-timeout)");
  g_assert_cmpint (gmp_failure_get_signal (failure), ==, 0);
  g_assert_cmpint (gmp_failure_get_exit_status (failure), ==, 0);
}

/* A program that is not a worker. */
static void
test_startup_timeout (void)
{
  const char *argv[] = { "sleep", "1000", NULL };
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GError) error = NULL;

  gmp_runtime_set_command ("sleeper", argv);
  gmp_workers_add_target (workers, 1, "sleeper:anything", NULL, &error);
  g_assert_no_error (error);
  g_object_set (workers, "startup-timeout", 0.1, NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_TIMED_OUT,
                         "it was not ready within 0.1 seconds of its start (startup-timeout)");
  g_assert_cmpint (gmp_failure_get_signal (failure), ==, SIGTERM);
}

static void
test_surroundings (void)
{
  const char *environment[] = { "GMP_TEST_ADDED=one=1", "GMP_TEST_TAKEN", "OMP_NUM_THREADS=7",
                                NULL };
  g_autoptr (GmpWorkers) workers = new_workers (describe_self);
  int niceness = getpriority (PRIO_PROCESS, 0);

  g_setenv ("GMP_TEST_TAKEN", "here", TRUE);
  g_object_set (workers, "reuse", TRUE, "environment", environment, "working-directory", "/usr",
                "open-files-limit", 77, "nice", 3, "affinity", "0", NULL);
  /* The second run is in the kept process. */
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);
      g_autofree char *expected = g_strdup_printf ("('/usr', 'one=1', true, '7', uint32 77, %d, "
                                                   "uint32 1)", niceness + 3);

      g_assert_no_error (error);
      gmp_test_check_int (results, 1, expected);
    }
  g_unsetenv ("GMP_TEST_TAKEN");
}

static GVariant *
get_typelib_path (GVariant *params G_GNUC_UNUSED,
                  GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (g_getenv ("GI_TYPELIB_PATH"));
}

static void
check_search_path (GmpWorkers *workers,
                   const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_autoptr (GVariant) result = NULL;

  g_assert_no_error (error);
  result = gmp_test_get_int (results, 1);
  g_assert_cmpstr (g_variant_get_string (result, NULL), ==, expected);
}

/* Paths relative to the application's folder are still found from another folder, in a warm
 * start and in a cold one. */
static void
test_search_paths (void)
{
  const char *paths = "lib:/usr/lib:$ORIGIN/lib::../other";
  const char *given[] = { "GI_TYPELIB_PATH=mine", NULL };
  g_autofree char *here = g_get_current_dir ();
  g_autofree char *resolved = g_strdup_printf ("%s/lib:/usr/lib:$ORIGIN/lib::%s/../other", here,
                                               here);
  g_autofree char *before = g_strdup (g_getenv ("GI_TYPELIB_PATH"));
  g_autoptr (GmpWorkers) workers = new_workers (get_typelib_path);

  g_setenv ("GI_TYPELIB_PATH", paths, TRUE);
  check_search_path (workers, paths);
  g_object_set (workers, "working-directory", "/usr", NULL);
  check_search_path (workers, resolved);
  check_search_path (workers, resolved);
  g_object_set (workers, "environment", given, NULL);
  check_search_path (workers, "mine");

  /* Also after the application has changed its folder. */
  g_object_set (workers, "environment", NULL, "working-directory", NULL, NULL);
  g_assert_cmpint (chdir ("/usr"), ==, 0);
  check_search_path (workers, resolved);
  g_assert_cmpint (chdir (here), ==, 0);
  if (before != NULL)
    g_setenv ("GI_TYPELIB_PATH", before, TRUE);
  else
    g_unsetenv ("GI_TYPELIB_PATH");
}

/* Valgrind and sanitizers need more memory than the limit, or reserve all of it. */
static gboolean
needs_memory (void)
{
  if (!gmp_test_is_stretched ())
    return FALSE;
  g_test_skip ("valgrind or a sanitizer needs the memory");
  return TRUE;
}

static void
test_memory (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (allocate);
  g_autoptr (GmpFailure) failure = NULL;

  if (needs_memory ())
    return;
  g_object_set (workers, "memory-limit", (guint64) 256 * MIB, NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_CRASHED,
                         "Its memory is limited to 256.0 MiB (memory-limit)");
  g_assert_cmpint (gmp_failure_get_signal (failure), !=, 0);
  g_assert_cmpuint (g_strv_length ((char **) gmp_failure_get_last_lines (failure)), >, 0);
}

/* A worker within the limit succeeds. */
static void
test_memory_within (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (allocate_some);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  if (needs_memory ())
    return;
  g_object_set (workers, "memory-limit", (guint64) 256 * MIB, NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
}

/* A kept worker has its limit already when it receives its parameters. */
static void
test_memory_params (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (allocate_some);
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (needs_memory ())
    return;
  bytes = g_bytes_new_take (g_malloc0 (256 * MIB), 256 * MIB);
  g_object_set (workers, "memory-limit", (guint64) 256 * MIB, "reuse", TRUE, NULL);
  g_variant_unref (gmp_test_run (workers));
  gmp_workers_set_params (workers, 1, g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes,
                                                                TRUE), NULL);
  failure = run_failing (workers, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                         "There is no room for a large value");
  gmp_test_check_in (gmp_failure_get_error (failure)->message, "memory-limit");
}

static void
test_memory_too_low (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (allocate);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "memory-limit", (guint64) 4096, NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_LAUNCH,
                         "its memory-limit cannot be set: a worker of this runtime uses ");
}

static void
test_cpu_time (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (spin);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "cpu-time-limit", 0.5, NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_CRASHED,
                         "used up its processor time of 0.5 seconds (cpu-time-limit)");
  g_assert_cmpint (gmp_failure_get_signal (failure), ==, SIGXCPU);
}

static void
test_cpu_time_deaf (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (spin_deaf);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "cpu-time-limit", 0.5, NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_CRASHED,
                         "used up its processor time of 0.5 seconds (cpu-time-limit), ignored "
                         "SIGXCPU for 2 more, and was killed");
  g_assert_cmpint (gmp_failure_get_signal (failure), ==, SIGKILL);
}

/* The limit is neither rounded to seconds nor reached early, as RLIMIT_CPU is on a busy machine. */
static void
test_cpu_time_exact (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (spin_until_warned);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) used = NULL;

  g_object_set (workers, "cpu-time-limit", 0.25, NULL);
  results = gmp_test_run (workers);
  g_variant_get_child (results, 0, "{iv}", NULL, &used);
  g_assert_cmpfloat (g_variant_get_double (used), >, 0.2);
  g_assert_cmpfloat (g_variant_get_double (used), <, 0.75);
}

static GVariant *
await_busy_child (GVariant *params G_GNUC_UNUSED,
                  GError  **error)
{
  const char *argv[] = { "sh", "-c", "while :; do :; done", NULL };
  int status;

  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                     &status, error))
    return NULL;
  return g_variant_new_int32 (WIFSIGNALED (status) ? WTERMSIG (status) : 0);
}

/* A child process has a limit of its own. */
static void
test_cpu_time_child (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (await_busy_child);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) signum = NULL;

  g_object_set (workers, "cpu-time-limit", 0.1, NULL);
  results = gmp_test_run (workers);
  g_variant_get_child (results, 0, "{iv}", NULL, &signum);
  g_assert_cmpint (g_variant_get_int32 (signum), ==, SIGXCPU);
}

/* In a kept process the limit counts anew for each run, and for each that follows. */
static void
test_cpu_time_kept (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (use_processor);

  g_object_set (workers, "cpu-time-limit", 0.6, "reuse", TRUE, NULL);
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);
    }
}

/* A limit beyond the range of the clock. */
static void
test_cpu_time_endless (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (use_processor);
  g_autoptr (GVariant) results = NULL;

  g_object_set (workers, "cpu-time-limit", G_MAXDOUBLE, NULL);
  results = gmp_test_run (workers);
}

static void
test_open_files (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (open_many);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "open-files-limit", 64, NULL);
  failure = run_failing (workers, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
                         "Its open files are limited to 64 (open-files-limit)");
}

static void
test_bad_affinity (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (describe_self);
  g_autoptr (GmpFailure) wrong = NULL;
  g_autoptr (GmpFailure) absent = NULL;
  g_autoptr (GmpFailure) no_text = NULL;

  g_object_set (workers, "affinity", "0-", NULL);
  wrong = run_failing (workers, GMP_ERROR, GMP_ERROR_LAUNCH, "'0-' is not a list of processors");
  g_object_set (workers, "affinity", "1023", NULL);
  absent = run_failing (workers, GMP_ERROR, GMP_ERROR_LAUNCH, "processors 1023: they do not exist");
  g_object_set (workers, "affinity", "\377", NULL);
  no_text = run_failing (workers, GMP_ERROR, GMP_ERROR_LAUNCH, "is not a list of processors");
}

static void
test_bad_folder (void)
{
  g_autoptr (GmpWorkers) workers = new_workers (describe_self);
  g_autoptr (GmpFailure) failure = NULL;

  g_object_set (workers, "working-directory", "/no/such/folder", NULL);
  failure = run_failing (workers, GMP_ERROR, GMP_ERROR_LAUNCH, "/no/such/folder");
  g_assert_cmpint (gmp_failure_get_pid (failure), ==, 0);
}

/* The worker opens no file any more, from here on. */
static GVariant *
open_no_more (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  struct rlimit files = { 0, 0 };

  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &files));
  return g_variant_ref (params);
}

/* A kept worker still receives its next job, for which it then needs a descriptor. */
static void
test_no_more_files (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, open_no_more, g_variant_new_int32 (1));
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "1");
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "the limit on open files");
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/limits/run-timeout", test_run_timeout);
  gmp_test_add ("/limits/run-timeout-deaf", test_run_timeout_deaf);
  gmp_test_add ("/limits/run-timeout-stopped", test_run_timeout_stopped);
  gmp_test_add ("/limits/run-timeout-noticed", test_run_timeout_noticed);
  gmp_test_add ("/limits/startup-timeout", test_startup_timeout);
  gmp_test_add ("/limits/surroundings", test_surroundings);
  gmp_test_add ("/limits/search-paths", test_search_paths);
  gmp_test_add ("/limits/memory", test_memory);
  gmp_test_add ("/limits/memory-within", test_memory_within);
  gmp_test_add ("/limits/memory-params", test_memory_params);
  gmp_test_add ("/limits/memory-too-low", test_memory_too_low);
  gmp_test_add ("/limits/cpu-time", test_cpu_time);
  gmp_test_add ("/limits/cpu-time-deaf", test_cpu_time_deaf);
  gmp_test_add ("/limits/cpu-time-exact", test_cpu_time_exact);
  gmp_test_add ("/limits/cpu-time-child", test_cpu_time_child);
  gmp_test_add ("/limits/cpu-time-kept", test_cpu_time_kept);
  gmp_test_add ("/limits/cpu-time-endless", test_cpu_time_endless);
  gmp_test_add ("/limits/open-files", test_open_files);
  gmp_test_add ("/limits/no-more-files", test_no_more_files);
  gmp_test_add ("/limits/bad-affinity", test_bad_affinity);
  gmp_test_add ("/limits/bad-folder", test_bad_folder);
  return g_test_run ();
}
