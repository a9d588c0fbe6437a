/* workers-processes.c: which processes there are, and when
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <gmproc-binding.h>

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static GVariant *
meet (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  gmp_test_meet (g_variant_get_string (params, NULL));
  return NULL;
}

static guint
count_files (const char *folder,
             const char *prefix)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    n += g_str_has_prefix (name, prefix);
  return n;
}

/* Returns how many workers have started, itself included. Each creates a file. */
static GVariant *
count_present (GVariant *params,
               GError  **error G_GNUC_UNUSED)
{
  const char *meeting = g_variant_get_string (params, NULL);
  g_autofree char *folder = g_path_get_dirname (meeting);
  g_autofree char *name = g_strdup_printf ("present-%d", getpid ());
  g_autofree char *path = g_build_filename (folder, name, NULL);
  guint n;

  close (open (path, O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  gmp_test_meet (meeting);
  n = count_files (folder, "present-");
  gmp_test_meet (meeting);
  unlink (path);
  return g_variant_new_uint32 (n);
}

/* A subclass with a property of its own. */

#define TEST_TYPE_COUNTED (test_counted_get_type ())
G_DECLARE_FINAL_TYPE (TestCounted, test_counted, TEST, COUNTED, GmpWorkers)

struct _TestCounted
{
  GmpWorkers parent_instance;

  int count;
};

G_DEFINE_FINAL_TYPE (TestCounted, test_counted, GMP_TYPE_WORKERS)

static void
test_counted_get_property (GObject    *object,
                           guint       prop_id G_GNUC_UNUSED,
                           GValue     *value,
                           GParamSpec *pspec G_GNUC_UNUSED)
{
  g_value_set_int (value, TEST_COUNTED (object)->count);
}

static void
test_counted_set_property (GObject      *object,
                           guint         prop_id G_GNUC_UNUSED,
                           const GValue *value,
                           GParamSpec   *pspec G_GNUC_UNUSED)
{
  TEST_COUNTED (object)->count = g_value_get_int (value);
}

static void
test_counted_class_init (TestCountedClass *klass)
{
  G_OBJECT_CLASS (klass)->get_property = test_counted_get_property;
  G_OBJECT_CLASS (klass)->set_property = test_counted_set_property;
  g_object_class_install_property (G_OBJECT_CLASS (klass), 1,
                                   g_param_spec_int ("count", NULL, NULL, 0, G_MAXINT, 0,
                                                     G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
}

static void
test_counted_init (TestCounted *self G_GNUC_UNUSED)
{
}

static GVariant *
get_pid (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static GVariant *
get_inner_threads (GVariant *params G_GNUC_UNUSED,
                   GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (g_getenv ("OMP_NUM_THREADS"));
}

static GVariant *
count_calls (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  static int n_calls;

  return g_variant_new_int32 (++n_calls);
}

static GVariant *
crash (GVariant *params G_GNUC_UNUSED,
       GError  **error G_GNUC_UNUSED)
{
  raise (SIGKILL);
  return NULL;
}

static int
get_int (GVariant *results,
         int       id)
{
  g_autoptr (GVariant) value = gmp_test_get_int (results, id);

  return g_variant_get_int32 (value);
}

/* No worker returns before the last one has started. */
static void
test_all_at_once (void)
{
  const guint n = 12;
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (n);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  for (guint id = 0; id < n; id++)
    gmp_test_add_worker (workers, (int) id, meet,
                         g_variant_new_string (gmp_test_meeting_path (meeting)));
  results = gmp_test_run (workers);
  g_assert_cmpuint (g_variant_n_children (results), ==, n);
}

static void
test_max_parallel (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 2, NULL);
  g_autoptr (GVariant) results = NULL;

  for (int id = 0; id < 6; id++)
    gmp_test_add_worker (workers, id, count_present,
                         g_variant_new_string (gmp_test_meeting_path (meeting)));
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{0: <uint32 2>, 1: <uint32 2>, 2: <uint32 2>, 3: <uint32 2>, "
                        "4: <uint32 2>, 5: <uint32 2>}");
}

static void
test_one_by_one (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (1);
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 1, NULL);
  g_autoptr (GVariant) results = NULL;

  for (int id = 0; id < 4; id++)
    gmp_test_add_worker (workers, id, count_present,
                         g_variant_new_string (gmp_test_meeting_path (meeting)));
  results = gmp_test_run (workers);
  gmp_test_check_value (results, "{0: <uint32 1>, 1: <uint32 1>, 2: <uint32 1>, 3: <uint32 1>}");
}

static GVariant *
get_mark (GVariant *params G_GNUC_UNUSED,
          GError  **error G_GNUC_UNUSED)
{
  const char *mark = g_getenv ("GMP_TEST_MARK");

  return g_variant_new_string (mark != NULL ? mark : "");
}

static void
mark_cb (GmpWorkers *workers,
         int         id G_GNUC_UNUSED,
         GVariant   *value G_GNUC_UNUSED,
         gpointer    user_data G_GNUC_UNUSED)
{
  const char *environment[] = { "GMP_TEST_MARK=marked", NULL };

  g_object_set (workers, "environment", environment, "max-parallel", 0, "reuse", FALSE, NULL);
}

/* All workers of a run have the options that were set when it began. The next run has the new
 * ones, and no process that was kept with the old ones. */
static void
test_changed_meanwhile (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "max-parallel", 1, "reuse", TRUE,
                                                 NULL);
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;

  g_signal_connect (workers, "result", G_CALLBACK (mark_cb), NULL);
  for (int id = 0; id < 3; id++)
    gmp_test_add_worker (workers, id, get_mark, NULL);
  before = gmp_test_run (workers);
  gmp_test_check_value (before, "{0: <''>, 1: <''>, 2: <''>}");
  after = gmp_test_run (workers);
  gmp_test_check_value (after, "{0: <'marked'>, 1: <'marked'>, 2: <'marked'>}");
}

static void
test_fresh (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GHashTable) pids = g_hash_table_new (NULL, NULL);

  gmp_test_add_worker (workers, 1, get_pid, NULL);
  gmp_test_add_worker (workers, 2, get_pid, NULL);
  gmp_test_add_worker (workers, 3, count_calls, NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      g_assert_cmpint (get_int (results, 3), ==, 1);
      for (int id = 1; id <= 2; id++)
        {
          int pid = get_int (results, id);

          g_assert_cmpint (pid, !=, getpid ());
          g_assert_true (g_hash_table_add (pids, GINT_TO_POINTER (pid)));
          g_assert_cmpint (kill (pid, 0), ==, -1);
        }
    }
}

static void
test_reuse (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, "max-parallel",
                                                 1, NULL);
  int pid = 0;

  for (int id = 1; id <= 3; id++)
    gmp_test_add_worker (workers, id, id == 3 ? count_calls : get_pid, NULL);
  for (int turn = 1; turn <= 3; turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      if (pid == 0)
        pid = get_int (results, 1);
      g_assert_cmpint (get_int (results, 1), ==, pid);
      g_assert_cmpint (get_int (results, 2), ==, pid);
      /* The state that the function left in its process is still there. */
      g_assert_cmpint (get_int (results, 3), ==, turn);
    }
  g_assert_no_errno (kill (pid, 0));

  /* Kept processes end with the object, before the call returns. */
  g_clear_object (&workers);
  g_assert_cmpint (kill (pid, 0), ==, -1);
}

