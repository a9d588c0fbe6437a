/* gmp-fork-server.c: a process that forks workers of its kind
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-fork-server-private.h"

#include "base/gmp-child-private.h"
#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-exit-private.h"
#include "base/gmp-fork-message-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-pidfd-private.h"
#include "host/gmp-worker-skeleton-private.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The milliseconds that the application's exit may take. */
#define END_LIMIT 1000

/* A process with a single thread, so that it can be forked. It waits for one message at a time and
 * starts no thread: no GLib worker, no GDBus. It exits by _exit(), because exit handlers of user
 * code belong to the workers. */

typedef struct {
  const GmpForkServerCode *code;
  int fd;       /* leads to the application */
  int child_fd; /* a signalfd for SIGCHLD */
  GHashTable *workers; /* pids of running children */
  sigset_t old_mask;
  struct sigaction old_action; /* of SIGCHLD */
} Server;

/* A worker that was forked here is not a child of the application, so this pidfd shows whether the
 * application is alive. -1 in all other processes. */
static int application_pidfd = -1;

/* (nullable): the modules that take each worker long, for the application's message */
static char *slow;

/* Returns TRUE once in a fork server: it reads and removes the variable. */
gboolean
gmp_fork_server_is_wanted (void)
{
  gboolean is_wanted = gmp_environment_get (GMP_FORK_SERVER_ENV) != NULL;

  g_unsetenv (GMP_FORK_SERVER_ENV);
  return is_wanted;
}

/* May be called in a signal handler, when the parent has ended. The parent of a process that was
 * not forked is the application. The parent of a fork is the fork server, which may have ended
 * because the application is exiting: its sockets close a moment before its pidfd reports the
 * end. */
gboolean
gmp_fork_server_has_lost_application (void)
{
  struct pollfd place = { .fd = application_pidfd, .events = POLLIN };

  return application_pidfd == -1 || poll (&place, 1, END_LIMIT) != 0;
}

/* A thread of jemalloc, which Arrow contains and pandas loads. It returns memory to the system.
 * jemalloc takes its locks at each fork, and the child does not need the thread. */
static gboolean
may_be_left_out (const char *task)
{
  g_autofree char *path = g_build_filename ("/proc/self/task", task, "comm", NULL);
  g_autofree char *name = NULL;

  return g_file_get_contents (path, &name, NULL, NULL) &&
         g_str_equal (name, "jemalloc_bg_thd\n");
}

static guint
count_threads (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint n = 0;

  while (folder != NULL && (task = g_dir_read_name (folder)) != NULL)
    if (!may_be_left_out (task))
      n++;
  return n;
}

static gboolean
check_threads (GError **error)
{
  guint n = count_threads ();

  if (n == 1)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "it has %u threads: code that is loaded when a worker starts has started them", n);
  return FALSE;
}

/* Some libraries end their threads before each fork and start them again when they are needed, such
 * as OpenBLAS, which comes with numpy. After one throw-away fork, the check finds only other
 * threads. */
static void
end_threads_of_libraries (void)
{
  int pid;

  if (count_threads () == 1)
    return;
  pid = fork ();
  if (pid == 0)
    gmp_exit_now (EXIT_SUCCESS);
  if (pid > 0)
    waitpid (pid, NULL, 0);
}

/* Output during loading would be missing in the workers. */
static gboolean
check_output (GError **error)
{
  struct stat status;

  fflush (NULL);
  if (fstat (STDOUT_FILENO, &status) == 0 && status.st_size == 0)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "code that is loaded has printed something");
  return FALSE;
}

static int
compare_file_cb (struct dl_phdr_info *info,
                 size_t               size G_GNUC_UNUSED,
                 void                *user_data)
{
  const struct stat *file = user_data;
  struct stat status;

  return info->dlpi_name != NULL && stat (info->dlpi_name, &status) == 0 &&
         status.st_dev == file->st_dev && status.st_ino == file->st_ino;
}

/* libffi keeps its own file open, to map its code again. Sharing that is harmless. */
static gboolean
is_loaded_library (int                fd,
                   const struct stat *status)
{
  int flags = fcntl (fd, F_GETFL);

  return S_ISREG (status->st_mode) && flags != -1 && (flags & O_ACCMODE) == O_RDONLY &&
         dl_iterate_phdr (compare_file_cb, (void *) status) != 0;
}

/* The workers would share files, pipes and sockets that were opened during loading. Devices have no
 * state. */
static gboolean
check_files (GError **error)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      int fd = atoi (name);
      struct stat status;

      if (fd <= GMP_WORKER_FD || fd == application_pidfd || fstat (fd, &status) != 0 ||
          S_ISCHR (status.st_mode) || S_ISDIR (status.st_mode) || is_loaded_library (fd, &status))
        continue;
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                   "code that is loaded when a worker starts has opened the descriptor %d", fd);
      return FALSE;
    }
  return TRUE;
}

