/* gmp-supervisor.c: workers that run together
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-supervisor-core-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-source-private.h"
#include "cluster/gmp-engine-private.h"

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
  self->running = g_ptr_array_new_with_free_func (gmp_member_free);
  g_queue_init (&self->waiting);
  gmp_hold_init (&self->hold, gmp_supervisor_maybe_return, self);
  return self;
}

/* In a forked child the current run and the kept processes belong to the parent: they are
 * forgotten, not ended. The outcome of the last run stays. */
static void
claim (GmpSupervisor *self)
{
  if (self->generation == gmp_fork_get_generation ())
    return;
  self->generation = gmp_fork_get_generation ();
  self->cache = gmp_process_cache_ref_default ();
  self->pool = gmp_kept_workers_new ();
  self->feed = gmp_feed_new ();
  self->running = g_ptr_array_new_with_free_func (gmp_member_free);
  g_queue_init (&self->waiting);
  self->ended = NULL;
  gmp_hold_init (&self->hold, gmp_supervisor_maybe_return, self);
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

/* They apply to workers that start after this. Takes ownership of @options. */
void
gmp_supervisor_set_options (GmpSupervisor *self,
                            GmpOptions    *options,
                            guint          max_parallel,
                            gboolean       reuse)
{
  claim (self);
  /* A kept process was started with the old options. */
  gmp_kept_workers_retire_later (self->pool);
  gmp_options_unref (self->options);
  self->options = options;
  self->max_parallel = max_parallel;
  self->reuse = reuse;
}

/* A worker with the same options that the caller owns, such as a server. */
GmpWorkerProxy *
gmp_supervisor_new_worker (GmpSupervisor *self)
{
  guint inner_threads = self->options->inner_threads;

  if (inner_threads == 0)
    inner_threads = self->share;
  return gmp_worker_proxy_new (self->cache, self->options, inner_threads,
                               &gmp_supervisor_proxy_events, self);
}

/* Forgets the last run; gmp_supervisor_add() then adds the workers of the next. */
void
gmp_supervisor_begin (GmpSupervisor *self)
{
  claim (self);
  gmp_results_clear (self->results);
  self->is_ending = FALSE;
  self->is_paused = FALSE;
  g_clear_error (&self->server_end);
}

/* Takes ownership of @member. */
static gboolean
add_member (GmpSupervisor *self,
            GmpMember     *member,
            GError       **error)
{
  if (gmp_results_expect (self->results, member->spec.id))
    {
      g_queue_push_tail (&self->waiting, member);
      if (self->ended != NULL)
        gmp_supervisor_begin_waiting (self);
      return TRUE;
    }
  g_set_error (error, GMP_ERROR, GMP_ERROR_EXISTS, "Duplicate worker id '%s' in one run",
               member->spec.id);
  gmp_member_free (member);
  return FALSE;
}

gboolean
gmp_supervisor_add (GmpSupervisor    *self,
                    const GmpJobSpec *spec,
                    GError          **error)
{
  return add_member (self, gmp_member_new (spec), error);
}

/* Takes @port (nullable) over: the client's end of a channel to a server of @server_runtime; and
 * @place (nullable): the node that it runs on, where a worker is reserved. */
gboolean
gmp_supervisor_add_client (GmpSupervisor         *self,
                           const GmpJobSpec      *spec,
                           GmpChannelDescriptors *port,
                           GmpAgentProxy         *place,
                           const char            *server_runtime,
                           GError               **error)
{
  GmpMember *member = gmp_member_new (spec);

  member->port = port;
  member->place = place;
  member->server_runtime = g_strdup (server_runtime);
  return add_member (self, member, error);
}

static gboolean
is_under_way (GmpSupervisor *self,
              const char    *id)
{
  for (guint i = 0; i < self->running->len; i++)
    if (g_str_equal (((GmpMember *) self->running->pdata[i])->spec.id, id))
      return TRUE;
  for (GList *link = self->waiting.head; link != NULL; link = link->next)
    if (g_str_equal (((GmpMember *) link->data)->spec.id, id))
      return TRUE;
  return FALSE;
}

/* During a run: a worker that has returned or failed runs once more, unless it is restarted. A run
 * with a feed takes new workers as well. */
gboolean
gmp_supervisor_add_again (GmpSupervisor    *self,
                          const GmpJobSpec *spec,
                          GError          **error)
{
  claim (self);
  if (self->ended != NULL &&
      g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  if (self->ended == NULL || is_under_way (self, spec->id) ||
      (!gmp_results_reopen (self->results, spec->id) &&
       !(gmp_feed_is_open (self->feed) && gmp_results_expect (self->results, spec->id))))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "Worker '%s' cannot run again: it has not finished yet, or no run is in "
                   "progress", spec->id);
      return FALSE;
    }
  g_queue_push_tail (&self->waiting, gmp_member_new (spec));
  gmp_supervisor_begin_waiting (self);
  return TRUE;
}

