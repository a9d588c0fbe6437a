/* gmp-remote-exchange.c: one command, and the wait for its state
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "remote/gmp-remote-exchange-private.h"

#include "base/gmp-error.h"
#include "base/gmp-source-private.h"
#include "remote/gmp-remote-socket-private.h"
#include "remote/gmp-remote-text-private.h"

/* The interval at which a command is sent to a game that does not listen yet, in microseconds. */
#define RETRY_TIME (50 * 1000)

/* A game that has just started sends a state that is no answer. If a command arrives before it
 * does so, the answer is the second state: the time to wait for one, in microseconds. */
#define GREETING_TIME (250 * 1000)

#define NEVER G_MAXINT64

/* A command is sent once, because the game might play a second copy. Only a command that was
 * refused, because the game is still starting, is sent again. */
struct _GmpRemoteExchange
{
  GmpRemoteGame *game;
  GSocket *socket;        /* (nullable): which the command was sent with */
  char *command_name;
  GString *command;
  char *buffer;
  gsize max_size;
  gint64 deadline;
  gint64 next_try;        /* when a command that was refused is sent again */
  gboolean was_refused;   /* the command has not reached a game yet */
  gboolean has_waited;    /* it has been refused at least once, so the game has just started */
  gboolean has_greeted;   /* the state that a game sends when it starts has come */
  GVariant *first;        /* (nullable): a state that may be that one */
  gint64 first_end;       /* when it counts as the answer */
  guint n_bad;            /* datagrams that were rejected */
  char *bad;              /* the reason for rejecting the last of them */
};

GmpRemoteExchange *
gmp_remote_exchange_new (GmpRemoteGame *game,
                         const char    *command_name,
                         GString       *command)
{
  GmpRemoteExchange *self = g_new0 (GmpRemoteExchange, 1);

  self->game = game;
  self->command_name = g_strdup (command_name);
  self->command = command;
  /* One more byte reveals a datagram that is too large. */
  self->max_size = game->max_size;
  self->buffer = g_malloc (self->max_size + 1);
  self->deadline = NEVER;
  if (game->timeout > 0)
    self->deadline = g_get_monotonic_time () + (gint64) (game->timeout * G_USEC_PER_SEC);
  self->next_try = NEVER;
  self->first_end = NEVER;
  return self;
}

void
gmp_remote_exchange_free (GmpRemoteExchange *self)
{
  g_clear_object (&self->socket);
  g_free (self->command_name);
  g_string_free (self->command, TRUE);
  g_free (self->buffer);
  g_free (self->bad);
  g_clear_pointer (&self->first, g_variant_unref);
  g_free (self);
}

static void
try_later (GmpRemoteExchange *self)
{
  self->was_refused = self->has_waited = TRUE;
  self->next_try = g_get_monotonic_time () + RETRY_TIME;
}

static gboolean
send_command (GmpRemoteExchange *self,
              GError           **error)
{
  GmpRemoteGame *game = self->game;
  gboolean is_refused;

  self->next_try = NEVER;
  self->was_refused = FALSE;
  self->has_greeted |= gmp_remote_socket_drain (self->socket) && self->has_waited;
  if (!gmp_remote_socket_send (self->socket, game->address, game->output_port, self->command,
                               &is_refused, error))
    {
      g_prefix_error (error, "Cannot send '%s' to the game at %s: ", self->command_name,
                      game->name);
      return FALSE;
    }
  if (is_refused)
    try_later (self);
  return TRUE;
}

gboolean
gmp_remote_exchange_begin (GmpRemoteExchange *self,
                           GError           **error)
{
  self->socket = g_object_ref (self->game->socket);
  return send_command (self, error);
}

static void
note_bad (GmpRemoteExchange *self,
          const char        *reason)
{
  self->n_bad++;
  g_free (self->bad);
  self->bad = g_strdup (reason);
}

static GVariant *
read_state (GmpRemoteExchange *self,
            gsize              size)
{
  g_autoptr (GError) error = NULL;
  GVariant *state;

  if (size > self->max_size)
    {
      note_bad (self, "it is larger than the property max-size allows");
      return NULL;
    }
  state = gmp_remote_text_parse_state (self->buffer, size, &error);
  if (state == NULL)
    note_bad (self, error->message);
  return state;
}

static void
set_ended_error (GmpRemoteExchange *self,
                 GError           **error)
{
  self->game->has_answered = FALSE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
               "The game at %s has ended: nothing listens there for '%s'", self->game->name,
               self->command_name);
}

static void
set_timeout_error (GmpRemoteExchange *self,
                   GError           **error)
{
  GmpRemoteGame *game = self->game;
  g_autofree char *refused = NULL;

  if (self->socket == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT,
                   "The address of the game at %s was not found within %g s, so '%s' was not sent",
                   game->name, game->timeout, self->command_name);
      return;
    }
  if (self->was_refused)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                   "There is no game at %s: nothing has listened there for '%s' within %g s",
                   game->name, self->command_name, game->timeout);
      return;
    }
  if (self->n_bad > 0)
    refused = g_strdup_printf ("; %u datagrams were refused, the last because %s", self->n_bad,
                               self->bad);
  g_set_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT,
               "The game at %s has not answered '%s' within %g s%s", game->name,
               self->command_name, game->timeout, refused != NULL ? refused : "");
}

