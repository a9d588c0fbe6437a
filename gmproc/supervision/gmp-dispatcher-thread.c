/* gmp-dispatcher-thread.c: the thread that looks after the workers of a pool
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-dispatcher-core-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-thread-private.h"

/* The microseconds that a worker may live after it has closed its channel. */
#define LOST_GRACE G_USEC_PER_SEC

/* Workers ring for their answers between prepare and check. */
typedef struct {
  GSource source;
  GmpDispatcher *dispatcher;
  gpointer tag; /* of the doorbell's descriptor */
} AnswersSource;

static gboolean
answers_prepare (GSource *source,
                 int     *limit)
{
  GmpDispatcher *self = ((AnswersSource *) source)->dispatcher;
  gboolean has_news;

  *limit = -1;
  g_mutex_lock (&self->lock);
  has_news = !self->has_spinner && gmp_dispatcher_begin_sleep (self);
  g_mutex_unlock (&self->lock);
  return has_news;
}

static gboolean
answers_check (GSource *source)
{
  AnswersSource *self = (AnswersSource *) source;

  return g_source_query_unix_fd (source, self->tag) != 0;
}

static gboolean
answers_dispatch (GSource    *source,
                  GSourceFunc callback G_GNUC_UNUSED,
                  gpointer    user_data G_GNUC_UNUSED)
{
  GmpDispatcher *self = ((AnswersSource *) source)->dispatcher;

  g_mutex_lock (&self->lock);
  gmp_doorbell_wait (self->doorbell, 0);
  gmp_dispatcher_end_sleep (self);
  gmp_dispatcher_collect_late (self);
  gmp_dispatcher_give (self);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs answers_funcs = {
  .prepare = answers_prepare, .check = answers_check, .dispatch = answers_dispatch,
};

static gboolean
control_dispatch (GSource    *source G_GNUC_UNUSED,
                  GSourceFunc callback,
                  gpointer    user_data)
{
  return callback (user_data);
}

static GSourceFuncs control_funcs = { .dispatch = control_dispatch };

/* The thread's work when it is kicked. */

/* Reports a worker that takes calls now to the owner. */
static void
report_started (GmpDispatcher *self,
                GmpPoolWorker *worker)
{
  guint number = worker->number;
  int pid = worker->pid;
  const char *node = g_intern_string (gmp_worker_proxy_get_node (worker->proxy));
  gpointer owner = self->owner;

  worker->is_reported = TRUE;
  self->n_start_failures = 0;
  self->lacks_room = FALSE;
  gmp_debug ("pool: worker %u, pid %d, takes calls", number, pid);
  gmp_dispatcher_report (self);
  if (owner != NULL)
    self->events->started (number, node, pid, owner);
  g_mutex_lock (&self->lock);
}

/* Makes the proxy end @worker early. */
static void
end_worker (GmpDispatcher *self,
            GmpPoolWorker *worker)
{
  g_autoptr (GmpWorkerProxy) proxy = g_object_ref (worker->proxy);
  GError *reason = g_error_copy (worker->end_reason);

  worker->is_ending = TRUE;
  gmp_pool_worker_withdraw (worker, &self->queue);
  gmp_dispatcher_report (self);
  gmp_worker_proxy_fail (proxy, reason);
  g_mutex_lock (&self->lock);
}

/* The lock is released meanwhile, so a worker may be freed after it. */
static void
report_and_end (GmpDispatcher *self)
{
  guint i = 0;

  while (i < self->workers->len)
    {
      GmpPoolWorker *worker = self->workers->pdata[i++];

      if (worker->is_ready && !worker->is_reported)
        report_started (self, worker);
      else if (worker->end_reason != NULL && !worker->is_ending)
        end_worker (self, worker);
      else
        continue;
      i = 0;
    }
}

/* Ends @worker if @call, which it executes, takes too long. Returns when to check again, or -1. */
static gint64
limit_call (GmpDispatcher *self,
            GmpPoolWorker *worker,
            GmpPoolCall   *call,
            gint64         now)
{
  double duration = MIN (call->run_timeout * G_USEC_PER_SEC, (double) (G_MAXINT64 / 4));

  if (call->run_timeout <= 0)
    return -1;
  if (worker->limit_since != worker->since)
    gmp_time_limit_begin (&worker->limit, (gint64) duration, worker->since);
  worker->limit_since = worker->since;
  if (now < worker->limit.end || gmp_time_limit_continues (&worker->limit, now))
    return worker->limit.end;
  /* It may have answered while this process was held up. */
  gmp_dispatcher_collect_from (self, worker);
  if (g_queue_peek_head (&worker->sent) != call)
    return now; /* The next call has a limit too. */
  if (worker->end_reason == NULL)
    worker->end_reason = g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                      "it had not returned within %g seconds (run-timeout)",
                                      call->run_timeout);
  return -1;
}

