/* gmp-inbox-wait.c: a thread's way to wait for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-inbox-struct-private.h"

#include "base/gmp-signals-private.h"
#include "base/gmp-time-limit-private.h"

#include <sys/epoll.h>

/* How often the doorbell is looked at while there is no need to sleep: it also tells of processes
 * that are gone. */
#define LOOK_EVERY 256

/* How many seconds gmp_inbox_take() waits at most; 0 for no limit. Time in which this process was
 * stopped does not count, but it does for a deadline, which comes before this. */
void
gmp_inbox_set_timeout (GmpInbox *self,
                       double    seconds)
{
  self->timeout = (gint64) (MIN (seconds, G_MAXINT) * G_USEC_PER_SEC + 0.5);
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

static void
stop_cb (GCancellable *stop G_GNUC_UNUSED,
         gpointer      doorbell)
{
  gmp_doorbell_ring (doorbell);
}

static void
listen_to_signals (GmpInbox *self,
                   int       fd)
{
  if (self->signal_fd != -1)
    gmp_doorbell_forget (self->doorbell, self->signal_fd);
  self->signal_fd = fd;
  if (fd != -1)
    gmp_doorbell_listen (self->doorbell, fd, EPOLLIN, &self->has_signal);
  /* One may have come before this. */
  self->has_signal = fd != -1;
}

/* Before the thread that calls this waits: what ends gmp_inbox_take() and gmp_inbox_flush(), from
 * any thread; %NULL when it waits no more. */
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

/* In milliseconds, rounded up; -1 for ever. */
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

/* %FALSE where @deadline, in monotonic time or -1, has come first. */
static gboolean
sleep_until_rung (GmpInbox *self,
                  gint64    deadline)
{
  gboolean result = TRUE;

  if (!gmp_inbox_lie_down (self))
    {
      gint64 begin = g_get_monotonic_time ();

      result = wait_until (self, deadline);
      gmp_spin_slept (&self->spin, g_get_monotonic_time () - begin);
    }
  gmp_inbox_get_up (self);
  return result;
}

/* Whether the only peer was asleep when something was sent to it; told once. */
static gboolean
has_woken (GmpInbox *self)
{
  Slot *slot = self->open->len == 1 ? gmp_inbox_slot_at (self->open, 0) : NULL;
  gboolean result = slot != NULL && slot->channel != NULL && slot->channel->has_woken;

  if (result)
    slot->channel->has_woken = FALSE;
  return result;
}

static gboolean
handle_signals (GmpInbox *self,
                GError  **error)
{
  if (G_LIKELY (!self->has_signal))
    return TRUE;
  self->has_signal = FALSE;
  return gmp_signals_handle (error);
}

/* As gmp_inbox_try_take(), but looks for as long as that was worth it lately. Who then sleeps in
 * another way than gmp_inbox_take() tells gmp_inbox_slept(). */
GmpInboxStatus
gmp_inbox_look (GmpInbox *self,
                GmpMail  *mail)
{
  GmpInboxStatus status;

  gmp_spin_begin (&self->spin, has_woken (self));
  do
    status = gmp_inbox_try_take (self, mail);
  while (status == GMP_INBOX_EMPTY && gmp_spin_turn (&self->spin));
  if (status != GMP_INBOX_EMPTY)
    gmp_spin_found (&self->spin);
  return status;
}

/* For so many microseconds. */
void
gmp_inbox_slept (GmpInbox *self,
                 gint64    duration)
{
  gmp_spin_slept (&self->spin, duration);
}

/* Waits for the next message: looking for it first, where that was worth it lately. */
GmpInboxStatus
gmp_inbox_take (GmpInbox *self,
                GmpMail  *mail)
{
  GmpTimeLimit limit = { .end = -1 };

  if (self->timeout > 0)
    gmp_time_limit_begin (&limit, self->timeout, g_get_monotonic_time ());
  gmp_spin_begin (&self->spin, has_woken (self));
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
      /* A ring is told once, so after one the channels have to be looked at again. */
      if (++self->n_looks % LOOK_EVERY == 0 && gmp_doorbell_wait (self->doorbell, 0))
        continue;
      if (gmp_spin_turn (&self->spin) ||
          sleep_until_rung (self, self->deadline != -1 ? self->deadline : limit.end))
        continue;
      if (self->deadline != -1 || !gmp_time_limit_goes_on (&limit, g_get_monotonic_time ()))
        {
          status = gmp_inbox_try_take (self, mail);
          return status != GMP_INBOX_EMPTY ? status : GMP_INBOX_TIMED_OUT;
        }
      /* The steps are shorter than the silence after which memory is given back. */
      if (gmp_time_limit_get_elapsed (&limit) >= GMP_INBOX_SILENCE * 1000)
        gmp_inbox_trim (self);
    }
  return GMP_INBOX_STOPPED;
}

/* Waits until what was sent has room at the other ends, they are gone, or it is asked to stop. What
 * comes meanwhile is taken by nobody any more. %FALSE where the handler of a signal failed. */
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
      if (!handle_signals (self, error))
        return FALSE;
    }
  return TRUE;
}
