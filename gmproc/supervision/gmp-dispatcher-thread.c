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
#include "base/gmp-target-private.h"
#include "base/gmp-thread-private.h"
#include "cluster/gmp-engine-private.h"
#include "launch/gmp-room-private.h"

/* The number of workers that may end before they begin a call, until the call fails. */
#define MAX_UNLUCKY 5

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

/* The end of a worker. */

/* Handles a call that a worker had begun when it ended with @error. */
static void
settle_begun (GmpDispatcher *self,
              GmpPoolWorker *worker,
              GmpPoolCall   *call,
              const GError  *error)
{
  call->report = worker->report != NULL ? g_variant_ref (worker->report) : NULL;
  if (call->retries > 0 && g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED) &&
      !self->is_closing)
    {
      call->retries--;
      gmp_pool_call_enqueue (call, &self->queue, TRUE);
    }
  else
    gmp_dispatcher_finish (self, call, gmp_pool_call_blame (call, error));
}

/* Fails the waiting calls: all, or those that @worker might have executed. */
static void
fail_queue (GmpDispatcher *self,
            GmpPoolWorker *worker,
            const GError  *error)
{
  GList *next;

  for (GList *link = self->queue.head; link != NULL; link = next)
    {
      GmpPoolCall *call = link->data;

      next = link->next;
      if (worker != NULL && !gmp_dispatcher_is_of_runtime (call, worker))
        continue;
      g_queue_unlink (&self->queue, link);
      if (worker != NULL && worker->report != NULL)
        call->report = g_variant_ref (worker->report);
      gmp_dispatcher_finish (self, call, gmp_pool_call_blame (call, error));
    }
}

/* @worker has ended before it took any call. If there are others of its runtime, they are used. */
static void
take_start_failure (GmpDispatcher *self,
                    GmpPoolWorker *worker,
                    const GError  *error)
{
  /* An error other than the process's death would occur the next time too. */
  gboolean is_chance = g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED);

  /* Or one that is starting may still get what this one was refused. */
  gboolean is_refused = g_error_matches (error, GMP_ERROR, GMP_ERROR_LAUNCH);

  self->n_start_failures++;
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *other = self->workers->pdata[i];

      if (!(other->is_ready || is_refused) || !g_str_equal (other->runtime, worker->runtime))
        continue;
      self->lacks_room = is_refused;
      return;
    }
  if (is_refused)
    gmp_process_cache_give_way (self->cache);
  if ((is_chance || (is_refused && !gmp_worker_proxy_was_refused (worker->proxy))) &&
      self->n_start_failures < GMP_DISPATCHER_MAX_START_FAILURES)
    return;
  self->n_start_failures = 0;
  fail_queue (self, worker, error);
}

/* Handles the calls of a worker that has ended: the first one fails with it, if it had begun; the
 * others go to other workers. */
static void
settle_calls (GmpDispatcher *self,
              GmpPoolWorker *worker,
              const GError  *error)
{
  GmpPoolCall *first = g_queue_peek_head (&worker->sent);
  GmpPoolCall *begun;

  gmp_pool_worker_withdraw (worker, &self->queue);
  g_clear_pointer (&worker->dropped, gmp_pool_call_unref);
  while ((begun = g_queue_peek_head (&worker->sent)) != NULL)
    {
      g_queue_unlink (&worker->sent, &begun->link);
      settle_begun (self, worker, begun, error);
    }
  if (first != NULL && first->state == GMP_POOL_CALL_WAITING &&
      ++first->n_unlucky >= MAX_UNLUCKY)
    {
      g_queue_unlink (&self->queue, &first->link);
      gmp_dispatcher_finish (self, first, gmp_pool_call_blame (first, error));
    }
}

static void
ended_cb (GmpWorkerProxy *proxy,
          gpointer        user_data)
{
  GmpPoolWorker *worker = user_data;
  GmpDispatcher *self = worker->dispatcher;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GError) error = NULL;
  gboolean was_asked;

  gmp_worker_proxy_take_result (proxy, &value, &failure);
  gmp_room_leave (FALSE);
  g_mutex_lock (&self->lock);
  was_asked = worker->is_closed && worker->is_retiring;
  error = failure != NULL ? g_error_copy (gmp_failure_get_error (failure))
                          : g_error_new (GMP_ERROR, GMP_ERROR_CRASHED,
                                         "Worker '%u' (pid %d) has left the pool", worker->number,
                                         worker->pid);
  /* Its answers up to then count. */
  gmp_dispatcher_collect_from (self, worker);
  g_ptr_array_remove (self->workers, worker);
  self->lacks_room = FALSE;
  settle_calls (self, worker, error);
  if (!worker->is_ready && !was_asked && worker->end_reason == NULL)
    take_start_failure (self, worker, error);
  gmp_pool_worker_free (worker);
  gmp_dispatcher_assign (self);
  gmp_dispatcher_kick (self);
  gmp_dispatcher_unlock (self);
}

