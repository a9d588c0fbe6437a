/* gmp-local-server.c: the application as the server of its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-local-server-private.h"

#include "base/gmp-hold-private.h"
#include "base/gmp-source-private.h"

/* How long requests are answered in one iteration of the main loop, in microseconds: in the
 * program's loop, and in one that only the run uses. All other sources wait for that time. */
#define TURN 100
#define TURN_BLOCKING 1000

struct _GmpLocalServer
{
  GmpServerCycle cycle;
  GmpLocalServerEnded ended;
  gpointer user_data;
  GmpLocalServerTurned turned; /* (nullable) */
  gpointer turned_data;
  GmpInbox *inbox;
  int priority;          /* of requests in the main context */
  gboolean is_blocking;  /* the context serves only this run */
  GSource *source;       /* (nullable): not started, or ended */
  GSource *limit_source; /* (nullable): for the deadline of a batch */
  GmpHold hold;          /* while methods are called */
  GError *kept;          /* (nullable): of gmp_local_server_fail() meanwhile */
  gboolean asked_done;   /* in this turn */
  gboolean is_done;
  gboolean was_stopped;
};

typedef struct {
  GSource source;
  GmpLocalServer *server;
} LimitSource;

static void fail_kept (gpointer user_data);

GmpLocalServer *
gmp_local_server_new (const GmpServerMethods *methods,
                      gpointer                server,
                      GmpServerMode           mode,
                      const GmpBatchRule     *rule,
                      const GmpOptions       *options,
                      GmpLocalServerEnded     ended,
                      gpointer                user_data,
                      GError                **error)
{
  GmpInbox *inbox = gmp_inbox_new (error);
  GmpLocalServer *self;

  if (inbox == NULL)
    return NULL;
  self = g_new0 (GmpLocalServer, 1);
  gmp_server_cycle_init (&self->cycle, methods, server, inbox, mode, rule);
  gmp_hold_init (&self->hold, fail_kept, self);
  self->ended = ended;
  self->user_data = user_data;
  self->inbox = inbox;
  /* Clients may send requests without a pause, and other sources of the loop must not wait for
   * that. */
  self->priority = options->priority + GMP_PRIORITY_REQUESTS;
  gmp_inbox_set_trust (inbox, options->restart == GMP_RESTART_ALWAYS
                              ? GMP_INBOX_TRUSTS_NONE : GMP_INBOX_TRUSTS_FINISHED);
  gmp_inbox_set_value_limit (inbox, options->value_size_limit);
  gmp_inbox_set_turn_timeout (inbox, options->turn_timeout);
  return self;
}

void
gmp_local_server_free (GmpLocalServer *self)
{
  gmp_source_clear (&self->source);
  gmp_source_clear (&self->limit_source);
  gmp_hold_clear (&self->hold);
  gmp_server_cycle_clear (&self->cycle);
  gmp_inbox_free (self->inbox);
  g_clear_error (&self->kept);
  g_free (self);
}

/* The main context serves only this run, so polling for messages delays nothing else. */
void
gmp_local_server_set_blocking (GmpLocalServer *self)
{
  self->is_blocking = TRUE;
}

/* The main context is one of the program's: large values are serialised and checked in another
 * thread. */
void
gmp_local_server_set_later (GmpLocalServer *self)
{
  gmp_inbox_set_later (self->inbox);
}

/* For collected requests: @turned is called when there may be more of them, or fewer clients. It
 * may free @self. */
void
gmp_local_server_set_turned (GmpLocalServer      *self,
                             GmpLocalServerTurned turned,
                             gpointer             user_data)
{
  self->turned = turned;
  self->turned_data = user_data;
}

/* As gmp_requests_set_serving(). */
void
gmp_local_server_set_serving (GmpLocalServer *self,
                              gboolean        is_serving)
{
  if (self->cycle.requests != NULL)
    gmp_requests_set_serving (self->cycle.requests, is_serving);
}

/* As gmp_server_cycle_take_batch(). */
GPtrArray *
gmp_local_server_take_batch (GmpLocalServer *self,
                             guint           n)
{
  return gmp_server_cycle_take_batch (&self->cycle, n);
}

/* Takes ownership of @port: one end of a channel to a client. */
gboolean
gmp_local_server_add (GmpLocalServer        *self,
                      const char            *client_id,
                      const char            *runtime,
                      GmpChannelDescriptors *port,
                      GError               **error)
{
  g_autoptr (GmpChannel) channel = gmp_channel_descriptors_open (port, error);

  if (channel != NULL)
    gmp_inbox_add (self->inbox, client_id, runtime, channel);
  return channel != NULL;
}

/* As gmp_inbox_peer_ended(). */
void
gmp_local_server_peer_ended (GmpLocalServer *self,
                             const char     *client_id,
                             const GError   *reason,
                             gboolean        returns)
{
  gmp_inbox_peer_ended (self->inbox, client_id, reason, returns);
}

guint
gmp_local_server_get_n_clients (GmpLocalServer *self)
{
  return gmp_inbox_get_n_open (self->inbox);
}

/* Of requests in the main context. */
int
gmp_local_server_get_priority (GmpLocalServer *self)
{
  return self->priority;
}

/* Ends the life cycle, unless it has ended, after the method that it is calling has returned. Takes
 * ownership of @error. */
