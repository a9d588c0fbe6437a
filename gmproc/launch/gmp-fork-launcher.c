/* gmp-fork-launcher.c: workers that are forks of a process that has loaded their code
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-fork-launcher-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-message-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-pidfd-private.h"
#include "launch/gmp-forked-process-private.h"
#include "launch/gmp-reaper-private.h"
#include "launch/gmp-room-private.h"
#include "launch/gmp-subprocess-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The milliseconds that the server has for an answer, and for its own end. */
#define ANSWER_LIMIT 3000
#define END_LIMIT    1000

/* The last messages of a dying server may be long. */
#define COMPLAINT_BYTES 2000

/* The server forks itself on request. It is the parent of these processes, so it waits for them and
 * reports their exit status.
 *
 * Its messages are read in the reaper's thread, so no main loop waits for it, whatever it does: a
 * launch is one message, and the process handle reports the outcome. A server that does not answer
 * is killed. The callers then start the requested processes again, because to them these have died
 * before they could begin. */
struct _GmpForkLauncher
{
  GmpLauncher parent_instance;

  GmpProcess *server;
  int output_fd; /* a memfd: a server that prints while it loads is not used */

  GMutex lock;    /* of all that follows */
  int fd;         /* -1: the server is lost, or ending */
  char *loss;     /* (nullable): why it is lost */
  GSource *source; /* (nullable): before it is ready */
  gboolean has_forked;
  gboolean is_retired; /* it ends after its requested forks */
  GQueue pending; /* of GmpForkedProcess: requested forks, in this order */
  GQueue unsent;  /* of GmpForkMessage: requests that the socket had no room for */
  GHashTable *forks; /* of Fork by pid, until the server reports its end */
  guint n_ended;     /* of these: it has ended, but the server has not reported it */
};

G_DEFINE_FINAL_TYPE (GmpForkLauncher, gmp_fork_launcher, GMP_TYPE_LAUNCHER)

typedef struct {
  GmpProcess *process;
  GSource *watch; /* of its pidfd */
  gboolean has_ended;
} Fork;

static void
fork_free (gpointer data)
{
  Fork *fork = data;

  g_source_destroy (fork->watch);
  g_source_unref (fork->watch);
  g_object_unref (fork->process);
  g_free (fork);
}

static void
question_free (gpointer data)
{
  gmp_fork_message_clear (data);
  g_free (data);
}

static void
lose_process (GmpProcess *process)
{
  gmp_process_set_ended (process, GMP_PROCESS_STATUS_UNKNOWN, (GmpProcessUsage) { 0 });
}

/* From now on the server has this long for its next answer. */
static void
limit_locked (GmpForkLauncher *self)
{
  gint64 limit = (self->is_retired ? END_LIMIT : ANSWER_LIMIT) * G_TIME_SPAN_MILLISECOND;

  if (self->source == NULL)
    return;
  if (self->pending.length == 0 && self->n_ended == 0)
    limit = -1;
  g_source_set_ready_time (self->source, limit == -1 ? -1 : g_get_monotonic_time () + limit);
}

static void
close_if_open (int *fd)
{
  if (*fd != -1)
    close (*fd);
  *fd = -1;
}

/* Forked children may hold the socket open, so closing it would not be enough. The launcher's other
 * resources are freed at once too, because the reaper's thread may keep the object for a while. */
static void
hang_up_locked (GmpForkLauncher *self)
{
  if (self->fd == -1)
    return;
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  shutdown (self->fd, SHUT_RDWR);
  close_if_open (&self->fd);
  close_if_open (&self->output_fd);
  gmp_process_end_later (self->server, END_LIMIT);
}

static gboolean
lose_ended_cb (gpointer pid,
               gpointer data,
               gpointer user_data G_GNUC_UNUSED)
{
  Fork *fork = data;

  if (!fork->has_ended)
    return FALSE;
  gmp_reaper_adopt (GPOINTER_TO_INT (pid));
  lose_process (fork->process);
  return TRUE;
}

static void
lose_locked (GmpForkLauncher *self,
             const GError    *error)
{
  char complaint[COMPLAINT_BYTES + 1];
  gssize n = pread (self->output_fd, complaint, COMPLAINT_BYTES, 0);
  GmpProcess *process;

  complaint[MAX (n, 0)] = '\0';
  gmp_debug ("the fork server %d is lost: %s%s%s", gmp_process_get_pid (self->server),
             error->message, n > 0 ? "; it had printed: " : "", complaint);
  if (self->loss == NULL)
    self->loss = g_strdup (error->message);
  hang_up_locked (self);
  g_queue_clear_full (&self->unsent, question_free);
  gmp_room_promise (-(int) self->pending.length);
  while ((process = g_queue_pop_head (&self->pending)) != NULL)
    {
      lose_process (process);
      g_object_unref (process);
    }
  g_hash_table_foreach_remove (self->forks, lose_ended_cb, NULL);
}

