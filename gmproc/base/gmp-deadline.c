/* gmp-deadline.c: limits of time, of which there may be many
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-deadline-private.h"

#include "base/gmp-fork-private.h"
#include "base/gmp-time-limit-private.h"

#include <string.h>

/* Each turn of a main loop looks at all sources, so the limits of a thousand workers took longer
 * than their starts. Those of one main context and priority share a source. They are under the
 * lock: a run may begin in another thread than that of its main context. */
typedef struct {
  GSource source;
  guint generation; /* of this process, by gmp_fork_get_generation() */
  GMainContext *context;
  GQueue waiting; /* of GmpDeadline, by the ends of their steps */
  guint n;        /* with those that have called back */
} Group;

struct _GmpDeadline
{
  GmpTimeLimit limit;
  GSourceFunc callback;
  gpointer user_data;
  Group *group;
  gboolean waits;
  GList link;
};

G_LOCK_DEFINE_STATIC (groups);
static GSList *groups;

/* They are the parent's. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (groups), 0, sizeof G_LOCK_NAME (groups));
  groups = NULL;
}

GMP_FORK_FORGETS (forget)

static void
set_ready_time_locked (Group *self)
{
  GmpDeadline *first = g_queue_peek_head (&self->waiting);
  gint64 time = first != NULL ? first->limit.end : -1;

  if (g_source_get_ready_time (&self->source) != time)
    g_source_set_ready_time (&self->source, time);
}

/* Most have the same length, so a new one is the last. */
static void
add_locked (Group       *self,
            GmpDeadline *deadline)
{
  GList *before = self->waiting.tail;

  while (before != NULL && ((GmpDeadline *) before->data)->limit.end > deadline->limit.end)
    before = before->prev;
  if (before != NULL)
    g_queue_insert_after_link (&self->waiting, before, &deadline->link);
  else
    g_queue_push_head_link (&self->waiting, &deadline->link);
  deadline->waits = TRUE;
}

static void
take_out_locked (GmpDeadline *self)
{
  g_queue_unlink (&self->group->waiting, &self->link);
  self->waits = FALSE;
}

/* (nullable): it is out of time, and does not wait any more. */
static GmpDeadline *
take_expired_locked (Group *self,
                     gint64 now)
{
  GmpDeadline *first;

  while ((first = g_queue_peek_head (&self->waiting)) != NULL && first->limit.end <= now)
    {
      take_out_locked (first);
      if (!gmp_time_limit_continues (&first->limit, now))
        return first;
      add_locked (self, first);
    }
  return NULL;
}

static gboolean
group_dispatch (GSource    *source,
                GSourceFunc callback G_GNUC_UNUSED,
                gpointer    user_data G_GNUC_UNUSED)
{
  Group *self = (Group *) source;
  GmpDeadline *expired;

  if (self->generation != gmp_fork_get_generation ())
    return G_SOURCE_REMOVE;
  /* The callback may clear all of them, or run the main loop, in which others expire. */
  G_LOCK (groups);
  expired = take_expired_locked (self, g_source_get_time (source));
  set_ready_time_locked (self);
  G_UNLOCK (groups);
  if (expired != NULL)
    expired->callback (expired->user_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs group_funcs = { .dispatch = group_dispatch };

static Group *
group_new (GMainContext *context,
           int           priority)
{
  GSource *source = g_source_new (&group_funcs, sizeof (Group));
  Group *self = (Group *) source;

  self->generation = gmp_fork_get_generation ();
  self->context = context;
  g_source_set_priority (source, priority);
  g_source_set_can_recurse (source, TRUE);
  g_source_attach (source, context);
  return self;
}

static Group *
get_group_locked (int priority)
{
  GMainContext *context = g_main_context_get_thread_default ();
  GSList *link;
  Group *self = NULL;

  for (link = groups; link != NULL && self == NULL; link = link->next)
    {
      Group *other = link->data;

      /* A run may be abandoned with its context, and another one have the same address. */
      if (other->context == context && !g_source_is_destroyed (&other->source) &&
          g_source_get_priority (&other->source) == priority)
        self = other;
    }
  if (self == NULL)
    {
      self = group_new (context, priority);
      groups = g_slist_prepend (groups, self);
    }
  return self;
}

static void
group_free_locked (Group *self)
{
  groups = g_slist_remove (groups, self);
  g_source_destroy (&self->source);
  g_source_unref (&self->source);
}

/* Calls back once, when the thread-default main context has run for @seconds; time counts as for
 * gmp_source_attach_limit(). Clear it in the same context. */
GmpDeadline *
gmp_deadline_new (double      seconds,
                  int         priority,
                  GSourceFunc callback,
                  gpointer    user_data)
{
  GmpDeadline *self = g_new0 (GmpDeadline, 1);
  gint64 time = (gint64) MIN (seconds * G_USEC_PER_SEC, (double) (G_MAXINT64 / 2));

  self->callback = callback;
  self->user_data = user_data;
  self->link.data = self;
  gmp_time_limit_begin (&self->limit, time, g_get_monotonic_time ());
  G_LOCK (groups);
  self->group = get_group_locked (priority);
  self->group->n++;
  add_locked (self->group, self);
  if (self->group->waiting.head == &self->link)
    set_ready_time_locked (self->group);
  G_UNLOCK (groups);
  return self;
}

/* Ends the one in @place, if there is one. */
void
gmp_deadline_clear (GmpDeadline **place)
{
  GmpDeadline *self = g_steal_pointer (place);

  if (self == NULL)
    return;
  G_LOCK (groups);
  if (self->waits)
    take_out_locked (self);
  if (--self->group->n == 0)
    group_free_locked (self->group);
  G_UNLOCK (groups);
  g_free (self);
}
