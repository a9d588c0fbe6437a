/* gmp-supervisor.c: workers that run together
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-supervisor-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-hold-private.h"
#include "base/gmp-source-private.h"
#include "cluster/gmp-engine-private.h"
#include "launch/gmp-room-private.h"
#include "supervision/gmp-restarts-private.h"

/* One that takes part in the run, from when it is added until it is settled. */
typedef struct {
  char *role;
  char *id;
  char *target;
  GVariant *params;
  GmpChannelDescriptors *port; /* (nullable) */
  GmpAgentProxy *place; /* (nullable): the node that it is to run on, where a worker is reserved */
  char *server_runtime;
  GmpWorkerProxy *worker; /* (nullable): it waits */
  gboolean was_refused;    /* by the application, so that it is not restarted */
  GmpRestarts restarts;
} Member;

struct _GmpSupervisor
{
  guint generation; /* of this process, by gmp_fork_get_generation() */
  const GmpSupervisorEvents *events;
  gpointer owner; /* has the signals */
  GmpResults *results; /* of the last run, or the one that is */
  GmpFailureLog *failure_log;
  GmpOptions *options;
  guint max_parallel; /* 0: all */
  gboolean reuse;
  guint share; /* of the processors, for each worker of the run */

  GmpProcessCache *cache;
  GmpKeptWorkers *pool;       /* processes kept for further runs */

  GmpSupervisorEnded ended; /* (nullable): there is no run */
  gpointer ended_data;
  GCancellable *cancellable; /* (nullable): of the run */
  GmpFeed *feed;
  GQueue waiting;      /* of Member: not begun */
  GPtrArray *running;  /* of Member */
  gboolean is_ending;  /* none is restarted any more */
  gboolean takes_more; /* the run goes on without workers, until is_ending */
  const GmpSupervisorServer *server; /* (nullable) */
  gpointer server_data;
  GError *server_end;          /* (nullable): why it has ended for good */
  GmpHold hold;           /* while code of the user's is called */
  GSource *begin_source;  /* (nullable): none can begin now */
  GSource *cancel_source;
};

static void
clear_place (Member *member)
{
  if (member->place != NULL)
    gmp_agent_proxy_release (member->place);
  g_clear_object (&member->place);
}

static void
member_free (gpointer data)
{
  Member *member = data;

  g_free (member->role);
  g_free (member->id);
  g_free (member->target);
  g_clear_pointer (&member->params, g_variant_unref);
  g_clear_pointer (&member->port, gmp_channel_descriptors_free);
  clear_place (member);
  g_free (member->server_runtime);
  g_clear_object (&member->worker);
  gmp_restarts_clear (&member->restarts);
  g_free (member);
}

static void maybe_return (gpointer user_data);

GmpSupervisor *
gmp_supervisor_new (const GmpSupervisorEvents *events,
                    gpointer                   owner,
                    GmpResults                *results,
                    GmpFailureLog             *failure_log)
{
  GmpSupervisor *self = g_new0 (GmpSupervisor, 1);

  self->generation = gmp_fork_get_generation ();
  self->events = events;
  self->owner = owner;
  self->results = results;
  self->failure_log = failure_log;
  self->options = gmp_options_new ();
  self->cache = gmp_process_cache_ref_default ();
  self->pool = gmp_kept_workers_new ();
  self->feed = gmp_feed_new ();
  self->running = g_ptr_array_new_with_free_func (member_free);
  g_queue_init (&self->waiting);
  gmp_hold_init (&self->hold, maybe_return, self);
  return self;
}

/* In a forked child the run that goes on, and the processes that are kept, are the parent's: they
 * are forgotten, not ended. What the last run brought stays. */
static void
claim (GmpSupervisor *self)
{
  if (self->generation == gmp_fork_get_generation ())
    return;
  self->generation = gmp_fork_get_generation ();
  self->cache = gmp_process_cache_ref_default ();
  self->pool = gmp_kept_workers_new ();
  self->feed = gmp_feed_new ();
  self->running = g_ptr_array_new_with_free_func (member_free);
  g_queue_init (&self->waiting);
  self->ended = NULL;
  gmp_hold_init (&self->hold, maybe_return, self);
  self->begin_source = NULL;
  self->cancel_source = NULL;
}