/* Retires @worker, which is idle, if it is not needed any more. Returns when to check again, or
 * -1. */
static gint64
limit_idleness (GmpDispatcher *self,
                GmpPoolWorker *worker,
                gint64         now)
{
  double limit = self->limits.idle_timeout;
  gint64 end = worker->since + (gint64) MIN (limit * G_USEC_PER_SEC, (double) (G_MAXINT64 / 4));
  gboolean is_over = limit > 0 && now >= end;

  if (is_over || worker->is_retiring || gmp_dispatcher_is_in_the_way (self, worker))
    {
      worker->is_retiring = TRUE;
      /* A closed channel is not looked after, so what waits for room would never be sent. */
      if (!gmp_channel_has_unsent (worker->channel))
        gmp_pool_worker_close (worker);
    }
  return limit > 0 && !is_over ? end : -1;
}

/* Ends @worker if its time is over. Returns when to check again, or -1. */
static gint64
look_after (GmpDispatcher *self,
            GmpPoolWorker *worker,
            gint64         now)
{
  GmpPoolCall *call = g_queue_peek_head (&worker->sent);

  if (worker->end_reason != NULL || !worker->is_ready)
    return -1;
  if (worker->lost_at != 0 && now < worker->lost_at + LOST_GRACE)
    return worker->lost_at + LOST_GRACE;
  if (worker->lost_at != 0)
    worker->end_reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                              "it closed its channel but kept running");
  if (worker->is_closed)
    return -1;
  if (call != NULL)
    return limit_call (self, worker, call, now);
  return worker->dropped == NULL ? limit_idleness (self, worker, now) : -1;
}

/* Withdraws calls behind a slow one. Otherwise they would wait for it: no other worker is started
 * while the queue is empty. Returns when to check again, or -1. */
static gint64
withdraw_stalled (GmpDispatcher *self,
                  GmpPoolWorker *worker,
                  gint64         now)
{
  gint64 stall = gmp_pool_worker_get_stall (worker);
  GmpPoolCall *first = g_queue_peek_head (&worker->sent);

  if (stall == -1 || now < stall)
    return stall;
  gmp_pool_worker_withdraw (worker, &self->queue);
  if (first->state == GMP_POOL_CALL_WAITING)
    first->n_stalls++;
  return -1;
}

/* Ends surplus workers, idle ones first. */
static void
retire_surplus (GmpDispatcher *self)
{
  guint limit = gmp_dispatcher_get_limit (self);
  guint n = 0;

  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      n += worker->is_retiring || worker->end_reason != NULL ? 0 : 1;
    }
  for (guint busy = 0; busy < 2; busy++)
    for (guint i = 0; i < self->workers->len && n > limit; i++)
      {
        GmpPoolWorker *worker = self->workers->pdata[i];

        if (worker->is_retiring || worker->end_reason != NULL ||
            gmp_pool_worker_is_busy (worker) != (gboolean) busy)
          continue;
        worker->is_retiring = TRUE;
        gmp_pool_worker_withdraw (worker, &self->queue);
        n--;
      }
}

static void
kill_workers (GmpDispatcher *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (self->kill == GMP_DISPATCHER_KILL_HARD)
        gmp_worker_proxy_kill (worker->proxy);
      if (worker->end_reason == NULL)
        worker->end_reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_CRASHED,
                                                  "it was killed with all workers of the pool");
    }
  self->kill = GMP_DISPATCHER_KILL_NOT;
}

static void
begin_closing (GmpDispatcher *self)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                   "the pool was closed");

  gmp_dispatcher_fail_queue (self, NULL, reason);
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      worker->is_retiring = TRUE;
      if ((gmp_pool_worker_is_busy (worker) || !worker->is_ready) && worker->end_reason == NULL)
        worker->end_reason = g_error_copy (reason);
    }
}

/* Called without the lock. Requests from here on kick the thread again; otherwise a call that is
 * cancelled during the rest would be forgotten. */