/* The end of the server is that of its socket. */
static void
end_if_idle_locked (GmpForkLauncher *self)
{
  if (self->is_retired && self->pending.length == 0 && g_hash_table_size (self->forks) == 0)
    hang_up_locked (self);
}

/* Messages of the server. */

static gboolean
receive_locked (GmpForkLauncher *self,
                GmpForkMessage  *message,
                GError         **error)
{
  if (!gmp_fork_message_receive (self->fd, FALSE, message, error))
    return FALSE;
  if (message->kind != GMP_FORK_REFUSED)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "it refused: %s", message->text);
  gmp_fork_message_clear (message);
  return FALSE;
}

/* Any other descriptor might never report the end of the process. */
static gboolean
is_pidfd (int fd)
{
  return gmp_pidfd_send_signal (fd, 0, NULL, 0) == 0 || errno != EBADF;
}

typedef struct {
  GmpForkLauncher *launcher;
  int pid;
} Watched;

static void
watched_free (gpointer data)
{
  Watched *watched = data;

  g_object_unref (watched->launcher);
  g_free (watched);
}

/* A process has ended. The server, if there is one, will report its status. */
static gboolean
ended_cb (int          fd G_GNUC_UNUSED,
          GIOCondition condition G_GNUC_UNUSED,
          gpointer     user_data)
{
  Watched *watched = user_data;
  GmpForkLauncher *self = watched->launcher;
  Fork *fork;

  gmp_reaper_enter ();
  g_mutex_lock (&self->lock);
  fork = g_hash_table_lookup (self->forks, GINT_TO_POINTER (watched->pid));
  if (fork != NULL && self->fd == -1)
    {
      lose_process (fork->process);
      g_hash_table_remove (self->forks, GINT_TO_POINTER (watched->pid));
      gmp_reaper_adopt (watched->pid);
    }
  else if (fork != NULL)
    {
      fork->has_ended = TRUE;
      if (self->n_ended++ == 0 && self->pending.length == 0)
        limit_locked (self);
    }
  g_mutex_unlock (&self->lock);
  gmp_reaper_leave ();
  return G_SOURCE_REMOVE;
}

static Fork *
fork_new (GmpForkLauncher  *self,
          GmpForkedProcess *process,
          int               pid,
          int               pidfd)
{
  Fork *fork = g_new0 (Fork, 1);
  Watched *watched = g_new (Watched, 1);

  *watched = (Watched) { g_object_ref (self), pid };
  fork->process = GMP_PROCESS (process);
  fork->watch = g_unix_fd_source_new (pidfd, G_IO_IN);
  g_source_set_callback (fork->watch, G_SOURCE_FUNC (ended_cb), watched, watched_free);
  gmp_forked_process_begin (process, pid, pidfd);
  gmp_reaper_attach (fork->watch);
  return fork;
}

/* The code that the server has loaded can write to its socket. Only an answer, or the end of a
 * process that has not ended yet, is accepted. */

static gboolean
take_forked_locked (GmpForkLauncher *self,
                    GmpForkMessage  *message)
{
  gpointer pid = GINT_TO_POINTER (message->number);

  if (self->pending.length == self->unsent.length || message->number <= 0 ||
      message->n_handles != 1 || !is_pidfd (message->handles[0]) ||
      g_hash_table_contains (self->forks, pid))
    return FALSE;
  self->has_forked = TRUE;
  message->n_handles = 0;
  gmp_room_promise (-1);
  g_hash_table_insert (self->forks, pid, fork_new (self, g_queue_pop_head (&self->pending),
                                                   message->number, message->handles[0]));
  return TRUE;
}

static gboolean
take_ended_locked (GmpForkLauncher *self,
                   GmpForkMessage  *message)
{
  Fork *fork = g_hash_table_lookup (self->forks, GINT_TO_POINTER (message->number));
  g_autoptr (GmpProcess) process = NULL;
  int wait_status;
  guint64 kib, microseconds;

  if (fork == NULL ||
      sscanf (message->text, "%d %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &wait_status, &kib,
              &microseconds) != 3)
    return FALSE;
  process = g_object_ref (fork->process);
  self->n_ended -= fork->has_ended ? 1 : 0;
  g_hash_table_remove (self->forks, GINT_TO_POINTER (message->number));
  gmp_reaper_adopt (message->number);
  /* Before that is reported, so that a caller that waits for all processes finds the server among
   * them. */
  end_if_idle_locked (self);
  gmp_process_set_ended (process, wait_status,
                         (GmpProcessUsage) { kib * 1024, microseconds / 1e6, FALSE });
  return TRUE;
}

