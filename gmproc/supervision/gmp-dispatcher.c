/* gmp-dispatcher.c: gives calls to kept workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-dispatcher-core-private.h"

#include "base/gmp-errand-private.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-thread-private.h"
#include "channel/gmp-value-private.h"
#include "cluster/gmp-engine-private.h"

/* The microseconds after a look at the surroundings in which asynchronous calls do without one. */
#define LOOK_PERIOD 10

/* Parameters with more children are serialised before they are sent. */
#define MANY_CHILDREN 1000

/* Functions are called with the lock held unless their comment differs. */

/* TRUE if this process was forked from the one that created @self, and so does not own its
 * workers. */
gboolean
gmp_dispatcher_is_inherited (GmpDispatcher *self)
{
  return self->generation != gmp_fork_get_generation ();
}

GmpDispatcher *
gmp_dispatcher_new (const GmpDispatcherEvents *events,
                    gpointer                   owner,
                    GError                   **error)
{
  g_autoptr (GMainContext) context = NULL;
  GmpDoorbell *doorbell = NULL;
  GmpDispatcher *self;

  if (gmp_thread_begin (error))
    context = gmp_thread_context_new (error);
  if (context != NULL)
    doorbell = gmp_doorbell_new (error);
  if (doorbell == NULL)
    return NULL;
  self = g_new0 (GmpDispatcher, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->generation = gmp_fork_get_generation ();
  self->events = events;
  self->owner = owner;
  self->doorbell = doorbell;
  self->cache = gmp_process_cache_ref_default ();
  self->context = g_steal_pointer (&context);
  self->options = gmp_options_new ();
  gmp_surroundings_init (&self->surroundings);
  self->workers = g_ptr_array_new ();
  self->unwanted = g_ptr_array_new_with_free_func ((GDestroyNotify) gmp_pool_call_unref);
  g_mutex_init (&self->lock);
  g_cond_init (&self->ended);
  g_queue_init (&self->queue);
  g_queue_init (&self->finished);
  g_queue_init (&self->left);
  gmp_spin_init (&self->spin, 2);
  if (gmp_dispatcher_start_thread (self, error))
    return self;
  gmp_dispatcher_unref (self);
  return NULL;
}

GmpDispatcher *
gmp_dispatcher_ref (GmpDispatcher *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/* Called without the lock. With the last reference there are neither calls nor workers. */
void
gmp_dispatcher_unref (GmpDispatcher *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  /* It was closed in its own thread, and nobody has waited for that. */
  if (self->has_thread && !gmp_dispatcher_is_inherited (self))
    pthread_detach (self->thread);
  g_ptr_array_unref (self->workers);
  g_ptr_array_unref (self->unwanted);
  g_source_unref (self->answers);
  g_source_unref (self->control);
  gmp_options_unref (self->options);
  gmp_surroundings_clear (&self->surroundings);
  g_free (self->limits.setup_target);
  g_clear_pointer (&self->limits.setup_params, g_variant_unref);
  g_main_context_unref (self->context);
  gmp_process_cache_unref (self->cache);
  gmp_doorbell_unref (self->doorbell);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->ended);
  g_free (self);
}

/* The workers that have been sent at least so many calls end after those that they have begun, and
 * others take their places. */
static void
replace_workers (GmpDispatcher *self,
                 guint          n_sent)
{
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (worker->n_sent < n_sent)
        continue;
      worker->is_retiring = TRUE;
      gmp_pool_worker_withdraw (worker, &self->queue);
    }
  gmp_dispatcher_kick (self);
}

/* Called without the lock. Takes ownership of @options, which do not apply to existing workers. */
void
gmp_dispatcher_set_options (GmpDispatcher *self,
                            GmpOptions    *options)
{
  /* The run's limit applies to each call, and the dispatcher enforces it. */
  options->run_timeout = 0;
  options->request_timeout = 0;
  options->restart = GMP_RESTART_NEVER;
  options->priority = G_PRIORITY_DEFAULT;
  g_mutex_lock (&self->lock);
  gmp_options_unref (self->options);
  self->options = options;
  replace_workers (self, 0);
  gmp_dispatcher_unlock (self, NULL);
}

