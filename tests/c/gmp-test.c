/* gmp-test.c: the fixture of the tests in C
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* In seconds. */
#define CASE_LIMIT   60
#define SETTLE_LIMIT 10

typedef struct {
  GMainContext *context; /* the context of the case */
  guint n_maps;
} Fixture;

struct _GmpTestMeeting
{
  char *path;
  guint group;
  int listening;
  GThread *thread;
};

static char running_case[256];
static char *case_folder;

/* The number of descriptors of each kind that may be open between two cases. */
static GHashTable *allowed_files;

static void
watchdog_cb (int signum G_GNUC_UNUSED)
{
  static const char text[] = "# The watchdog ends a case that waits for ever: ";
  gssize n;

  n = write (STDERR_FILENO, text, sizeof text - 1);
  n = write (STDERR_FILENO, running_case, strlen (running_case));
  n = write (STDERR_FILENO, "\n", 1);
  (void) n;
  abort ();
}

/* Valgrind and sanitizers take longer. */
gboolean
gmp_test_is_stretched (void)
{
  return g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER") != NULL;
}

gboolean
gmp_test_skip_under_valgrind (const char *reason)
{
  const char *preloaded = g_getenv ("LD_PRELOAD");
  gboolean result = preloaded != NULL && strstr (preloaded, "vgpreload") != NULL;
  g_autofree char *text = g_strconcat ("under valgrind ", reason, NULL);

  if (result)
    g_test_skip (text);
  return result;
}

double
gmp_test_stretch (double seconds)
{
  return gmp_test_is_stretched () ? seconds * atoi (g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER"))
                                  : seconds;
}

static guint
get_limit (guint seconds)
{
  return (guint) gmp_test_stretch (seconds);
}

static int
compare_strings (gconstpointer a,
                 gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

/* The open descriptors, one on each line. */
static char **
list_files (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  GPtrArray *lines = g_ptr_array_new ();
  const char *name;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      char *link = g_file_read_link (path, NULL);

      /* Without a link the descriptor was another thread's, and is closed already. */
      if (link != NULL && !g_str_has_suffix (link, "/fd"))
        g_ptr_array_add (lines, g_steal_pointer (&link));
      g_free (link);
    }
  g_ptr_array_sort (lines, compare_strings);
  g_ptr_array_add (lines, NULL);
  return (char **) g_ptr_array_free (lines, FALSE);
}

/* The number of each kind: the name of a link without the number that sockets and pipes have. */
static GHashTable *
count_files (void)
{
  g_auto (GStrv) files = list_files ();
  GHashTable *counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (char **file = files; *file != NULL; file++)
    {
      char *kind = g_str_has_suffix (*file, "]") && !g_str_has_prefix (*file, "anon_inode:")
                     ? g_strndup (*file, strcspn (*file, ":")) : g_strdup (*file);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, kind));

      g_hash_table_replace (counts, kind, GUINT_TO_POINTER (n + 1));
    }
  return counts;
}

static guint
count_memfd_maps (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  for (const char *found = maps; (found = strstr (found, "/memfd:gmproc")) != NULL; found++)
    n++;
  return n;
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_assert_no_errno (g_unlink (file));
    }
  g_assert_no_errno (g_rmdir (path));
}

static void
set_up (Fixture      *fixture,
        gconstpointer data G_GNUC_UNUSED)
{
  g_strlcpy (running_case, g_test_get_path (), sizeof running_case);
  alarm (get_limit (CASE_LIMIT));
  fixture->n_maps = count_memfd_maps ();
  fixture->context = g_main_context_new ();
  g_main_context_push_thread_default (fixture->context);
}

/* The library waits for each process that it starts, so none can exist when a run has returned. */
static void
check_children (void)
{
  siginfo_t info;
  int result = waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  int code = errno;

  g_assert_cmpint (result, ==, -1);
  g_assert_cmpint (code, ==, ECHILD);
}

/* There may not be more than before the case. There can be fewer, if something was still being
 * closed; the next case is compared with that. */
static gboolean
is_clean (Fixture *fixture)
{
  g_autoptr (GHashTable) files = count_files ();
  GHashTableIter iter;
  gpointer kind, n;

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &kind, &n))
    if (GPOINTER_TO_UINT (n) > GPOINTER_TO_UINT (g_hash_table_lookup (allowed_files, kind)))
      return FALSE;
  if (count_memfd_maps () > fixture->n_maps)
    return FALSE;
  g_hash_table_unref (allowed_files);
  allowed_files = g_steal_pointer (&files);
  return TRUE;
}

static char *
describe_allowed (void)
{
  GString *text = g_string_new (NULL);
  GHashTableIter iter;
  gpointer kind, n;

  g_hash_table_iter_init (&iter, allowed_files);
  while (g_hash_table_iter_next (&iter, &kind, &n))
    g_string_append_printf (text, "%s%u %s", text->len > 0 ? ", " : "", GPOINTER_TO_UINT (n),
                            (const char *) kind);
  return g_string_free (text, FALSE);
}