/* Undoes gmp_supervisor_add() for workers that have not started. */
void
gmp_supervisor_abandon (GmpSupervisor *self)
{
  g_queue_clear_full (&self->waiting, gmp_member_free);
}

/* A feed keeps a run open unless it is cancelled. So does a program that serves its clients. */
static gboolean
is_open (GmpSupervisor *self)
{
  return gmp_supervisor_get_n_left (self) > 0 ||
         (self->takes_more && !self->is_ending && self->server_end == NULL) ||
         (gmp_feed_is_open (self->feed) &&
          !g_cancellable_is_cancelled (self->cancellable));
}

/* The run returns, if it can by now. */
void
gmp_supervisor_maybe_return (gpointer user_data)
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

/* They share one source: each turn of a main loop looks at all sources. */
static void
cancel_running (GmpSupervisor *self)
{
  g_autoptr (GPtrArray) workers = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->running->len; i++)
    g_ptr_array_add (workers, g_object_ref (((GmpMember *) self->running->pdata[i])->worker));
  for (guint i = 0; i < workers->len; i++)
    gmp_worker_proxy_cancel (workers->pdata[i]);
}

static gboolean
cancelled_cb (gpointer user_data)
{
  GmpSupervisor *self = user_data;
  GmpMember *member;

  gmp_hold_enter (&self->hold);
  /* First, because handlers of signals may run the main loop until these have ended. */
  cancel_running (self);
  while ((member = g_queue_pop_head (&self->waiting)) != NULL)
    {
      g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                              "Worker '%s' was cancelled before it began",
                                              member->spec.id);
      g_autoptr (GmpFailure) failure = gmp_failure_new_for_error (member->spec.id, error);

      gmp_supervisor_settle_failed (self, failure);
      gmp_member_free (member);
    }
  gmp_hold_leave (&self->hold, self->options->priority);
  gmp_supervisor_maybe_return (self);
  return G_SOURCE_REMOVE;
}

static gboolean
feed_cb (gpointer user_data)
{
  GmpSupervisor *self = user_data;

  gmp_hold_enter (&self->hold);
  gmp_feed_call (self->feed);
  gmp_hold_leave (&self->hold, self->options->priority);
  gmp_supervisor_maybe_return (self);
  return G_SOURCE_CONTINUE;
}

/* Whether it is one, or %NULL. */
gboolean
gmp_supervisor_check_launcher (const char *launcher,
                               GError    **error)
{
  return launcher == NULL || gmp_engine_check (launcher, error);
}

/* The number of workers that there are processors for: of this machine, or of the nodes that
 * @launcher (nullable) starts agents on. */
guint
gmp_supervisor_count_slots (const char *launcher)
{
  return gmp_engine_count_slots (launcher);
}

/* The share of these that each of @n_workers has, at least one. */
guint
gmp_supervisor_share_slots (const char *launcher,
                            guint       n_workers)
{
  return MAX (gmp_engine_count_slots (launcher) / MAX (n_workers, 1), 1);
}

static guint
share_of_processors (GmpSupervisor *self)
{
  guint n_workers = MAX (self->waiting.length, gmp_feed_get_n_workers (self->feed));

  if (self->max_parallel > 0)
    n_workers = MIN (n_workers, self->max_parallel);
  return gmp_supervisor_share_slots (self->options->launcher, n_workers);
}

