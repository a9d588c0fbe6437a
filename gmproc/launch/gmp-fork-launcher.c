/* gmp-fork-launcher.c: workers that are forks of a process that has loaded their code
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-fork-launcher-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-message-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-pidfd-private.h"
#include "launch/gmp-reaper-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many milliseconds the server has for an answer, and for its own end. */
#define ANSWER_LIMIT 10000
#define END_LIMIT     1000

/* What the server has said when it died may be long. */
#define COMPLAINT_BYTES 2000

/* The server forks itself on request. It is the parent of these processes: so it waits for them,
 * and says how they have ended, which is read when their pidfd says that they have.
 *
 * A launch does not wait for the fork: the answer is read when somebody needs to know it. So a
 * process that is started ahead costs its application one message. */
struct _GmpForkLauncher
{
  GmpLauncher parent_instance;

  GmpProcess *server;
  int output_fd; /* a memfd: a server that prints while it loads is not used */

  GMutex lock;    /* of all that follows, and of what processes know of themselves */
  int fd;         /* -1: the server is lost */
  gboolean has_forked;
  GQueue pending; /* of GmpForkedProcess: forks that were asked for, in this order */
  GHashTable *forked; /* of GmpForkedProcess by pid, until the server says that it has ended: not
                       * owned, and NULL where nobody has a handle of it any more */
};

G_DEFINE_FINAL_TYPE (GmpForkLauncher, gmp_fork_launcher, GMP_TYPE_LAUNCHER)

/* The process handle that goes with it. */

#define GMP_TYPE_FORKED_PROCESS (gmp_forked_process_get_type ())
G_DECLARE_FINAL_TYPE (GmpForkedProcess, gmp_forked_process, GMP, FORKED_PROCESS, GmpProcess)

struct _GmpForkedProcess
{
  GmpProcess parent_instance;

  GmpForkLauncher *launcher;
  gboolean is_known; /* the answer has come */
  int pid;           /* 0: there never was one */
  int pidfd;
  gboolean was_reaped;
  int wait_status;
  GmpProcessUsage usage;
};

G_DEFINE_FINAL_TYPE (GmpForkedProcess, gmp_forked_process, GMP_TYPE_PROCESS)

/* Forked children may hold the socket open, so closing would not do. */
static void
hang_up (GmpForkLauncher *self)
{
  if (self->fd == -1)
    return;
  shutdown (self->fd, SHUT_RDWR);
  close (self->fd);
  self->fd = -1;
}

static void
lose_locked (GmpForkLauncher *self,
             const GError    *error)
{
  char complaint[COMPLAINT_BYTES + 1];
  gssize n = pread (self->output_fd, complaint, COMPLAINT_BYTES, 0);

  complaint[MAX (n, 0)] = '\0';
  gmp_debug ("the warm-start server %d is lost: %s%s%s", gmp_process_get_pid (self->server),
             error->message, n > 0 ? "; it had printed: " : "", complaint);
  hang_up (self);
  while (self->pending.length > 0)
    {
      g_autoptr (GmpProcess) process = g_queue_pop_head (&self->pending);

      GMP_FORKED_PROCESS (process)->is_known = TRUE;
    }
}

/* One that does not answer would hold up whoever asks. */
static gboolean
await_answer (int      fd,
              GError **error)
{
  struct pollfd place = { .fd = fd, .events = POLLIN };
  int n;

  do
    n = poll (&place, 1, ANSWER_LIMIT);
  while (n == -1 && errno == EINTR);
  if (n == 1)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "it did not answer");
  return FALSE;
}

static gboolean
receive_locked (GmpForkLauncher *self,
                GmpForkMessage  *message,
                GError         **error)
{
  if (!await_answer (self->fd, error) ||
      !gmp_fork_message_receive (self->fd, FALSE, message, error))
    return FALSE;
  if (message->kind != GMP_FORK_REFUSED)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "it refused: %s", message->text);
  gmp_fork_message_clear (message);
  return FALSE;
}

/* On anything else one could wait in vain for the end of a process. */
static gboolean
is_pidfd (int fd)
{
  return gmp_pidfd_send_signal (fd, 0, NULL, 0) == 0 || errno != EBADF;
}

/* The code that the server has loaded can write to its socket. So what comes is taken where it is
 * an answer, or the end of a process that has not ended yet, and nothing else is. */

