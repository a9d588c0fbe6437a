/* forbidden.c: calls of the system that a sandbox does not know
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-client-server.h"
#include "test-forbidden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A call of a socket. On 32-bit x86 the C library makes all of them by one system call, whose first
 * argument is @part. */
static void
forbid_socket (long    number,
               guint32 part G_GNUC_UNUSED)
{
#ifdef SYS_socketcall
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_socketcall, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, args)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, part, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };

  gmp_test_set_filter (filter, G_N_ELEMENTS (filter));
#endif
  gmp_test_forbid (number);
}

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

static GVariant *
is_open (GVariant *params,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_boolean (fcntl (g_variant_get_int32 (params), F_GETFD) != -1);
}

/* A descriptor of the program's that any other child would inherit. */
#define LEFT_OPEN 77

static void
check_workers (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  g_assert_no_errno (dup2 (STDERR_FILENO, LEFT_OPEN));
  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  gmp_test_add_worker (workers, 2, is_open, g_variant_new_int32 (LEFT_OPEN));
  results = gmp_test_run (workers);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
  gmp_test_check_int (results, 2, "false");
  close (LEFT_OPEN);
}

static void
check_clients (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 2, TEST_TYPE_CLIENT,
                                 test_params ("{'turns': <uint32 3>}"), &error);
  g_assert_no_error (error);
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 2);
}

/* Both kinds of applications. The second run uses warm starts. */
static void
check_all (void)
{
  for (guint turn = 0; turn < 3; turn++)
    {
      check_workers ();
      check_clients ();
    }
}

static void
check_without (const char *path,
               long        number)
{
  if (!gmp_test_is_in_own_process (path))
    return;
  gmp_test_forbid (number);
  check_all ();
}

static void
test_memfd (void)
{
  check_without ("/forbidden/memfd", SYS_memfd_create);
}

/* GLib closes a child's descriptors by this call. None but its own reach the worker. */
static void
test_close_range (void)
{
  check_without ("/forbidden/close-range", SYS_close_range);
}

/* A fork server that cannot work reports it, so no run waits for it. */
static void
test_epoll (void)
{
  g_autofree char *reason = NULL;

  if (!gmp_test_is_in_own_process ("/forbidden/epoll"))
    return;
  gmp_test_forbid (SYS_epoll_create1);
  for (guint turn = 0; turn < 2; turn++)
    {
      g_autoptr (GmpWorkers) workers = gmp_workers_new ();
      g_autoptr (GError) error = NULL;

      gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
      gmp_test_add_worker (workers, 2, echo, g_variant_new_string ("two"));
      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
    }
  reason = gmp_runtime_get_cold_start_reason ("native");
  gmp_test_check_in (reason, "it refused: Cannot make a descriptor");
}

/* A message that cannot be sent ends the connection: no run waits for the answer to it. */
static void
test_sendmsg (void)
{
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GError) error = NULL;

  if (!gmp_test_is_in_own_process ("/forbidden/sendmsg"))
    return;
  forbid_socket (SYS_sendmsg, SYS_SENDMSG);
  workers = gmp_workers_new ();
  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "cannot be sent");
}

/* A message that cannot be received is told by who tried, the worker or the application. */
static void
test_recvmsg (void)
{
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GError) error = NULL;

  if (!gmp_test_is_in_own_process ("/forbidden/recvmsg"))
    return;
  forbid_socket (SYS_recvmsg, SYS_RECVMSG);
  workers = gmp_workers_new ();
  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  gmp_test_check_in (error->message, "A message cannot be received");
  gmp_test_check_in (error->message, "a sandbox around this program");
}

/* A worker's own filter. */
static GVariant *
forbid_fstat (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  gmp_test_forbid (SYS_fstat);
#ifdef SYS_newfstatat
  gmp_test_forbid (SYS_newfstatat);
#else
  gmp_test_forbid (SYS_fstatat64);
  gmp_test_forbid (SYS_statx);
#endif
  return g_variant_ref (params);
}

static void
test_fstat (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  if (gmp_test_skip_under_valgrind ("a filter would hold for it as well"))
    return;
  gmp_test_add_worker (workers, 1, forbid_fstat, g_variant_new_string ("one"));
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, "'one'");
}

/* It does not help to raise a limit. */
static void
test_fork (void)
{
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GError) error = NULL;

  if (!gmp_test_is_in_own_process ("/forbidden/fork"))
    return;
  /* The library has its threads already. */
  check_workers ();
  gmp_test_forbid (SYS_clone);
  gmp_test_forbid (SYS_clone3);
#ifdef SYS_vfork
  gmp_test_forbid (SYS_vfork);