static void
cancel_unwanted (GmpDispatcher *self)
{
  g_autoptr (GPtrArray) unwanted = NULL;

  g_mutex_lock (&self->lock);
  self->is_kicked = FALSE;
  g_source_set_ready_time (self->control, -1);
  unwanted = self->unwanted;
  self->unwanted = g_ptr_array_new_with_free_func ((GDestroyNotify) gmp_pool_call_unref);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < unwanted->len; i++)
    gmp_dispatcher_cancel (self, unwanted->pdata[i]);
}

static gboolean
control_cb (gpointer user_data)
{
  GmpDispatcher *self = user_data;
  gint64 next = -1;

  cancel_unwanted (self);
  g_mutex_lock (&self->lock);
  if (self->kill != GMP_DISPATCHER_KILL_NOT)
    kill_workers (self);
  if (self->is_closing)
    begin_closing (self);
  retire_surplus (self);
  self->is_watching = FALSE;
  for (guint i = 0; i < self->workers->len; i++)
    {
      gint64 now = g_get_monotonic_time ();
      gint64 when = look_after (self, self->workers->pdata[i], now);
      gint64 stall = withdraw_stalled (self, self->workers->pdata[i], now);

      self->is_watching |= stall != -1;
      if (when != -1)
        next = next == -1 ? when : MIN (next, when);
      if (stall != -1)
        next = next == -1 ? stall : MIN (next, stall);
    }
  report_and_end (self);
  gmp_dispatcher_assign (self);
  if (gmp_dispatcher_wants_worker (self))
    gmp_dispatcher_start_worker (self);
  if (!self->is_kicked)
    g_source_set_ready_time (self->control, next);
  gmp_dispatcher_give (self);
  return G_SOURCE_CONTINUE;
}

static gpointer
run (gpointer user_data)
{
  GmpDispatcher *self = user_data;

  g_main_context_push_thread_default (self->context);
  while (!g_atomic_int_get (&self->is_closing) || self->workers->len > 0 || self->is_kicked)
    g_main_context_iteration (self->context, TRUE);
  g_source_destroy (self->answers);
  g_source_destroy (self->control);
  g_main_context_pop_thread_default (self->context);
  g_mutex_lock (&self->lock);
  self->has_ended = TRUE;
  g_cond_broadcast (&self->ended);
  g_mutex_unlock (&self->lock);
  gmp_dispatcher_unref (self);
  return NULL;
}

static GSource *
attach (GmpDispatcher *self,
        GSource       *source,
        const char    *name)
{
  g_source_set_name (source, name);
  g_source_attach (source, self->context);
  return source;
}

gboolean
gmp_dispatcher_start_thread (GmpDispatcher *self,
                             GError       **error)
{
  g_autoptr (GError) local = NULL;
  AnswersSource *answers;

  self->answers = g_source_new (&answers_funcs, sizeof (AnswersSource));
  answers = (AnswersSource *) self->answers;
  answers->dispatcher = self;
  answers->tag = g_source_add_unix_fd (self->answers, gmp_doorbell_get_fd (self->doorbell),
                                       G_IO_IN);
  attach (self, self->answers, "gmproc answers");
  self->control = g_source_new (&control_funcs, sizeof (GSource));
  g_source_set_callback (self->control, control_cb, self, NULL);
  attach (self, self->control, "gmproc pool");

  g_atomic_ref_count_inc (&self->ref_count);
  self->has_thread = gmp_thread_start (&self->thread, "gmproc-pool", run, self, &local);
  if (self->has_thread)
    return TRUE;
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH, local->message);
  g_atomic_ref_count_dec (&self->ref_count);
  return FALSE;
}

/* Called without the lock, by the owner, in any threads: cancels all calls and ends the workers.
 * When this returns they have ended, unless it is called in the dispatcher's own thread. */
void
gmp_dispatcher_close (GmpDispatcher *self)
{
  gboolean is_own;
  gboolean joins;

  if (gmp_dispatcher_is_inherited (self))
    return;
  is_own = pthread_equal (self->thread, pthread_self ());
  g_mutex_lock (&self->lock);
  g_atomic_int_set (&self->is_closing, TRUE);
  gmp_dispatcher_kick (self);
  gmp_dispatcher_unlock (self, NULL);
  g_mutex_lock (&self->lock);
  while (!is_own && !self->has_ended)
    g_cond_wait (&self->ended, &self->lock);
  joins = self->has_thread && !is_own;
  self->has_thread &= is_own;
  self->owner = NULL;
  g_mutex_unlock (&self->lock);
  if (joins)
    pthread_join (self->thread, NULL);
}