static gboolean
take_forked_locked (GmpForkLauncher *self,
                    GmpForkMessage  *message)
{
  g_autoptr (GmpForkedProcess) process = NULL;

  if (self->pending.length == 0 || message->number <= 0 || message->n_handles != 1 ||
      !is_pidfd (message->handles[0]) ||
      g_hash_table_contains (self->forked, GINT_TO_POINTER (message->number)))
    return FALSE;
  process = g_queue_pop_head (&self->pending);
  self->has_forked = TRUE;
  process->is_known = TRUE;
  process->pid = message->number;
  process->pidfd = message->handles[0];
  message->n_handles = 0;
  g_hash_table_insert (self->forked, GINT_TO_POINTER (process->pid), process);
  return TRUE;
}

static gboolean
take_ended_locked (GmpForkLauncher *self,
                   GmpForkMessage  *message)
{
  GmpForkedProcess *process;
  gpointer stolen;
  int wait_status;
  guint64 kib, microseconds;

  if (sscanf (message->text, "%d %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &wait_status, &kib,
              &microseconds) != 3 ||
      !g_hash_table_steal_extended (self->forked, GINT_TO_POINTER (message->number), NULL,
                                    &stolen))
    return FALSE;
  gmp_reaper_adopt (message->number);
  process = stolen;
  if (process != NULL)
    {
      process->was_reaped = TRUE;
      process->wait_status = wait_status;
      process->usage = (GmpProcessUsage) { kib * 1024, microseconds / 1e6 };
    }
  return TRUE;
}

static void
set_nonsense (GmpForkMessage *message,
              GError        **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "it said what it should not: message %u, number %d, %u descriptors, '%.100s'",
               message->kind, message->number, message->n_handles, message->text);
}

/* Waits for what the server says next. One that refuses or fails once is done with: other processes
 * are started as ever. */
static void
take_message_locked (GmpForkLauncher *self)
{
  g_autoptr (GError) error = NULL;
  GmpForkMessage message = { 0 };

  if (receive_locked (self, &message, &error) &&
      !(message.kind == GMP_FORK_FORKED && take_forked_locked (self, &message)) &&
      !(message.kind == GMP_FORK_ENDED && take_ended_locked (self, &message)))
    set_nonsense (&message, &error);
  gmp_fork_message_clear (&message);
  if (error != NULL)
    lose_locked (self, error);
}

static void
get_known (GmpForkedProcess *self)
{
  g_mutex_lock (&self->launcher->lock);
  while (!self->is_known)
    take_message_locked (self->launcher);
  g_mutex_unlock (&self->launcher->lock);
}

static int
gmp_forked_process_get_pid (GmpProcess *process)
{
  get_known (GMP_FORKED_PROCESS (process));
  return GMP_FORKED_PROCESS (process)->pid;
}

static gboolean
has_ended (GmpForkedProcess *self)
{
  struct pollfd place = { .fd = self->pidfd, .events = POLLIN };

  return poll (&place, 1, 0) != 0;
}

static void
gmp_forked_process_send_signal (GmpProcess *process,
                                int         signum)
{
  GmpForkedProcess *self = GMP_FORKED_PROCESS (process);

  get_known (self);
  if (self->pid == 0 || gmp_pidfd_send_signal (self->pidfd, signum, NULL, 0) == 0 ||
      errno == ESRCH)
    return;
  /* The call is forbidden. The number is this process's as long as its server has not waited for
   * it. */
  if (!has_ended (self))
    kill (self->pid, signum);
}

/* It has ended. Without its server nobody knows how. */
static int
get_wait_status (GmpForkedProcess *self)
{
  int wait_status;

  g_mutex_lock (&self->launcher->lock);
  while (!self->was_reaped && self->pid != 0 && self->launcher->fd != -1)
    take_message_locked (self->launcher);
  wait_status = self->was_reaped ? self->wait_status : GMP_PROCESS_STATUS_UNKNOWN;
  g_mutex_unlock (&self->launcher->lock);
  return wait_status;
}

static gboolean
ended_cb (int          fd G_GNUC_UNUSED,
          GIOCondition condition G_GNUC_UNUSED,
          gpointer     user_data)
{
  GTask *task = user_data;
  GmpForkedProcess *self = g_task_get_source_object (task);

  if (gmp_process_is_foreign (GMP_PROCESS (self)))
    return G_SOURCE_REMOVE;
  if (!g_task_return_error_if_cancelled (task))
    g_task_return_int (task, get_wait_status (self));
  return G_SOURCE_REMOVE;
}