void
gmp_supervisor_free (GmpSupervisor *self)
{
  claim (self);
  gmp_kept_workers_free (self->pool);
  gmp_supervisor_abandon (self);
  gmp_feed_free (self->feed);
  g_ptr_array_unref (self->running);
  gmp_options_unref (self->options);
  g_clear_error (&self->server_end);
  g_clear_object (&self->cancellable);
  gmp_hold_clear (&self->hold);
  gmp_process_cache_unref (self->cache);
  g_free (self);
}

/* They count for workers that begin after this. Takes @options over. */
void
gmp_supervisor_set_options (GmpSupervisor *self,
                            GmpOptions    *options,
                            guint          max_parallel,
                            gboolean       reuse)
{
  claim (self);
  /* A kept process was started under the old ones. */
  gmp_kept_workers_retire_later (self->pool);
  gmp_options_unref (self->options);
  self->options = options;
  self->max_parallel = max_parallel;
  self->reuse = reuse;
}

static void
progress_cb (const char *id,
             GVariant   *value,
             gpointer    user_data)
{
  GmpSupervisor *self = user_data;

  gmp_run_signals_progress (self->events->signals, self->owner, id, value);
  self->events->take_progress (self->owner, id, value);
}

static void
turn_cb (const char *id,
         GVariant   *value,
         gpointer    user_data)
{
  GmpSupervisor *self = user_data;
  g_autoptr (GError) error = NULL;

  self->events->take_value (self->owner, id, value, &error);
  if (error == NULL)
    gmp_run_signals_turn (self->events->signals, self->owner, id, value);
  else
    gmp_supervisor_fail (self, id, error);
}

static void
output_cb (const char     *id,
           GmpOutputStream stream,
           const char     *line,
           gpointer        user_data)
{
  GmpSupervisor *self = user_data;

  gmp_run_signals_output (self->events->signals, self->owner, id, stream, line);
}

static void
log_cb (const char    *id,
        const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  GmpSupervisor *self = user_data;

  gmp_run_signals_log (self->events->signals, self->owner, id, domain, level, message);
}

static void
late_cb (const char *client_id,
         gpointer    user_data)
{
  gmp_supervisor_end_late (user_data, client_id);
}

static const GmpWorkerProxyEvents proxy_events = {
  progress_cb, turn_cb, output_cb, log_cb, late_cb,
};

/* A worker under the same options, which is the caller's: a server, say. */
GmpWorkerProxy *
gmp_supervisor_new_worker (GmpSupervisor *self)
{
  guint inner_threads = self->options->inner_threads;

  if (inner_threads == 0)
    inner_threads = self->share;
  return gmp_worker_proxy_new (self->cache, self->options, inner_threads, &proxy_events, self);
}

/* Forgets the last run; gmp_supervisor_add() then says who is in the next. */
void
gmp_supervisor_begin (GmpSupervisor *self)
{
  claim (self);
  gmp_results_clear (self->results);
  self->is_ending = FALSE;
  g_clear_error (&self->server_end);
}

static void begin_waiting (GmpSupervisor *self);

static Member *
member_copy (const GmpMember *member)
{
  Member *copy = g_new0 (Member, 1);

  *copy = (Member) {
    .role = g_strdup (member->role),
    .id = g_strdup (member->id),
    .target = g_strdup (member->target),
    .params = member->params != NULL ? g_variant_ref (member->params) : NULL,
    .port = member->port,
    .place = member->place,
    .server_runtime = g_strdup (member->server_runtime),
  };
  return copy;
}

gboolean
gmp_supervisor_add (GmpSupervisor   *self,
                    const GmpMember *member,
                    GError         **error)
{
  Member *copy = member_copy (member);

  if (gmp_results_expect (self->results, member->id))
    {
      g_queue_push_tail (&self->waiting, copy);
      if (self->ended != NULL)
        begin_waiting (self);
      return TRUE;
    }
  g_set_error (error, GMP_ERROR, GMP_ERROR_EXISTS, "Duplicate worker id '%s' in one run",
               member->id);
  member_free (copy);
  return FALSE;
}

