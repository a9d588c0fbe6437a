/* workers-output.c: output and log messages of workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static GVariant *
print_lines (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  g_autofree char *wide = g_strnfill (5000, 'w');

  printf ("one\n\n%s\n", wide);
  fprintf (stderr, "two\nbad \xff byte\n");
  /* A line that is written in two parts is one line. */
  printf ("thr");
  fflush (stdout);
  printf ("ee\n");
  fflush (stdout);
  fputs ("last err", stderr);
  fputs ("last out", stdout);
  return g_variant_new_boolean (TRUE);
}

static GVariant *
print_endless (GVariant *params G_GNUC_UNUSED,
               GError  **error G_GNUC_UNUSED)
{
  g_autofree char *line = g_strnfill (20000, 'e');

  fputs (line, stdout);
  return NULL;
}

static GVariant *
log_messages (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  g_log ("some", G_LOG_LEVEL_WARNING, "a warning of %d", 7);
  g_log ("other", G_LOG_LEVEL_MESSAGE, "a message");
  g_log (NULL, G_LOG_LEVEL_CRITICAL, "critical");
  g_log ("bad \377", G_LOG_LEVEL_MESSAGE, "bad \377");
  return g_variant_new_boolean (TRUE);
}

static void
output_cb (GmpWorkers     *workers G_GNUC_UNUSED,
           int             id G_GNUC_UNUSED,
           GmpOutputStream stream,
           const char     *line,
           gpointer        user_data)
{
  GString **streams = user_data;

  g_assert_true (g_utf8_validate (line, -1, NULL));
  if (strlen (line) > 100)
    g_string_append_printf (streams[stream], "%c*%zu;", line[0], strlen (line));
  else
    g_string_append_printf (streams[stream], "%s;", line);
}

static gboolean
log_cb (GmpWorkers *workers G_GNUC_UNUSED,
        int         id,
        const char *domain,
        guint       level,
        const char *message,
        gpointer    user_data)
{
  g_string_append_printf (user_data, "%d '%s' %u %s;", id, domain, level, message);
  return TRUE;
}

static void
check_output (GmpMethod   method,
              const char *expected_out,
              const char *expected_err)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, NULL);
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GString) err = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;
  GString *streams[] = { out, err };

  g_signal_connect (workers, "output", G_CALLBACK (output_cb), streams);
  gmp_test_add_worker (workers, 1, method, NULL);
  results = gmp_test_run (workers);
  g_assert_cmpstr (out->str, ==, expected_out);
  g_assert_cmpstr (err->str, ==, expected_err);
}

static void
test_output (void)
{
  check_output (print_lines, "one;;w*5000;three;last out;",
                "two;bad \357\277\275 byte;last err;");
}

static void
test_output_long (void)
{
  check_output (print_endless, "e*8192;e*8192;e*3616;", "");
}

/* Each run of a kept process has its own last line. */
static void
test_output_reuse (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, "reuse",
                                                 TRUE, NULL);
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GString) err = g_string_new (NULL);
  GString *streams[] = { out, err };

  g_signal_connect (workers, "output", G_CALLBACK (output_cb), streams);
  gmp_test_add_worker (workers, 1, print_lines, NULL);
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      g_assert_cmpstr (out->str, ==, "one;;w*5000;three;last out;");
      g_string_truncate (out, 0);
    }
}

static GVariant *
print_part (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  fputs ("no end", stdout);
  return g_variant_new_int32 (getpid ());
}

static void
fail_cb (GmpWorkers     *workers,
         int             id,
         GmpOutputStream stream G_GNUC_UNUSED,
         const char     *line G_GNUC_UNUSED,
         gboolean       *is_called)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "too late");

  *is_called = TRUE;
  gmp_workers_fail (workers, id, reason, NULL);
}

/* The end of a process may be noticed before its result, on a busy machine. Then the handler is not
 * late, and there is another run. */