/* TRUE if forks of this process are equivalent to newly executed processes. */
gboolean
gmp_fork_server_check (GError **error)
{
  end_threads_of_libraries ();
  return check_threads (error) && check_output (error) && check_files (error);
}

void
gmp_fork_server_set_slow (const char * const *names)
{
  g_free (slow);
  slow = g_strjoinv (", ", (char **) names);
}

static gboolean
load (const GmpForkServerCode *code,
      GmpForkMessage          *message,
      GError                 **error)
{
  g_autoptr (GVariant) boxed = NULL;
  g_autoptr (GVariant) what = NULL;
  GError *local = NULL;

  if (message->kind != GMP_FORK_LOAD)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "the first message was %u", message->kind);
      return FALSE;
    }
  if (message->length > 0)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_take (g_steal_pointer (&message->text),
                                                   message->length);

      boxed = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARIANT, bytes, FALSE));
      what = g_variant_get_variant (boxed);
    }
  code->load (code->host, what, &local);
  if (local == NULL)
    return gmp_fork_server_check (error) && gmp_worker_skeleton_rehearse (error);
  g_propagate_error (error, local);
  return FALSE;
}

/* GLib uses one generator for all its random numbers, identifiers and names. Its seed has 32 bits;
 * skipping a random count of numbers adds a few more. */
static void
reseed (void)
{
  guint32 random[2];

  if (getrandom (random, sizeof random, GRND_NONBLOCK) != sizeof random)
    {
      random[0] = (guint32) g_get_monotonic_time ();
      random[1] = (guint32) getpid ();
    }
  g_random_set_seed (random[0]);
  for (guint n = random[1] % 1024; n > 0; n--)
    g_random_int ();
}

/* In the child: makes it look as if it had been started on its own. The server's socket is closed
 * when the worker's socket replaces it. */
static void
become_worker (GmpForkMessage *message)
{
  gboolean is_sound = fchdir (message->handles[GMP_FORK_HANDLE_FOLDER]) == 0;

  is_sound &= dup2 (message->handles[GMP_FORK_HANDLE_STDOUT], STDOUT_FILENO) != -1;
  is_sound &= dup2 (message->handles[GMP_FORK_HANDLE_STDERR], STDERR_FILENO) != -1;
  is_sound &= dup2 (message->handles[GMP_FORK_HANDLE_CONTROL], GMP_WORKER_FD) != -1;
  if (!is_sound)
    {
      g_printerr ("gmproc: cannot become a worker: %s\n", g_strerror (errno));
      gmp_exit_now (EXIT_FAILURE);
    }
  fcntl (GMP_WORKER_FD, F_SETFD, FD_CLOEXEC);
  gmp_environment_set_fleeting (message->text, message->length);
  reseed ();
}

static void
answer (int             fd,
        GmpForkMessage *message,
        GError         *error)
{
  if (error != NULL)
    *message = (GmpForkMessage) {
      .kind = GMP_FORK_REFUSED,
      .text = error->message,
      .length = strlen (error->message),
    };
  if (!gmp_fork_message_send (fd, message, NULL))
    gmp_exit_now (EXIT_FAILURE);
  g_clear_error (&error);
}

/* From here on the exits of children can be read from a descriptor, in this process only. */
static gboolean
watch_children (Server  *self,
                GError **error)
{
  struct sigaction action = { .sa_handler = SIG_DFL };
  sigset_t children;

  sigemptyset (&children);
  sigaddset (&children, SIGCHLD);
  sigaction (SIGCHLD, &action, &self->old_action);
  pthread_sigmask (SIG_BLOCK, &children, &self->old_mask);
  self->child_fd = signalfd (-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  self->workers = g_hash_table_new (NULL, NULL);
  if (self->child_fd != -1)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "signalfd: %s", g_strerror (errno));
  return FALSE;
}

static void
unwatch_children (Server *self)
{
  close (self->child_fd);
  g_hash_table_unref (self->workers);
  sigaction (SIGCHLD, &self->old_action, NULL);
  pthread_sigmask (SIG_SETMASK, &self->old_mask, NULL);
}

