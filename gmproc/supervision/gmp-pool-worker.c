/* gmp-pool-worker.c: a kept process that executes calls
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-pool-worker-private.h"

#include "base/gmp-error.h"

#include <stdio.h>
#include <unistd.h>

/* Calls are sent ahead, so that a worker need not wait for the application between two of them.
 * This is the work that may be sent ahead to a worker, in microseconds: a few times what a sleeping
 * application takes to send more. Calls that it has not begun can be withdrawn for an idle
 * worker. */
#define AHEAD 1000.0

/* The microseconds that a call may take before the calls behind it are withdrawn. A worker that is
 * still reading the parameters has not begun the call, which is then withdrawn too, and needs more
 * time when it is sent again: twice as much each time. */
#define STALL (10 * G_USEC_PER_SEC / 1000)
#define MAX_STALLS 12

/* The most calls that are sent ahead, all of them small. A ring holds some hundreds of these. */
#define MAX_AHEAD 128

/* Takes ownership of @channel. */
GmpPoolWorker *
gmp_pool_worker_new (const char *runtime,
                     guint       number,
                     GmpChannel *channel)
{
  GmpPoolWorker *self = g_new0 (GmpPoolWorker, 1);

  self->runtime = g_strdup (runtime);
  self->number = number;
  self->channel = channel;
  self->mark = gmp_channel_get_mark (channel);
  self->since = g_get_monotonic_time ();
  channel->is_pipelined = TRUE;
  g_queue_init (&self->sent);
  return self;
}

/* It has no more calls. */
void
gmp_pool_worker_free (GmpPoolWorker *self)
{
  g_assert (self->sent.length == 0 && self->dropped == NULL);

  g_object_unref (self->channel);
  g_clear_object (&self->proxy);
  g_clear_pointer (&self->report, g_variant_unref);
  g_clear_object (&self->failure);
  g_clear_error (&self->end_reason);
  g_free (self->runtime);
  g_free (self);
}

/* TRUE if it executes a call. */
gboolean
gmp_pool_worker_is_busy (GmpPoolWorker *self)
{
  return self->sent.length > 0 || self->dropped != NULL;
}

/* TRUE if its first call takes longer than expected. */
static gboolean
is_slow (GmpPoolWorker *self)
{
  return self->sent.length > 0 && (double) (g_get_monotonic_time () - self->since) > AHEAD;
}

/* The number of calls that can be sent to it now. It gets @max_calls in its life (0: any
 * number). */
guint
gmp_pool_worker_get_room (GmpPoolWorker *self,
                          guint          max_calls)
{
  guint window = 1;

  if (!self->is_ready || self->is_retiring || self->is_closed || self->is_ending ||
      self->end_reason != NULL || gmp_channel_has_unsent (self->channel))
    return 0;
  if (self->mark != NULL && self->pace > 0 && !is_slow (self))
    window = (guint) CLAMP (AHEAD / self->pace, 1, MAX_AHEAD);
  if (max_calls > 0)
    window = MIN (window, self->sent.length + max_calls - MIN (self->n_sent, max_calls));
  return window - MIN (window, self->sent.length);
}

/* When the calls behind a slow one should go elsewhere; -1 if there are none. */
gint64
gmp_pool_worker_get_stall (GmpPoolWorker *self)
{
  GmpPoolCall *first = g_queue_peek_head (&self->sent);

  if (self->mark == NULL || self->is_closed || self->sent.length < 2)
    return -1;
  return self->since + (STALL << MIN (first->n_stalls, MAX_STALLS));
}

/* @target is interned. */
static gboolean
send_target (GmpPoolWorker *self,
             const char    *target,
             GError       **error)
{
  g_autoptr (GVariant) packed = NULL;

  if (target == self->target)
    return TRUE;
  packed = g_variant_ref_sink (g_variant_new_string (target));
  if (!gmp_channel_send_tagged (self->channel, GMP_CALL_TARGET, packed, error))
    return FALSE;
  self->target = target;
  return TRUE;
}

/* Sent once, first: the initializer, if there is a @target. It may be sent before the worker's
 * process exists. */
gboolean
gmp_pool_worker_set_up (GmpPoolWorker *self,
                        const char    *target,
                        GVariant      *params,
                        GError       **error)
{
  return (target == NULL || send_target (self, g_intern_string (target), error)) &&
         gmp_channel_send_tagged (self->channel, GMP_CALL_SETUP, params, error);
}

/* Sends @call and takes the reference to it; after an error the caller keeps it. */
gboolean
gmp_pool_worker_send (GmpPoolWorker *self,
                      GmpPoolCall   *call,
                      GError       **error)
{
  gboolean is_sent;

  if (!send_target (self, call->target, error))
    return FALSE;
  self->channel->is_checked = call->is_checked;
  is_sent = gmp_channel_send_tagged (self->channel, GMP_CALL_PARAMS, call->params, error);
  self->channel->is_checked = FALSE;
  if (!is_sent)
    return FALSE;
  if (self->sent.length == 0)
    self->since = g_get_monotonic_time ();
  call->state = GMP_POOL_CALL_SENT;
  call->worker = self;
  g_queue_push_tail_link (&self->sent, &call->link);
  self->n_sent++;
  return TRUE;
}

/* The number of calls in @sent that have begun: at most the first, which without a mark counts as
 * begun. */
static guint
count_begun (GmpPoolWorker *self,
             guint32        n_begun)
{
  guint32 n_running = n_begun - (self->n_answered + (self->dropped != NULL ? 1 : 0));

  if (self->mark == NULL)
    return MIN (self->sent.length, 1);
  /* The worker's value of the mark is limited to the possible range, because it is not trusted. */
  return MIN (n_running, self->sent.length);
}