/* Runs the added workers in the thread-default main context, and calls @ended from there. The
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
  self->cancel_source = gmp_source_attach_cancel (cancellable, G_PRIORITY_DEFAULT, cancelled_cb,
                                                  self);
  self->share = share_of_processors (self);
  if (self->reuse)
    gmp_kept_workers_begin_run (self->pool);
  gmp_feed_begin (self->feed, self->options->priority, feed_cb, self);
  gmp_supervisor_begin_waiting (self);
  gmp_supervisor_maybe_return (self);
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
    gmp_worker_proxy_kill (((GmpMember *) self->running->pdata[i])->worker);
}

static GmpMember *
find_running (GmpSupervisor *self,
              const char    *id)
{
  claim (self);
  for (guint i = 0; i < self->running->len; i++)
    if (g_str_equal (((GmpMember *) self->running->pdata[i])->spec.id, id))
      return self->running->pdata[i];
  return NULL;
}

/* Ends a running worker with @error. %FALSE if it does not run. */
gboolean
gmp_supervisor_fail (GmpSupervisor *self,
                     const char    *id,
                     const GError  *error)
{
  GmpMember *member = find_running (self, id);

  if (member == NULL)
    return FALSE;
  member->was_refused = TRUE;
  gmp_worker_proxy_fail (member->worker, g_error_copy (error));
  return TRUE;
}

/* (nullable): it runs on this machine, or not at all. */
const char *
gmp_supervisor_get_node (GmpSupervisor *self,
                         const char    *id)
{
  GmpMember *member = find_running (self, id);

  return member != NULL ? gmp_worker_proxy_get_node (member->worker) : NULL;
}

/* Ends a client that has exceeded turn-timeout; it may be restarted. */
void
gmp_supervisor_end_late (GmpSupervisor *self,
                         const char    *id)
{
  GmpMember *member = find_running (self, id);
  GString *text = g_string_new ("it did not send its next request ");

  /* A server may have its own limit. */
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

/* Clients may be added during the run, which gmp_supervisor_end() ends. */
void
gmp_supervisor_set_open (GmpSupervisor *self)
{
  self->takes_more = TRUE;
}

/* Clients wait for gmp_supervisor_renew(). */
void
gmp_supervisor_pause (GmpSupervisor *self)
{
  self->is_paused = TRUE;
}

/* The server begins, or has ended for @reason and is restarted: new channels for all. */
gboolean
gmp_supervisor_renew (GmpSupervisor *self,
                      const GError  *reason,
                      GError       **error)
{
  for (guint i = 0; i < self->running->len; i++)
    {
      GmpMember *member = self->running->pdata[i];
      GmpAgentProxy *place = gmp_worker_proxy_get_place (member->worker);
      GmpChannelDescriptors *port = self->server->renew (member->spec.id, &place,
                                                         self->server_data, error);

      if (port == NULL)
        return gmp_supervisor_set_no_node (error);
      gmp_worker_proxy_peer_ended (member->worker, "server", reason, TRUE);
      gmp_worker_proxy_add_channel (member->worker, "server", member->server_runtime, port);
    }
  for (GList *link = self->waiting.head; link != NULL; link = link->next)
    {
      GmpMember *member = link->data;

      g_clear_pointer (&member->port, gmp_channel_descriptors_free);
      member->port = self->server->renew (member->spec.id, &member->place, self->server_data,
                                          error);
      if (member->port == NULL)
        return gmp_supervisor_set_no_node (error);
    }
  self->is_paused = FALSE;
  if (self->ended != NULL)
    gmp_supervisor_begin_waiting (self);
  return TRUE;
}

/* Restarts no member any more. */
void
gmp_supervisor_end (GmpSupervisor *self)
{
  self->is_ending = TRUE;
  if (self->takes_more)
    gmp_supervisor_maybe_return (self);
}

/* The server has ended permanently, and its clients learn of @reason. Those that have finished are
 * not restarted any more. One that fails is restarted by the rule, so that it does not matter
 * whether it fails just before the server ends or just after. */
void
gmp_supervisor_end_server (GmpSupervisor *self,
                           const GError  *reason)
{
  if (self->server_end == NULL)
    self->server_end = g_error_copy (reason);
  for (guint i = 0; i < self->running->len; i++)
    gmp_worker_proxy_peer_ended (((GmpMember *) self->running->pdata[i])->worker, "server", reason,
                                 FALSE);
  if (self->is_paused)
    gmp_supervisor_end_pause (self);
  if (self->takes_more)
    gmp_supervisor_maybe_return (self);
}
