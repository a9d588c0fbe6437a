/* gmp-dispatcher-answers.c: how answers of a pool's workers are awaited
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-dispatcher-core-private.h"

/* Functions are called with the lock held unless their comment differs. */

/* Takes all answers that have arrived, and sends more calls. */
void
gmp_dispatcher_collect (GmpDispatcher *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    gmp_dispatcher_collect_from (self, self->workers->pdata[i]);
  gmp_dispatcher_assign (self);
}

/* Makes the workers ring for their answers; %TRUE if there are some already. */
gboolean
gmp_dispatcher_begin_sleep (GmpDispatcher *self)
{
  gboolean has_news = FALSE;

  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (!worker->is_closed)
        has_news |= gmp_channel_sleep (worker->channel);
    }
  return has_news;
}

void
gmp_dispatcher_end_sleep (GmpDispatcher *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (!worker->is_closed)
        gmp_channel_wake (worker->channel);
    }
}

/* TRUE if a worker executes a call. */
static gboolean
is_executing (GmpDispatcher *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    if (((GmpPoolWorker *) self->workers->pdata[i])->sent.length > 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_found (GmpDispatcher *self,
          GmpPoolCall   *call)
{
  return call != NULL ? call->state == GMP_POOL_CALL_DONE : self->finished.length > 0;
}

/* Takes answers until @call is done, or until there is any if @call is %NULL, as long as polling
 * pays. Returns TRUE if it was found. */
static gboolean
look_for_answer (GmpDispatcher *self,
                 GmpPoolCall   *call)
{
  gboolean has_woken = call != NULL && call->worker != NULL && call->worker->channel->has_woken;
  gboolean result;

  self->has_spinner = TRUE;
  gmp_dispatcher_end_sleep (self);
  gmp_spin_begin (&self->spin, has_woken, call != NULL && !has_woken);
  do
    {
      gmp_dispatcher_collect (self);
      if (is_found (self, call))
        break;
      gmp_dispatcher_report (self);
      if (!gmp_spin_turn (&self->spin))
        {
          g_mutex_lock (&self->lock);
          break;
        }
      g_mutex_lock (&self->lock);
    }
  while (TRUE);
  result = is_found (self, call);
  if (result)
    gmp_spin_found (&self->spin);
  self->has_spinner = FALSE;
  /* From here on the thread, which slept meanwhile, reads the answers. */
  if (gmp_dispatcher_begin_sleep (self))
    gmp_doorbell_ring (self->doorbell);
  return result;
}

/* Called without the lock. Polls for the answer to a call that a worker has, as long as polling
 * pays. Returns TRUE if the call is done. */
gboolean
gmp_dispatcher_spin (GmpDispatcher *self,
                     GmpPoolCall   *call)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  if (call->state == GMP_POOL_CALL_SENT && !self->has_spinner)
    look_for_answer (self, call);
  result = call->state == GMP_POOL_CALL_DONE;
  gmp_dispatcher_report (self);
  return result;
}

/* Called without the lock, by a main loop that has returned calls and would sleep next. Takes the
 * answers that have arrived. If there are none, it polls for one as long as polling pays: otherwise
 * the worker wakes the dispatcher's thread, which wakes the loop, for each answer. */
void
gmp_dispatcher_look (GmpDispatcher *self)
{
  g_mutex_lock (&self->lock);
  gmp_dispatcher_collect (self);
  if (self->finished.length == 0 && !self->has_spinner && is_executing (self) &&
      !look_for_answer (self, NULL))
    self->vain_since = g_get_monotonic_time ();
  gmp_dispatcher_report (self);
}

/* Called without the lock. Has @call, which was reported to a caller that waits, reported again in
 * the dispatcher's thread. Takes ownership of the reference to it. Returns FALSE, and does nothing,
 * if the thread has ended. */
gboolean
gmp_dispatcher_leave (GmpDispatcher *self,
                      GmpPoolCall   *call)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  result = !self->has_ended;
  if (result)
    {
      call->is_left = TRUE;
      g_queue_push_tail_link (&self->left, &call->link);
      gmp_dispatcher_kick (self);
    }
  g_mutex_unlock (&self->lock);
  return result;
}

/* Takes the answers that have arrived while no caller polled for them. */
void
gmp_dispatcher_collect_late (GmpDispatcher *self)
{
  if (self->vain_since != 0 && !self->has_spinner)
    gmp_spin_slept (&self->spin, g_get_monotonic_time () - self->vain_since);
  self->vain_since = 0;
  gmp_dispatcher_collect (self);
}

/* Called without the lock. Waits until @call is done. */
void
gmp_dispatcher_wait (GmpDispatcher *self,
                     GmpPoolCall   *call)
{
  gint64 begin;

  if (gmp_dispatcher_spin (self, call))
    return;
  begin = g_get_monotonic_time ();
  g_mutex_lock (&self->lock);
  while (call->state != GMP_POOL_CALL_DONE)
    g_cond_wait (&call->done, &self->lock);
  if (!self->has_spinner)
    gmp_spin_slept (&self->spin, g_get_monotonic_time () - begin);
  gmp_dispatcher_report (self);
}
