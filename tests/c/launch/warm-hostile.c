/* warm-hostile.c: fork servers that lie, or leave the application waiting
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include "base/gmp-fork-message-private.h"
#include "base/gmp-pidfd-private.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The socket of a fork server. The code that a server loads is the user's, and can write
 * anything to it. */
#define SERVER 3

/* The name of a lie, see below, and a meeting that a correct server waits for before it loads. */
#define LIE_ENV  "GMP_TEST_LIE"
#define WAIT_ENV "GMP_TEST_WAIT"

/* A file with a byte for each server that is still to die at its first request. */
#define DEATHS_ENV "GMP_TEST_DEATHS"

/* The server's side. */

static void
send_message (GmpForkMessageKind kind,
              int                number,
              const char        *text,
              int                n_handles,
              int                handle)
{
  GmpForkMessage message = { .kind = kind, .number = number, .n_handles = n_handles,
                             .text = (char *) text, .length = strlen (text) };

  for (int i = 0; i < n_handles; i++)
    message.handles[i] = handle;
  /* The application may have closed the socket. */
  gmp_fork_message_send (SERVER, &message, NULL);
}

static void
send_bytes (const char *bytes,
            gsize       size)
{
  send (SERVER, bytes, size, MSG_NOSIGNAL);
}

/* In place of READY. */

static void
lie_forked (void)
{
  send_message (GMP_FORK_FORKED, 1, "", 1, STDERR_FILENO);
}

static void
lie_ended (void)
{
  send_message (GMP_FORK_ENDED, getpid (), "0 0", 0, -1);
}

static void
lie_short (void)
{
  send_bytes ("xyz", 3);
}

static void
lie_empty (void)
{
  send_bytes ("", 0);
}

static void
lie_unknown (void)
{
  send_message (12345, -1, "\xff\xfe %s%n", 4, STDERR_FILENO);
}

static void
lie_refused (void)
{
  send_message (GMP_FORK_REFUSED, 0, "\xff\xfe %s%n", 0, -1);
}

static void
lie_nothing (void)
{
  _exit (EXIT_SUCCESS);
}

/* Replies to FORK. */

static void
lie_without_handle (void)
{
  send_message (GMP_FORK_FORKED, getpid (), "", 0, -1);
}

static void
lie_with_four_handles (void)
{
  int pidfd = gmp_pidfd_open (getpid (), 0);

  send_message (GMP_FORK_FORKED, getpid (), "", 4, pidfd);
}

static void
lie_without_pid (void)
{
  int pidfd = gmp_pidfd_open (getpid (), 0);

  send_message (GMP_FORK_FORKED, 0, "", 1, pidfd);
}

static void
lie_with_negative_pid (void)
{
  int pidfd = gmp_pidfd_open (getpid (), 0);

  send_message (GMP_FORK_FORKED, -1, "", 1, pidfd);
}

/* Returns the pidfd of a process that has ended. */
static int
fork_one (int *pid)
{
  *pid = fork ();
  if (*pid == 0)
    _exit (EXIT_SUCCESS);
  return gmp_pidfd_open (*pid, 0);
}

static void
lie_about_end (void)
{
  int pid;
  int pidfd = fork_one (&pid);

  send_message (GMP_FORK_FORKED, pid, "", 1, pidfd);
  send_message (GMP_FORK_ENDED, pid, "well, I think", 0, -1);
}

static void
lie_twice_ended (void)
{
  int pid;
  int pidfd = fork_one (&pid);

  send_message (GMP_FORK_FORKED, pid, "", 1, pidfd);
  send_message (GMP_FORK_ENDED, pid, "0 0", 0, -1);
  send_message (GMP_FORK_ENDED, pid, "0 0", 0, -1);
}

static void
lie_twice_forked (void)
{
  int pid;
  int pidfd = fork_one (&pid);

  for (guint i = 0; i < 3; i++)
    send_message (GMP_FORK_FORKED, pid, "", 1, pidfd);
}

/* Endless reports about processes that never existed. */
static void
lie_flood (void)
{
  const GmpForkMessage ended = { .kind = GMP_FORK_ENDED, .number = 1, .text = (char *) "0 0",
                                 .length = 3 };

  while (gmp_fork_message_send (SERVER, &ended, NULL))
    ;
}

static void
lie_again_ready (void)
{
  send_message (GMP_FORK_READY, 0, "", 0, -1);
}