static gboolean
is_under_way (GmpSupervisor *self,
              const char    *id)
{
  for (guint i = 0; i < self->running->len; i++)
    if (g_str_equal (((Member *) self->running->pdata[i])->id, id))
      return TRUE;
  for (GList *link = self->waiting.head; link != NULL; link = link->next)
    if (g_str_equal (((Member *) link->data)->id, id))
      return TRUE;
  return FALSE;
}

/* While a run goes on: one that has returned, or failed, begins once more; not one that is
 * restarted. A run with a feed takes others as well. */
gboolean
gmp_supervisor_add_again (GmpSupervisor   *self,
                          const GmpMember *member,
                          GError         **error)
{
  claim (self);
  if (self->ended != NULL &&
      g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  if (self->ended == NULL || is_under_way (self, member->id) ||
      (!gmp_results_reopen (self->results, member->id) &&
       !(gmp_feed_is_open (self->feed) && gmp_results_expect (self->results, member->id))))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "Worker '%s' cannot run again: it has not finished yet, or no run is in "
                   "progress", member->id);
      return FALSE;
    }
  g_queue_push_tail (&self->waiting, member_copy (member));
  begin_waiting (self);
  return TRUE;
}

/* Undoes gmp_supervisor_add() for those that have not begun. */
void
gmp_supervisor_abandon (GmpSupervisor *self)
{
  g_queue_clear_full (&self->waiting, member_free);
}

/* A feed keeps a run open that is not cancelled. So does a program that serves its clients. */
static gboolean
is_open (GmpSupervisor *self)
{
  return gmp_supervisor_get_n_left (self) > 0 || (self->takes_more && !self->is_ending) ||
         (gmp_feed_is_open (self->feed) &&
          !g_cancellable_is_cancelled (self->cancellable));
}

static void
maybe_return (gpointer user_data)
{
  GmpSupervisor *self = user_data;
  GmpSupervisorEnded ended = self->ended;

  if (ended == NULL || is_open (self) || gmp_hold_blocks (&self->hold))
    return;
  self->ended = NULL;
  gmp_hold_clear (&self->hold);
  gmp_feed_close (self->feed);
  gmp_source_clear (&self->begin_source);
  gmp_source_clear (&self->cancel_source);
  if (self->server == NULL)
    gmp_failure_log_end (self->failure_log);
  ended (self->ended_data);
}

/* A worker of the run, or its server, has failed for good. */
void
gmp_supervisor_settle_failed (GmpSupervisor *self,
                              GmpFailure    *failure)
{
  gmp_results_failed (self->results, failure);
  gmp_failure_log_add (self->failure_log, failure);
  gmp_run_signals_failed (self->events->signals, self->owner, gmp_failure_get_id (failure),
                          gmp_failure_get_error (failure));
}

/* %FALSE where it does not go on by the rule of restarts: the application could do nothing with
 * @value, or has it run again. */
static gboolean
settle (GmpSupervisor *self,
        const char    *id,
        GVariant      *value,
        gboolean       had_turns)
{
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GError) error = NULL;

  if (!had_turns)
    self->events->take_value (self->owner, id, value, &error);
  if (error != NULL)
    {
      failure = gmp_failure_new_for_error (id, error);
      gmp_supervisor_settle_failed (self, failure);
      return FALSE;
    }
  gmp_results_succeeded (self->results, id, value);
  gmp_run_signals_result (self->events->signals, self->owner, id, value);
  return gmp_results_has_value (self->results, id);
}

static Member *
take_running (GmpSupervisor  *self,
              GmpWorkerProxy *worker)
{
  for (guint i = 0; i < self->running->len; i++)
    if (((Member *) self->running->pdata[i])->worker == worker)
      return g_ptr_array_steal_index (self->running, i);
  g_assert_not_reached ();
}

static gboolean
may_restart (GmpSupervisor *self,
             Member        *member,
             GmpFailure    *failure)
{
  return !self->is_ending && !member->was_refused &&
         !g_cancellable_is_cancelled (self->cancellable) &&
         gmp_restarts_allow (&member->restarts, self->options, failure);
}

