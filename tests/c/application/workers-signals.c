/* workers-signals.c: signals of running workers, and subclasses
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* A subclass whose process method is the work. */

#define TEST_TYPE_SQUARES (test_squares_get_type ())
G_DECLARE_FINAL_TYPE (TestSquares, test_squares, TEST, SQUARES, GmpWorkers)

struct _TestSquares
{
  GmpWorkers parent_instance;

  GString *updates;
};

G_DEFINE_FINAL_TYPE (TestSquares, test_squares, GMP_TYPE_WORKERS)

static GVariant *
test_squares_process (GmpWorkers *workers,
                      int         id,
                      GVariant   *params,
                      GError    **error)
{
  if (id < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%d is negative", id);
      return NULL;
    }
  if (params == NULL)
    return NULL;
  return g_variant_new ("(iii)", id, g_variant_get_int32 (params) * g_variant_get_int32 (params),
                        TEST_SQUARES (workers)->updates->len);
}

static gboolean
test_squares_update (GmpWorkers *workers,
                     int         id,
                     GVariant   *result,
                     GError    **error)
{
  TestSquares *self = TEST_SQUARES (workers);

  g_string_append_printf (self->updates, "%d %s;", id,
                          result != NULL ? g_variant_get_type_string (result) : "NULL");
  if (id < 100)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no room for %d", id);
  return FALSE;
}

static void
test_squares_finalize (GObject *object)
{
  g_string_free (TEST_SQUARES (object)->updates, TRUE);
  G_OBJECT_CLASS (test_squares_parent_class)->finalize (object);
}

static void
test_squares_class_init (TestSquaresClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_squares_finalize;
  GMP_WORKERS_CLASS (klass)->process = test_squares_process;
  GMP_WORKERS_CLASS (klass)->update = test_squares_update;
}

static void
test_squares_init (TestSquares *self)
{
  self->updates = g_string_new (NULL);
}

/* Functions of workers. */

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return params != NULL ? g_variant_ref (params) : NULL;
}

static GVariant *
fail (GVariant *params G_GNUC_UNUSED,
      GError  **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "too busy");
  return NULL;
}

static GVariant *
report_steps (GVariant *params G_GNUC_UNUSED,
              GError  **error)
{
  gboolean ok = TRUE;

  for (int step = 1; step <= 3 && ok; step++)
    ok = gmp_worker_report (g_variant_new_int32 (step), error);
  ok = ok && gmp_worker_report (NULL, error);
  ok = ok && gmp_worker_report (g_variant_new_maybe (G_VARIANT_TYPE_INT32, NULL), error);
  return ok ? g_variant_new_string ("reported") : NULL;
}

/* Returns the error of a report that is too large, which does not harm the run. */
static GVariant *
report_too_much (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  gsize size = (gsize) 17 * 1024 * 1024;
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);
  g_autoptr (GError) first = NULL;
  g_autoptr (GError) second = NULL;

  gmp_worker_report (g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE), &first);
  gmp_worker_report (g_variant_new_handle (0), &second);
  return g_variant_new ("(bb)", g_error_matches (first, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD),
                        g_error_matches (second, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD));
}

/* Records the signals as text, in order of arrival. */

static void
result_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id,
           GVariant   *value,
           gpointer    user_data)
{
  g_autofree char *text = value != NULL ? g_variant_print (value, TRUE) : g_strdup ("NULL");

  g_string_append_printf (user_data, "result %d %s;", id, text);
}

static void
failed_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id,
           GError     *error,
           gpointer    user_data)
{
  g_string_append_printf (user_data, "failed %d %s %d;", id, g_quark_to_string (error->domain),
                          error->code);
}

static void
progress_cb (GmpWorkers *workers G_GNUC_UNUSED,
             int         id,
             GVariant   *value,
             gpointer    user_data)
{
  g_autofree char *text = value != NULL ? g_variant_print (value, TRUE) : g_strdup ("NULL");

  g_string_append_printf (user_data, "progress %d %s;", id, text);
}

static void
notify_cb (GmpWorkers *workers,
           GParamSpec *pspec,
           gpointer    user_data)
{
  g_autoptr (GVariant) results = gmp_workers_get_results (workers);

  g_string_append_printf (user_data, "notify %s %u;", pspec->name,
                          (guint) g_variant_n_children (results));
}

