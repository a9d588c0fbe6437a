/* pool.c: calls of a pool, and the processes that are kept for them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-pool.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The limit of a call, and how long the application is stopped, in seconds. */
#define LIMIT   0.5
#define HELD_UP 0.8

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return params != NULL ? g_variant_ref (params) : NULL;
}

/* Exits, unless the file @params exists, which it creates. */
static GVariant *
die_once (GVariant *params,
          GError  **error G_GNUC_UNUSED)
{
  const char *path = g_variant_get_string (params, NULL);

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_variant_new_boolean (TRUE);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  raise (SIGSEGV);
  return NULL;
}

#define N_DEATHS 12
#define REPORT_SIZE (4 * 1024 * 1024)

/* Reports much and exits, until the file @params has N_DEATHS bytes. Each process adds one. */
static GVariant *
report_and_die (GVariant *params,
                GError  **error)
{
  FILE *file = fopen (g_variant_get_string (params, NULL), "a");
  g_autofree guint8 *bytes = g_malloc0 (REPORT_SIZE);

  g_assert_cmpint (fseek (file, 0, SEEK_END), ==, 0);
  if (ftell (file) >= N_DEATHS)
    return g_variant_new_int32 (fclose (file));
  g_assert_true (fputc ('x', file) != EOF && fclose (file) == 0);
  if (gmp_worker_report (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, REPORT_SIZE, 1),
                         error))
    raise (SIGKILL);
  return NULL;
}

/* The resident memory of this process, in bytes, without what malloc() keeps of freed memory. */
static gsize
get_memory (void)
{
  g_autofree char *text = NULL;
  unsigned long pages;

#ifdef __GLIBC__
  malloc_trim (0);
#endif
  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*u %lu", &pages), ==, 1);
  return pages * (gsize) sysconf (_SC_PAGESIZE);
}

/* The process, its folder and the variable that @params names. */
static GVariant *
get_surroundings (GVariant *params,
                  GError  **error G_GNUC_UNUSED)
{
  g_autofree char *folder = g_get_current_dir ();
  const char *value = g_getenv (g_variant_get_string (params, NULL));

  return g_variant_new ("(iss)", getpid (), folder, value != NULL ? value : "unset");
}

static int initialized;

static GVariant *
initialize (GVariant *params,
            GError  **error G_GNUC_UNUSED)
{
  initialized = g_variant_get_int32 (params);
  return NULL;
}

static GVariant *
get_initialized (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (initialized);
}

static GVariant *
take_memory (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  static volatile char memory[64 * 1024 * 1024];

  for (gsize i = 0; i < sizeof memory; i += 4096)
    memory[i] = 1;
  return g_variant_new_int32 (getpid ());
}

static void
test_values (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autoptr (GVariant) big = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) back = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *bytes = g_malloc (20 * 1024 * 1024);
  gint32 pid = test_pool_call_int (pool, test_get_pid, NULL);

  g_assert_cmpint (pid, !=, getpid ());
  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (7)), ==, 49);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), ==, pid);
  result = gmp_pool_call (pool, echo, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (result);
  memset (bytes, 5, 20 * 1024 * 1024);
  big = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes,
                                                       20 * 1024 * 1024, 1));
  back = gmp_pool_call (pool, echo, big, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_variant_get_data (back), g_variant_get_size (back), bytes, 20 * 1024 * 1024);
}

static void
test_errors (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autoptr (GError) error = NULL;
  gint32 pid = test_pool_call_int (pool, test_get_pid, NULL);

  test_pool_check_error (pool, test_refuse, NULL, G_FILE_ERROR, G_FILE_ERROR_PERM, "It refuses");
  g_assert_null (gmp_pool_call_target (pool, "nothing", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (gmp_pool_call_target (pool, "native::no_such_function", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  /* The process has survived all of that. */
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), ==, pid);
  g_assert_null (gmp_pool_call_target (pool, "klingon:function", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (2)), ==, 4);
}

static void
test_death (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (2);
  gint32 pid = test_pool_call_int (pool, test_get_pid, NULL);

  test_pool_check_error (pool, test_die, NULL, GMP_ERROR, GMP_ERROR_CRASHED,
                         "Call 2: * killed by signal 9*");
  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (3)), ==, 9);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), !=, pid);
}

