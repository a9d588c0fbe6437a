/* gmp-pool-returns.c: the ends of asynchronous calls, on their way to a main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-returns-private.h"

struct _GmpPoolReturns
{
  GSource source;
  GmpDispatcher *dispatcher; /* with a reference: a callback may hold the last one to the pool */
  GmpPoolReturn callback;
  GMutex lock;
  GQueue calls; /* of GmpPoolCall; under lock */
};

static gboolean
has_calls (GSource *source)
{
  GmpPoolReturns *self = (GmpPoolReturns *) source;
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->calls.length > 0;
  g_mutex_unlock (&self->lock);
  return result;
}

static gboolean
returns_prepare (GSource *source,
                 int     *limit)
{
  *limit = -1;
  return has_calls (source);
}

static gboolean
returns_dispatch (GSource    *source,
                  GSourceFunc callback G_GNUC_UNUSED,
                  gpointer    user_data G_GNUC_UNUSED)
{
  GmpPoolReturns *self = (GmpPoolReturns *) source;
  GList *link;
  guint n;

  g_source_set_ready_time (source, -1);
  g_mutex_lock (&self->lock);
  n = self->calls.length;
  while (n-- > 0 && (link = g_queue_pop_head_link (&self->calls)) != NULL)
    {
      g_mutex_unlock (&self->lock);
      /* The callback may run the main loop, which then handles the other calls. */
      self->callback (link->data);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);
  /* While this loop is awake it need not wait for the dispatcher's thread. */
  gmp_dispatcher_look (self->dispatcher);
  return G_SOURCE_CONTINUE;
}

static void
returns_finalize (GSource *source)
{
  GmpPoolReturns *self = (GmpPoolReturns *) source;

  gmp_dispatcher_unref (self->dispatcher);
  g_mutex_clear (&self->lock);
}

static GSourceFuncs returns_funcs = {
  .prepare = returns_prepare, .check = has_calls, .dispatch = returns_dispatch,
  .finalize = returns_finalize,
};

/* In the thread-default main context. */
GmpPoolReturns *
gmp_pool_returns_new (GmpDispatcher *dispatcher,
                      int            priority,
                      GmpPoolReturn  callback)
{
  GSource *source = g_source_new (&returns_funcs, sizeof (GmpPoolReturns));
  GmpPoolReturns *self = (GmpPoolReturns *) source;

  self->dispatcher = gmp_dispatcher_ref (dispatcher);
  self->callback = callback;
  g_mutex_init (&self->lock);
  g_queue_init (&self->calls);
  g_source_set_name (source, "gmproc pool returns");
  g_source_set_priority (source, priority);
  g_source_set_can_recurse (source, TRUE);
  g_source_attach (source, g_main_context_get_thread_default ());
  return self;
}

/* TRUE if it belongs to @context and @dispatcher: a forked child has another one. */
gboolean
gmp_pool_returns_serves (GmpPoolReturns *self,
                         GmpDispatcher  *dispatcher,
                         GMainContext   *context)
{
  return self->dispatcher == dispatcher && g_source_get_context (&self->source) == context;
}

/* TRUE if its main context has been freed. */
gboolean
gmp_pool_returns_is_over (GmpPoolReturns *self)
{
  return g_source_is_destroyed (&self->source);
}

/* Takes ownership of @call. Returns TRUE if gmp_pool_returns_wake() must be called. */
gboolean
gmp_pool_returns_add (GmpPoolReturns *self,
                      GmpPoolCall    *call)
{
  gboolean is_first;

  g_mutex_lock (&self->lock);
  is_first = self->calls.length == 0;
  g_queue_push_tail_link (&self->calls, &call->link);
  g_mutex_unlock (&self->lock);
  return is_first;
}

void
gmp_pool_returns_wake (GmpPoolReturns *self)
{
  /* A loop in this thread checks before it sleeps. */
  if (!g_main_context_is_owner (g_source_get_context (&self->source)))
    g_source_set_ready_time (&self->source, 0);
}

GmpPoolReturns *
gmp_pool_returns_ref (GmpPoolReturns *self)
{
  return (GmpPoolReturns *) g_source_ref (&self->source);
}

/* No more calls arrive. */
void
gmp_pool_returns_end (GmpPoolReturns *self)
{
  g_source_destroy (&self->source);
  gmp_pool_returns_unref (self);
}

void
gmp_pool_returns_unref (GmpPoolReturns *self)
{
  g_source_unref (&self->source);
}