/* Called without the lock. Copies @limits. */
void
gmp_dispatcher_set_limits (GmpDispatcher             *self,
                           const GmpDispatcherLimits *limits)
{
  g_mutex_lock (&self->lock);
  g_free (self->limits.setup_target);
  g_clear_pointer (&self->limits.setup_params, g_variant_unref);
  self->limits = *limits;
  self->limits.setup_target = g_strdup (limits->setup_target);
  if (limits->setup_params != NULL)
    g_variant_ref (limits->setup_params);
  gmp_spin_init (&self->spin, 1 + gmp_dispatcher_get_limit (self));
  /* Otherwise one that has had more calls than now allowed would neither take others nor end. */
  if (limits->max_calls > 0)
    replace_workers (self, limits->max_calls);
  gmp_dispatcher_kick (self);
  gmp_dispatcher_unlock (self, NULL);
}

/* The largest number of workers. */
guint
gmp_dispatcher_get_limit (GmpDispatcher *self)
{
  return self->limits.max_workers > 0 ? self->limits.max_workers
                                      : gmp_engine_count_slots (self->options->launcher);
}

/* Makes the thread check for work. */
void
gmp_dispatcher_kick (GmpDispatcher *self)
{
  if (self->is_kicked)
    return;
  self->is_kicked = TRUE;
  g_source_set_ready_time (self->control, 0);
}

/* Releases the lock, and then reports the calls in @finished. */
static void
release (GmpDispatcher *self,
         GQueue        *finished)
{
  gboolean has_changed = self->has_changed;
  gpointer owner = self->owner;

  self->has_changed = FALSE;
  g_mutex_unlock (&self->lock);
  if (has_changed && owner != NULL)
    self->events->changed (owner);
  if (finished->length > 0)
    self->events->finished (finished, owner);
}

/* Releases the lock, and then reports the calls that are done: in the dispatcher's thread, or in
 * one that waits for an answer. */
void
gmp_dispatcher_report (GmpDispatcher *self)
{
  GQueue finished = self->finished;

  g_queue_init (&self->finished);
  release (self, &finished);
}

/* Releases the lock, in a thread that waits for no call. Of those that are done it reports @call,
 * which it has ended itself (nullable). The dispatcher's thread reports the others: a caller may
 * have locked what their callbacks wait for. */
void
gmp_dispatcher_unlock (GmpDispatcher *self,
                       GmpPoolCall   *call)
{
  GQueue own = G_QUEUE_INIT;

  if (call != NULL && call->state == GMP_POOL_CALL_DONE && !call->has_waiter)
    {
      g_queue_unlink (&self->finished, &call->link);
      g_queue_push_tail_link (&own, &call->link);
    }
  /* While the thread reports calls, it looks for others afterwards, and many are submitted. */
  if (self->is_giving && own.length == 0)
    {
      g_mutex_unlock (&self->lock);
      return;
    }
  if (self->finished.length > 0)
    gmp_dispatcher_kick (self);
  release (self, &own);
}

/* As gmp_dispatcher_report(), for the dispatcher's thread. While it reports calls, callers that
 * submit others take the answers that come, and leave them to it. */
void
gmp_dispatcher_give (GmpDispatcher *self)
{
  GList *link;
  gboolean is_giving;

  while ((link = g_queue_pop_tail_link (&self->left)) != NULL)
    g_queue_push_head_link (&self->finished, link);
  is_giving = self->finished.length > 0;
  self->is_giving = is_giving;
  gmp_dispatcher_report (self);
  if (!is_giving)
    return;
  g_mutex_lock (&self->lock);
  self->is_giving = FALSE;
  if (self->finished.length > 0)
    gmp_dispatcher_kick (self);
  g_mutex_unlock (&self->lock);
}

/* @call, which is in no queue, is done: with @error, whose ownership is taken, or with its own
 * outcome. Takes the reference to @call too. */
void
gmp_dispatcher_finish (GmpDispatcher *self,
                       GmpPoolCall   *call,
                       GError        *error)
{
  if (error != NULL)
    {
      g_clear_pointer (&call->value, g_variant_unref);
      g_clear_error (&call->error);
      call->error = error;
    }
  if (call->error == NULL)
    self->n_done++;
  else
    self->n_failed++;
  call->state = GMP_POOL_CALL_DONE;
  call->worker = NULL;
  g_clear_pointer (&call->params, g_variant_unref);
  self->has_changed = TRUE;
  if (call->has_waiter)
    {
      g_cond_broadcast (&call->done); /* a system call, even if no thread waits yet */
      gmp_pool_call_unref (call);
    }
  else
    g_queue_push_tail_link (&self->finished, &call->link);
}

