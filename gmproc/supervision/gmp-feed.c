/* gmp-feed.c: a run that receives its work while it runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-feed-private.h"

#include "base/gmp-fork-private.h"
#include "base/gmp-source-private.h"

struct _GmpFeed
{
  guint n_workers; /* the most workers that there will be; 0 while it is closed */
  GmpFeedFunc add;
  gpointer user_data;
  GDestroyNotify destroy;

  GMutex lock;
  GSource *source; /* (nullable): of the current run; under the lock */
};

typedef struct {
  GSource source;
  guint generation; /* of this process, by gmp_fork_get_generation() */
} FeedSource;

static gboolean
feed_dispatch (GSource    *source,
               GSourceFunc callback,
               gpointer    user_data)
{
  if (((FeedSource *) source)->generation != gmp_fork_get_generation ())
    return G_SOURCE_REMOVE;
  /* Cleared before the call, so that another thread can request the next one meanwhile. */
  g_source_set_ready_time (source, -1);
  return callback (user_data);
}

static GSourceFuncs feed_funcs = { .dispatch = feed_dispatch };

GmpFeed *
gmp_feed_new (void)
{
  GmpFeed *self = g_new0 (GmpFeed, 1);

  g_mutex_init (&self->lock);
  return self;
}

void
gmp_feed_free (GmpFeed *self)
{
  gmp_feed_close (self);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* The next run stays open. @add is called in its main context when it begins, and after each
 * gmp_feed_wake(). */
void
gmp_feed_open (GmpFeed       *self,
               guint          n_workers,
               GmpFeedFunc    add,
               gpointer       user_data,
               GDestroyNotify destroy)
{
  gmp_feed_close (self);
  self->n_workers = MAX (n_workers, 1);
  self->add = add;
  self->user_data = user_data;
  self->destroy = destroy;
}

/* The run begins, in the thread-default main context. @called calls @add, by gmp_feed_call(). */
void
gmp_feed_begin (GmpFeed    *self,
                int         priority,
                GSourceFunc called,
                gpointer    user_data)
{
  GSource *source;

  if (!gmp_feed_is_open (self))
    return;
  source = g_source_new (&feed_funcs, sizeof (FeedSource));
  ((FeedSource *) source)->generation = gmp_fork_get_generation ();
  g_source_set_ready_time (source, 0);
  g_mutex_lock (&self->lock);
  self->source = gmp_source_attach (source, priority, called, user_data);
  g_mutex_unlock (&self->lock);
}

/* Called in any thread: there may be work for the run, if it still runs. */
void
gmp_feed_wake (GmpFeed *self)
{
  g_mutex_lock (&self->lock);
  if (self->source != NULL)
    g_source_set_ready_time (self->source, 0);
  g_mutex_unlock (&self->lock);
}

void
gmp_feed_call (GmpFeed *self)
{
  if (gmp_feed_is_open (self))
    self->add (self->user_data);
}

/* No more work follows: the run ends with the last of its workers. */
void
gmp_feed_close (GmpFeed *self)
{
  GDestroyNotify destroy = g_steal_pointer (&self->destroy);

  self->n_workers = 0;
  g_mutex_lock (&self->lock);
  gmp_source_clear (&self->source);
  g_mutex_unlock (&self->lock);
  if (destroy != NULL)
    destroy (g_steal_pointer (&self->user_data));
}

gboolean
gmp_feed_is_open (GmpFeed *self)
{
  return self->n_workers > 0;
}

guint
gmp_feed_get_n_workers (GmpFeed *self)
{
  return self->n_workers;
}