/* The address space of this process, in bytes. */
static gsize
get_space (void)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  return g_ascii_strtoull (text, NULL, 10) * (gsize) sysconf (_SC_PAGESIZE);
}

/* Of a thread, in bytes. */
static gsize
get_stack_size (void)
{
  pthread_attr_t attributes;
  gsize size;

  g_assert_cmpint (pthread_attr_init (&attributes), ==, 0);
  g_assert_cmpint (pthread_attr_getstacksize (&attributes, &size), ==, 0);
  pthread_attr_destroy (&attributes);
  return size;
}

/* Processes that are replaced again and again, because an option changes, leave no thread, whose
 * stack would take address space. malloc takes some for threads too, up to a limit. */
static void
test_reuse_changed (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  gsize space = 0;

#ifdef M_ARENA_MAX
  mallopt (M_ARENA_MAX, 1);
#endif
  gmp_test_add_worker (workers, 1, get_pid, NULL);
  for (int turn = 0; turn < 40; turn++)
    {
      g_autoptr (GVariant) results = NULL;

      g_object_set (workers, "inner-threads", 1 + turn % 2, NULL);
      results = gmp_test_run (workers);
      if (turn == 10)
        space = get_space ();
    }
  g_assert_cmpuint (get_space (), <, space + 20 * get_stack_size ());
}