gboolean
gmp_dispatcher_is_of_runtime (GmpPoolCall   *call,
                              GmpPoolWorker *worker)
{
  gsize length = strlen (worker->runtime);

  return strncmp (call->target, worker->runtime, length) == 0 && call->target[length] == ':';
}

/* The worker for @call: an idle one, or else the one with the fewest calls among those with
 * room. */
static GmpPoolWorker *
choose_worker (GmpDispatcher *self,
               GmpPoolCall   *call)
{
  GmpPoolWorker *best = NULL;
  guint n = self->workers->len;

  for (guint i = 0; i < n; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[(self->next + i) % n];

      if (!gmp_dispatcher_is_of_runtime (call, worker) ||
          gmp_pool_worker_get_room (worker, self->limits.max_calls) == 0)
        continue;
      if (best == NULL || worker->sent.length < best->sent.length)
        best = worker;
      if (best->sent.length == 0)
        break;
    }
  return best;
}

/* TRUE if another worker should be started for the first waiting call. */
gboolean
gmp_dispatcher_wants_worker (GmpDispatcher *self)
{
  GmpPoolCall *call = g_queue_peek_head (&self->queue);
  guint n = 0;
  guint n_starting = 0;
  gboolean has_ready = FALSE;

  if (call == NULL)
    return FALSE;
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (worker->is_ready &&
          (worker->is_retiring || worker->end_reason != NULL || worker->is_closed))
        continue;
      n++;
      n_starting += worker->is_ready ? 0 : 1;
      has_ready |= worker->is_ready && gmp_dispatcher_is_of_runtime (call, worker);
    }
  /* If starts fail, the existing workers have to suffice. */
  return !self->is_closing && n < gmp_dispatcher_get_limit (self) &&
         !(self->lacks_room && n > 0) &&
         n_starting < self->queue.length &&
         (!has_ready || self->n_start_failures < GMP_DISPATCHER_MAX_START_FAILURES);
}

/* Withdraws the calls sent ahead to a busy worker if another one is idle: the first call may take
 * forever. */
static void
balance (GmpDispatcher *self)
{
  GmpPoolWorker *fullest = NULL;
  gboolean has_idle = FALSE;

  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      if (!gmp_pool_worker_is_busy (worker))
        has_idle |= gmp_pool_worker_get_room (worker, self->limits.max_calls) > 0;
      else if (worker->mark != NULL && !worker->is_closed && worker->sent.length > 1 &&
               (fullest == NULL || worker->sent.length > fullest->sent.length))
        fullest = worker;
    }
  if (has_idle && fullest != NULL)
    gmp_pool_worker_withdraw (fullest, &self->queue);
}

/* TRUE if the last look at the surroundings is recent enough for @call. A look takes 0.5 µs,
 * which is much for one of many asynchronous calls that are under way in C. A caller that waits may
 * have changed the surroundings just before, and so may a program in Python, which submits many. */
static gboolean
has_just_looked (GmpDispatcher *self,
                 GmpPoolCall   *call)
{
  gboolean has_others = FALSE;

  if (call->has_waiter || call->is_of_binding)
    return FALSE;
  for (guint i = 0; i < self->workers->len; i++)
    has_others |= gmp_pool_worker_is_busy (self->workers->pdata[i]);
  return has_others && g_get_monotonic_time () < self->looked_at + LOOK_PERIOD;
}

/* Workers do not follow a change of what they have inherited: TRUE if they were replaced. */
static gboolean
look_around (GmpDispatcher *self)
{
  self->has_looked = TRUE;
  self->looked_at = g_get_monotonic_time ();
  if (!gmp_surroundings_look (&self->surroundings))
    return FALSE;
  replace_workers (self, 0);
  return TRUE;
}

/* Sends the first call of the queue to a worker; %FALSE if none has room. */
static gboolean
send_first (GmpDispatcher *self)
{
  GmpPoolCall *call = g_queue_peek_head (&self->queue);
  GmpPoolWorker *worker = call->is_packing ? NULL : choose_worker (self, call);
  GError *error = NULL;

  if (worker == NULL)
    return FALSE;
  /* Here and not where it is made, because a call that has waited was made before. */
  if (!self->has_looked && look_around (self))
    return TRUE;
  g_queue_unlink (&self->queue, &call->link);
  if (!gmp_pool_worker_send (worker, call, &error))
    gmp_dispatcher_finish (self, call, error);
  else if (call->run_timeout > 0 || (worker->sent.length > 1 && !self->is_watching))
    gmp_dispatcher_kick (self);
  if (self->limits.max_calls > 0 && worker->n_sent >= self->limits.max_calls)
    worker->is_retiring = TRUE;
  self->next++;
  return TRUE;
}

