/* pool.c: calls on kept processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static GVariant *
square (GVariant *params,
        GError  **error G_GNUC_UNUSED)
{
  gint32 n = g_variant_get_int32 (params);

  return g_variant_new_int32 (n * n);
}

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return params != NULL ? g_variant_ref (params) : NULL;
}

static GVariant *
get_pid (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static GVariant *
refuse (GVariant *params G_GNUC_UNUSED,
        GError  **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM, "It refuses");
  return NULL;
}

static GVariant *
die (GVariant *params G_GNUC_UNUSED,
     GError  **error G_GNUC_UNUSED)
{
  raise (SIGKILL);
  return NULL;
}

static GVariant *
sleep_long (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  while (pause () == -1)
    continue;
  return NULL;
}

/* Waits until the test writes to the fifo @params. */
static GVariant *
read_fifo (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (g_variant_get_string (params, NULL), &text, NULL, NULL));
  return g_variant_new_string (text);
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

static GmpPool *
new_pool (guint max_workers)
{
  GmpPool *pool = gmp_pool_new (max_workers);

  g_object_set (pool, "stop-grace", 0.0, "kill-grace", 0.1, NULL);
  return pool;
}

static gint32
call_int (GmpPool  *pool,
          GmpMethod method,
          GVariant *params)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = gmp_pool_call (pool, method, params, NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (result);
}

static void
check_error (GmpPool    *pool,
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

/* A fifo that blocks a worker. */
static char *
make_fifo (const char *name)
{
  char *path = gmp_test_build_path (name);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  return path;
}

static void
write_fifo (const char *path)
{
  FILE *file = fopen (path, "w");

  g_assert_nonnull (file);
  g_assert_cmpint (fputs ("go", file), >=, 0);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
test_values (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autoptr (GVariant) big = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) back = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *bytes = g_malloc (20 * 1024 * 1024);
  gint32 pid = call_int (pool, get_pid, NULL);

  g_assert_cmpint (pid, !=, getpid ());
  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (7)), ==, 49);
  g_assert_cmpint (call_int (pool, get_pid, NULL), ==, pid);
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
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autoptr (GError) error = NULL;
  gint32 pid = call_int (pool, get_pid, NULL);

  check_error (pool, refuse, NULL, G_FILE_ERROR, G_FILE_ERROR_PERM, "It refuses");
  g_assert_null (gmp_pool_call_target (pool, "nothing", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (gmp_pool_call_target (pool, "native::no_such_function", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  /* The process has survived all of that. */
  g_assert_cmpint (call_int (pool, get_pid, NULL), ==, pid);
  g_assert_null (gmp_pool_call_target (pool, "klingon:function", NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (2)), ==, 4);
}

static void
test_death (void)
{
  g_autoptr (GmpPool) pool = new_pool (2);
  gint32 pid = call_int (pool, get_pid, NULL);

  check_error (pool, die, NULL, GMP_ERROR, GMP_ERROR_CRASHED, "Call 2: * killed by signal 9*");
  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (3)), ==, 9);
  g_assert_cmpint (call_int (pool, get_pid, NULL), !=, pid);
}

static void
test_retries (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autofree char *path = gmp_test_build_path ("once");
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (pool, "retries", 1, NULL);
  result = gmp_pool_call (pool, die_once, g_variant_new_string (path), NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_get_boolean (result));
  check_error (pool, die, NULL, GMP_ERROR, GMP_ERROR_CRASHED, "Call 2: *");
}

static void
test_timeout (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);

  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (2)), ==, 4);
  g_object_set (pool, "run-timeout", 0.05, NULL);
  check_error (pool, sleep_long, NULL, GMP_ERROR, GMP_ERROR_TIMED_OUT,
               "Call 2: * 0.05 seconds (run-timeout)*");
  g_object_set (pool, "run-timeout", 0.0, NULL);
  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (2)), ==, 4);
}

static void
test_initializer (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autoptr (GError) error = NULL;

  g_assert_true (gmp_pool_set_initializer (pool, initialize, g_variant_new_int32 (5), &error));
  g_assert_cmpint (call_int (pool, get_initialized, NULL), ==, 5);
  check_error (pool, die, NULL, GMP_ERROR, GMP_ERROR_CRASHED, "Call 2: *");
  g_assert_cmpint (call_int (pool, get_initialized, NULL), ==, 5);
  /* If the initializer fails, the waiting calls fail with its error, and the pool can still be
   * used. */
  g_assert_true (gmp_pool_set_initializer (pool, refuse, NULL, &error));
  check_error (pool, get_initialized, NULL, G_FILE_ERROR, G_FILE_ERROR_PERM, "*It refuses*");
  g_assert_true (gmp_pool_set_initializer (pool, initialize, g_variant_new_int32 (6), &error));
  g_assert_cmpint (call_int (pool, get_initialized, NULL), ==, 6);
  /* A process that ran another initializer takes no more calls. */
  g_assert_true (gmp_pool_set_initializer (pool, initialize, g_variant_new_int32 (7), &error));
  g_assert_cmpint (call_int (pool, get_initialized, NULL), ==, 7);
}

