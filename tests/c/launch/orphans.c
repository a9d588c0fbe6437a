/* orphans.c: what workers that died leave behind, and what an application does
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

/* Waits for the end of @pid, which may be another process's child. */
static void
wait_for_end (int pid)
{
  struct pollfd fd = { .fd = pidfd_open (pid, 0), .events = POLLIN };

  if (fd.fd == -1)
    {
      g_assert_cmpint (errno, ==, ESRCH);
      return;
    }
  g_assert_cmpint (poll (&fd, 1, -1), ==, 1);
  close (fd.fd);
}

/* Without a pidfd, the end of another process's child cannot be waited for. */
static gboolean
has_no_pidfds (void)
{
  int fd = pidfd_open (getpid (), 0);

  if (fd == -1)
    g_test_skip ("there are no pidfds here, as under valgrind");
  else
    close (fd);
  return fd == -1;
}

/* Starts a process, writes its pid to a file, and dies. */
static GVariant *
leave_behind (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  g_autofree char *text = NULL;
  int pid = fork ();

  if (pid == 0)
    {
      for (int fd = 0; fd < 1024; fd++)
        close (fd);
      for (;;)
        pause ();
    }
  text = g_strdup_printf ("%d", pid);
  g_file_set_contents (g_variant_get_string (params, NULL), text, -1, NULL);
  raise (SIGKILL);
  return NULL;
}

static void
test_grandchild (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *path = gmp_test_build_path ("pid");
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (has_no_pidfds ())
    return;
  gmp_workers_add (workers, 1, leave_behind, g_variant_new_string (path), NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpint (atoi (text), >, 0);
  wait_for_end (atoi (text));
}

/* Allocates and touches memory; the compiler must not remove this. */
static void
fill (gsize size)
{
  volatile char *block = g_malloc (size);

  for (gsize i = 0; i < size; i += 4096)
    block[i] = 1;
}

static GVariant *
fill_and_die (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  fill (64 * MIB);
  abort ();
}

static void
test_peak_memory (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, fill_and_die, NULL, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "peak memory: ");
  failures = gmp_runner_get_failures (GMP_RUNNER (workers));
  g_assert_cmpuint (gmp_failure_get_peak_memory (failures->pdata[0]), >, 64 * MIB);
  g_assert_false (gmp_failure_get_out_of_memory (failures->pdata[0]));
}

/* A worker writes its pid to a pipe and stops itself; then its application is killed. */
static GVariant *
stop_self (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  int fd = open (g_variant_get_string (params, NULL), O_WRONLY | O_CLOEXEC);
  int pid = getpid ();

  g_assert_cmpint (write (fd, &pid, sizeof pid), ==, sizeof pid);
  close (fd);
  raise (SIGSTOP);
  return NULL;
}

static void
run_application (const char *path)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_workers_add (workers, 1, stop_self, g_variant_new_string (path), NULL);
  gmp_workers_run (workers, NULL, 0, NULL, NULL);
}

static void
test_stopped_worker (void)
{
  g_autofree char *path = gmp_test_build_path ("pipe");
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { program, "--application", path, NULL };
  g_autoptr (GSubprocess) application = NULL;
  g_autoptr (GError) error = NULL;
  int fd;
  int pid = 0;

  if (has_no_pidfds ())
    return;
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  application = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);
  g_assert_no_error (error);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (read (fd, &pid, sizeof pid), ==, sizeof pid);
  close (fd);
  g_subprocess_send_signal (application, SIGKILL);
  g_subprocess_wait (application, NULL, &error);
  g_assert_no_error (error);
  wait_for_end (pid);
}

static GVariant *
nothing (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return NULL;
}

/* The user nobody, so that limits apply. */
static void
stop_being_root (void)
{
  const struct passwd *nobody = getpwnam ("nobody");

  g_assert_nonnull (nobody);
  g_assert_no_errno (setgroups (0, NULL));
  g_assert_no_errno (setgid (nobody->pw_gid));
  g_assert_no_errno (setuid (nobody->pw_uid));
  /* The user nobody cannot read root's files, including /proc/self. */
  g_assert_no_errno (prctl (PR_SET_DUMPABLE, 1));
}