/* The library's reaper thread closes the descriptors of processes, and nothing reports that.
 * This checks until the number is as before, or a time limit has passed. */
static void
check_files (Fixture *fixture)
{
  gint64 end = g_get_monotonic_time () + get_limit (SETTLE_LIMIT) * G_TIME_SPAN_SECOND;

  while (!is_clean (fixture))
    {
      g_autofree char *allowed = NULL;
      g_autofree char *text = NULL;
      g_auto (GStrv) files = NULL;

      if (g_get_monotonic_time () < end)
        {
          g_usleep (500);
          continue;
        }
      files = list_files ();
      text = g_strjoinv (", ", files);
      allowed = describe_allowed ();
      g_test_fail_printf ("It leaves open, where none but %s is allowed: %s; %u memfds mapped",
                          allowed, text, count_memfd_maps ());
      g_hash_table_unref (allowed_files);
      allowed_files = count_files ();
      return;
    }
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data G_GNUC_UNUSED)
{
  while (g_main_context_iteration (fixture->context, FALSE))
    ;
  g_main_context_pop_thread_default (fixture->context);
  g_main_context_unref (fixture->context);
  if (case_folder != NULL)
    remove_folder (case_folder);
  g_clear_pointer (&case_folder, g_free);
  check_children ();
  check_files (fixture);
  alarm (0);
}

static void
run_case (Fixture      *fixture G_GNUC_UNUSED,
          gconstpointer data)
{
  ((GmpTestFunc) data) ();
}

static GVariant *
warm_up_method (GVariant *params G_GNUC_UNUSED,
                GError  **error G_GNUC_UNUSED)
{
  return NULL;
}

static void
warm_up (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, warm_up_method, NULL, &error);
  g_assert_no_error (error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
}

/* In a worker's process this runs the worker, and does not return. */
void
gmp_test_init (int    *argc,
               char ***argv)
{
  struct sigaction action = { .sa_handler = watchdog_cb };

  /* Processes do not linger, so that tests see their end. */
  g_setenv ("GMPROC_LINGER", "0", FALSE);
  gmp_init (argc, argv);
  g_test_init (argc, argv, NULL);
  sigaction (SIGALRM, &action, NULL);
  g_strlcpy (running_case, "before the first", sizeof running_case);
  alarm (get_limit (CASE_LIMIT));
  warm_up ();
  allowed_files = count_files ();
  alarm (0);
}

void
gmp_test_add (const char *path,
              GmpTestFunc func)
{
  g_test_add_vtable (path, sizeof (Fixture), (gconstpointer) func, (GTestFixtureFunc) set_up,
                     (GTestFixtureFunc) run_case, (GTestFixtureFunc) tear_down);
}

/* @user_data is a GAsyncResult **. */
void
gmp_test_done_cb (GObject      *source G_GNUC_UNUSED,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  GAsyncResult **place = user_data;

  g_assert_null (*place);
  *place = g_object_ref (result);
}

GAsyncResult *
gmp_test_wait (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  return *result;
}

/* All @workers, in the default main context. */
GVariant *
gmp_test_run_in_loop (GmpWorkers *workers)
{
  g_autoptr (GAsyncResult) result = NULL;
  GError *error = NULL;
  GVariant *results;

  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  return results;
}

void
gmp_test_add_worker (GmpWorkers *workers,
                     int         id,
                     GmpMethod   method,
                     GVariant   *params)
{
  g_autoptr (GError) error = NULL;
  gboolean added = gmp_workers_add (workers, id, method, params, &error);

  g_assert_no_error (error);
  g_assert_true (added);
}

/* Runs all workers. */
GVariant *
gmp_test_run (GmpWorkers *workers)
{
  g_autoptr (GError) error = NULL;
  GVariant *results = gmp_workers_run (workers, NULL, 0, NULL, &error);

  g_assert_no_error (error);
  return results;
}

const char *
gmp_test_get_folder (void)
{
  g_autoptr (GError) error = NULL;

  if (case_folder == NULL)
    case_folder = g_dir_make_tmp ("gmp-test-XXXXXX", &error);
  g_assert_no_error (error);
  return case_folder;
}

/* Call it after gmp_test_init(). LeakSanitizer starts a process and opens files when a program
 * exits, and does not know the stacks of threads from before a fork. So it fails in workers that
 * lack processes or files, in those that fork, and where TLS threads end at the same time. */
void
gmp_test_forgo_leak_check (void)
{
  const char *options = g_getenv ("ASAN_OPTIONS");
  g_autofree char *text = g_strconcat (options != NULL ? options : "", ":detect_leaks=0", NULL);

  g_setenv ("ASAN_OPTIONS", text, TRUE);
}

char *
gmp_test_build_path (const char *name)
{
  return g_build_filename (gmp_test_get_folder (), name, NULL);
}

/* Returns 0 also for a missing file. */
guint
gmp_test_count_lines (const char *path)
{
  g_autofree char *text = NULL;
  guint n = 0;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  for (const char *c = text; *c != '\0'; c++)
    n += *c == '\n';
  return n;
}