/* TRUE if it executes @call, one of the calls sent to it. Answers are not known before they are
 * received, so the call may in fact be over. */
gboolean
gmp_pool_worker_has_begun (GmpPoolWorker *self,
                           GmpPoolCall   *call)
{
  guint n_begun = count_begun (self, self->mark != NULL ? gmp_call_mark_n_begun (self->mark) : 0);

  for (GList *link = self->sent.head; link != NULL && n_begun > 0; link = link->next, n_begun--)
    if (link->data == call)
      return TRUE;
  return FALSE;
}

/* Returns the calls that the worker has not begun to @queue; the worker will not begin them. */
void
gmp_pool_worker_withdraw (GmpPoolWorker *self,
                          GQueue        *queue)
{
  guint n_kept = self->sent.length;

  if (self->mark != NULL)
    {
      n_kept = count_begun (self, gmp_call_mark_withdraw (self->mark));
      gmp_channel_send_tagged (self->channel, GMP_CALL_RESUME, NULL, NULL);
    }
  while (self->sent.length > n_kept)
    {
      GmpPoolCall *call = g_queue_pop_tail_link (&self->sent)->data;

      self->n_sent--;
      gmp_pool_call_enqueue (call, queue, TRUE);
    }
}

/* The answer to the current call is no longer needed. */
void
gmp_pool_worker_drop_first (GmpPoolWorker *self)
{
  self->dropped = g_queue_pop_head_link (&self->sent)->data;
}

static void
learn_pace (GmpPoolWorker *self,
            gint64         now)
{
  double took = (double) MAX (now - self->since, 1);

  /* Adapts quickly to longer durations, and slowly to shorter ones. */
  self->pace = took > self->pace ? took : self->pace + (took - self->pace) / 4;
  self->since = now;
}

static void
break_off (GmpPoolWorker *self,
           const char    *what)
{
  if (self->end_reason == NULL)
    self->end_reason = g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "it sent %s", what);
}

/* An answer to the first call. */
static GmpPoolCall *
take_answer (GmpPoolWorker *self,
             GVariant      *payload)
{
  GmpPoolCall *call = g_queue_peek_head (&self->sent);
  GError *error = NULL;

  if (self->dropped != NULL)
    {
      g_clear_pointer (&self->dropped, gmp_pool_call_unref);
      self->n_answered++;
      return NULL;
    }
  if (call == NULL)
    {
      break_off (self, "an answer to no call");
      return NULL;
    }
  if (self->channel->tag == GMP_CALL_ERROR)
    {
      error = gmp_call_error_unpack (payload);
      if (error == NULL)
        {
          break_off (self, "an invalid error");
          return NULL;
        }
    }
  g_queue_unlink (&self->sent, &call->link);
  self->n_answered++;
  call->error = error;
  call->value = error == NULL && payload != NULL ? g_variant_ref (payload) : NULL;
  return call;
}

/* No more messages arrive, for @reason (nullable), unless the worker's own end explains it. */
static void
end (GmpPoolWorker *self,
     const GError  *reason)
{
  self->is_closed = TRUE;
  self->lost_at = g_get_monotonic_time ();
  if (reason != NULL && self->end_reason == NULL)
    self->end_reason = g_error_copy (reason);
}

/* Takes one message. If it is an answer, returns the call with its reference. @is_more is TRUE if
 * there may be more messages. */
GmpPoolCall *
gmp_pool_worker_receive (GmpPoolWorker *self,
                         gboolean      *is_more)
{
  g_autoptr (GVariant) payload = NULL;
  g_autoptr (GError) error = NULL;
  GmpPoolCall *call = NULL;

  *is_more = FALSE;
  if (self->is_closed)
    return NULL;
  switch (gmp_channel_receive (self->channel, &payload, &error))
    {
    case GMP_CHANNEL_EMPTY:
      return NULL;

    case GMP_CHANNEL_CLOSED:
      end (self, g_error_matches (error, GMP_ERROR, GMP_ERROR_PROTOCOL) ? error : NULL);
      return NULL;

    case GMP_CHANNEL_REFUSED:
      end (self, error);
      return NULL;

    case GMP_CHANNEL_PAYLOAD:
    default:
      break;
    }
  *is_more = TRUE;
  switch (self->channel->tag)
    {
    case GMP_CALL_READY:
      self->is_ready = TRUE;
      if (payload != NULL && g_variant_is_of_type (payload, G_VARIANT_TYPE_UINT32))
        self->pid = (int) g_variant_get_uint32 (payload);
      self->since = g_get_monotonic_time ();
      break;

    case GMP_CALL_RESULT:
    case GMP_CALL_ERROR:
      call = take_answer (self, payload);
      if (call != NULL)
        learn_pace (self, g_get_monotonic_time ());
      break;

    default:
      break_off (self, "a message of no kind that there is");
    }
  return call;
}

/* In bytes; 0 if unknown. */
guint64
gmp_pool_worker_read_memory (GmpPoolWorker *self)
{
  char path[64];
  unsigned long pages = 0;
  FILE *file;

  g_snprintf (path, sizeof path, "/proc/%d/statm", self->pid);
  file = self->pid > 0 ? fopen (path, "re") : NULL;
  if (file == NULL)
    return 0;
  if (fscanf (file, "%*u %lu", &pages) != 1)
    pages = 0;
  fclose (file);
  return (guint64) pages * (guint64) sysconf (_SC_PAGESIZE);
}

/* The worker ends after the calls that were sent to it. */
void
gmp_pool_worker_close (GmpPoolWorker *self)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                   "The pool has no more calls");

  if (self->is_closed)
    return;
  self->is_closed = TRUE;
  gmp_channel_close (self->channel, reason);
}