/* The beginning of a worker. */

/* The id of a pool's worker is its number. */
static guint
get_number (const char *id)
{
  return (guint) g_ascii_strtoull (id, NULL, 10);
}

/* A worker's report is passed on and kept, because it may explain its failure. */
static void
progress_cb (const char *id,
             GVariant   *value,
             gpointer    user_data)
{
  GmpDispatcher *self = user_data;
  guint number = get_number (id);

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (worker->number != number)
        continue;
      g_clear_pointer (&worker->report, g_variant_unref);
      worker->report = value != NULL ? g_variant_ref (value) : NULL;
    }
  g_mutex_unlock (&self->lock);
  if (self->owner != NULL)
    self->events->reported (number, value, self->owner);
}

static void
turn_cb (const char *id G_GNUC_UNUSED,
         GVariant   *value G_GNUC_UNUSED,
         gpointer    user_data G_GNUC_UNUSED)
{
}

/* (nullable): this machine, or it has ended. */
static const char *
find_node (GmpDispatcher *self,
           guint          number)
{
  const char *node = NULL;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (worker->number == number)
        node = g_intern_string (gmp_worker_proxy_get_node (worker->proxy));
    }
  g_mutex_unlock (&self->lock);
  return node;
}

static void
output_cb (const char     *id,
           GmpOutputStream stream,
           const char     *line,
           gpointer        user_data)
{
  GmpDispatcher *self = user_data;
  guint number = get_number (id);

  if (self->owner != NULL)
    self->events->output (number, find_node (self, number), stream, line, self->owner);
}

static void
log_cb (const char    *id,
        const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  GmpDispatcher *self = user_data;
  guint number = get_number (id);

  if (self->owner != NULL)
    self->events->log (number, find_node (self, number), domain, level, message, self->owner);
}

static const GmpWorkerProxyEvents proxy_events = {
  progress_cb, turn_cb, output_cb, log_cb, NULL,
};

/* Sends the initializer to a worker of @runtime. */
static gboolean
set_up (GmpDispatcher *self,
        GmpPoolWorker *worker,
        GError       **error)
{
  const char *target = self->limits.setup_target;
  gsize length = strlen (worker->runtime);

  if (target != NULL && strncmp (target, worker->runtime, length) == 0 && target[length] == ':')
    return gmp_pool_worker_set_up (worker, target, self->limits.setup_params, error);
  return gmp_pool_worker_set_up (worker, NULL, NULL, error);
}

static GmpPoolWorker *
make_worker (GmpDispatcher *self,
             const char    *runtime,
             GError       **error)
{
  guint limit = gmp_dispatcher_get_limit (self);
  guint inner_threads = self->options->inner_threads;
  GmpChannelDescriptors *ours;
  GmpChannelDescriptors *theirs;
  GmpChannel *channel;
  GmpPoolWorker *worker;

  if (!(gmp_cluster_get (self->options->launcher) != NULL
        ? gmp_channel_descriptors_new_served (&theirs, &ours, error)
        : gmp_channel_descriptors_new_pair (self->limits.shared_memory_limit, limit + 1, &theirs,
                                            &ours, error)))
    return NULL;
  channel = gmp_channel_descriptors_open (ours, error);
  if (channel == NULL)
    {
      gmp_channel_descriptors_free (theirs);
      return NULL;
    }
  channel->value_limit = self->options->value_size_limit;
  gmp_channel_watch (channel, self->doorbell);
  worker = gmp_pool_worker_new (runtime, ++self->n_workers, channel);
  worker->dispatcher = self;
  if (!set_up (self, worker, error))
    {
      gmp_channel_descriptors_free (theirs);
      gmp_pool_worker_free (worker);
      return NULL;
    }
  if (inner_threads == 0)
    inner_threads = MAX (gmp_engine_count_slots (self->options->launcher) / limit, 1);
  worker->proxy = gmp_worker_proxy_new (self->cache, self->options, inner_threads, &proxy_events,
                                        self);
  gmp_worker_proxy_add_channel (worker->proxy, "pool", self->options->runtime, theirs);
  return worker;
}

/* TRUE if another worker may be started in addition. If there are not enough descriptors, the
 * existing ones have to suffice until there are no calls, or one of them has ended. */