static const struct {
  const char *name;
  gboolean is_ready; /* whether the server first reports that it is ready */
  void (*run) (void);
} lies[] = {
  { "forked", FALSE, lie_forked },
  { "ended", FALSE, lie_ended },
  { "short", FALSE, lie_short },
  { "empty", FALSE, lie_empty },
  { "unknown", FALSE, lie_unknown },
  { "refused", FALSE, lie_refused },
  { "nothing", FALSE, lie_nothing },
  { "ready-flood", FALSE, lie_flood },
  { "fork-short", TRUE, lie_short },
  { "fork-unknown", TRUE, lie_unknown },
  { "fork-refused", TRUE, lie_refused },
  { "fork-nothing", TRUE, lie_nothing },
  { "fork-ended", TRUE, lie_ended },
  { "fork-no-pidfd", TRUE, lie_forked },
  { "fork-without-handle", TRUE, lie_without_handle },
  { "fork-four-handles", TRUE, lie_with_four_handles },
  { "fork-without-pid", TRUE, lie_without_pid },
  { "fork-negative-pid", TRUE, lie_with_negative_pid },
  { "fork-about-end", TRUE, lie_about_end },
  { "fork-twice-ended", TRUE, lie_twice_ended },
  { "fork-twice", TRUE, lie_twice_forked },
  { "fork-flood", TRUE, lie_flood },
  { "fork-ready", TRUE, lie_again_ready },
};

/* Repeats the lie until the application closes the socket. */
static int
be_liar (guint lie)
{
  GmpForkMessage message;

  if (!gmp_fork_message_receive (SERVER, FALSE, &message, NULL))
    return EXIT_FAILURE;
  gmp_fork_message_clear (&message);
  if (lies[lie].is_ready)
    send_message (GMP_FORK_READY, 0, "", 0, -1);
  else
    lies[lie].run ();
  while (gmp_fork_message_receive (SERVER, FALSE, &message, NULL))
    {
      gmp_fork_message_clear (&message);
      lies[lie].run ();
    }
  return EXIT_SUCCESS;
}

/* Takes a byte from the file; %FALSE if there is none. */
static gboolean
must_die (const char *path)
{
  g_autofree char *bytes = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  if (n > 0)
    g_assert_true (g_file_set_contents (path, bytes, (gssize) n - 1, NULL));
  return n > 0;
}

static int
die_at_fork (void)
{
  GmpForkMessage message;

  if (!gmp_fork_message_receive (SERVER, FALSE, &message, NULL))
    return EXIT_FAILURE;
  gmp_fork_message_clear (&message);
  send_message (GMP_FORK_READY, 0, "", 0, -1);
  if (gmp_fork_message_receive (SERVER, FALSE, &message, NULL))
    raise (SIGKILL);
  return EXIT_SUCCESS;
}

/* The worker's side. */

static GVariant *
get_parent (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getppid ());
}

/* The application's side. */

/* After so many servers in a row that died before their first fork, there is no other. */
#define MAX_DEATHS 3

static GmpWorkers *
workers_for (guint n)
{
  GmpWorkers *workers = gmp_workers_new ();

  for (guint i = 0; i < n; i++)
    gmp_test_add_worker (workers, (int) i, get_parent, NULL);
  return workers;
}

/* Workers are started cold, and nothing is logged. */
static void
check_lie (guint lie)
{
  g_autoptr (GmpWorkers) workers = workers_for (2);
  g_autofree char *number = g_strdup_printf ("%u", lie);

  g_test_message ("%s", lies[lie].name);
  g_setenv (LIE_ENV, number, TRUE);
  for (guint turn = 0; turn < 4; turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      for (int id = 0; id < 2; id++)
        {
          g_autoptr (GVariant) parent = gmp_test_get_int (results, id);

          g_assert_cmpint (g_variant_get_int32 (parent), ==, getpid ());
        }
    }
  g_unsetenv (LIE_ENV);
}

static void
test_lies (void)
{
  for (guint lie = 0; lie < G_N_ELEMENTS (lies); lie++)
    check_lie (lie);
}

/* One or two servers that are killed before their first fork, as for lack of memory, are replaced:
 * the workers of later runs are forks of another. After three there is no other. */
static void
check_deaths (guint n)
{
  g_autoptr (GmpWorkers) workers = workers_for (2);
  g_autofree char *path = gmp_test_build_path ("deaths");
  g_autofree char *bytes = g_strnfill (n, 'x');
  g_autofree char *left = NULL;
  gboolean is_fork = FALSE;

  g_assert_true (g_file_set_contents (path, bytes, -1, NULL));
  g_setenv (DEATHS_ENV, path, TRUE);
  /* A run takes the processes first that were started ahead while there was no server. */
  for (guint turn = 0; turn < 2 * MAX_DEATHS || (n < MAX_DEATHS && !is_fork); turn++)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);
      g_autoptr (GVariant) parent = gmp_test_get_int (results, 0);

      g_assert_cmpuint (g_variant_n_children (results), ==, 2);
      is_fork = g_variant_get_int32 (parent) != getpid ();
    }
  g_unsetenv (DEATHS_ENV);
  g_assert_cmpint (is_fork, ==, n < MAX_DEATHS);
  g_assert_true (g_file_get_contents (path, &left, NULL, NULL));
  g_assert_cmpstr (left, ==, n > MAX_DEATHS ? "x" : "");
}