static void
gmp_forked_process_wait_async (GmpProcess         *process,
                               int                 priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  GTask *task = g_task_new (process, cancellable, callback, user_data);
  g_autoptr (GSource) source = NULL;

  g_task_set_source_tag (task, gmp_forked_process_wait_async);
  g_task_set_priority (task, priority);
  get_known (GMP_FORKED_PROCESS (process));
  if (GMP_FORKED_PROCESS (process)->pid == 0)
    {
      g_task_return_int (task, GMP_PROCESS_STATUS_UNKNOWN);
      g_object_unref (task);
      return;
    }
  source = g_unix_fd_source_new (GMP_FORKED_PROCESS (process)->pidfd, G_IO_IN);
  if (cancellable != NULL)
    {
      g_autoptr (GSource) cancelled = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (cancelled);
      g_source_add_child_source (source, cancelled);
    }
  g_source_set_priority (source, priority);
  g_source_set_callback (source, G_SOURCE_FUNC (ended_cb), task, g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static gboolean
gmp_forked_process_wait_finish (GmpProcess   *process G_GNUC_UNUSED,
                                GAsyncResult *result,
                                int          *wait_status,
                                GError      **error)
{
  GError *local = NULL;
  gssize status = g_task_propagate_int (G_TASK (result), &local);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  *wait_status = (int) status;
  return TRUE;
}

static GmpProcessUsage
gmp_forked_process_get_usage (GmpProcess *process)
{
  return GMP_FORKED_PROCESS (process)->usage;
}

static void
gmp_forked_process_finalize (GObject *object)
{
  GmpForkedProcess *self = GMP_FORKED_PROCESS (object);
  gpointer pid = GINT_TO_POINTER (self->pid);

  if (self->pidfd != -1)
    close (self->pidfd);
  if (!gmp_process_is_foreign (GMP_PROCESS (self)))
    {
      g_mutex_lock (&self->launcher->lock);
      if (g_hash_table_lookup (self->launcher->forked, pid) == self)
        g_hash_table_replace (self->launcher->forked, pid, NULL);
      g_mutex_unlock (&self->launcher->lock);
      g_object_unref (self->launcher);
    }
  G_OBJECT_CLASS (gmp_forked_process_parent_class)->finalize (object);
}

static void
gmp_forked_process_class_init (GmpForkedProcessClass *klass)
{
  GmpProcessClass *process_class = GMP_PROCESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_forked_process_finalize;
  process_class->get_pid = gmp_forked_process_get_pid;
  process_class->send_signal = gmp_forked_process_send_signal;
  process_class->wait_async = gmp_forked_process_wait_async;
  process_class->wait_finish = gmp_forked_process_wait_finish;
  process_class->get_usage = gmp_forked_process_get_usage;
}

static void
gmp_forked_process_init (GmpForkedProcess *self)
{
  self->pidfd = -1;
}

static void
close_if_open (int fd)
{
  if (fd != -1)
    close (fd);
}

/* The server waits in turn when its answers are not read: so they are, where it has no room for
 * more questions. */
static gboolean
ask_locked (GmpForkLauncher      *self,
            const GmpForkMessage *question,
            GError              **error)
{
  GError *local = NULL;

  while (self->fd != -1 && !gmp_fork_message_send (self->fd, question, &local))
    {
      if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        take_message_locked (self);
      else
        lose_locked (self, local);
      g_clear_error (&local);
    }
  if (self->fd != -1)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "The warm-start server is lost");
  return FALSE;
}

/* Command and environment are the server's, and have to be those that it was started with. */
static GmpProcess *
gmp_fork_launcher_real_launch (GmpLauncher     *launcher,
                               const GmpLaunch *launch,
                               GError         **error)
{
  GmpForkLauncher *self = GMP_FORK_LAUNCHER (launcher);
  const char *folder = launch->working_directory != NULL ? launch->working_directory : ".";
  GmpForkMessage question = {
    .kind = GMP_FORK_FORK,
    .n_handles = GMP_FORK_N_HANDLES,
    .handles = {
      [GMP_FORK_HANDLE_CONTROL] = launch->control_fd,
      [GMP_FORK_HANDLE_STDOUT] = launch->stdout_fd != -1 ? launch->stdout_fd : STDOUT_FILENO,
      [GMP_FORK_HANDLE_STDERR] = launch->stderr_fd != -1 ? launch->stderr_fd : STDERR_FILENO,
      [GMP_FORK_HANDLE_FOLDER] = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
    },
  };
  GmpForkedProcess *process = NULL;

  g_mutex_lock (&self->lock);
  if (ask_locked (self, &question, error))
    {
      process = g_object_new (GMP_TYPE_FORKED_PROCESS, NULL);
      process->launcher = g_object_ref (self);
      g_queue_push_tail (&self->pending, g_object_ref (process));
    }
  g_mutex_unlock (&self->lock);
  close_if_open (question.handles[GMP_FORK_HANDLE_FOLDER]);
  close (launch->control_fd);
  close_if_open (launch->stdout_fd);
  close_if_open (launch->stderr_fd);
  return (GmpProcess *) process;
}

static void
gmp_fork_launcher_finalize (GObject *object)
{
  GmpForkLauncher *self = GMP_FORK_LAUNCHER (object);
  GHashTableIter iter;
  gpointer pid;

  hang_up (self);
  close_if_open (self->output_fd);
  if (self->server != NULL)
    gmp_process_end_sync (self->server, END_LIMIT);
  g_clear_object (&self->server);
  /* What the server has not waited for is in groups of its own. */
  g_hash_table_iter_init (&iter, self->forked);
  while (g_hash_table_iter_next (&iter, &pid, NULL))
    gmp_reaper_adopt (GPOINTER_TO_INT (pid));
  g_hash_table_unref (self->forked);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gmp_fork_launcher_parent_class)->finalize (object);
}

