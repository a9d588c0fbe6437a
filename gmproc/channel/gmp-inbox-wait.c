/* gmp-inbox-wait.c: a thread's way to wait for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-inbox-struct-private.h"

#include "base/gmp-signals-private.h"
#include "base/gmp-time-limit-private.h"

#include <string.h>
#include <sys/epoll.h>

/* The longest wait of gmp_inbox_take() in seconds; 0 for no limit. Time in which this process, or
 * the process @application, was stopped does not count here, but it does for a deadline, which has
 * precedence. */
void
gmp_inbox_set_timeout (GmpInbox *self,
                       double    seconds,
                       int       application)
{
  self->timeout = (gint64) (MIN (seconds, G_MAXINT) * G_USEC_PER_SEC + 0.5);
  self->application = application;
}

double
gmp_inbox_get_timeout (GmpInbox *self)
{
  return self->timeout / (double) G_USEC_PER_SEC;
}

/* When gmp_inbox_take() returns at the latest, in monotonic time; -1 for no limit. */
void
gmp_inbox_set_deadline (GmpInbox *self,
                        gint64    deadline)
{
  self->deadline = deadline;
}

/* Wakes the waiting thread to check again. Called in any thread. */
void
gmp_inbox_ring (GmpInbox *self)
{
  gmp_doorbell_ring (self->doorbell);
}

static void
stop_cb (GCancellable *stop G_GNUC_UNUSED,
         gpointer      doorbell)
{
  gmp_doorbell_ring (doorbell);
}