static GVariant *
run_until_late (GmpWorkers *workers,
                gboolean    is_kept)
{
  GVariant *results = NULL;

  for (int attempt = 0; results == NULL; attempt++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
      results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
      if (is_kept || attempt == 10)
        g_assert_no_error (error);
    }
  return results;
}

/* The last line of a worker that has returned comes when its process is left, kept or not. A
 * handler that then fails the worker does not end a process that is left. */
static void
test_output_fails (void)
{
  for (int reuse = 0; reuse < 2; reuse++)
    {
      g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE,
                                                     "reuse", reuse == 1, "stop-grace", 0.0, NULL);
      gboolean is_called = FALSE;
      int pids[2];

      g_signal_connect (workers, "output", G_CALLBACK (fail_cb), &is_called);
      gmp_test_add_worker (workers, 1, print_part, NULL);
      for (int turn = 0; turn < 2; turn++)
        {
          g_autoptr (GVariant) results = run_until_late (workers, reuse == 1);
          g_autoptr (GVariant) value = gmp_test_get_int (results, 1);

          pids[turn] = g_variant_get_int32 (value);
          g_assert_true (is_called);
          while (g_main_context_iteration (g_main_context_get_thread_default (), FALSE))
            continue;
        }
      g_assert_cmpint (pids[0] == pids[1], ==, reuse);
    }
}

static void
print_goodbye (void)
{
  fputs ("goodbye\n", stderr);
}

static GVariant *
promise_goodbye (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  atexit (print_goodbye);
  return NULL;
}

/* The output of a kept process when it exits belongs to no run. */
static void
test_output_after (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, "reuse",
                                                 TRUE, NULL);
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GString) err = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;
  GString *streams[] = { out, err };

  g_signal_connect (workers, "output", G_CALLBACK (output_cb), streams);
  gmp_test_add_worker (workers, 1, promise_goodbye, NULL);
  results = gmp_test_run (workers);
  g_clear_object (&workers);
  g_assert_cmpstr (err->str, ==, "");
}

/* An application whose standard error is no longer read. */
static void
test_output_lost (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  if (g_test_subprocess ())
    {
      int fds[2];

      gmp_test_add_worker (workers, 1, print_lines, NULL);
      g_assert_no_errno (pipe (fds));
      close (fds[0]);
      g_assert_cmpint (dup2 (fds[1], STDERR_FILENO), ==, STDERR_FILENO);
      close (fds[1]);
      results = gmp_test_run (workers);
      g_clear_object (&workers);
      g_clear_pointer (&results, g_variant_unref);
      exit (0);
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*three*");
}

/* The fifo @params is opened when the application has read the line. */
static GVariant *
print_precious (GVariant *params,
                GError  **error G_GNUC_UNUSED)
{
  int left;

  fputs ("precious\n", stderr);
  do
    {
      g_usleep (1000);
      g_assert_cmpint (ioctl (STDERR_FILENO, FIONREAD, &left), ==, 0);
    }
  while (left > 0);
  close (open (g_variant_get_string (params, NULL), O_WRONLY | O_CLOEXEC));
  return g_variant_new_boolean (TRUE);
}

typedef struct {
  const char *fifo;
  int fd;
  GString *text;
} LateReader;

static gpointer
read_late (gpointer user_data)
{
  LateReader *self = user_data;
  char bytes[4096];
  gssize n;

  close (open (self->fifo, O_RDONLY | O_CLOEXEC));
  while (strchr (self->text->str, '!') == NULL &&
         (n = read (self->fd, bytes, sizeof bytes)) > 0)
    g_string_append_len (self->text, bytes, n);
  return NULL;
}

/* The application's standard error is full when the line arrives, and non-blocking. */
static void
test_output_full (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *fifo = gmp_test_build_path ("fifo");
  g_autoptr (GVariant) results = NULL;
  LateReader reader = { .fifo = fifo, .text = text };
  int old = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  GThread *thread;
  int fds[2];

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  g_assert_cmpint (fcntl (fds[1], F_SETFL, O_NONBLOCK), ==, 0);
  while (write (fds[1], ".", 1) == 1)
    ;
  gmp_test_add_worker (workers, 1, print_precious, g_variant_new_string (fifo));
  reader.fd = fds[0];
  thread = g_thread_new ("late", read_late, &reader);
  dup2 (fds[1], STDERR_FILENO);
  results = gmp_test_run (workers);
  dup2 (old, STDERR_FILENO);
  g_assert_cmpint (fcntl (fds[1], F_SETFL, 0), ==, 0);
  g_assert_cmpint (write (fds[1], "!", 1), ==, 1);
  g_thread_join (thread);
  close (old);
  close (fds[0]);
  close (fds[1]);
  gmp_test_check_in (text->str, "precious");
}

static void
test_log (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) results = NULL;
  g_autofree char *expected = NULL;

  g_signal_connect (workers, "log", G_CALLBACK (log_cb), text);
  gmp_test_add_worker (workers, 4, log_messages, NULL);
  results = gmp_test_run (workers);
  expected = g_strdup_printf ("4 'some' %d a warning of 7;4 'other' %d a message;4 '' %d critical;"
                              "4 'bad \357\277\275' %d bad \357\277\275;", G_LOG_LEVEL_WARNING,
                              G_LOG_LEVEL_MESSAGE, G_LOG_LEVEL_CRITICAL, G_LOG_LEVEL_MESSAGE);
  g_assert_cmpstr (text->str, ==, expected);
}

