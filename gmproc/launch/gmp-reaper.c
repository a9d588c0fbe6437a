/* gmp-reaper.c: notices the end of children, with the resources that they used
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-reaper-private.h"

#include "base/gmp-child-private.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-pidfd-private.h"
#include "base/gmp-thread-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* One thread waits for all cold workers: none stays a zombie, whether or not a main context runs,
 * and what a dead one has forked is killed. They are not GSubprocesses, because GLib discards their
 * peak memory, and reports an exit with status 0 where others have waited for a child. */

typedef struct {
  int pid;
  GmpReaped reaped;
  gpointer user_data;
} Child;

static gpointer
reaper_thread (gpointer user_data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (user_data, FALSE);

  g_main_context_push_thread_default (user_data);
  g_main_loop_run (loop);
  return NULL;
}

G_LOCK_DEFINE_STATIC (context);
static GMainContext *context; /* (nullable): NULL before its start */

/* Held by the thread while it reports an end or dispatches other sources, because it then takes
 * GLib's locks, and a child that was forked meanwhile would wait for them forever. */
G_LOCK_DEFINE_STATIC (reporting);
GMP_FORK_WAITS_FOR (reporting)

/* Another part of the program has waited for a child of the library's, or SIGCHLD is ignored. */
static int has_rival;

/* A forked child has neither the thread nor the children. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (context), 0, sizeof G_LOCK_NAME (context));
  context = NULL;
}

GMP_FORK_FORGETS (forget)

static gboolean
start_locked (GError **error)
{
  GMainContext *fresh = gmp_thread_context_new (error);

  if (fresh == NULL)
    return FALSE;
  if (!gmp_thread_start (NULL, "gmproc-reaper", reaper_thread, fresh, error))
    {
      g_main_context_unref (fresh);
      return FALSE;
    }
  context = fresh;
  return TRUE;
}

/* To be called before there is a child to watch: fails if no thread, or no context
 * for it, can be created. */
gboolean
gmp_reaper_begin (GError **error)
{
  gboolean result;

  G_LOCK (context);
  result = context != NULL || start_locked (error);
  G_UNLOCK (context);
  return result;
}

gboolean
gmp_reaper_has_rival (void)
{
  return g_atomic_int_get (&has_rival);
}

static gpointer
return_thread (gpointer unused)
{
  return unused;
}

/* TRUE if another thread can be created, for callers that need one. */
gboolean
gmp_reaper_try_thread (void)
{
  return gmp_thread_start (NULL, "gmproc-trial", return_thread, NULL, NULL);
}

/* Dispatches @source in the reaper's thread, which never blocks. */
void
gmp_reaper_attach (GSource *source)
{
  g_source_attach (source, context);
}

/* Call it around work of such a source that takes locks. */
void
gmp_reaper_enter (void)
{
  G_LOCK (reporting);
}

void
gmp_reaper_leave (void)
{
  G_UNLOCK (reporting);
}

static gpointer
adopt_thread (gpointer pid)
{
  siginfo_t info;

  while (waitid (P_PGID, (id_t) GPOINTER_TO_INT (pid), &info, WEXITED) == 0 || errno == EINTR)
    ;
  return NULL;
}

/* The worker @pid has ended and was waited for. In an application that is process 1 of a container,
 * or a subreaper, the processes that it has left in its group are now children of the application,
 * and nothing else waits for them. */
void
gmp_reaper_adopt (int pid)
{
  siginfo_t info = { 0, };

  if (pid > 0 && waitid (P_PGID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    gmp_thread_start (NULL, "gmproc-adopt", adopt_thread, GINT_TO_POINTER (pid), NULL);
}

static gboolean
ended_cb (int          fd G_GNUC_UNUSED,
          GIOCondition condition G_GNUC_UNUSED,
          gpointer     user_data)
{
  Child *child = user_data;
  struct rusage usage = { 0, };
  int status;

  gmp_reaper_enter ();
  if (!gmp_child_reap (child->pid, &status, &usage))
    {
      status = GMP_PROCESS_STATUS_UNKNOWN;
      g_atomic_int_set (&has_rival, TRUE);
    }
  gmp_reaper_adopt (child->pid);
  child->reaped (status, &usage, child->user_data);
  gmp_reaper_leave ();
  return G_SOURCE_REMOVE;
}

typedef struct {
  int pid;
  int fd;
} Stand;

/* The holder of the descriptor keeps it until the child was waited for, which is after this. */
static gpointer
stand_thread (gpointer user_data)
{
  g_autofree Stand *stand = user_data;
  siginfo_t info;

  while (waitid (P_PID, (id_t) stand->pid, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR)
    ;
  eventfd_write (stand->fd, 1);
  return NULL;
}

/* A descriptor that is readable only when the child @pid has ended: a pidfd or, without pidfds (in
 * valgrind and some sandboxes), an eventfd that a thread writes to. Returns -1 with errno. */
int
gmp_reaper_open (int pid)
{
  int fd = gmp_pidfd_open (pid, 0);
  Stand *stand;

  if (fd != -1 || errno != ENOSYS)
    return fd;
  fd = eventfd (0, EFD_CLOEXEC);
  if (fd == -1)
    return -1;
  stand = g_new (Stand, 1);
  *stand = (Stand) { pid, fd };
  if (gmp_thread_start (NULL, "gmproc-wait", stand_thread, stand, NULL))
    return fd;
  g_free (stand);
  close (fd);
  errno = EAGAIN;
  return -1;
}

/* @reaped is called when the child has ended and was waited for; @pidfd must be open until then. */
void
gmp_reaper_watch (int       pid,
                  int       pidfd,
                  GmpReaped reaped,
                  gpointer  user_data)
{
  g_autoptr (GSource) source = g_unix_fd_source_new (pidfd, G_IO_IN);
  Child *child = g_new (Child, 1);

  *child = (Child) { pid, reaped, user_data };
  g_source_set_callback (source, G_SOURCE_FUNC (ended_cb), child, g_free);
  g_source_attach (source, context);
}