/* FALSE for a process that this one does not see. */
static gboolean
is_stopped (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  const char *name_end;

  if (pid <= 0 || !g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  name_end = strrchr (text, ')');
  return name_end != NULL && (g_str_has_prefix (name_end, ") T") ||
                              g_str_has_prefix (name_end, ") t"));
}

static void
listen_to_signals (GmpInbox *self,
                   int       fd)
{
  if (self->signal_fd != -1)
    gmp_doorbell_forget (self->doorbell, self->signal_fd);
  self->signal_fd = fd;
  if (fd != -1)
    gmp_doorbell_listen (self->doorbell, fd, EPOLLIN, &self->signal_bell);
  /* A message may have arrived before this. */
  self->signal_bell.has_rung = fd != -1;
}

/* Call it before this thread waits: sets the cancellable that ends gmp_inbox_take() and
 * gmp_inbox_flush(), from any thread; %NULL after waiting. */
void
gmp_inbox_set_stop (GmpInbox     *self,
                    GCancellable *stop)
{
  listen_to_signals (self, stop != NULL ? gmp_signals_get_fd () : -1);
  if (self->stop != NULL)
    g_cancellable_disconnect (self->stop, self->stop_handler);
  g_set_object (&self->stop, stop);
  if (stop != NULL)
    self->stop_handler = g_cancellable_connect (stop, G_CALLBACK (stop_cb),
                                                gmp_doorbell_ref (self->doorbell),
                                                (GDestroyNotify) gmp_doorbell_unref);
}

/* In milliseconds, rounded up; -1 for no limit. */
static int
time_until (gint64 deadline)
{
  gint64 left;

  if (deadline == -1)
    return -1;
  left = deadline - g_get_monotonic_time ();
  return (int) CLAMP ((left + 999) / 1000, 0, G_MAXINT);
}

static gboolean
wait_until (GmpInbox *self,
            gint64    deadline)
{
  int left = time_until (deadline);

  if (left != -1 && left <= GMP_INBOX_SILENCE)
    return gmp_doorbell_wait (self->doorbell, left);
  if (gmp_doorbell_wait (self->doorbell, GMP_INBOX_SILENCE))
    return TRUE;
  gmp_inbox_trim (self);
  return gmp_doorbell_wait (self->doorbell, time_until (deadline));
}

/* %FALSE if @deadline, in monotonic time or -1, was reached first. */
static gboolean
sleep_until_rung (GmpInbox *self,
                  gint64    deadline)
{
  gboolean result = TRUE;

  if (!gmp_inbox_begin_sleep (self))
    {
      gint64 begin = g_get_monotonic_time ();

      result = wait_until (self, deadline);
      gmp_spin_slept (&self->spin, g_get_monotonic_time () - begin);
    }
  gmp_inbox_end_sleep (self);
  return result;
}

static void
begin_to_spin (GmpInbox *self)
{
  Slot *slot = self->open->len == 1 ? gmp_inbox_slot_at (self->open, 0) : NULL;
  gboolean has_peer = slot != NULL && slot->channel != NULL;
  /* The only peer was asleep when something was sent to it. */
  gboolean has_woken = has_peer && slot->channel->has_woken;

  if (has_woken)
    slot->channel->has_woken = FALSE;
  gmp_spin_set_gathers (&self->spin, self->gathers || (has_peer && slot->channel->peer_gathers));
  gmp_spin_begin (&self->spin, has_woken, has_peer && !has_woken);
}

static gboolean
handle_signals (GmpInbox *self,
                GError  **error)
{
  if (G_LIKELY (!self->signal_bell.has_rung))
    return TRUE;
  self->signal_bell.has_rung = FALSE;
  return gmp_signals_handle (error);
}

/* As gmp_inbox_try_take(), but polls for as long as polling has recently paid. A caller that then
 * sleeps in another way than gmp_inbox_take() calls gmp_inbox_slept(). */
GmpInboxStatus
gmp_inbox_look (GmpInbox *self,
                GmpMail  *mail)
{
  GmpInboxStatus status;

  begin_to_spin (self);
  do
    status = gmp_inbox_try_take (self, mail);
  while (status == GMP_INBOX_EMPTY && gmp_spin_turn (&self->spin));
  if (status != GMP_INBOX_EMPTY)
    gmp_spin_found (&self->spin);
  return status;
}

/* For this number of microseconds. */
void
gmp_inbox_slept (GmpInbox *self,
                 gint64    duration)
{
  gmp_spin_slept (&self->spin, duration);
}

static gboolean
has_timed_out (GmpInbox     *self,
               GmpTimeLimit *limit)
{
  gint64 now = g_get_monotonic_time ();

  if (self->deadline != -1)
    return TRUE;
  if (!is_stopped (self->application))
    return !gmp_time_limit_continues (limit, now);
  gmp_time_limit_repeat (limit, now);
  return FALSE;
}

/* Waits for the next message. Polls for it first if polling has recently paid. */
GmpInboxStatus
gmp_inbox_take (GmpInbox *self,
                GmpMail  *mail)
{
  GmpTimeLimit limit = { .end = -1 };

  if (self->timeout > 0)
    gmp_time_limit_begin (&limit, self->timeout, g_get_monotonic_time ());
  begin_to_spin (self);
  while (!g_cancellable_is_cancelled (self->stop) && !gmp_inbox_is_inherited (self))
    {
      GmpInboxStatus status;

      if (!handle_signals (self, &mail->error))
        return GMP_INBOX_INTERRUPTED;
      status = gmp_inbox_try_take (self, mail);
      if (status != GMP_INBOX_EMPTY)
        {
          gmp_spin_found (&self->spin);
          return status;
        }
      if (gmp_spin_turn (&self->spin) ||
          sleep_until_rung (self, self->deadline != -1 ? self->deadline : limit.end))
        continue;
      if (!gmp_doorbell_check (self->doorbell, &mail->error))
        return GMP_INBOX_INTERRUPTED;
      if (has_timed_out (self, &limit))
        {
          status = gmp_inbox_try_take (self, mail);
          return status != GMP_INBOX_EMPTY ? status : GMP_INBOX_TIMED_OUT;
        }
      /* The steps are shorter than the silence after which memory is returned. */
      if (gmp_time_limit_get_elapsed (&limit) >= GMP_INBOX_SILENCE * 1000)
        gmp_inbox_trim (self);
    }
  return GMP_INBOX_STOPPED;
}

/* Waits until everything that was sent has room at the other ends, they have ended, or it is asked
 * to stop. Messages that arrive meanwhile are not read. %FALSE if a signal handler failed, or this
 * process cannot wait. */
gboolean
gmp_inbox_flush (GmpInbox *self,
                 GError  **error)
{
  while (gmp_inbox_has_unsent (self) && !g_cancellable_is_cancelled (self->stop))
    {
      g_auto (GmpMail) mail = { 0, };

      if (gmp_inbox_try_take (self, &mail) == GMP_INBOX_EMPTY &&
          gmp_inbox_has_unsent (self))
        sleep_until_rung (self, -1);
      if (!handle_signals (self, error) || !gmp_doorbell_check (self->doorbell, error))
        return FALSE;
    }
  return TRUE;
}