/* Keeps @state, which may not be the answer, until another one comes or the time is over. */
static gboolean
is_doubtful (GmpRemoteExchange *self,
             GVariant         **state)
{
  if (!self->has_waited || self->has_greeted)
    return FALSE;
  self->has_greeted = TRUE;
  self->first = g_steal_pointer (state);
  self->first_end = g_get_monotonic_time () + GREETING_TIME;
  self->first_end = MIN (self->first_end, self->deadline);
  return TRUE;
}

/* Handles one datagram: TRUE when the exchange is over. Sets *@is_idle if there is none. */
static gboolean
look (GmpRemoteExchange *self,
      gboolean          *is_idle,
      GVariant         **state,
      GError           **error)
{
  GmpRemoteGame *game = self->game;
  gsize size = 0;

  switch (gmp_remote_socket_receive (self->socket, game->address, self->buffer,
                                     self->max_size + 1, &size, error))
    {
    case GMP_REMOTE_NOTHING:
      *is_idle = TRUE;
      return FALSE;

    case GMP_REMOTE_FOREIGN:
      note_bad (self, "another host sent it");
      return FALSE;

    case GMP_REMOTE_REFUSED:
      if (game->has_answered)
        {
          set_ended_error (self, error);
          return TRUE;
        }
      try_later (self);
      return FALSE;

    case GMP_REMOTE_DATAGRAM:
      if (self->was_refused)
        self->has_greeted = TRUE;
      else
        *state = read_state (self, size);
      game->has_answered |= *state != NULL;
      return *state != NULL && !is_doubtful (self, state);

    case GMP_REMOTE_ERROR:
    default:
      return TRUE;
    }
}

/* Does everything that needs no waiting: TRUE when the exchange is over, with a floating @state or
 * an error. */
gboolean
gmp_remote_exchange_turn (GmpRemoteExchange *self,
                          GVariant         **state,
                          GError           **error)
{
  gboolean is_idle = FALSE;

  if (self->socket == NULL && g_get_monotonic_time () >= self->deadline)
    {
      set_timeout_error (self, error);
      return TRUE;
    }
  if (self->socket == NULL || g_socket_is_closed (self->socket))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                   "The environment was closed before the game at %s answered '%s'",
                   self->game->name, self->command_name);
      return TRUE;
    }
  if (self->next_try < self->deadline && g_get_monotonic_time () >= self->next_try &&
      !send_command (self, error))
    return TRUE;
  /* A flood of datagrams cannot outlast the time-out either. */
  do
    {
      if (look (self, &is_idle, state, error))
        return TRUE;
    }
  while (!is_idle && g_get_monotonic_time () < self->deadline);
  if (g_get_monotonic_time () >= self->first_end)
    {
      *state = g_steal_pointer (&self->first);
      return TRUE;
    }
  if (g_get_monotonic_time () < self->deadline)
    return FALSE;
  set_timeout_error (self, error);
  return TRUE;
}

static gint64
get_wake_up (GmpRemoteExchange *self)
{
  return MIN (MIN (self->deadline, self->next_try), self->first_end);
}

/* Waits until another turn may do more; FALSE if it was cancelled. */
gboolean
gmp_remote_exchange_wait (GmpRemoteExchange *self,
                          GCancellable      *cancellable,
                          GError           **error)
{
  gint64 wake_up = get_wake_up (self);
  gint64 rest = wake_up == NEVER ? -1 : wake_up - g_get_monotonic_time ();
  g_autoptr (GError) reason = NULL;

  /* To GLib, a negative time is no limit. */
  if (wake_up != NEVER)
    rest = MAX (rest, 0);
  if (g_socket_condition_timed_wait (self->socket, G_IO_IN, rest, cancellable, &reason) ||
      g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

static gboolean
timer_dispatch (GSource    *source G_GNUC_UNUSED,
                GSourceFunc callback G_GNUC_UNUSED,
                gpointer    user_data G_GNUC_UNUSED)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
idle_dispatch (GSource    *source G_GNUC_UNUSED,
               GSourceFunc callback,
               gpointer    user_data)
{
  return ((GSocketSourceFunc) (void (*) (void)) callback) (NULL, 0, user_data);
}

/* A source for a command that has no socket yet. */
static GSource *
create_idle_source (void)
{
  static GSourceFuncs idle_funcs = { .dispatch = idle_dispatch };

  return g_source_new (&idle_funcs, sizeof (GSource));
}

/* The same wait as a source, whose callback is a GSocketSourceFunc. While the game's address is
 * searched for, it waits for the end of the time or the cancellable. */
GSource *
gmp_remote_exchange_create_source (GmpRemoteExchange *self,
                                   GCancellable      *cancellable)
{
  static GSourceFuncs timer_funcs = { .dispatch = timer_dispatch };
  GSource *source = self->socket != NULL
                    ? g_socket_create_source (self->socket, G_IO_IN, NULL)
                    : create_idle_source ();
  gint64 wake_up = get_wake_up (self);

  gmp_source_add_cancel (source, cancellable);
  if (wake_up != NEVER)
    {
      g_autoptr (GSource) timer = g_source_new (&timer_funcs, sizeof (GSource));

      g_source_set_ready_time (timer, wake_up);
      g_source_add_child_source (source, timer);
    }
  return source;
}