#endif
  workers = gmp_workers_new ();
  g_object_set (workers, "warm-start", FALSE, NULL);
  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "a sandbox around this program");
  g_assert_null (strstr (error->message, "ulimit -u"));
  /* A sanitizer's search for leaks at the exit would need clone(). */
  _exit (EXIT_SUCCESS);
}

/* User code sets a filter of its own. */
static GVariant *
lock_in (GVariant *params,
         GError  **error G_GNUC_UNUSED)
{
  forbid_socket (SYS_sendmsg, SYS_SENDMSG);
  return g_variant_ref (params);
}

/* A result that cannot be sent is an error, also of a process that waits for further work. */
static void
test_sendmsg_in_worker (void)
{
  if (gmp_test_skip_under_valgrind ("a filter would hold for it as well"))
    return;
  for (gboolean reuse = FALSE; reuse <= TRUE; reuse++)
    {
      g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", reuse, NULL);
      g_autoptr (GError) error = NULL;

      gmp_test_add_worker (workers, 1, lock_in, g_variant_new_string ("one"));
      g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_CRASHED);
      gmp_test_check_in (error->message, "its result cannot be sent");
      gmp_test_check_in (error->message, "a sandbox");
    }
}

static void
check_without_threads (const char *launcher)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "launcher", launcher, NULL);
  g_autoptr (GError) error = NULL;

  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "Cannot start a thread: Operation not permitted");
}

/* The argument of a program without threads: gmp_test_init() starts some. */
#define WITHOUT_THREADS "without-threads"

/* Where no thread can start, GLib would abort the program. */
static void
test_thread (void)
{
  if (!gmp_test_is_in_own_process ("/forbidden/thread"))
    return;
  gmp_test_forbid (SYS_clone3);
  execl ("/proc/self/exe", "test-forbidden", WITHOUT_THREADS, NULL);
  g_assert_not_reached ();
}

/* The filter comes after the first use, when GLib and the library have started threads already. */
static void
test_thread_later (void)
{
  g_autoptr (GmpPool) pool = gmp_pool_new (1);
  g_autoptr (GError) error = NULL;

  if (!gmp_test_is_in_own_process ("/forbidden/thread-later"))
    return;
  check_workers ();
  gmp_test_forbid (SYS_clone3);
  g_assert_null (gmp_pool_call (pool, echo, g_variant_new_string ("call"), NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "Cannot start a thread: Operation not permitted");
}

/* Connections have a thread of their own, which starts with the first of them. */
static void
test_thread_of_connections (void)
{
  if (!gmp_test_is_in_own_process ("/forbidden/thread-of-connections"))
    return;
  check_workers ();
  gmp_test_forbid (SYS_clone3);
  g_setenv ("GMPROC_CONTROL", "gdbus", TRUE);
  check_without_threads (NULL);
  g_unsetenv ("GMPROC_CONTROL");
  check_without_threads ("command:true");
}

/* The argument of a program that executes the rest of its arguments where no thread can start. */
#define FORBID_THREADS "forbid-threads"

/* The same in a worker, by @control. */
static void
check_worker_without_threads (const char *control)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  g_setenv ("GMPROC_CONTROL", control, TRUE);
  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "Cannot start a thread: Operation not permitted");
}

/* The argument of a program that has such workers. */
#define WORKERS_WITHOUT_THREADS "workers-without-threads"

static void
check_workers_without_threads (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *wrapper = g_strdup_printf ("%s " FORBID_THREADS, program);

  g_setenv ("GMPROC_WRAP", wrapper, TRUE);
  check_worker_without_threads ("");
  check_worker_without_threads ("gdbus");
}

static void
test_thread_of_worker (void)
{
  if (!gmp_test_is_in_own_process ("/forbidden/thread-of-worker"))
    return;
  execl ("/proc/self/exe", "test-forbidden", WORKERS_WITHOUT_THREADS, NULL);
  g_assert_not_reached ();
}

/* Nothing in GLib can wait without it. */
static void
test_poll (void)
{
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GError) error = NULL;

  if (!gmp_test_is_in_own_process ("/forbidden/poll"))
    return;
  check_workers ();
#ifdef SYS_poll
  gmp_test_forbid (SYS_poll);
#else
  gmp_test_forbid (SYS_ppoll);
#endif
  workers = gmp_workers_new ();
  gmp_test_add_worker (workers, 1, echo, g_variant_new_string ("one"));
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "Cannot make a main context: Operation not permitted");
  /* The end of a case runs a main loop. */
  _exit (EXIT_SUCCESS);
}

