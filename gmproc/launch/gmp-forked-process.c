/* gmp-forked-process.c: a process that a fork server forks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-forked-process-private.h"

#include "base/gmp-pidfd-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* A requested process that may not exist yet; nothing waits for that. A signal that is sent too
 * early is delivered when it exists. */
struct _GmpForkedProcess
{
  GmpProcess parent_instance;

  GMutex lock; /* of what follows */
  int pid;     /* 0: not known yet, or it was never created */
  int pidfd;
  int signum;  /* 0: no early signal */
};

G_DEFINE_FINAL_TYPE (GmpForkedProcess, gmp_forked_process, GMP_TYPE_PROCESS)

static int
gmp_forked_process_get_pid (GmpProcess *process)
{
  GmpForkedProcess *self = GMP_FORKED_PROCESS (process);
  int pid;

  g_mutex_lock (&self->lock);
  pid = self->pid;
  g_mutex_unlock (&self->lock);
  return pid;
}

static gboolean
has_ended (GmpForkedProcess *self)
{
  struct pollfd place = { .fd = self->pidfd, .events = POLLIN };

  return poll (&place, 1, 0) != 0;
}

static void
send_locked (GmpForkedProcess *self,
             int               signum)
{
  if (gmp_pidfd_send_signal (self->pidfd, signum, NULL, 0) == 0 || errno == ESRCH)
    return;
  /* The call is forbidden. The number belongs to this process until its server has waited for
   * it. */
  if (!has_ended (self))
    kill (self->pid, signum);
}

static void
gmp_forked_process_send_signal (GmpProcess *process,
                                int         signum)
{
  GmpForkedProcess *self = GMP_FORKED_PROCESS (process);

  g_mutex_lock (&self->lock);
  if (self->pid != 0)
    send_locked (self, signum);
  else if (self->signum != SIGKILL)
    self->signum = signum;
  g_mutex_unlock (&self->lock);
}

static void
gmp_forked_process_finalize (GObject *object)
{
  GmpForkedProcess *self = GMP_FORKED_PROCESS (object);

  if (self->pidfd != -1)
    close (self->pidfd);
  /* See gmp-process.c. */
  if (!gmp_process_is_foreign (GMP_PROCESS (self)))
    g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gmp_forked_process_parent_class)->finalize (object);
}

static void
gmp_forked_process_class_init (GmpForkedProcessClass *klass)
{
  GmpProcessClass *process_class = GMP_PROCESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_forked_process_finalize;
  process_class->get_pid = gmp_forked_process_get_pid;
  process_class->send_signal = gmp_forked_process_send_signal;
}

static void
gmp_forked_process_init (GmpForkedProcess *self)
{
  g_mutex_init (&self->lock);
  self->pidfd = -1;
}

GmpForkedProcess *
gmp_forked_process_new (void)
{
  return g_object_new (GMP_TYPE_FORKED_PROCESS, NULL);
}

/* Its server has forked it. Takes ownership of @pidfd. */
void
gmp_forked_process_begin (GmpForkedProcess *self,
                          int               pid,
                          int               pidfd)
{
  g_mutex_lock (&self->lock);
  self->pid = pid;
  self->pidfd = pidfd;
  if (self->signum != 0)
    send_locked (self, self->signum);
  g_mutex_unlock (&self->lock);
}