static void
test_retries (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autofree char *path = gmp_test_build_path ("once");
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (pool, "retries", 1, NULL);
  result = gmp_pool_call (pool, die_once, g_variant_new_string (path), NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_get_boolean (result));
  test_pool_check_error (pool, test_die, NULL, GMP_ERROR, GMP_ERROR_CRASHED, "Call 2: *");
}

/* As often as the program allows, and without the reports of the processes that died. */
static void
test_many_retries (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autofree char *path = gmp_test_build_path ("deaths");
  gsize before = get_memory ();

  g_object_set (pool, "retries", N_DEATHS, NULL);
  g_assert_cmpint (test_pool_call_int (pool, report_and_die, g_variant_new_string (path)), ==, 0);
  /* The sanitizers keep what was freed. */
  if (!gmp_test_is_stretched ())
    g_assert_cmpuint (get_memory () - before, <, N_DEATHS / 2 * REPORT_SIZE);
}

static void
set_cb (gpointer is_freed)
{
  *(gboolean *) is_freed = TRUE;
}

/* A call that is not made frees its parameters too. */
static void
test_refused_params (void)
{
  static const char bytes[] = "parameters";
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autoptr (GError) error = NULL;
  gboolean is_freed = FALSE;
  GAsyncResult *result = NULL;

  gmp_pool_call_target_async (pool, "nothing",
                              g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes,
                                                       sizeof bytes, TRUE, set_cb, &is_freed),
                              NULL, gmp_test_done_cb, &result);
  g_assert_true (is_freed);
  g_assert_null (test_pool_finish (pool, gmp_test_wait (&result), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

static void
test_timeout (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);

  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (2)), ==, 4);
  g_object_set (pool, "run-timeout", 0.05, NULL);
  test_pool_check_error (pool, test_sleep, NULL, GMP_ERROR, GMP_ERROR_TIMED_OUT,
                         "Call 2: * 0.05 seconds (run-timeout)*");
  g_object_set (pool, "run-timeout", 0.0, NULL);
  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (2)), ==, 4);
}

/* Stops the application for longer than the call's limit, then continues it, and works a little
 * longer. */
static GVariant *
stop_application (GVariant *params,
                  GError  **error G_GNUC_UNUSED)
{
  int pid = g_variant_get_int32 (params);

  kill (pid, SIGSTOP);
  g_usleep ((gulong) (gmp_test_stretch (HELD_UP) * G_USEC_PER_SEC));
  kill (pid, SIGCONT);
  g_usleep ((gulong) (gmp_test_stretch (LIMIT / 5) * G_USEC_PER_SEC));
  return g_variant_ref (params);
}

/* Time in which the application itself was stopped does not count. */
static void
test_stopped (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  GAsyncResult *result = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (pool, "run-timeout", gmp_test_stretch (LIMIT), NULL);
  g_assert_cmpint (test_pool_call_int (pool, stop_application, g_variant_new_int32 (getpid ())),
                   ==, getpid ());
  gmp_pool_call_async (pool, stop_application, g_variant_new_int32 (getpid ()), NULL,
                       gmp_test_done_cb, &result);
  value = test_pool_finish (pool, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, getpid ());
}

static void
test_initializer (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_pool_set_initializer (pool, initialize, g_variant_new_int32 (5), &error));
  g_assert_cmpint (test_pool_call_int (pool, get_initialized, NULL), ==, 5);
  test_pool_check_error (pool, test_die, NULL, GMP_ERROR, GMP_ERROR_CRASHED, "Call 2: *");
  g_assert_cmpint (test_pool_call_int (pool, get_initialized, NULL), ==, 5);
  /* If the initializer fails, the waiting calls fail with its error, and the pool can still be
   * used. */
  g_assert_true (gmp_pool_set_initializer (pool, test_refuse, NULL, &error));
  test_pool_check_error (pool, get_initialized, NULL, G_FILE_ERROR, G_FILE_ERROR_PERM,
                         "*It refuses*");
  g_assert_true (gmp_pool_set_initializer (pool, initialize, g_variant_new_int32 (6), &error));
  g_assert_cmpint (test_pool_call_int (pool, get_initialized, NULL), ==, 6);
  /* A process that ran another initializer takes no more calls. */
  g_assert_true (gmp_pool_set_initializer (pool, initialize, g_variant_new_int32 (7), &error));
  g_assert_cmpint (test_pool_call_int (pool, get_initialized, NULL), ==, 7);
}