/* Has @member wait for its next begin. */
static gboolean
prepare_restart (GmpSupervisor *self,
                 Member        *member,
                 GmpFailure    *failure,
                 GError       **error)
{
  const GError *reason = failure != NULL ? gmp_failure_get_error (failure) : NULL;

  gmp_debug ("worker %s: restart %u", member->id, member->restarts.n);
  if (self->server != NULL)
    {
      self->server->ended (member->id, reason, TRUE, self->server_data);
      member->port = self->server->renew (member->id, &member->place, self->server_data, error);
      if (member->port == NULL)
        return FALSE;
    }
  g_queue_push_head (&self->waiting, member);
  gmp_run_signals_restarted (self->events->signals, self->owner, member->id, failure);
  return TRUE;
}

static void
conclude (GmpSupervisor *self,
          Member        *member,
          GmpFailure    *failure)
{
  g_autoptr (GmpFailure) cause = gmp_restarts_conclude (&member->restarts, failure);

  if (self->server != NULL)
    self->server->ended (member->id, cause != NULL ? gmp_failure_get_error (cause) : NULL, FALSE,
                         self->server_data);
  if (cause != NULL)
    gmp_supervisor_settle_failed (self, cause);
  member_free (member);
}

static void
end_member (GmpSupervisor *self,
            Member        *member,
            GmpFailure    *failure)
{
  g_autoptr (GmpFailure) refused = NULL;
  g_autoptr (GError) error = NULL;

  if (may_restart (self, member, failure))
    {
      if (prepare_restart (self, member, failure, &error))
        return;
      refused = gmp_failure_new_for_error (member->id, error);
    }
  conclude (self, member, refused != NULL ? refused : failure);
}

/* Whether it begins once more when there is room: there was no process for it. What was started
 * ahead gives way. Clients do not wait, as they may wait for each other. */
static gboolean
leave_room (GmpSupervisor  *self,
            GmpWorkerProxy *worker)
{
  if (!gmp_worker_proxy_was_refused (worker))
    {
      gmp_room_leave (self->server == NULL);
      return FALSE;
    }
  gmp_process_cache_give_way (self->cache);
  return gmp_room_refuse (self->server == NULL) && self->server == NULL &&
         !g_cancellable_is_cancelled (self->cancellable);
}

static void
ran_cb (GmpWorkerProxy *worker,
        gpointer        user_data)
{
  GmpSupervisor *self = user_data;
  g_autoptr (GmpFailure) failure = NULL;
  g_autoptr (GVariant) value = NULL;
  Member *member = take_running (self, worker);
  gboolean may_go_on = TRUE;

  gmp_hold_enter (&self->hold);
  g_clear_object (&member->worker);
  if (gmp_worker_proxy_take_result (worker, &value, &failure))
    may_go_on = settle (self, member->id, value, gmp_worker_proxy_had_turns (worker));
  gmp_kept_workers_keep (self->pool, worker);
  if (leave_room (self, worker))
    g_queue_push_head (&self->waiting, member);
  else if (may_go_on)
    end_member (self, member, failure);
  else
    conclude (self, member, NULL);
  begin_waiting (self);
  gmp_hold_leave (&self->hold, self->options->priority);
  maybe_return (self);
}

static void
begin_next (GmpSupervisor *self)
{
  Member *member = g_queue_pop_head (&self->waiting);
  GmpWorkerProxy *worker = gmp_kept_workers_take (self->pool);

  gmp_room_enter (self->server == NULL,
                  worker == NULL && (self->server != NULL || gmp_cluster_get () == NULL));
  if (worker == NULL)
    worker = gmp_supervisor_new_worker (self);
  if (member->place != NULL)
    gmp_worker_proxy_set_place (worker, g_steal_pointer (&member->place));
  member->worker = worker;
  g_ptr_array_add (self->running, member);
  if (member->port != NULL)
    gmp_worker_proxy_add_channel (worker, "server", member->server_runtime,
                                  g_steal_pointer (&member->port));
  gmp_worker_proxy_run (worker, gmp_job_new (member->role, member->id, member->target,
                                             member->params),
                        self->reuse ? GMP_WORKER_PROXY_KEEP : GMP_WORKER_PROXY_END,
                        self->cancellable, ran_cb, self);
  /* The server may have ended while this one waited to be restarted. */
  if (self->server_end != NULL)
    gmp_worker_proxy_tell_gone (worker, "server", self->server_end, FALSE);
}