/* Returns TRUE in the child. */
static gboolean
fork_worker (Server         *self,
             GmpForkMessage *question)
{
  GmpForkMessage forked = { .kind = GMP_FORK_FORKED, .n_handles = 1 };
  GError *error = NULL;

  forked.number = -1;
  if (question->n_handles != GMP_FORK_N_HANDLES)
    g_set_error (&error, GMP_ERROR, GMP_ERROR_PROTOCOL, "a message has %u descriptors",
                 question->n_handles);
  else if (check_threads (&error))
    forked.number = self->code->fork (self->code->host, &error);
  if (forked.number < 0 && error == NULL)
    g_set_error_literal (&error, GMP_ERROR, GMP_ERROR_LAUNCH,
                         "the method fork () of its host has failed without an error");
  if (forked.number == 0 && error == NULL)
    {
      unwatch_children (self);
      become_worker (question);
      return TRUE;
    }
  if (error == NULL)
    {
      g_hash_table_add (self->workers, GINT_TO_POINTER (forked.number));
      forked.handles[0] = gmp_pidfd_open (forked.number, 0);
      if (forked.handles[0] == -1)
        {
          g_set_error (&error, GMP_ERROR, GMP_ERROR_LAUNCH, "pidfd_open: %s", g_strerror (errno));
          kill (forked.number, SIGKILL);
        }
    }
  if (error == NULL)
    answer (self->fd, &forked, NULL);
  else
    answer (self->fd, &(GmpForkMessage) { 0 }, error);
  gmp_fork_message_clear (&forked);
  return FALSE;
}

/* Reports each worker that has ended: the application notices the end through the pidfd, and then
 * reads this report. It also waits for unknown children that user code started during loading,
 * because no other process can. */
static void
reap (Server *self)
{
  siginfo_t info = { 0, };

  while (waitid (P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid != 0)
    {
      GmpForkMessage ended = { .kind = GMP_FORK_ENDED, .number = info.si_pid };
      g_autofree char *text = NULL;
      struct rusage usage;
      int wait_status;

      if (gmp_child_reap (info.si_pid, &wait_status, &usage) &&
          g_hash_table_remove (self->workers, GINT_TO_POINTER (info.si_pid)))
        {
          text = g_strdup_printf ("%d %ld %ld", wait_status, usage.ru_maxrss,
                                  (long) (gmp_limit_get_cpu_time (&usage) * 1e6));
          ended.text = text;
          ended.length = strlen (text);
          answer (self->fd, &ended, NULL);
        }
      info.si_pid = 0;
    }
}

/* Waits for a message, and reports ended processes meanwhile. */
static gboolean
receive (Server         *self,
         GmpForkMessage *message)
{
  struct pollfd places[] = {
    { .fd = self->fd, .events = POLLIN },
    { .fd = self->child_fd, .events = POLLIN },
  };
  struct signalfd_siginfo info;

  do
    {
      int n = poll (places, G_N_ELEMENTS (places), -1);

      /* A sandbox may forbid it. */
      if (n == -1 && errno != EINTR)
        return FALSE;
      if (n == -1)
        continue;
      if (places[1].revents != 0 && read (self->child_fd, &info, sizeof info) > 0)
        reap (self);
    }
  while (places[0].revents == 0);
  return gmp_fork_message_receive (self->fd, FALSE, message, NULL);
}

/* Returns in each worker, which then continues as if it had been started on its own; TRUE if no job
 * waits for it yet. */
gboolean
gmp_fork_server_run (int                      fd,
                     const GmpForkServerCode *code)
{
  Server self = { .code = code, .fd = fd };
  GmpForkMessage message;
  GError *error = NULL;
  GmpForkMessage ready = { .kind = GMP_FORK_READY };
  gboolean is_child = FALSE;
  gboolean is_ahead = FALSE;

  application_pidfd = gmp_pidfd_open (getppid (), 0);
  if (application_pidfd == -1)
    g_set_error (&error, GMP_ERROR, GMP_ERROR_LAUNCH, "pidfd_open: %s", g_strerror (errno));
  /* A host may restart by executing itself, so the message stays in the socket until everything is
   * loaded. */
  if (!gmp_fork_message_receive (fd, TRUE, &message, NULL))
    gmp_exit_now (EXIT_FAILURE);
  if (error == NULL && load (code, &message, &error))
    watch_children (&self, &error);
  gmp_fork_message_clear (&message);
  if (!gmp_fork_message_receive (fd, FALSE, &message, NULL))
    gmp_exit_now (EXIT_FAILURE);
  gmp_fork_message_clear (&message);
  ready.text = slow;
  ready.length = slow != NULL ? strlen (slow) : 0;
  answer (fd, &ready, error);

  while (!is_child && receive (&self, &message))
    {
      if (message.kind == GMP_FORK_FORK)
        is_child = fork_worker (&self, &message);
      is_ahead = message.number == GMP_FORK_AHEAD;
      gmp_fork_message_clear (&message);
    }
  if (!is_child)
    gmp_exit_now (EXIT_SUCCESS);
  return is_ahead;
}