static void
test_recycling (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  gint32 first = test_pool_call_int (pool, test_get_pid, NULL);
  gint32 second;

  g_object_set (pool, "max-calls", 2, NULL);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), ==, first);
  second = test_pool_call_int (pool, test_get_pid, NULL);
  g_assert_cmpint (second, !=, first);
  g_object_set (pool, "max-calls", 0, "recycle-memory", (guint64) 48 * 1024 * 1024, NULL);
  g_assert_cmpint (test_pool_call_int (pool, take_memory, NULL), ==, second);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), !=, second);
}

/* A process that has had more calls than are allowed now is replaced. */
static void
test_fewer_calls (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  gint32 pid = test_pool_call_int (pool, test_get_pid, NULL);

  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), ==, pid);
  g_object_set (pool, "max-calls", 1, NULL);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), !=, pid);
}

static void
test_idle (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  gint32 pid;

  g_object_set (pool, "idle-timeout", 0.01, NULL);
  pid = test_pool_call_int (pool, test_get_pid, NULL);
  while (kill (pid, 0) == 0)
    g_usleep (1000);
  g_assert_cmpint (errno, ==, ESRCH);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), !=, pid);
}

#define VARIABLE "GMP_TEST_KEPT"

/* Returns the process of a call that finds itself in @folder with @value. */
static int
call_surroundings (GmpPool    *pool,
                   const char *folder,
                   const char *value)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = gmp_pool_call (pool, get_surroundings,
                                               g_variant_new_string (VARIABLE), NULL, &error);
  const char *found, *found_value;
  int pid;

  g_assert_no_error (error);
  g_variant_get (result, "(i&s&s)", &pid, &found, &found_value);
  g_assert_cmpstr (found, ==, folder);
  g_assert_cmpstr (found_value, ==, value);
  return pid;
}

/* Calls find the folder and the environment that the program has when they are made, and a process
 * is kept while these stay as they are. A call that had begun is not disturbed. */
static void
test_surroundings (void)
{
  static const struct { const char *folder; const char *value; } steps[] = {
    { NULL, "unset" }, { "/", "unset" }, { "/", "1" }, { "/", "2" }, { NULL, "2" },
    { NULL, "unset" },
  };
  g_autoptr (GmpPool) pool = test_pool_new (2);
  g_autofree char *before = g_get_current_dir ();
  g_autofree char *fifo = test_make_fifo ("fifo");
  GAsyncResult *result = NULL;
  int last = 0;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      const char *folder = steps[i].folder != NULL ? steps[i].folder : before;
      int pid;

      g_assert_cmpint (chdir (folder), ==, 0);
      if (g_str_equal (steps[i].value, "unset"))
        g_unsetenv (VARIABLE);
      else
        g_setenv (VARIABLE, steps[i].value, TRUE);
      pid = call_surroundings (pool, folder, steps[i].value);
      g_assert_cmpint (pid, !=, last);
      /* This one changes too often. */
      g_setenv ("PYTEST_CURRENT_TEST", i % 2 == 0 ? "a" : "another", TRUE);
      g_assert_cmpint (call_surroundings (pool, folder, steps[i].value), ==, pid);
      last = pid;
    }
  g_unsetenv ("PYTEST_CURRENT_TEST");
  gmp_pool_call_async (pool, test_read_fifo, g_variant_new_string (fifo), NULL, gmp_test_done_cb,
                       &result);
  g_assert_cmpint (chdir ("/"), ==, 0);
  call_surroundings (pool, "/", "unset");
  g_assert_cmpint (chdir (before), ==, 0);
  test_write_fifo (fifo);
  {
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) value = test_pool_finish (pool, gmp_test_wait (&result), &error);

    g_assert_no_error (error);
  }
}