static gboolean
may_begin (GmpSupervisor *self)
{
  return self->waiting.length > 0 &&
         (self->max_parallel == 0 || self->running->len < self->max_parallel);
}

/* Clients may wait for each other, so none of them waits for another's end. Processes that were
 * started ahead give way. */
static gboolean
has_room (GmpSupervisor *self)
{
  if (self->server != NULL || gmp_cluster_get () != NULL ||
      gmp_kept_workers_has_kept (self->pool) ||
      gmp_room_await (self->begin_source))
    return TRUE;
  if (gmp_process_cache_drop_spares (self->cache))
    g_source_set_ready_time (self->begin_source, 0);
  return FALSE;
}

static gboolean
begin_cb (gpointer user_data)
{
  GmpSupervisor *self = user_data;

  if (self->generation != gmp_fork_get_generation ())
    return G_SOURCE_REMOVE;
  if (may_begin (self) && !has_room (self))
    return G_SOURCE_CONTINUE;
  if (may_begin (self))
    begin_next (self);
  if (may_begin (self))
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->begin_source);
  return G_SOURCE_REMOVE;
}

static void
begin_waiting (GmpSupervisor *self)
{
  if (self->begin_source != NULL || !may_begin (self))
    return;
  self->begin_source = gmp_source_attach (gmp_room_source_new (), self->options->priority,
                                          begin_cb, self);
}

static gboolean
cancelled_cb (GCancellable *cancellable G_GNUC_UNUSED,
              gpointer      user_data)
{
  GmpSupervisor *self = user_data;
  Member *member;

  gmp_hold_enter (&self->hold);
  while ((member = g_queue_pop_head (&self->waiting)) != NULL)
    {
      g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                              "Worker '%s' was cancelled before it began",
                                              member->id);
      g_autoptr (GmpFailure) failure = gmp_failure_new_for_error (member->id, error);

      gmp_supervisor_settle_failed (self, failure);
      member_free (member);
    }
  gmp_hold_leave (&self->hold, self->options->priority);
  maybe_return (self);
  return G_SOURCE_REMOVE;
}

static gboolean
feed_cb (gpointer user_data)
{
  GmpSupervisor *self = user_data;

  gmp_hold_enter (&self->hold);
  gmp_feed_call (self->feed);
  gmp_hold_leave (&self->hold, self->options->priority);
  maybe_return (self);
  return G_SOURCE_CONTINUE;
}

/* For how many workers there are processors: of this machine, or of the nodes. */
guint
gmp_supervisor_count_slots (void)
{
  return gmp_engine_count_slots ();
}

static guint
share_of_processors (GmpSupervisor *self)
{
  guint n_workers = MAX (self->waiting.length, gmp_feed_get_n_workers (self->feed));

  if (self->max_parallel > 0)
    n_workers = MIN (n_workers, self->max_parallel);
  return MAX (gmp_supervisor_count_slots () / MAX (n_workers, 1), 1);
}

/* Runs those that were added, in the thread-default main context, and calls @ended from there. The
 * supervisor must live until then. */
void
gmp_supervisor_run (GmpSupervisor     *self,
                    GCancellable      *cancellable,
                    GmpSupervisorEnded ended,
                    gpointer           user_data)
{
  g_assert (self->ended == NULL);

  self->ended = ended;
  self->ended_data = user_data;
  g_set_object (&self->cancellable, cancellable);
  gmp_hold_enter (&self->hold);
  if (cancellable != NULL)
    self->cancel_source = gmp_source_attach (g_cancellable_source_new (cancellable),
                                             G_PRIORITY_DEFAULT, G_SOURCE_FUNC (cancelled_cb),
                                             self);
  self->share = share_of_processors (self);
  if (self->reuse)
    gmp_kept_workers_begin_run (self->pool);
  gmp_feed_begin (self->feed, self->options->priority, feed_cb, self);
  begin_waiting (self);
  maybe_return (self);
  gmp_hold_leave (&self->hold, self->options->priority);
}

