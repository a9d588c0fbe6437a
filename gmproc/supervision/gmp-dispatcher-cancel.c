/* gmp-dispatcher-cancel.c: calls that are cancelled, and workers that are killed with theirs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-dispatcher-core-private.h"

/* Functions are called with the lock held unless their comment differs. */

GError *
gmp_dispatcher_make_cancelled (GmpPoolCall *call)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                   "it was cancelled");

  return gmp_pool_call_blame (call, reason);
}

/* Removes a waiting call from the queue, or ends the worker that executes it. The call is done at
 * once, while the worker may take time to end. */
static void
cancel (GmpDispatcher *self,
        GmpPoolCall   *call)
{
  GmpPoolWorker *worker = call->worker;

  if (call->state == GMP_POOL_CALL_WAITING)
    {
      g_queue_unlink (&self->queue, &call->link);
      gmp_dispatcher_finish (self, call, gmp_dispatcher_make_cancelled (call));
      return;
    }
  if (worker->end_reason == NULL)
    worker->end_reason = gmp_dispatcher_make_cancelled (call);
  if (g_queue_peek_head (&worker->sent) == call)
    {
      gmp_pool_worker_drop_first (worker);
      gmp_dispatcher_finish (self, gmp_pool_call_ref (call), gmp_dispatcher_make_cancelled (call));
    }
  gmp_dispatcher_kick (self);
}

/* Called without the lock. Returns TRUE if this has ended the call, FALSE if it was done. */
gboolean
gmp_dispatcher_cancel (GmpDispatcher *self,
                       GmpPoolCall   *call)
{
  GmpPoolWorker *worker;
  gboolean result;

  g_mutex_lock (&self->lock);
  worker = call->state == GMP_POOL_CALL_SENT ? call->worker : NULL;
  if (worker != NULL)
    {
      /* Calls that the worker has not begun then wait again, and answered ones are done. */
      gmp_pool_worker_withdraw (worker, &self->queue);
      gmp_dispatcher_collect_from (self, worker);
    }
  result = call->state == GMP_POOL_CALL_WAITING || call->state == GMP_POOL_CALL_SENT;
  if (result)
    cancel (self, call);
  gmp_dispatcher_assign (self);
  gmp_dispatcher_unlock (self, result ? call : NULL);
  return result;
}

/* Called without the lock, in any thread, also while holding locks that the notified caller may
 * wait for: the dispatcher's thread does the work. */
void
gmp_dispatcher_cancel_later (GmpDispatcher *self,
                             GmpPoolCall   *call)
{
  g_mutex_lock (&self->lock);
  call->is_unwanted = TRUE;
  g_ptr_array_add (self->unwanted, gmp_pool_call_ref (call));
  gmp_dispatcher_kick (self);
  g_mutex_unlock (&self->lock);
}

/* The number of queued calls that wait for starting workers, not for other calls. */
static guint
count_next (GmpDispatcher *self)
{
  guint n_busy = 0;

  for (guint i = 0; i < self->workers->len; i++)
    n_busy += gmp_pool_worker_is_busy (self->workers->pdata[i]) ? 1 : 0;
  return gmp_dispatcher_get_limit (self) - MIN (n_busy, gmp_dispatcher_get_limit (self));
}

/* Cancels the calls that wait, but for the first @n_kept. */
static void
cancel_queue (GmpDispatcher *self,
              guint          n_kept)
{
  while (self->queue.length > n_kept)
    {
      GmpPoolCall *call = g_queue_pop_tail_link (&self->queue)->data;

      gmp_dispatcher_finish (self, call, gmp_dispatcher_make_cancelled (call));
    }
}

static void
withdraw_all (GmpDispatcher *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    gmp_pool_worker_withdraw (self->workers->pdata[i], &self->queue);
}

/* Called without the lock. Cancels all calls that wait in the queue. */
void
gmp_dispatcher_cancel_waiting (GmpDispatcher *self)
{
  g_mutex_lock (&self->lock);
  withdraw_all (self);
  cancel_queue (self, count_next (self));
  /* Calls that are kept may have come from a worker that had not begun them, and is idle now. */
  gmp_dispatcher_assign (self);
  gmp_dispatcher_unlock (self, NULL);
}

/* Called without the lock. Ends all workers. The calls that they execute fail, and those that wait
 * are cancelled, also those that wait for a worker that is being started. */
void
gmp_dispatcher_kill (GmpDispatcher    *self,
                     GmpDispatcherKill how)
{
  g_mutex_lock (&self->lock);
  self->kill = MAX (self->kill, how);
  withdraw_all (self);
  cancel_queue (self, 0);
  gmp_dispatcher_kick (self);
  gmp_dispatcher_unlock (self, NULL);
}