static void
test_pidfd (void)
{
  check_without ("/forbidden/pidfd", SYS_pidfd_open);
}

/* Without pidfd_send_signal, processes that were started ahead or kept still end. */
static void
test_signal (void)
{
  check_without ("/forbidden/signal", SYS_pidfd_send_signal);
}

/* Other sandboxes return EACCES. */
static void
test_access (void)
{
  if (!gmp_test_is_in_own_process ("/forbidden/access"))
    return;
  gmp_test_forbid_by (SYS_pidfd_open, EACCES);
  gmp_test_forbid_by (SYS_pidfd_send_signal, EACCES);
  gmp_test_forbid_by (SYS_memfd_create, EACCES);
  gmp_test_forbid_by (SYS_close_range, EACCES);
  check_all ();
}

/* Waits until the fifo is opened. */
static GVariant *
stay (GVariant *params,
      GError  **error)
{
  int fd;

  if (!gmp_worker_report (NULL, error))
    return NULL;
  fd = open (g_variant_get_bytestring (params), O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (fd, !=, -1);
  _exit (EXIT_SUCCESS);
}

/* Releases the worker, and waits until the library has noticed its end. A worker whose
 * connection was closed may have exited by itself; then nobody has opened the fifo. */
static void
release (const char *path)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  siginfo_t info;

  if (fd != -1)
    close (fd);
  else
    g_assert_cmpint (errno, ==, ENXIO);
  while (waitid (P_ALL, 0, &info, WEXITED | WNOWAIT) == 0)
    g_thread_yield ();
}

/* A worker that cannot be killed, because it belongs to another user or waits for a device. Its
 * run still ends. */
static void
test_kill (void)
{
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *fifo = gmp_test_build_path ("fifo");
  g_autoptr (GError) error = NULL;

  if (gmp_test_skip_under_valgrind ("a filter would hold for it as well"))
    return;
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess ("/forbidden/kill", 0, 0);
      g_test_trap_assert_passed ();
      g_test_trap_assert_stderr ("*does not exit, and cannot be killed*");
      return;
    }
  gmp_test_forbid (SYS_pidfd_send_signal);
  gmp_test_forbid (SYS_kill);
  workers = gmp_workers_new ();
  g_assert_no_errno (mkfifo (fifo, 0600));
  gmp_test_add_worker (workers, 1, stay, g_variant_new_bytestring (fifo));
  g_object_set (workers, "stop-grace", 0.1, "kill-grace", 0.1, NULL);
  g_signal_connect_swapped (workers, "progress", G_CALLBACK (g_cancellable_cancel), cancellable);
  g_assert_null (gmp_workers_run (workers, NULL, 0, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  release (fifo);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  g_type_ensure (TEST_TYPE_CLIENT);
  if (argc == 2 && g_str_equal (argv[1], WITHOUT_THREADS))
    {
      gmp_init (&argc, &argv);
      check_without_threads (NULL);
      return EXIT_SUCCESS;
    }
  if (argc == 2 && g_str_equal (argv[1], WORKERS_WITHOUT_THREADS))
    {
      gmp_init (&argc, &argv);
      check_workers_without_threads ();
      return EXIT_SUCCESS;
    }
  if (argc > 2 && g_str_equal (argv[1], FORBID_THREADS))
    {
      gmp_test_forbid (SYS_clone3);
      execv (argv[2], argv + 2);
      g_assert_not_reached ();
    }
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/forbidden/memfd", test_memfd);
  gmp_test_add ("/forbidden/close-range", test_close_range);
  gmp_test_add ("/forbidden/epoll", test_epoll);
  gmp_test_add ("/forbidden/sendmsg", test_sendmsg);
  gmp_test_add ("/forbidden/sendmsg-in-worker", test_sendmsg_in_worker);
  gmp_test_add ("/forbidden/recvmsg", test_recvmsg);
  gmp_test_add ("/forbidden/fstat", test_fstat);
  gmp_test_add ("/forbidden/fork", test_fork);
  gmp_test_add ("/forbidden/thread", test_thread);
  gmp_test_add ("/forbidden/thread-later", test_thread_later);
  gmp_test_add ("/forbidden/thread-of-connections", test_thread_of_connections);
  gmp_test_add ("/forbidden/thread-of-worker", test_thread_of_worker);
  gmp_test_add ("/forbidden/poll", test_poll);
  gmp_test_add ("/forbidden/pidfd", test_pidfd);
  gmp_test_add ("/forbidden/signal", test_signal);
  gmp_test_add ("/forbidden/access", test_access);
  gmp_test_add ("/forbidden/kill", test_kill);
  return g_test_run ();
}