/* Of the run: workers that have not ended. */
guint
gmp_supervisor_get_n_left (GmpSupervisor *self)
{
  return self->running->len + self->waiting.length;
}

GmpFeed *
gmp_supervisor_get_feed (GmpSupervisor *self)
{
  claim (self);
  return self->feed;
}

GmpOptions *
gmp_supervisor_get_options (GmpSupervisor *self)
{
  return self->options;
}

GmpKeptWorkers *
gmp_supervisor_get_kept (GmpSupervisor *self)
{
  claim (self);
  return self->pool;
}

void
gmp_supervisor_kill (GmpSupervisor *self)
{
  claim (self);
  for (guint i = 0; i < self->running->len; i++)
    gmp_worker_proxy_kill (((Member *) self->running->pdata[i])->worker);
}

static Member *
find_running (GmpSupervisor *self,
              const char    *id)
{
  claim (self);
  for (guint i = 0; i < self->running->len; i++)
    if (g_str_equal (((Member *) self->running->pdata[i])->id, id))
      return self->running->pdata[i];
  return NULL;
}

/* Ends a worker that runs with @error. %FALSE where it does not run. */
gboolean
gmp_supervisor_fail (GmpSupervisor *self,
                     const char    *id,
                     const GError  *error)
{
  Member *member = find_running (self, id);

  if (member == NULL)
    return FALSE;
  member->was_refused = TRUE;
  gmp_worker_proxy_fail (member->worker, g_error_copy (error));
  return TRUE;
}

/* Ends a client that has taken too long for a turn, after which it may be restarted. */
void
gmp_supervisor_end_late (GmpSupervisor *self,
                         const char    *id)
{
  Member *member = find_running (self, id);
  GString *text = g_string_new ("it did not send its next request ");

  /* A server may have a limit of its own. */
  if (self->options->turn_timeout > 0)
    g_string_append_printf (text, "within %g seconds after a response",
                            self->options->turn_timeout);
  else
    g_string_append (text, "in time after a response");
  if (member != NULL)
    gmp_worker_proxy_fail (member->worker, g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                                                        "%s (turn-timeout)", text->str));
  g_string_free (text, TRUE);
}

/* These are clients of @server. */
void
gmp_supervisor_set_server (GmpSupervisor             *self,
                           const GmpSupervisorServer *server,
                           gpointer                   user_data)
{
  self->server = server;
  self->server_data = user_data;
}

/* Clients may be added while the run goes on, which gmp_supervisor_end() ends. */
void
gmp_supervisor_set_open (GmpSupervisor *self)
{
  self->takes_more = TRUE;
}

/* The server begins, or has ended for @reason and is restarted: new channels for all. */
gboolean
gmp_supervisor_renew (GmpSupervisor *self,
                      const GError  *reason,
                      GError       **error)
{
  for (guint i = 0; i < self->running->len; i++)
    {
      Member *member = self->running->pdata[i];
      GmpAgentProxy *place = gmp_worker_proxy_get_place (member->worker);
      GmpChannelDescriptors *port = self->server->renew (member->id, &place, self->server_data,
                                                         error);

      if (port == NULL)
        return FALSE;
      gmp_worker_proxy_tell_gone (member->worker, "server", reason, TRUE);
      gmp_worker_proxy_add_channel (member->worker, "server", member->server_runtime, port);
    }
  for (GList *link = self->waiting.head; link != NULL; link = link->next)
    {
      Member *member = link->data;

      g_clear_pointer (&member->port, gmp_channel_descriptors_free);
      member->port = self->server->renew (member->id, &member->place, self->server_data, error);
      if (member->port == NULL)
        return FALSE;
    }
  return TRUE;
}

/* Restarts no member any more. The server has ended for good, for @reason, where that is given. */
void
gmp_supervisor_end (GmpSupervisor *self,
                    const GError  *reason)
{
  self->is_ending = TRUE;
  if (reason != NULL && self->server_end == NULL)
    self->server_end = g_error_copy (reason);
  for (guint i = 0; reason != NULL && i < self->running->len; i++)
    gmp_worker_proxy_tell_gone (((Member *) self->running->pdata[i])->worker, "server", reason,
                                FALSE);
  if (self->takes_more)
    maybe_return (self);
}