static void
set_nonsense (GmpForkMessage *message,
              GError        **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "unexpected message from the fork server: message %u, number %d, %u descriptors, "
               "'%.100s'",
               message->kind, message->number, message->n_handles, message->text);
}

/* If the socket has no room, the server has requests to answer, and each answer makes room. %FALSE
 * if the server can no longer be asked. */
static gboolean
send_locked (GmpForkLauncher *self,
             GError         **error)
{
  GError *local = NULL;
  GmpForkMessage *question;

  while ((question = g_queue_peek_head (&self->unsent)) != NULL &&
         gmp_fork_message_send (self->fd, question, &local))
    question_free (g_queue_pop_head (&self->unsent));
  if (local == NULL)
    return TRUE;
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_error_free (local);
      return TRUE;
    }
  g_propagate_error (error, local);
  return FALSE;
}

/* Takes the next message; %FALSE if there is none. A server that refuses or fails once is not used
 * again. */
static gboolean
take_message_locked (GmpForkLauncher *self)
{
  g_autoptr (GError) error = NULL;
  GmpForkMessage message = { 0 };

  if (receive_locked (self, &message, &error) &&
      !(message.kind == GMP_FORK_FORKED && take_forked_locked (self, &message)) &&
      !(message.kind == GMP_FORK_ENDED && take_ended_locked (self, &message)))
    set_nonsense (&message, &error);
  gmp_fork_message_clear (&message);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return FALSE;
  if (error != NULL)
    lose_locked (self, error);
  if (self->fd == -1)
    return FALSE;
  /* What it had sent before it died counts. After that, its loss is noticed. */
  if (!send_locked (self, NULL))
    shutdown (self->fd, SHUT_RDWR);
  limit_locked (self);
  return self->fd != -1;
}

typedef struct {
  GSource source;
  GmpForkLauncher *launcher;
} Conversation;

/* It may be late because this process, and perhaps the server, did not run. */
static void
check_limit_locked (GmpForkLauncher *self)
{
  g_autoptr (GError) error = NULL;
  gint64 end_time = g_source_get_ready_time (self->source);
  gint64 late = end_time == -1 ? -1 : g_source_get_time (self->source) - end_time;

  if (late < 0)
    return;
  if (late > END_LIMIT * G_TIME_SPAN_MILLISECOND)
    {
      limit_locked (self);
      return;
    }
  gmp_process_send_signal (self->server, SIGKILL);
  g_set_error (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "it did not answer");
  lose_locked (self, error);
}

static gboolean
conversation_dispatch (GSource    *source,
                       GSourceFunc callback G_GNUC_UNUSED,
                       gpointer    user_data G_GNUC_UNUSED)
{
  GmpForkLauncher *self = ((Conversation *) source)->launcher;

  gmp_reaper_enter ();
  g_mutex_lock (&self->lock);
  if (self->fd != -1)
    {
      while (take_message_locked (self))
        ;
      if (self->fd != -1)
        check_limit_locked (self);
    }
  g_mutex_unlock (&self->lock);
  gmp_reaper_leave ();
  return G_SOURCE_CONTINUE;
}

static void
conversation_finalize (GSource *source)
{
  g_object_unref (((Conversation *) source)->launcher);
}

static GSourceFuncs conversation_funcs = {
  .dispatch = conversation_dispatch,
  .finalize = conversation_finalize,
};

static void
converse_locked (GmpForkLauncher *self)
{
  self->source = g_source_new (&conversation_funcs, sizeof (Conversation));
  ((Conversation *) self->source)->launcher = g_object_ref (self);
  g_source_add_unix_fd (self->source, self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  gmp_reaper_attach (self->source);
}

/* Requests to the server. */

static GmpForkMessage *
question_new (const GmpLaunch *launch)
{
  GmpForkMessage *question = g_new (GmpForkMessage, 1);
  const char *folder = launch->working_directory != NULL ? launch->working_directory : ".";

  *question = (GmpForkMessage) {
    .kind = GMP_FORK_FORK,
    .number = launch->is_ahead ? GMP_FORK_AHEAD : 0,
    .n_handles = GMP_FORK_N_HANDLES,
    .handles = {
      [GMP_FORK_HANDLE_CONTROL] = launch->control_fd,
      [GMP_FORK_HANDLE_STDOUT] = launch->stdout_fd != -1 ? launch->stdout_fd
                                 : fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 0),
      [GMP_FORK_HANDLE_STDERR] = launch->stderr_fd != -1 ? launch->stderr_fd
                                 : fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 0),
      [GMP_FORK_HANDLE_FOLDER] = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
    },
  };
  question->text = gmp_environment_get_fleeting (launch->environment, &question->length);
  return question;
}

static gboolean
is_whole (const GmpForkMessage *question)
{
  for (guint i = 0; i < question->n_handles; i++)
    if (question->handles[i] == -1)
      return FALSE;
  return TRUE;
}