/* A worker's warnings are printed with its id, and are not fatal, although this test's own are. */
static void
test_log_default (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  if (g_test_subprocess ())
    {
      gmp_test_add_worker (workers, 4, log_messages, NULL);
      results = gmp_test_run (workers);
      gmp_test_check_value (results, "{4: <true>}");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*some*worker '4': a warning of 7*worker '4': critical*");
}

static GVariant *
get_surroundings (GVariant *params G_GNUC_UNUSED,
                  GError  **error G_GNUC_UNUSED)
{
  g_autofree char *folder = g_get_current_dir ();

  return g_variant_new ("(iss)", getpid (), folder, g_getenv ("GMP_TEST_KEPT"));
}

/* A kept process is replaced if the folder or the environment has changed. */
static void
test_reuse_surroundings (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autofree char *before = g_get_current_dir ();
  const struct { const char *folder, *variable; gboolean is_other; } steps[] = {
    { "/", "1", TRUE }, { "/", "1", FALSE }, { "/", "2", TRUE }, { "/usr", "2", TRUE },
  };
  int last = 0;

  gmp_test_add_worker (workers, 1, get_surroundings, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GVariant) value = NULL;
      const char *folder, *variable;
      int pid;

      g_assert_no_errno (chdir (steps[i].folder));
      g_setenv ("GMP_TEST_KEPT", steps[i].variable, TRUE);
      results = gmp_test_run (workers);
      value = gmp_test_get_int (results, 1);
      g_variant_get (value, "(i&s&s)", &pid, &folder, &variable);
      g_assert_cmpstr (folder, ==, steps[i].folder);
      g_assert_cmpstr (variable, ==, steps[i].variable);
      g_assert_cmpint (pid != last, ==, steps[i].is_other);
      last = pid;
    }
  g_unsetenv ("GMP_TEST_KEPT");
  g_assert_no_errno (chdir (before));
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-output/lines", test_output);
  gmp_test_add ("/workers-output/long", test_output_long);
  gmp_test_add ("/workers-output/reuse", test_output_reuse);
  gmp_test_add ("/workers-output/fails", test_output_fails);
  gmp_test_add ("/workers-output/reuse-surroundings", test_reuse_surroundings);
  gmp_test_add ("/workers-output/after", test_output_after);
  gmp_test_add ("/workers-output/lost", test_output_lost);
  gmp_test_add ("/workers-output/full", test_output_full);
  gmp_test_add ("/workers-output/log", test_log);
  gmp_test_add ("/workers-output/log-default", test_log_default);
  return g_test_run ();
}