/* The limit does not apply to root, so root's test continues in a process of another user.
 * Returns %FALSE if that process has done the test. */
static gboolean
begin_as_nobody (void)
{
  if (getuid () == 0 && !g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return FALSE;
    }
  gmp_test_forgo_leak_check ();
  if (getuid () == 0)
    stop_being_root ();
  return TRUE;
}

/* Runs some workers where their user may have @n processes and threads. */
static void
run_with_processes (rlim_t   n,
                    GError **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  struct rlimit limit;
  struct rlimit old;

  getrlimit (RLIMIT_NPROC, &old);
  limit = old;
  limit.rlim_cur = n;
  setrlimit (RLIMIT_NPROC, &limit);
  for (int id = 1; id <= 3; id++)
    gmp_workers_add (workers, id, nothing, NULL, NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, error);
  setrlimit (RLIMIT_NPROC, &old);
}

static void
test_no_processes (void)
{
  g_autoptr (GError) error = NULL;

  if (!begin_as_nobody ())
    return;
  run_with_processes (0, &error);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "ulimit -u");
}

/* The limit is reached in the application, or in its workers. */
static void
test_few_processes (void)
{
  if (!begin_as_nobody ())
    return;
  for (rlim_t n = 1; n <= 14; n++)
    {
      g_autoptr (GError) error = NULL;

      run_with_processes (n, &error);
      if (error != NULL)
        {
          g_test_message ("%d: %s", (int) n, error->message);
          g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
          gmp_test_check_in (error->message, "ulimit -u");
        }
    }
}

/* Starts a process that survives the worker. When this returns, it has its own process group. */
static gboolean
become_daemon (void)
{
  int fds[2];
  char byte = 0;

  g_assert_no_errno (pipe (fds));
  if (fork () != 0)
    {
      g_assert_cmpint (read (fds[0], &byte, 1), ==, 1);
      return FALSE;
    }
  setsid ();
  g_assert_cmpint (write (fds[1], &byte, 1), ==, 1);
  return TRUE;
}

/* Returns when the processes have begun to write. */
static GVariant *
leave_writers (GVariant *params,
               GError  **error G_GNUC_UNUSED)
{
  char lines[4096];
  int fds[2];

  g_assert_no_errno (pipe (fds));
  memset (lines, '\n', sizeof lines);
  for (guint i = 0; i < 4; i++)
    if (become_daemon ())
      {
        for (guint n = 0; write (STDERR_FILENO, lines, sizeof lines) > 0; n++)
          if (n == 100)
            (void) !write (fds[1], lines, 1);
        _exit (0);
      }
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (read (fds[0], lines, 1), ==, 1);
  return g_variant_ref (params);
}

#define CONTROL_FD 3

static GVariant *
leave_connected (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  if (become_daemon ())
    poll (&(struct pollfd) { .fd = CONTROL_FD, .events = POLLRDHUP }, 1, -1);
  _exit (3);
}

/* The remaining process keeps writing to the worker's standard error. */
static void
test_endless_output (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "capture-output", TRUE, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, leave_writers, g_variant_new_int32 (5), &error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_int (results, 1, "5");
}

/* The remaining process holds the control connection open. */
static void
test_held_connection (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, leave_connected, NULL, &error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
  gmp_test_check_in (error->message, "exited with status 3");
}

int
main (int    argc,
      char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--application"))
    {
      gmp_init (&argc, &argv);
      run_application (argv[2]);
      return EXIT_SUCCESS;
    }
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/orphans/grandchild", test_grandchild);
  gmp_test_add ("/orphans/peak-memory", test_peak_memory);
  gmp_test_add ("/orphans/stopped-worker", test_stopped_worker);
  gmp_test_add ("/orphans/no-processes", test_no_processes);
  gmp_test_add ("/orphans/few-processes", test_few_processes);
  gmp_test_add ("/orphans/endless-output", test_endless_output);
  gmp_test_add ("/orphans/held-connection", test_held_connection);
  return g_test_run ();
}