static void
notify_cb (GObject    *object,
           GParamSpec *pspec G_GNUC_UNUSED,
           gpointer    user_data)
{
  g_object_get (object, "done", user_data, NULL);
}

static void
started_cb (GmpPool *pool G_GNUC_UNUSED,
            guint    worker,
            int      pid,
            gpointer user_data)
{
  g_assert_cmpuint (worker, ==, 1);
  *(int *) user_data = pid;
}

static void
test_signals (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  guint64 n_done = 0;
  guint64 n_failed = 0;
  int pid = 0;

  g_signal_connect (pool, "notify::done", G_CALLBACK (notify_cb), &n_done);
  g_signal_connect (pool, "worker-started", G_CALLBACK (started_cb), &pid);
  test_pool_check_error (pool, test_refuse, NULL, G_FILE_ERROR, G_FILE_ERROR_PERM, "It refuses");
  g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (3)), ==, 9);
  while (n_done < 1 || pid == 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_assert_cmpint (test_pool_call_int (pool, test_get_pid, NULL), ==, pid);
  g_object_get (pool, "failed", &n_failed, NULL);
  g_assert_cmpuint (n_failed, ==, 1);
}

static gpointer
call_often (gpointer pool)
{
  for (gint32 i = 0; i < 500; i++)
    g_assert_cmpint (test_pool_call_int (pool, test_square, g_variant_new_int32 (i)), ==, i * i);
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (2);
  GThread *threads[4];
  guint64 n_done;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("caller", call_often, pool);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_object_get (pool, "done", &n_done, NULL);
  g_assert_cmpuint (n_done, ==, 2000);
}

typedef struct {
  GmpPool *pool;
  GAsyncResult *inner;
  gboolean is_done;
} Nested;

/* Runs the main loop during another call. */
static void
nested_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Nested *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = gmp_pool_call_finish (GMP_POOL (source), result, &error);
  g_autoptr (GVariant) inner = NULL;

  g_assert_no_error (error);
  gmp_pool_call_async (self->pool, test_square, g_variant_new_int32 (4), NULL, gmp_test_done_cb,
                       &self->inner);
  inner = test_pool_finish (self->pool, gmp_test_wait (&self->inner), &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (inner), ==, 16);
  self->is_done = TRUE;
}

static void
test_nested (void)
{
  g_autoptr (GmpPool) pool = test_pool_new (1);
  Nested nested = { .pool = pool };

  gmp_pool_call_async (pool, test_square, g_variant_new_int32 (2), NULL, nested_cb, &nested);
  while (!nested.is_done)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

/* The callback of a call may hold the last reference to its pool. */
static void
drop_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  gboolean *is_over = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = gmp_pool_call_finish (GMP_POOL (source), result, &error);

  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 4);
  *is_over = TRUE;
}

static void
test_dropped (void)
{
  for (guint i = 0; i < 5; i++)
    {
      GmpPool *pool = test_pool_new (1);
      gboolean is_over = FALSE;

      gmp_pool_call_async (pool, test_square, g_variant_new_int32 (2), NULL, drop_cb, &is_over);
      g_object_unref (pool);
      while (!is_over)
        g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
    }
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/pool/values", test_values);
  gmp_test_add ("/pool/errors", test_errors);
  gmp_test_add ("/pool/death", test_death);
  gmp_test_add ("/pool/retries", test_retries);
  gmp_test_add ("/pool/many-retries", test_many_retries);
  gmp_test_add ("/pool/refused-params", test_refused_params);
  gmp_test_add ("/pool/timeout", test_timeout);
  gmp_test_add ("/pool/stopped", test_stopped);
  gmp_test_add ("/pool/initializer", test_initializer);
  gmp_test_add ("/pool/surroundings", test_surroundings);
  gmp_test_add ("/pool/recycling", test_recycling);
  gmp_test_add ("/pool/fewer-calls", test_fewer_calls);
  gmp_test_add ("/pool/idle", test_idle);
  gmp_test_add ("/pool/signals", test_signals);
  gmp_test_add ("/pool/threads", test_threads);
  gmp_test_add ("/pool/nested", test_nested);
  gmp_test_add ("/pool/dropped", test_dropped);
  return g_test_run ();
}