static void
test_recycling (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  gint32 first = call_int (pool, get_pid, NULL);
  gint32 second;

  g_object_set (pool, "max-calls", 2, NULL);
  g_assert_cmpint (call_int (pool, get_pid, NULL), ==, first);
  second = call_int (pool, get_pid, NULL);
  g_assert_cmpint (second, !=, first);
  g_object_set (pool, "max-calls", 0, "recycle-memory", (guint64) 48 * 1024 * 1024, NULL);
  g_assert_cmpint (call_int (pool, take_memory, NULL), ==, second);
  g_assert_cmpint (call_int (pool, get_pid, NULL), !=, second);
}

static void
test_idle (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  gint32 pid;

  g_object_set (pool, "idle-timeout", 0.01, NULL);
  pid = call_int (pool, get_pid, NULL);
  while (kill (pid, 0) == 0)
    g_usleep (1000);
  g_assert_cmpint (errno, ==, ESRCH);
  g_assert_cmpint (call_int (pool, get_pid, NULL), !=, pid);
}

static GVariant *
finish (GmpPool      *pool,
        GAsyncResult *result,
        GError      **error)
{
  g_autoptr (GAsyncResult) own = result;

  return gmp_pool_call_finish (pool, own, error);
}

static void
test_cancel (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autoptr (GCancellable) running = g_cancellable_new ();
  g_autoptr (GCancellable) waiting = g_cancellable_new ();
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *results[3] = { NULL, };
  guint n_running = 0;

  gmp_pool_call_async (pool, sleep_long, NULL, running, gmp_test_done_cb, &results[0]);
  gmp_pool_call_async (pool, square, g_variant_new_int32 (2), waiting, gmp_test_done_cb,
                       &results[1]);
  gmp_pool_call_async (pool, square, g_variant_new_int32 (3), NULL, gmp_test_done_cb, &results[2]);
  while (n_running == 0)
    g_object_get (pool, "running", &n_running, NULL);
  g_cancellable_cancel (waiting);
  g_assert_null (finish (pool, gmp_test_wait (&results[1]), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (results[0]);
  g_cancellable_cancel (running);
  g_assert_null (finish (pool, gmp_test_wait (&results[0]), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  value = finish (pool, gmp_test_wait (&results[2]), &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 9);
  g_assert_null (gmp_pool_call (pool, square, g_variant_new_int32 (1), running, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_priorities (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autofree char *fifo = make_fifo ("fifo");
  g_autofree char *path = gmp_test_build_path ("order");
  g_autofree char *text = NULL;
  const int priorities[] = { 0, 5, -5, 0, 5 };
  GAsyncResult *results[6] = { NULL, };
  guint n_running = 0;

  gmp_pool_call_async (pool, read_fifo, g_variant_new_string (fifo), NULL, gmp_test_done_cb,
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
  write_fifo (fifo);
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = finish (pool, gmp_test_wait (&results[i]), &error);

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
  g_autoptr (GmpPool) pool = new_pool (2);
  g_autofree char *fifo = make_fifo ("fifo");
  GAsyncResult *results[201] = { NULL, };

  for (guint i = 0; i < 500; i++)
    g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (3)), ==, 9);
  for (guint i = 0; i < 201; i++)
    if (i == 100)
      gmp_pool_call_async (pool, dies ? die : read_fifo, g_variant_new_string (fifo), NULL,
                           gmp_test_done_cb, &results[i]);
    else
      gmp_pool_call_async (pool, square, g_variant_new_int32 ((gint32) i), NULL, gmp_test_done_cb,
                           &results[i]);
  for (guint i = 0; i < 201; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;

      if (i == 100)
        continue;
      value = finish (pool, gmp_test_wait (&results[i]), &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int32 (value), ==, (gint32) (i * i));
    }
  if (!dies)
    write_fifo (fifo);
  {
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) value = finish (pool, gmp_test_wait (&results[100]), &error);

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
  g_autoptr (GmpPool) pool = new_pool (1);
  g_autofree char *fifo = make_fifo ("fifo");
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
    g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (3)), ==, 9);
  pid = call_int (pool, get_pid, NULL);
  gmp_pool_call_async (pool, read_fifo, g_variant_new_string (fifo), NULL, gmp_test_done_cb,
                       &results[0]);
  gmp_pool_call_async (pool, echo, big, cancellable, gmp_test_done_cb, &results[1]);
  /* It was sent ahead, and does not wait for the slow one. */
  while (n_waiting == 0)
    g_object_get (pool, "waiting", &n_waiting, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_null (finish (pool, gmp_test_wait (&results[1]), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  /* That counts for other workers. */
  g_object_set (pool, "nice", 1, NULL);
  write_fifo (fifo);
  value = finish (pool, gmp_test_wait (&results[0]), &error);
  g_assert_no_error (error);
  next_pid = call_int (pool, get_pid, NULL);
  g_assert_cmpint (next_pid, !=, pid);
  gmp_pool_close (pool);
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
  g_autoptr (GmpPool) pool = new_pool (2);
  g_autofree char *before = g_get_current_dir ();
  g_autofree char *fifo = make_fifo ("fifo");
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
  gmp_pool_call_async (pool, read_fifo, g_variant_new_string (fifo), NULL, gmp_test_done_cb,
                       &result);
  g_assert_cmpint (chdir ("/"), ==, 0);
  call_surroundings (pool, "/", "unset");
  g_assert_cmpint (chdir (before), ==, 0);
  write_fifo (fifo);
  {
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) value = finish (pool, gmp_test_wait (&result), &error);

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
  g_autoptr (GmpPool) pool = new_pool (1);
  guint64 n_done = 0;
  guint64 n_failed = 0;
  int pid = 0;

  g_signal_connect (pool, "notify::done", G_CALLBACK (notify_cb), &n_done);
  g_signal_connect (pool, "worker-started", G_CALLBACK (started_cb), &pid);
  check_error (pool, refuse, NULL, G_FILE_ERROR, G_FILE_ERROR_PERM, "It refuses");
  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (3)), ==, 9);
  while (n_done < 1 || pid == 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_assert_cmpint (call_int (pool, get_pid, NULL), ==, pid);
  g_object_get (pool, "failed", &n_failed, NULL);
  g_assert_cmpuint (n_failed, ==, 1);
}

static gpointer
call_often (gpointer pool)
{
  for (gint32 i = 0; i < 500; i++)
    g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (i)), ==, i * i);
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GmpPool) pool = new_pool (2);
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
  gmp_pool_call_async (self->pool, square, g_variant_new_int32 (4), NULL, gmp_test_done_cb,
                       &self->inner);
  inner = finish (self->pool, gmp_test_wait (&self->inner), &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (inner), ==, 16);
  self->is_done = TRUE;
}

static void
test_nested (void)
{
  g_autoptr (GmpPool) pool = new_pool (1);
  Nested nested = { .pool = pool };

  gmp_pool_call_async (pool, square, g_variant_new_int32 (2), NULL, nested_cb, &nested);
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
      GmpPool *pool = new_pool (1);
      gboolean is_over = FALSE;

      gmp_pool_call_async (pool, square, g_variant_new_int32 (2), NULL, drop_cb, &is_over);
      g_object_unref (pool);
      while (!is_over)
        g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
    }
}

static void
test_close (void)
{
  g_autoptr (GmpPool) pool = new_pool (2);
  g_autoptr (GError) error = NULL;
  GAsyncResult *results[10] = { NULL, };
  guint n_running = 0;

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    gmp_pool_call_async (pool, sleep_long, NULL, NULL, gmp_test_done_cb, &results[i]);
  while (n_running < 2)
    g_object_get (pool, "running", &n_running, NULL);
  gmp_pool_close (pool);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_assert_null (finish (pool, gmp_test_wait (&results[i]), &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
    }
  check_error (pool, square, g_variant_new_int32 (1), G_IO_ERROR, G_IO_ERROR_CLOSED, "*closed*");
  gmp_pool_close (pool);
}

static void
test_resize (void)
{
  g_autoptr (GmpPool) pool = new_pool (3);
  GAsyncResult *results[3] = { NULL, };
  guint n_running = 0;

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    gmp_pool_call_async (pool, sleep_long, NULL, NULL, gmp_test_done_cb, &results[i]);
  while (n_running < 3)
    g_object_get (pool, "running", &n_running, NULL);
  g_object_set (pool, "max-workers", 4, NULL);
  g_assert_cmpint (call_int (pool, square, g_variant_new_int32 (5)), ==, 25);
  gmp_pool_close (pool);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_assert_null (finish (pool, gmp_test_wait (&results[i]), NULL));
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
  gmp_test_add ("/pool/timeout", test_timeout);
  gmp_test_add ("/pool/initializer", test_initializer);
  gmp_test_add ("/pool/surroundings", test_surroundings);
  gmp_test_add ("/pool/recycling", test_recycling);
  gmp_test_add ("/pool/idle", test_idle);
  gmp_test_add ("/pool/cancel", test_cancel);
  gmp_test_add ("/pool/priorities", test_priorities);
  gmp_test_add ("/pool/ahead-of-slow", test_ahead_of_slow);
  gmp_test_add ("/pool/ahead-of-death", test_ahead_of_death);
  gmp_test_add ("/pool/unsent", test_unsent);
  gmp_test_add ("/pool/signals", test_signals);
  gmp_test_add ("/pool/threads", test_threads);
  gmp_test_add ("/pool/nested", test_nested);
  gmp_test_add ("/pool/dropped", test_dropped);
  gmp_test_add ("/pool/close", test_close);
  gmp_test_add ("/pool/resize", test_resize);
  return g_test_run ();
}