void
gmp_local_server_fail (GmpLocalServer *self,
                       GError         *error)
{
  if (self->source == NULL || self->kept != NULL)
    {
      g_error_free (error);
      return;
    }
  if (gmp_hold_blocks (&self->hold))
    {
      self->kept = error;
      return;
    }
  gmp_source_clear (&self->source);
  gmp_source_clear (&self->limit_source);
  gmp_server_cycle_abandon (&self->cycle, error);
  self->ended (NULL, error, self->user_data);
}

static void
fail_kept (gpointer user_data)
{
  GmpLocalServer *self = user_data;

  if (self->kept != NULL)
    gmp_local_server_fail (self, g_steal_pointer (&self->kept));
}

/* Ends the life cycle at its next turn, as if it were done. */
void
gmp_local_server_stop (GmpLocalServer *self)
{
  self->was_stopped = TRUE;
  gmp_inbox_ring (self->inbox);
}

/* Takes a turn without a message: the rule of batches has changed. */
void
gmp_local_server_look (GmpLocalServer *self)
{
  gmp_inbox_ring (self->inbox);
}

static void
finish (GmpLocalServer *self)
{
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  gmp_source_clear (&self->source);
  gmp_source_clear (&self->limit_source);
  value = gmp_server_cycle_finish (&self->cycle, &error);
  self->ended (value, error, self->user_data);
}

/* Returns TRUE if there may be more to do. */
static gboolean
take_turn (GmpLocalServer *self,
           gboolean        may_look,
           GError        **error)
{
  g_auto (GmpMail) mail = { 0, };
  GmpInboxStatus status = GMP_INBOX_EMPTY;
  gint64 begun = self->cycle.begun;
  gboolean is_done = FALSE;

  if (self->was_stopped)
    is_done = TRUE;
  else if (!self->asked_done)
    is_done = gmp_server_cycle_is_done (&self->cycle, error);
  self->asked_done = TRUE;
  self->is_done |= is_done;
  /* The last responses are sent before the channels are closed. */
  if (*error == NULL && self->kept == NULL &&
      (!self->is_done || gmp_inbox_has_unsent (self->inbox)))
    status = may_look ? gmp_inbox_look (self->inbox, &mail)
                      : gmp_inbox_try_take (self->inbox, &mail);
  if ((!self->is_done || status == GMP_INBOX_REFUSED) && *error == NULL)
    gmp_server_cycle_handle (&self->cycle, status, &mail, error);
  /* A batch may also become complete without a message. */
  if (status != GMP_INBOX_EMPTY || begun != self->cycle.begun)
    self->asked_done = FALSE;
  return !self->asked_done;
}

static gboolean
limit_dispatch (GSource    *source,
                GSourceFunc callback G_GNUC_UNUSED,
                gpointer    user_data G_GNUC_UNUSED)
{
  GmpLocalServer *self = ((LimitSource *) source)->server;

  g_source_set_ready_time (source, -1);
  gmp_inbox_ring (self->inbox);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs limit_funcs = { .dispatch = limit_dispatch };

/* Schedules the next turn at the deadline of the batch, or of a client. */
static void
watch_deadline (GmpLocalServer *self)
{
  gint64 deadline = gmp_server_cycle_get_deadline (&self->cycle);

  if (self->limit_source == NULL && deadline != -1 && self->source != NULL)
    {
      self->limit_source = g_source_new (&limit_funcs, sizeof (LimitSource));
      ((LimitSource *) self->limit_source)->server = self;
      g_source_set_priority (self->limit_source, self->priority);
      g_source_attach (self->limit_source, g_source_get_context (self->source));
    }
  if (self->limit_source != NULL && g_source_get_ready_time (self->limit_source) != deadline)
    g_source_set_ready_time (self->limit_source, deadline);
}

/* Takes at most one message, and polls for it for a while if it @may_look. Returns TRUE if there
 * may be more. @self may be freed after it. */
gboolean
gmp_local_server_turn (GmpLocalServer *self,
                       gboolean        may_look)
{
  GError *error = NULL;
  gboolean may_be_more;

  if (self->source == NULL || self->kept != NULL)
    return FALSE;
  gmp_hold_enter (&self->hold);
  may_be_more = take_turn (self, may_look, &error);
  if (error != NULL)
    g_clear_error (&self->kept);
  gmp_hold_leave (&self->hold, self->priority);
  watch_deadline (self);
  if (error != NULL)
    gmp_local_server_fail (self, error);
  else if (self->kept != NULL)
    return FALSE;
  else if (may_be_more || !self->is_done || gmp_inbox_has_unsent (self->inbox))
    {
      if (self->turned != NULL)
        self->turned (self->turned_data);
      return may_be_more;
    }
  else
    finish (self);
  return FALSE;
}

static gboolean
ready_cb (GmpInbox *inbox G_GNUC_UNUSED,
          gpointer  user_data)
{
  GmpLocalServer *self = user_data;
  gboolean is_blocking = self->is_blocking;
  gint64 end = g_get_monotonic_time () + (is_blocking ? TURN_BLOCKING : TURN);
  gboolean may_go_on = self->turned == NULL;
  gboolean may_be_more;

  do
    may_be_more = gmp_local_server_turn (self, is_blocking);
  while (may_be_more && may_go_on && g_get_monotonic_time () < end);
  return may_be_more;
}

/* Serves from here on, in the thread-default main context. */
gboolean
gmp_local_server_start (GmpLocalServer *self,
                        GVariant       *params,
                        GError        **error)
{
  if (!gmp_server_cycle_start (&self->cycle, params, error))
    return FALSE;
  self->source = gmp_inbox_attach (self->inbox, self->priority, ready_cb, self);
  return TRUE;
}
