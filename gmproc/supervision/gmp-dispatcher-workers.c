/* gmp-dispatcher-workers.c: the beginning and the end of a pool's workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-dispatcher-core-private.h"

#include "base/gmp-error.h"
#include "base/gmp-target-private.h"
#include "cluster/gmp-engine-private.h"
#include "launch/gmp-room-private.h"

/* The number of workers that may end before they begin a call, until the call fails. */
#define MAX_UNLUCKY 5

/* The end of a worker. */

/* The end of @worker, and its last report, may explain the failure of @call. */
static void
take_facts (GmpPoolCall   *call,
            GmpPoolWorker *worker)
{
  g_set_object (&call->failure, worker->failure);
  g_clear_pointer (&call->report, g_variant_unref);
  call->report = worker->report != NULL ? g_variant_ref (worker->report) : NULL;
}

/* The worker has ended for a reason that need not be the next one's. */
static gboolean
is_death (const GError *error)
{
  return g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED) ||
         g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST);
}

/* Whether @call, which a worker had begun when it ended with @error, is executed again. It is not
 * if the pool itself has ended the worker. */
static gboolean
may_retry (GmpDispatcher *self,
           GmpPoolWorker *worker,
           GmpPoolCall   *call,
           const GError  *error)
{
  if (!is_death (error) || worker->end_reason != NULL || self->is_closing)
    return FALSE;
  if (!gmp_node_losses_count (&call->losses, self->options->launcher, error))
    return TRUE;
  if (call->retries == 0)
    return FALSE;
  call->retries--;
  return TRUE;
}

static void
settle_begun (GmpDispatcher *self,
              GmpPoolWorker *worker,
              GmpPoolCall   *call,
              const GError  *error)
{
  take_facts (call, worker);
  if (may_retry (self, worker, call, error))
    gmp_pool_call_enqueue (call, &self->queue, TRUE);
  else
    gmp_dispatcher_finish (self, call, gmp_pool_call_blame (call, error));
}

/* Fails the waiting calls: all, or those that @worker (nullable) might have executed. */
void
gmp_dispatcher_fail_queue (GmpDispatcher *self,
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
      if (worker != NULL)
        take_facts (call, worker);
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
  gboolean is_chance = is_death (error);

  /* Or one that is starting may still get what this one was refused. */
  gboolean is_refused = g_error_matches (error, GMP_ERROR, GMP_ERROR_LAUNCH);

  self->n_start_failures += gmp_node_losses_count_node (&self->losses, self->options->launcher,
                                                        error);
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
  gmp_dispatcher_fail_queue (self, worker, error);
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
  gboolean is_unlucky;

  gmp_pool_worker_withdraw (worker, &self->queue);
  /* Retries count otherwise. */
  is_unlucky = first != NULL && first->state == GMP_POOL_CALL_WAITING;
  g_clear_pointer (&worker->dropped, gmp_pool_call_unref);
  while ((begun = g_queue_peek_head (&worker->sent)) != NULL)
    {
      g_queue_unlink (&worker->sent, &begun->link);
      settle_begun (self, worker, begun, error);
    }
  if (is_unlucky)
    first->n_unlucky += gmp_node_losses_count (&first->losses, self->options->launcher, error);
  if (is_unlucky && first->n_unlucky >= MAX_UNLUCKY)
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
  g_autoptr (GError) error = NULL;
  gboolean was_asked;

  gmp_worker_proxy_take_result (proxy, &value, &worker->failure);
  gmp_room_leave (FALSE);
  g_mutex_lock (&self->lock);
  was_asked = worker->is_closed && worker->is_retiring;
  if (worker->failure != NULL)
    error = g_error_copy (gmp_failure_get_error (worker->failure));
  else
    error = g_error_new (GMP_ERROR, GMP_ERROR_CRASHED, "Worker '%u' (pid %d) has left the pool",
                         worker->number, worker->pid);
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
  gmp_dispatcher_report (self);
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
  gmp_dispatcher_report (self);
  gmp_worker_proxy_run (worker->proxy, job, GMP_WORKER_PROXY_END, NULL, ended_cb, worker);
  g_mutex_lock (&self->lock);
}

/* Starts a worker for the waiting calls if there is room for one, and has the thread look whether
 * they need another. The lock is released meanwhile. */
void
gmp_dispatcher_start_worker (GmpDispatcher *self)
{
  if (!has_room (self))
    return;
  start_worker (self);
  gmp_dispatcher_kick (self);
}
