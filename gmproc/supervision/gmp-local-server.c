/* gmp-local-server.c: the application as the server of its clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-local-server-private.h"

#include "base/gmp-source-private.h"

struct _GmpLocalServer
{
  const GmpServerMethods *methods;
  gpointer server;
  GmpLocalServerEnded ended;
  gpointer user_data;
  GmpInbox *inbox;
  int priority;          /* of requests in the main context */
  GSource *source;       /* (nullable): not started, or ended */
  gboolean is_calling;   /* code of the user, which may run the main loop */
  GError *kept;          /* (nullable): of gmp_local_server_fail() meanwhile */
  gboolean asked_done;   /* in this turn */
  gboolean is_done;
  gboolean was_stopped;
};

GmpLocalServer *
gmp_local_server_new (const GmpServerMethods *methods,
                      gpointer                server,
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
  self->methods = methods;
  self->server = server;
  self->ended = ended;
  self->user_data = user_data;
  self->inbox = inbox;
  /* Clients may ask without a pause, and all else that the loop has should not wait for that. */
  self->priority = options->priority + GMP_PRIORITY_REQUESTS;
  gmp_inbox_set_belief (inbox, options->restart == GMP_RESTART_ALWAYS
                               ? GMP_INBOX_BELIEVES_NONE : GMP_INBOX_BELIEVES_FINISHED);
  gmp_inbox_set_value_limit (inbox, options->value_size_limit);
  return self;
}

void
gmp_local_server_free (GmpLocalServer *self)
{
  gmp_source_clear (&self->source);
  gmp_inbox_free (self->inbox);
  g_clear_error (&self->kept);
  g_free (self);
}

/* Takes @port over: one end of a channel to a client. */
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

/* As gmp_inbox_tell_gone(). */
void
gmp_local_server_tell_gone (GmpLocalServer *self,
                            const char     *client_id,
                            const GError   *reason,
                            gboolean        returns)
{
  gmp_inbox_tell_gone (self->inbox, client_id, reason, returns);
}

guint
gmp_local_server_get_n_clients (GmpLocalServer *self)
{
  return gmp_inbox_get_n_open (self->inbox);
}

/* Ends the life cycle, unless it has ended, when what it calls has come back. Takes @error over. */
void
gmp_local_server_fail (GmpLocalServer *self,
                       GError         *error)
{
  if (self->source == NULL || self->kept != NULL)
    {
      g_error_free (error);
      return;
    }
  if (self->is_calling)
    {
      self->kept = error;
      return;
    }
  gmp_source_clear (&self->source);
  gmp_life_cycle_abandon (self->inbox, error);
  self->ended (NULL, error, self->user_data);
}

/* Ends the life cycle at its next turn, as if it were done. */
void
gmp_local_server_stop (GmpLocalServer *self)
{
  self->was_stopped = TRUE;
  gmp_inbox_ring (self->inbox);
}

static void
finish (GmpLocalServer *self)
{
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  gmp_source_clear (&self->source);
  value = gmp_life_cycle_finish (self->methods, self->server, self->inbox, &error);
  self->ended (value, error, self->user_data);
}

/* Returns whether there may be more to do. */
static gboolean
take_turn (GmpLocalServer *self,
           GError        **error)
{
  g_auto (GmpMail) mail = { 0, };
  GmpInboxStatus status = GMP_INBOX_EMPTY;
  gboolean is_done = FALSE;

  if (self->was_stopped)
    is_done = TRUE;
  else if (!self->asked_done)
    is_done = gmp_life_cycle_is_done (self->methods, self->server, self->inbox, error);
  self->asked_done = TRUE;
  self->is_done |= is_done;
  /* The last responses go before the channels are closed. */
  if (*error == NULL && self->kept == NULL &&
      (!self->is_done || gmp_inbox_has_unsent (self->inbox)))
    status = gmp_inbox_try_take (self->inbox, &mail);
  if (status != GMP_INBOX_EMPTY)
    self->asked_done = FALSE;
  if (status == GMP_INBOX_PAYLOAD && !self->is_done)
    gmp_life_cycle_respond (self->methods, self->server, &mail, error);
  else if (!self->is_done && *error == NULL)
    gmp_life_cycle_tell_end (self->methods, self->server, &mail, error);
  return status != GMP_INBOX_EMPTY;
}

static gboolean
ready_cb (GmpInbox *inbox,
          gpointer  user_data)
{
  GmpLocalServer *self = user_data;
  GError *error = NULL;
  gboolean may_be_more;

  self->is_calling = TRUE;
  may_be_more = take_turn (self, &error);
  self->is_calling = FALSE;
  if (error == NULL)
    error = g_steal_pointer (&self->kept);
  g_clear_error (&self->kept);
  if (error != NULL)
    gmp_local_server_fail (self, error);
  else if (may_be_more || !self->is_done || gmp_inbox_has_unsent (inbox))
    return may_be_more;
  else
    finish (self);
  return FALSE;
}

/* Serves from here on, in the thread-default main context. */
gboolean
gmp_local_server_start (GmpLocalServer *self,
                        GVariant       *params,
                        GError        **error)
{
  if (!gmp_life_cycle_start (self->methods, self->server, params, error))
    return FALSE;
  self->source = gmp_inbox_attach (self->inbox, self->priority, ready_cb, self);
  return TRUE;
}