/* A property of a subclass is no option of its processes. */
static void
test_reuse_subclass (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_COUNTED, "reuse", TRUE, NULL);
  int pids[2];

  gmp_test_add_worker (workers, 1, get_pid, NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      pids[turn] = get_int (results, 1);
      g_object_set (workers, "count", turn + 1, NULL);
    }
  g_assert_cmpint (pids[1], ==, pids[0]);
}

static void
test_reuse_off (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autoptr (GVariant) kept = NULL;
  g_autoptr (GVariant) fresh = NULL;

  gmp_test_add_worker (workers, 1, get_pid, NULL);
  kept = gmp_test_run (workers);
  g_object_set (workers, "reuse", FALSE, NULL);
  /* The process ends without anybody who waits for it; only this test does. */
  while (kill (get_int (kept, 1), 0) == 0)
    g_thread_yield ();
  fresh = gmp_test_run (workers);
  g_assert_cmpint (get_int (kept, 1), !=, get_int (fresh, 1));
}

static void
test_reuse_crash (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  const int pid_ids[] = { 1 };
  const int crash_ids[] = { 2 };
  int pid = 0;

  gmp_test_add_worker (workers, 1, get_pid, NULL);
  gmp_test_add_worker (workers, 2, crash, NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = gmp_workers_run (workers, pid_ids, 1, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpint (get_int (results, 1), !=, pid);
      pid = get_int (results, 1);
      /* In the same process, which has then ended. */
      g_assert_null (gmp_workers_run (workers, crash_ids, 1, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
      g_assert_cmpint (kill (pid, 0), ==, -1);
    }
}

/* A kept process may die between two runs. */
static void
test_reuse_killed (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  int pid;

  gmp_test_add_worker (workers, 1, get_pid, NULL);
  first = gmp_test_run (workers);
  pid = get_int (first, 1);
  g_assert_no_errno (kill (pid, SIGKILL));
  /* GLib's thread waits for it. */
  while (kill (pid, 0) == 0)
    g_thread_yield ();
  second = gmp_test_run (workers);
  g_assert_cmpint (get_int (second, 1), !=, pid);
}

static void
check_inner_threads (GmpWorkers *workers,
                     const char *expected)
{
  g_autoptr (GVariant) results = gmp_test_run (workers);
  g_autoptr (GVariant) value = gmp_test_get_int (results, 1);

  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

/* The number of threads is an equal share of the processors, or the property, or the environment
 * variable, in rising order of precedence. */
static void
test_inner_threads (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *all = g_strdup_printf ("%u", g_get_num_processors ());

  g_unsetenv ("OMP_NUM_THREADS");
  gmp_workers_add (workers, 1, get_inner_threads, NULL, NULL);
  check_inner_threads (workers, all);
  g_object_set (workers, "inner-threads", 7, NULL);
  check_inner_threads (workers, "7");
  g_setenv ("OMP_NUM_THREADS", "5", TRUE);
  check_inner_threads (workers, "5");
  g_unsetenv ("OMP_NUM_THREADS");

  g_object_set (workers, "inner-threads", 0, NULL);
  for (int id = 2; id <= 2 * (int) g_get_num_processors (); id++)
    gmp_workers_add (workers, id, get_inner_threads, NULL, NULL);
  check_inner_threads (workers, "1");
}

static GVariant *
fork_and_return (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  int pid = fork ();
  int status;

  if (pid == 0)
    return g_variant_new_string ("the copy");
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return g_variant_new_int32 (WEXITSTATUS (status));
}

static void
keep_line_cb (GmpWorkers     *workers G_GNUC_UNUSED,
              int             id G_GNUC_UNUSED,
              GmpOutputStream stream G_GNUC_UNUSED,
              const char     *line,
              gpointer        user_data)
{
  g_string_append (user_data, line);
}

/* A process that user code has forked is not a worker, and sends no reports. */
static void
test_forked_child (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;

  g_signal_connect (workers, "output", G_CALLBACK (keep_line_cb), text);
  gmp_test_add_worker (workers, 1, fork_and_return, NULL);
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "1");
  gmp_test_check_in (text->str, "has come back from it, and ends here");
}

/* A run that is held open, and gets its work from another thread. */

#define N_FED 6

typedef struct {
  GmpWorkers *workers;
  GThread *thread;
  int n_offered; /* set by the thread; atomic */
  int n_begun;
  GCancellable *cancellable;
} Feed;

static gpointer
offer_one (gpointer user_data)
{
  Feed *feed = user_data;

  g_atomic_int_inc (&feed->n_offered);
  gmp_workers_wake (feed->workers);
  return NULL;
}

static void
feed_cb (gpointer user_data)
{
  Feed *feed = user_data;
  g_autoptr (GError) error = NULL;

  for (; feed->n_begun < g_atomic_int_get (&feed->n_offered); feed->n_begun++)
    {
      gmp_workers_run_again (feed->workers, feed->n_begun, &error);
      g_assert_no_error (error);
    }
  if (feed->n_begun == N_FED)
    gmp_workers_release (feed->workers);
  else if (feed->thread == NULL)
    feed->thread = g_thread_new ("feed", offer_one, feed);
}

static void
offer_next_cb (GmpWorkers *workers G_GNUC_UNUSED,
               int         id,
               GVariant   *value G_GNUC_UNUSED,
               Feed       *feed)
{
  g_assert_cmpint (id, ==, feed->n_begun - 1);
  g_thread_join (g_steal_pointer (&feed->thread));
  if (feed->cancellable != NULL)
    g_cancellable_cancel (feed->cancellable);
  else if (feed->n_begun < N_FED)
    feed->thread = g_thread_new ("feed", offer_one, feed);
}

static GVariant *
run_fed (Feed    *feed,
         GError **error)
{
  const int none[] = { 0 };

  g_signal_connect (feed->workers, "result", G_CALLBACK (offer_next_cb), feed);
  for (int id = 0; id < N_FED; id++)
    gmp_test_add_worker (feed->workers, id, get_pid, NULL);
  gmp_workers_hold (feed->workers, 1, feed_cb, feed, NULL);
  return gmp_workers_run (feed->workers, none, 0, feed->cancellable, error);
}

static void
test_hold (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) again = NULL;
  g_autoptr (GError) error = NULL;
  Feed feed = { workers, NULL, 0, 0, NULL };

  results = run_fed (&feed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, N_FED);
  /* The feed was for one run. */
  gmp_workers_wake (workers);
  g_signal_handlers_disconnect_by_data (workers, &feed);
  again = gmp_test_run (workers);
  g_assert_cmpuint (g_variant_n_children (again), ==, N_FED);
}

static void
test_hold_cancelled (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Feed feed = { workers, NULL, 0, 0, cancellable };

  g_assert_null (run_fed (&feed, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (feed.n_begun, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-processes/all-at-once", test_all_at_once);
  gmp_test_add ("/workers-processes/max-parallel", test_max_parallel);
  gmp_test_add ("/workers-processes/one-by-one", test_one_by_one);
  gmp_test_add ("/workers-processes/changed-meanwhile", test_changed_meanwhile);
  gmp_test_add ("/workers-processes/fresh", test_fresh);
  gmp_test_add ("/workers-processes/reuse", test_reuse);
  gmp_test_add ("/workers-processes/reuse-changed", test_reuse_changed);
  gmp_test_add ("/workers-processes/reuse-subclass", test_reuse_subclass);
  gmp_test_add ("/workers-processes/reuse-off", test_reuse_off);
  gmp_test_add ("/workers-processes/reuse-crash", test_reuse_crash);
  gmp_test_add ("/workers-processes/reuse-killed", test_reuse_killed);
  gmp_test_add ("/workers-processes/inner-threads", test_inner_threads);
  gmp_test_add ("/workers-processes/forked-child", test_forked_child);
  gmp_test_add ("/workers-processes/hold", test_hold);
  gmp_test_add ("/workers-processes/hold-cancelled", test_hold_cancelled);
  return g_test_run ();
}