char *
gmp_test_find_built (const char *name)
{
  return g_test_build_filename (G_TEST_BUILT, name, NULL);
}

static struct sockaddr_un
make_address (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
  strcpy (address.sun_path, path);
  return address;
}

static gpointer
meeting_thread (gpointer data)
{
  GmpTestMeeting *self = data;
  g_autofree int *members = g_new (int, self->group);
  guint n = 0;
  int fd;

  /* When the last member has connected, all are released by closing their sockets. */
  while ((fd = accept4 (self->listening, NULL, NULL, SOCK_CLOEXEC)) != -1)
    {
      members[n++] = fd;
      while (n == self->group)
        {
          for (guint i = 0; i < n; i++)
            close (members[i]);
          n = 0;
        }
    }
  while (n > 0)
    close (members[--n]);
  return NULL;
}

GmpTestMeeting *
gmp_test_meeting_new (guint group)
{
  GmpTestMeeting *self = g_new0 (GmpTestMeeting, 1);
  struct sockaddr_un address;

  self->path = gmp_test_build_path ("meeting");
  self->group = group;
  self->listening = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address = make_address (self->path);
  g_assert_no_errno (bind (self->listening, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (listen (self->listening, 64));
  self->thread = g_thread_new ("meeting", meeting_thread, self);
  return self;
}

const char *
gmp_test_meeting_path (GmpTestMeeting *self)
{
  return self->path;
}

void
gmp_test_meeting_free (GmpTestMeeting *self)
{
  shutdown (self->listening, SHUT_RDWR);
  g_thread_join (self->thread);
  close (self->listening);
  g_free (self->path);
  g_free (self);
}

void
gmp_test_meet (const char *path)
{
  struct sockaddr_un address = make_address (path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char byte;

  g_assert_no_errno (connect (fd, (struct sockaddr *) &address, sizeof address));
  g_assert_cmpint (read (fd, &byte, 1), ==, 0);
  close (fd);
}

static GVariant *
unbox (GVariant *boxed)
{
  g_autoptr (GVariant) entry = boxed;

  return entry != NULL ? g_variant_get_variant (entry) : NULL;
}

/* The value for @id in @results, an a{iv}, or NULL. */
GVariant *
gmp_test_get_int (GVariant *results,
                  int       id)
{
  GVariantIter iter;
  GVariant *boxed;
  int key;

  g_assert_cmpstr (g_variant_get_type_string (results), ==, "a{iv}");
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_next (&iter, "{i@v}", &key, &boxed))
    {
      if (key == id)
        return unbox (boxed);
      g_variant_unref (boxed);
    }
  return NULL;
}

/* The value for @id in @results, an a{sv}, or NULL. */
GVariant *
gmp_test_get_string (GVariant   *results,
                     const char *id)
{
  g_assert_cmpstr (g_variant_get_type_string (results), ==, "a{sv}");
  return g_variant_lookup_value (results, id, NULL);
}

/* @text is in the format of g_variant_print() with types. */
void
gmp_test_check_value (GVariant   *value,
                      const char *text)
{
  g_autofree char *printed = value != NULL ? g_variant_print (value, TRUE) : NULL;

  if (value != NULL && g_variant_is_floating (value))
    g_variant_unref (g_variant_ref_sink (value));
  g_assert_cmpstr (printed, ==, text);
}

/* The value for @id in @results. */
void
gmp_test_check_int (GVariant   *results,
                    int         id,
                    const char *text)
{
  g_autoptr (GVariant) value = gmp_test_get_int (results, id);

  gmp_test_check_value (value, text);
}

void
gmp_test_check_string (GVariant   *results,
                       const char *id,
                       const char *text)
{
  g_autoptr (GVariant) value = gmp_test_get_string (results, id);

  gmp_test_check_value (value, text);
}

/* g_variant_equal() compares received values by printing them: for 17 MiB this takes a minute. */
gboolean
gmp_test_is_same (GVariant *a,
                  GVariant *b)
{
  return g_variant_is_of_type (a, g_variant_get_type (b)) &&
         g_variant_get_size (a) == g_variant_get_size (b) &&
         (g_variant_get_size (a) == 0 ||
          memcmp (g_variant_get_data (a), g_variant_get_data (b), g_variant_get_size (a)) == 0);
}

void
gmp_test_check_in (const char *text,
                   const char *part)
{
  g_assert_nonnull (text);
  if (strstr (text, part) == NULL)
    g_error ("'%s' is not in '%s'", part, text);
}

static void
called_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  guint *n_left = user_data;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  value = gmp_pool_call_finish (GMP_POOL (source), result, &error);
  g_assert_no_error (error);
  g_assert_nonnull (value);
  (*n_left)--;
}

/* Calls @method with each number below @n, all at once. Each call has to return a value. */
void
gmp_test_call_all (GmpPool  *pool,
                   GmpMethod method,
                   guint     n)
{
  guint n_left = n;

  for (guint i = 0; i < n; i++)
    gmp_pool_call_async (pool, method, g_variant_new_int32 ((gint32) i), NULL, called_cb, &n_left);
  while (n_left > 0)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}