static void
test_result (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 1, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_signal_connect (workers, "result", G_CALLBACK (result_cb), text);
  g_signal_connect (workers, "failed", G_CALLBACK (failed_cb), text);
  g_signal_connect (workers, "notify::results", G_CALLBACK (notify_cb), text);
  gmp_test_add_worker (workers, 3, echo, g_variant_new_string ("x"));
  gmp_test_add_worker (workers, 1, fail, NULL);
  gmp_test_add_worker (workers, 2, echo, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpstr (text->str, ==, "result 3 'x';failed 1 g-io-error-quark 26;result 2 NULL;"
                   "notify results 2;");
}

/* A worker that runs again until it has counted far enough, or is cancelled. */

static GVariant *
count (GVariant *params,
       GError  **error G_GNUC_UNUSED)
{
  return g_variant_new ("(iu)", g_variant_get_int32 (params) + 1, (guint) getpid ());
}

typedef struct {
  GHashTable *pids;
  int wanted;
  GCancellable *cancellable;
} Counting;

static void
go_on_cb (GmpWorkers *workers,
          int         id,
          GVariant   *value,
          gpointer    user_data)
{
  Counting *counting = user_data;
  g_autoptr (GError) error = NULL;
  gboolean begins;
  int n;
  guint pid;

  g_variant_get (value, "(iu)", &n, &pid);
  g_hash_table_add (counting->pids, GUINT_TO_POINTER (pid));
  if (n == counting->wanted)
    return;
  gmp_workers_set_params (workers, id, g_variant_new_int32 (n), NULL);
  if (n + 1 == counting->wanted && counting->cancellable != NULL)
    g_cancellable_cancel (counting->cancellable);
  begins = gmp_workers_run_again (workers, id, &error);
  if (counting->cancellable != NULL && n + 1 == counting->wanted)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      return;
    }
  g_assert_no_error (error);
  g_assert_true (begins);
  /* It has not returned since. */
  g_assert_false (gmp_workers_run_again (workers, id, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

static void
test_again (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autoptr (GHashTable) pids = g_hash_table_new (NULL, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;
  Counting counting = { pids, 5, NULL };
  int n;

  g_signal_connect (workers, "result", G_CALLBACK (go_on_cb), &counting);
  gmp_test_add_worker (workers, 1, count, g_variant_new_int32 (0));
  results = gmp_test_run (workers);
  g_assert_cmpuint (g_variant_n_children (results), ==, 1);
  g_variant_get_child (results, 0, "{i@v}", NULL, &value);
  g_variant_get (value, "v", &result);
  g_variant_get (result, "(iu)", &n, NULL);
  g_assert_cmpint (n, ==, 5);
  g_assert_cmpuint (g_hash_table_size (pids), ==, 1);

  g_assert_false (gmp_workers_run_again (workers, 1, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  g_clear_error (&error);
  counting.cancellable = cancellable;
  counting.wanted = 8;
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Kills its process the first time, fails the second, and then returns. */
static GVariant *
try_again (GVariant *params,
           GError  **error)
{
  int n = g_variant_get_int32 (params);

  if (n == 0)
    raise (SIGKILL);
  if (n == 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "too busy");
  return n > 1 ? g_variant_new_int32 (n) : NULL;
}

static void
forgive_cb (GmpWorkers   *workers,
            int           id,
            const GError *reason,
            gpointer      user_data)
{
  GArray *codes = user_data;
  g_autoptr (GError) error = NULL;

  g_array_append_val (codes, reason->code);
  gmp_workers_set_params (workers, id, g_variant_new_int32 ((int) codes->len), NULL);
  gmp_workers_run_again (workers, id, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_get_error (workers, id));
}

/* A failed worker may run again too, and its last outcome counts. */
static void
test_again_after_failure (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GArray) codes = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GVariant) returned = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, try_again, g_variant_new_int32 (0));
  gmp_test_add_worker (workers, 2, fail, NULL);
  g_signal_connect (workers, "failed", G_CALLBACK (forgive_cb), codes);
  returned = gmp_workers_run (workers, (const int[]) { 1 }, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (codes->len, ==, 2);
  g_assert_cmpint (g_array_index (codes, int, 0), ==, GMP_ERROR_CRASHED);
  g_assert_cmpint (g_array_index (codes, int, 1), ==, G_IO_ERROR_BUSY);
  results = gmp_workers_get_results (workers);
  gmp_test_check_int (results, 1, "2");
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  g_assert_cmpuint (failures->len, ==, 0);
}

static void
test_progress (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 1, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;

  g_signal_connect (workers, "progress", G_CALLBACK (progress_cb), text);
  g_signal_connect (workers, "result", G_CALLBACK (result_cb), text);
  gmp_test_add_worker (workers, 5, report_steps, NULL);
  gmp_test_add_worker (workers, 6, report_too_much, NULL);
  results = gmp_test_run (workers);
  g_assert_cmpstr (text->str, ==,
                   "progress 5 1;progress 5 2;progress 5 3;progress 5 NULL;progress 5 @mi nothing;"
                   "result 5 'reported';result 6 (true, true);");
}

static void
test_subclass (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_SQUARES, "max-parallel", 1, NULL);
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, NULL, g_variant_new_int32 (5));
  gmp_test_add_worker (workers, 2, NULL, NULL);
  gmp_test_add_worker (workers, 3, echo, g_variant_new_string ("not process"));
  results = gmp_test_run (workers);
  /* The worker has its own instance, which has received no update. */
  gmp_test_check_value (results, "{1: <(1, 25, 0)>, 2: <@mv nothing>, 3: <'not process'>}");
  g_assert_cmpstr (TEST_SQUARES (workers)->updates->str, ==, "1 (iii);2 NULL;3 s;");
}

static void
test_subclass_errors (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_SQUARES, "max-parallel", 1, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_signal_connect (workers, "result", G_CALLBACK (result_cb), text);
  g_signal_connect (workers, "failed", G_CALLBACK (failed_cb), text);
  gmp_test_add_worker (workers, -1, NULL, NULL);
  gmp_test_add_worker (workers, 100, NULL, g_variant_new_int32 (3));
  gmp_test_add_worker (workers, 2, NULL, g_variant_new_int32 (3));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_error (gmp_workers_get_error (workers, 100), G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  results = gmp_workers_get_results (workers);
  gmp_test_check_value (results, "{2: <(2, 9, 0)>}");
  g_assert_cmpstr (text->str, ==, "failed -1 g-io-error-quark 13;failed 100 g-io-error-quark 12;"
                   "result 2 (2, 9, 0);");
}

/* A thread of the worker that continues after the run, until the test opens a fifo. */

static GThread *late_thread;

static gpointer
late_reporter (gpointer user_data)
{
  g_autofree char *path = user_data;
  g_autoptr (GError) error = NULL;
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  gmp_worker_report (g_variant_new_string ("too late"), &error);
  close (fd);
  return GINT_TO_POINTER (g_error_matches (error, GMP_ERROR, GMP_ERROR_NOT_FOUND));
}

/* Starts the thread, with the path of the fifo. Without a path, returns the thread's outcome. */
static GVariant *
late_method (GVariant *params,
             GError  **error G_GNUC_UNUSED)
{
  if (params == NULL)
    return g_variant_new_boolean (GPOINTER_TO_INT (g_thread_join (late_thread)));
  late_thread = g_thread_new ("late", late_reporter, g_variant_dup_string (params, NULL));
  return NULL;
}

static void
count_cb (GmpWorkers *workers G_GNUC_UNUSED,
          int         id G_GNUC_UNUSED,
          GVariant   *value G_GNUC_UNUSED,
          gpointer    user_data)
{
  *(int *) user_data += 1;
}

static void
test_report_late (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autofree char *path = gmp_test_build_path ("late");
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GVariant) was_refused = NULL;
  g_autoptr (GError) error = NULL;
  struct pollfd reader = { .fd = -1 };
  int n = 0;

  g_assert_no_errno (mkfifo (path, 0600));
  g_signal_connect (workers, "progress", G_CALLBACK (count_cb), &n);
  gmp_workers_add (workers, 1, late_method, g_variant_new_string (path), NULL);
  first = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  reader.fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (poll (&reader, 1, -1), ==, 1); /* the thread has ended */
  close (reader.fd);

  gmp_workers_set_params (workers, 1, NULL, NULL);
  second = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_variant_get_child (second, 0, "{iv}", NULL, &was_refused);
  g_assert_true (g_variant_get_boolean (was_refused));
  g_assert_cmpint (n, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SQUARES);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-signals/result", test_result);
  gmp_test_add ("/workers-signals/again", test_again);
  gmp_test_add ("/workers-signals/again-after-failure", test_again_after_failure);
  gmp_test_add ("/workers-signals/progress", test_progress);
  gmp_test_add ("/workers-signals/report-late", test_report_late);
  gmp_test_add ("/workers-signals/subclass", test_subclass);
  gmp_test_add ("/workers-signals/subclass-errors", test_subclass_errors);
  return g_test_run ();
}