static void
gmp_fork_launcher_class_init (GmpForkLauncherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_fork_launcher_finalize;
  GMP_LAUNCHER_CLASS (klass)->launch = gmp_fork_launcher_real_launch;
}

static void
gmp_fork_launcher_init (GmpForkLauncher *self)
{
  g_mutex_init (&self->lock);
  self->forked = g_hash_table_new (NULL, NULL);
  self->fd = -1;
  self->output_fd = -1;
}

static gboolean
start_server (GmpForkLauncher *self,
              GmpLauncher     *plain,
              const GmpLaunch *launch,
              GError         **error)
{
  GmpLaunch server = *launch;
  g_auto (GStrv) environment = g_strdupv (launch->environment);
  int fds[2];

  environment = g_environ_setenv (environment, GMP_FORK_SERVER_ENV, "1", TRUE);
  self->output_fd = memfd_create ("gmproc-warm", MFD_CLOEXEC);
  if (self->output_fd == -1 ||
      socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "%s%s", g_strerror (errno),
                   gmp_limit_describe (errno));
      return FALSE;
    }
  self->fd = fds[0];
  g_unix_set_fd_nonblocking (self->fd, TRUE, NULL);
  server.environment = environment;
  server.control_fd = fds[1];
  server.stdout_fd = fcntl (self->output_fd, F_DUPFD_CLOEXEC, 0);
  server.stderr_fd = fcntl (self->output_fd, F_DUPFD_CLOEXEC, 0);
  self->server = gmp_launcher_launch (plain, &server, error);
  return self->server != NULL;
}

/* Starts a server by way of @plain: with the command and environment of @launch, and told to load
 * @what, a floating GVariant. It is of use when gmp_fork_launcher_get_ready() says so. */
GmpForkLauncher *
gmp_fork_launcher_new (GmpLauncher     *plain,
                       const GmpLaunch *launch,
                       GVariant        *what,
                       GError         **error)
{
  g_autoptr (GmpForkLauncher) self = g_object_new (GMP_TYPE_FORK_LAUNCHER, NULL);
  g_autoptr (GVariant) boxed = g_variant_ref_sink (g_variant_new_variant (what));
  GmpForkMessage load = {
    .kind = GMP_FORK_LOAD,
    .text = (char *) g_variant_get_data (boxed),
    .length = g_variant_get_size (boxed),
  };

  if (!start_server (self, plain, launch, error) || !gmp_fork_message_send (self->fd, &load, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* Is readable when gmp_fork_launcher_get_ready() does not wait. */
int
gmp_fork_launcher_get_fd (GmpForkLauncher *self)
{
  return self->fd;
}

/* To be called once. With %FALSE there is no use in the server. */
gboolean
gmp_fork_launcher_get_ready (GmpForkLauncher *self,
                             GError         **error)
{
  GmpForkMessage answer = { 0 };
  GError *local = NULL;

  g_mutex_lock (&self->lock);
  if (receive_locked (self, &answer, &local) && answer.kind != GMP_FORK_READY)
    set_nonsense (&answer, &local);
  gmp_fork_message_clear (&answer);
  if (local != NULL)
    lose_locked (self, local);
  g_mutex_unlock (&self->lock);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

/* Whether no more can be launched. */
gboolean
gmp_fork_launcher_is_lost (GmpForkLauncher *self)
{
  gboolean is_lost;

  g_mutex_lock (&self->lock);
  is_lost = self->fd == -1;
  g_mutex_unlock (&self->lock);
  return is_lost;
}

/* Whether it was of use. */
gboolean
gmp_fork_launcher_has_forked (GmpForkLauncher *self)
{
  gboolean has_forked;

  g_mutex_lock (&self->lock);
  has_forked = self->has_forked;
  g_mutex_unlock (&self->lock);
  return has_forked;
}