static void
test_deaths (void)
{
  for (guint n = 0; n <= MAX_DEATHS + 1; n++)
    check_deaths (n);
}

/* More requests for one server than either end's socket has room for. */
#define MANY 400

static gboolean
release_cb (gpointer user_data)
{
  gmp_test_meet (gmp_test_meeting_path (user_data));
  return G_SOURCE_REMOVE;
}

/* When the main loop is idle, all workers have requested a process; then the server may load.
 * Neither the server nor the application may wait for room while the other one does. */
static void
test_crowd (void)
{
  g_autoptr (GmpTestMeeting) meeting = gmp_test_meeting_new (2);
  g_autoptr (GmpWorkers) workers = workers_for (MANY);
  g_autoptr (GSource) idle = g_idle_source_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) first = NULL;
  const int ids[] = { 0 };

  g_setenv (WAIT_ENV, gmp_test_meeting_path (meeting), TRUE);
  first = gmp_workers_run (workers, ids, 1, NULL, &error);
  g_assert_no_error (error);
  gmp_workers_run_async (workers, NULL, 0, NULL, gmp_test_done_cb, &result);
  g_source_set_priority (idle, G_PRIORITY_LOW);
  g_source_set_callback (idle, release_cb, meeting, NULL);
  g_source_attach (idle, g_main_context_get_thread_default ());
  results = gmp_workers_run_finish (workers, gmp_test_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, MANY);
  g_unsetenv (WAIT_ENV);
}

/* These workers need more descriptors than the default limit. Replies fill the sockets of both
 * processes. */
static void
prepare (void)
{
  struct rlimit limit;
  int size = 0;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = MIN (limit.rlim_max, 8 * MANY);
      setrlimit (RLIMIT_NOFILE, &limit);
    }
  if (g_getenv ("GMPROC_WARM_SERVER") == NULL)
    return;
  setsockopt (SERVER, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (g_getenv (WAIT_ENV) != NULL)
    gmp_test_meet (g_getenv (WAIT_ENV));
}

/* A message may arrive while a receiver that does not wait looks for one. This call or the next
 * one receives it as a whole. */

#define N_MESSAGES 2000

static int n_received; /* atomic */

static gpointer
send_thread (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);

  for (int i = 0; i < N_MESSAGES; i++)
    {
      g_autoptr (GError) error = NULL;

      /* Until then the receiver finds nothing. */
      while (g_atomic_int_get (&n_received) < i)
        g_thread_yield ();
      gmp_fork_message_send (fd, &(GmpForkMessage) { .kind = GMP_FORK_ENDED, .number = i }, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

static void
test_meanwhile (void)
{
  GThread *sender;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
  g_assert_no_errno (fcntl (fds[1], F_SETFL, O_NONBLOCK));
  sender = g_thread_new ("sender", send_thread, GINT_TO_POINTER (fds[0]));
  while (g_atomic_int_get (&n_received) < N_MESSAGES)
    {
      g_autoptr (GError) error = NULL;
      GmpForkMessage message;

      if (!gmp_fork_message_receive (fds[1], FALSE, &message, &error))
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
          continue;
        }
      g_assert_cmpint (message.number, ==, g_atomic_int_add (&n_received, 1));
      gmp_fork_message_clear (&message);
    }
  g_thread_join (sender);
  close (fds[0]);
  close (fds[1]);
}

int
main (int    argc,
      char **argv)
{
  int pidfd = gmp_pidfd_open (getpid (), 0);

  if (pidfd == -1)
    {
      puts ("1..0 # SKIP Nothing is forked where there are no pidfds, as under valgrind");
      return EXIT_SUCCESS;
    }
  close (pidfd);
  prepare ();
  if (g_getenv ("GMPROC_WARM_SERVER") != NULL && g_getenv (LIE_ENV) != NULL)
    return be_liar ((guint) atoi (g_getenv (LIE_ENV)));
  if (g_getenv ("GMPROC_WARM_SERVER") != NULL && g_getenv (DEATHS_ENV) != NULL &&
      must_die (g_getenv (DEATHS_ENV)))
    return die_at_fork ();
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/warm-hostile/lies", test_lies);
  gmp_test_add ("/warm-hostile/deaths", test_deaths);
  gmp_test_add ("/warm-hostile/crowd", test_crowd);
  gmp_test_add ("/warm-hostile/meanwhile", test_meanwhile);
  return g_test_run ();
}