/* Command and environment must be those that the server was started with, fleeting variables
 * excepted. */
static GmpProcess *
gmp_fork_launcher_real_launch (GmpLauncher     *launcher,
                               const GmpLaunch *launch,
                               GError         **error)
{
  GmpForkLauncher *self = GMP_FORK_LAUNCHER (launcher);
  GmpForkMessage *question = question_new (launch);
  g_autoptr (GmpProcess) process = NULL;
  gboolean was_asked;

  if (!is_whole (question))
    {
      question_free (question);
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "it cannot be forked: %s",
                   g_strerror (errno));
      return NULL;
    }
  process = GMP_PROCESS (gmp_forked_process_new ());
  g_mutex_lock (&self->lock);
  if (self->fd != -1)
    {
      g_queue_push_tail (&self->unsent, g_steal_pointer (&question));
      g_queue_push_tail (&self->pending, g_object_ref (process));
      gmp_room_promise (1);
      if (self->pending.length == 1 && self->n_ended == 0)
        limit_locked (self);
      /* The reaper's thread then loses the server. Here this would call the waiting callers back,
       * and the caller of this function has a lock that they take. */
      if (!send_locked (self, NULL))
        shutdown (self->fd, SHUT_RDWR);
    }
  was_asked = self->fd != -1;
  g_mutex_unlock (&self->lock);
  if (question != NULL)
    question_free (question);
  if (was_asked)
    return g_steal_pointer (&process);
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "The fork server has died");
  return NULL;
}

static void
gmp_fork_launcher_finalize (GObject *object)
{
  GmpForkLauncher *self = GMP_FORK_LAUNCHER (object);

  close_if_open (&self->fd);
  close_if_open (&self->output_fd);
  g_clear_object (&self->server);
  g_free (self->loss);
  g_hash_table_unref (self->forks);
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
  self->forks = g_hash_table_new_full (NULL, NULL, NULL, fork_free);
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
  self->server = gmp_subprocess_can_launch (&server) ? gmp_subprocess_launch (&server, error)
                                                     : gmp_launcher_launch (plain, &server, error);
  return self->server != NULL;
}

/* Starts a server with the command and environment of @launch, which loads @what, a floating
 * GVariant. It is a GSubprocess or, if that is impossible, @plain starts it. It is usable when
 * gmp_fork_launcher_get_ready() returns %TRUE. */
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

  if (!start_server (self, plain, launch, error))
    return NULL;
  if (gmp_fork_message_send (self->fd, &load, error))
    return g_steal_pointer (&self);
  gmp_fork_launcher_retire (g_steal_pointer (&self));
  return NULL;
}

/* Takes ownership of @self, and does not wait: its server ends when all that it has forked has. */
void
gmp_fork_launcher_retire (GmpForkLauncher *self)
{
  g_mutex_lock (&self->lock);
  self->is_retired = TRUE;
  limit_locked (self);
  end_if_idle_locked (self);
  g_mutex_unlock (&self->lock);
  g_object_unref (self);
}

/* Readable when gmp_fork_launcher_get_ready() does not block. */
int
gmp_fork_launcher_get_fd (GmpForkLauncher *self)
{
  return self->fd;
}

/* Call it once. With %FALSE the server is unusable. @slow (nullable), which is the caller's: the
 * modules that take each worker long to load. */
gboolean
gmp_fork_launcher_get_ready (GmpForkLauncher *self,
                             char           **slow,
                             GError         **error)
{
  GmpForkMessage answer = { 0 };
  GError *local = NULL;

  g_mutex_lock (&self->lock);
  if (receive_locked (self, &answer, &local) && answer.kind != GMP_FORK_READY)
    set_nonsense (&answer, &local);
  if (local != NULL)
    lose_locked (self, local);
  else
    converse_locked (self);
  if (local == NULL && answer.length > 0)
    *slow = g_utf8_make_valid (answer.text, (gssize) answer.length);
  gmp_fork_message_clear (&answer);
  g_mutex_unlock (&self->lock);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

/* TRUE if no more can be launched. Then @reason, which is the caller's, may be set. */
gboolean
gmp_fork_launcher_is_lost (GmpForkLauncher *self,
                           char           **reason)
{
  gboolean is_lost;

  g_mutex_lock (&self->lock);
  is_lost = self->fd == -1;
  *reason = is_lost ? g_strdup (self->loss) : NULL;
  g_mutex_unlock (&self->lock);
  return is_lost;
}

/* TRUE if it has forked anything. */
gboolean
gmp_fork_launcher_has_forked (GmpForkLauncher *self)
{
  gboolean has_forked;

  g_mutex_lock (&self->lock);
  has_forked = self->has_forked;
  g_mutex_unlock (&self->lock);
  return has_forked;
}
