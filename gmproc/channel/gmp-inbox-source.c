/* gmp-inbox-source.c: a main loop's way to wait for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-inbox-private.h"

typedef struct {
  GSource source;
  GmpInbox *inbox;
  gpointer tag;       /* of the doorbell's descriptor */
  gboolean may_have;  /* the last call found a message, so there may be more */
  gint64 silence;     /* when memory is returned; the source's ready time is not later */
  gint64 asleep;      /* since when, in monotonic time; 0: not at all */
} InboxSource;

/* Other threads ring between this and check(); at other times they need not. */
static gboolean
prepare (GSource *source,
         int     *limit)
{
  InboxSource *self = (InboxSource *) source;

  *limit = -1;
  if (gmp_inbox_is_inherited (self->inbox))
    {
      /* Rings here are for the parent process. */
      g_source_modify_unix_fd (source, self->tag, 0);
      return FALSE;
    }
  if (self->may_have || gmp_inbox_begin_sleep (self->inbox))
    return TRUE;
  self->asleep = g_get_monotonic_time ();
  return FALSE;
}

static gboolean
check (GSource *source)
{
  InboxSource *self = (InboxSource *) source;

  if (gmp_inbox_is_inherited (self->inbox))
    return FALSE;
  gmp_inbox_end_sleep (self->inbox);
  if (self->asleep > 0)
    gmp_inbox_slept (self->inbox, g_get_monotonic_time () - self->asleep);
  self->asleep = 0;
  if (g_source_query_unix_fd (source, self->tag) != 0)
    {
      gmp_doorbell_wait (gmp_inbox_get_doorbell (self->inbox), 0);
      return TRUE;
    }
  return self->may_have;
}

/* The ready time is reached. It is not moved with each message, because that wakes the loop. */
static void
look_for_silence (InboxSource *self,
                  gint64       now)
{
  GSource *source = &self->source;

  g_source_set_ready_time (source, now < self->silence ? self->silence : -1);
  if (now >= self->silence)
    gmp_inbox_trim (self->inbox);
}

static gboolean
dispatch (GSource    *source,
          GSourceFunc callback,
          gpointer    user_data)
{
  InboxSource *self = (InboxSource *) source;
  gint64 now = g_source_get_time (source);
  gint64 ready_time = g_source_get_ready_time (source);

  gboolean is_silent = FALSE;

  gmp_inbox_end_sleep (self->inbox);
  if (ready_time != -1 && ready_time <= now)
    {
      is_silent = !self->may_have && g_source_query_unix_fd (source, self->tag) == 0;
      look_for_silence (self, now);
    }
  self->may_have = ((GmpInboxFunc) (void (*) (void)) callback) (self->inbox, user_data);
  if (is_silent)
    return G_SOURCE_CONTINUE;
  self->silence = now + GMP_INBOX_SILENCE * 1000;
  if (g_source_get_ready_time (source) == -1)
    g_source_set_ready_time (source, self->silence);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .prepare = prepare, .check = check, .dispatch = dispatch };

/* @ready is called with @priority in the thread-default main context, at once and then when
 * gmp_inbox_try_take() may have something: for one message in each iteration, so that the loop's
 * other sources get their turn. Destroy the source before the inbox is freed. */
GSource *
gmp_inbox_attach (GmpInbox    *self,
                  int          priority,
                  GmpInboxFunc ready,
                  gpointer     user_data)
{
  GSource *source = g_source_new (&source_funcs, sizeof (InboxSource));
  InboxSource *inbox_source = (InboxSource *) source;
  int fd = gmp_doorbell_get_fd (gmp_inbox_get_doorbell (self));

  inbox_source->inbox = self;
  inbox_source->may_have = TRUE;
  inbox_source->tag = g_source_add_unix_fd (source, fd, G_IO_IN);
  g_source_set_name (source, "gmproc inbox");
  g_source_set_priority (source, priority);
  g_source_set_callback (source, (GSourceFunc) (void (*) (void)) ready, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}