/* TRUE if a worker occupies the place of one of another runtime that the first call waits for. */
gboolean
gmp_dispatcher_is_in_the_way (GmpDispatcher *self,
                              GmpPoolWorker *worker)
{
  GmpPoolCall *call = g_queue_peek_head (&self->queue);

  return call != NULL && worker->is_ready && !gmp_pool_worker_is_busy (worker) &&
         !worker->is_retiring && !gmp_dispatcher_is_of_runtime (call, worker) &&
         self->workers->len >= gmp_dispatcher_get_limit (self);
}

/* TRUE if the dispatcher's thread can do something for the waiting calls. */
static gboolean
needs_thread (GmpDispatcher *self)
{
  if (gmp_dispatcher_wants_worker (self))
    return TRUE;
  for (guint i = 0; i < self->workers->len; i++)
    if (gmp_dispatcher_is_in_the_way (self, self->workers->pdata[i]))
      return TRUE;
  return FALSE;
}

/* Sends as many calls as possible, but only one with large parameters: this may be a main loop. */
static void
send_calls (GmpDispatcher *self)
{
  gboolean is_large = FALSE;

  while (self->queue.length > 0 && !is_large)
    {
      is_large = ((GmpPoolCall *) g_queue_peek_head (&self->queue))->is_large;
      if (!send_first (self))
        return;
    }
  if (is_large)
    gmp_dispatcher_kick (self);
}

void
gmp_dispatcher_assign (GmpDispatcher *self)
{
  if (self->queue.length == 0)
    {
      self->n_start_failures = 0;
      self->lacks_room = FALSE;
      balance (self);
    }
  send_calls (self);
  self->has_looked = FALSE;
  if (needs_thread (self))
    gmp_dispatcher_kick (self);
}

/* A worker has answered. */
static void
take_answered (GmpDispatcher *self,
               GmpPoolWorker *worker,
               GmpPoolCall   *call)
{
  gint64 now = worker->since;
  guint64 limit = self->limits.recycle_memory;

  gmp_dispatcher_finish (self, call, NULL);
  /* Reading it takes a few microseconds, and needs a process of this machine. */
  if (limit > 0 && gmp_cluster_get (self->options->launcher) == NULL &&
      now - worker->looked_at > G_USEC_PER_SEC / 1000)
    {
      worker->looked_at = now;
      worker->is_retiring |= gmp_pool_worker_read_memory (worker) > limit;
    }
  /* The time limit of the next call begins, or the worker's idle time. */
  if (worker->is_retiring || (worker->sent.length > 0
                              ? ((GmpPoolCall *) worker->sent.head->data)->run_timeout > 0
                              : self->limits.idle_timeout > 0 && self->queue.length == 0))
    gmp_dispatcher_kick (self);
}

void
gmp_dispatcher_collect_from (GmpDispatcher *self,
                             GmpPoolWorker *worker)
{
  gboolean is_more = TRUE;

  while (is_more)
    {
      GmpPoolCall *call = gmp_pool_worker_receive (worker, &is_more);

      if (call != NULL)
        take_answered (self, worker, call);
    }
  if ((worker->is_ready && !worker->is_reported) || worker->lost_at != 0 ||
      (worker->end_reason != NULL && !worker->is_ending) ||
      (worker->is_retiring && !worker->is_closed && !gmp_pool_worker_is_busy (worker)))
    gmp_dispatcher_kick (self);
}

/* Releases the lock. */
static void
submit (GmpDispatcher *self,
        GmpPoolCall   *call)
{
  call->number = ++self->n_calls;
  gmp_pool_call_ref (call);
  self->has_changed = TRUE;
  if (self->is_closing)
    {
      gmp_dispatcher_finish (self, call, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                              "The pool is closed"));
    }
  else if (call->is_unwanted)
    {
      gmp_dispatcher_finish (self, call, gmp_dispatcher_make_cancelled (call));
    }
  else
    {
      self->has_looked = has_just_looked (self, call);
      gmp_pool_call_enqueue (call, &self->queue, FALSE);
      gmp_dispatcher_assign (self);
    }
  /* Otherwise idle workers would wait for the dispatcher's thread. */
  if (self->is_giving && self->queue.length > 0)
    gmp_dispatcher_collect (self);
  gmp_dispatcher_unlock (self, call);
}