static gboolean
has_room (GmpDispatcher *self)
{
  if (self->workers->len == 0 || gmp_room_is_wide ())
    return TRUE;
  if (gmp_process_cache_drop_spares (self->cache) && gmp_room_is_wide ())
    return TRUE;
  self->lacks_room = TRUE;
  return FALSE;
}

/* Starts a worker for the waiting calls, if there is room for one. The lock is released
 * meanwhile. */
static void
start_worker (GmpDispatcher *self)
{
  GmpPoolCall *call = g_queue_peek_head (&self->queue);
  g_autoptr (GError) error = NULL;
  g_autofree char *runtime = gmp_target_get_runtime (call->target, &error);
  GmpPoolWorker *worker = runtime != NULL ? make_worker (self, runtime, &error) : NULL;
  g_autofree char *id = NULL;
  g_auto (GmpJobSpec) spec = { 0, };
  GmpJob *job;

  if (worker == NULL)
    {
      g_queue_unlink (&self->queue, &call->link);
      gmp_dispatcher_finish (self, call, gmp_pool_call_blame (call, error));
      return;
    }
  g_ptr_array_add (self->workers, worker);
  id = g_strdup_printf ("%u", worker->number);
  gmp_job_spec_init (&spec, "pool", id, call->target, NULL);
  job = gmp_job_new (&spec);
  gmp_room_enter (FALSE, TRUE);
  gmp_dispatcher_unlock (self);
  gmp_worker_proxy_run (worker->proxy, job, GMP_WORKER_PROXY_END, NULL, ended_cb, worker);
  g_mutex_lock (&self->lock);
}

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
  gmp_dispatcher_unlock (self);
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
  gmp_dispatcher_unlock (self);
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

/* Ends @worker if its time is over. Returns when to check again, or -1. */
static gint64
look_after (GmpDispatcher *self,
            GmpPoolWorker *worker,
            gint64         now)
{
  GmpPoolCall *call = g_queue_peek_head (&worker->sent);
  double limit = call != NULL ? call->run_timeout : self->limits.idle_timeout;
  gint64 end = worker->since + (gint64) MIN (limit * G_USEC_PER_SEC, (double) (G_MAXINT64 / 4));
  gboolean is_over = limit > 0 && now >= end;

  if (worker->end_reason != NULL || !worker->is_ready)
    return -1;
  if (worker->lost_at != 0 && now < worker->lost_at + LOST_GRACE)
    return worker->lost_at + LOST_GRACE;
  if (worker->lost_at != 0)
    worker->end_reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                              "it closed its channel but kept running");
  if (worker->is_closed)
    return -1;
  if (call != NULL && is_over)
    worker->end_reason = g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                      "it had not returned within %g seconds (run-timeout)",
                                      call->run_timeout);
  else if (call == NULL && worker->dropped == NULL &&
           (is_over || worker->is_retiring || gmp_dispatcher_is_in_the_way (self, worker)))
    {
      worker->is_retiring = TRUE;
      /* A closed channel is not looked after, so what waits for room would never be sent. */
      if (!gmp_channel_has_unsent (worker->channel))
        gmp_pool_worker_close (worker);
    }
  return limit > 0 && !is_over ? end : -1;
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

  fail_queue (self, NULL, reason);
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
  if (gmp_dispatcher_wants_worker (self) && has_room (self))
    {
      start_worker (self);
      gmp_dispatcher_kick (self);
    }
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
  self->thread = gmp_thread_try_new ("gmproc-pool", run, self, &local);
  if (self->thread != NULL)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "%s%s", local->message,
               gmp_limit_describe (EAGAIN));
  g_atomic_ref_count_dec (&self->ref_count);
  return FALSE;
}

/* Called without the lock, by the owner: cancels all calls and ends the workers. When this returns
 * they have ended, unless it is called in the dispatcher's own thread. */
void
gmp_dispatcher_close (GmpDispatcher *self)
{
  GThread *thread;

  if (gmp_dispatcher_is_inherited (self))
    return;
  g_mutex_lock (&self->lock);
  thread = self->thread;
  g_atomic_int_set (&self->is_closing, TRUE);
  gmp_dispatcher_kick (self);
  self->thread = NULL;
  gmp_dispatcher_unlock (self);
  if (thread == g_thread_self ())
    g_thread_unref (thread);
  else if (thread != NULL)
    g_thread_join (thread);
  g_mutex_lock (&self->lock);
  self->owner = NULL;
  g_mutex_unlock (&self->lock);
}