typedef struct {
  GmpDispatcher *dispatcher;
  GmpPoolCall *call;
  GVariant *params;
} Packing;

/* If they cannot be sent, that is an error when they are. */
static void
pack (gpointer data)
{
  Packing *packing = data;

  g_variant_get_data (packing->params);
  packing->call->is_checked = gmp_value_check_sendable (packing->params, NULL);
  gmp_errand_join_freed (packing->params);
}

static void
packed (gpointer data)
{
  Packing *packing = data;
  GmpDispatcher *self = packing->dispatcher;

  g_mutex_lock (&self->lock);
  packing->call->is_packing = FALSE;
  gmp_dispatcher_kick (self);
  g_mutex_unlock (&self->lock);
  g_variant_unref (packing->params);
  gmp_pool_call_unref (packing->call);
  gmp_dispatcher_unref (self);
  g_free (packing);
}

/* Before the lock is taken, for which other threads, and main loops, may wait. */
static void
check_params (GmpPoolCall *call)
{
  GVariant *params = call->params;

  if (params != NULL && g_variant_is_container (params) &&
      g_variant_n_children (params) > MANY_CHILDREN)
    g_variant_get_data (params);
  call->is_checked = gmp_value_check_sendable (params, NULL);
}

/* Called without the lock. Keeps its own reference until the call is done. */
void
gmp_dispatcher_submit (GmpDispatcher *self,
                       GmpPoolCall   *call)
{
  if (!call->is_packing)
    check_params (call);
  else
    {
      Packing *packing = g_new (Packing, 1);

      *packing = (Packing) { gmp_dispatcher_ref (self), gmp_pool_call_ref (call),
                             g_variant_ref (call->params) };
      gmp_errand_begin (pack, packing, packed);
    }
  g_mutex_lock (&self->lock);
  submit (self, call);
}

/* Called without the lock, as gmp_dispatcher_submit(). Does nothing and returns FALSE if another
 * thread has the lock. */
gboolean
gmp_dispatcher_try_submit (GmpDispatcher *self,
                           GmpPoolCall   *call)
{
  if (!g_mutex_trylock (&self->lock))
    return FALSE;
  submit (self, call);
  return TRUE;
}

/* Called without the lock. The process that executes @call, or 0. */
int
gmp_dispatcher_find_pid (GmpDispatcher *self,
                         GmpPoolCall   *call)
{
  GmpPoolWorker *worker;
  int pid = 0;

  g_mutex_lock (&self->lock);
  worker = call->state == GMP_POOL_CALL_SENT ? call->worker : NULL;
  if (worker != NULL && gmp_pool_worker_has_begun (worker, call))
    pid = worker->pid;
  g_mutex_unlock (&self->lock);
  return pid;
}

/* Called without the lock. */
void
gmp_dispatcher_count (GmpDispatcher       *self,
                      GmpDispatcherCounts *counts)
{
  *counts = (GmpDispatcherCounts) { 0, };
  g_mutex_lock (&self->lock);
  counts->waiting = self->queue.length;
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];

      counts->running += worker->sent.length > 0 ? 1 : 0;
      counts->waiting += worker->sent.length > 0 ? worker->sent.length - 1 : 0;
    }
  counts->done = self->n_done;
  counts->failed = self->n_failed;
  g_mutex_unlock (&self->lock);
}

static void
worker_clear (gpointer data)
{
  g_free (((GmpDispatcherWorker *) data)->name);
}

/* Called without the lock. Returns the workers that are not ending, as GmpDispatcherWorker. */
GArray *
gmp_dispatcher_list_workers (GmpDispatcher *self)
{
  GArray *result = g_array_new (FALSE, FALSE, sizeof (GmpDispatcherWorker));
  gint64 now = g_get_monotonic_time ();

  g_array_set_clear_func (result, worker_clear);
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->workers->len; i++)
    {
      GmpPoolWorker *worker = self->workers->pdata[i];
      GmpPoolCall *call = g_queue_peek_head (&worker->sent);
      GmpDispatcherWorker one = { worker->number, worker->pid, call != NULL, 0, NULL,
                                  (double) (now - worker->since) / G_USEC_PER_SEC };

      if (worker->end_reason != NULL || worker->is_closed)
        continue;
      if (call != NULL)
        {
          one.call = call->number;
          one.name = g_strdup (call->name != NULL ? call->name : call->target);
        }
      g_array_append_val (result, one);
    }
  g_mutex_unlock (&self->lock);
  return result;
}
