/* gmp-pool.c: workers that wait for another run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-private.h"


struct _GmpPool
{
  GQueue workers;        /* of GmpRemoteWorker: the one that has waited longest comes first */
  GMainContext *context; /* (nullable): for what blocks */
};

GmpPool *
gmp_pool_new (void)
{
  GmpPool *self = g_new0 (GmpPool, 1);

  g_queue_init (&self->workers);
  return self;
}

void
gmp_pool_free (GmpPool *self)
{
  gmp_pool_retire (self);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}

/* A context of the pool's own, for calls that block. It is the same for all of them, for what one
 * has begun in it, the next may end. */
GMainContext *
gmp_pool_get_context (GmpPool *self)
{
  if (self->context == NULL)
    self->context = g_main_context_new ();
  return self->context;
}

/* Keeps @worker, if its process waits for another run. */
void
gmp_pool_keep (GmpPool         *self,
               GmpRemoteWorker *worker)
{
  if (gmp_remote_worker_is_kept (worker))
    g_queue_push_tail (&self->workers, g_object_ref (worker));
}

/* Returns a reference; %NULL where none waits. */
GmpRemoteWorker *
gmp_pool_take (GmpPool *self)
{
  GmpRemoteWorker *worker;

  while ((worker = g_queue_pop_head (&self->workers)) != NULL)
    {
      if (gmp_remote_worker_is_kept (worker))
        return worker;
      g_object_unref (worker);
    }
  return NULL;
}

/* Waits for the processes to be gone, which takes a limited time: what has nothing to do exits at
 * once, or is killed. A garbage collector may be what calls this, so nothing of the user's is
 * called, and no context is run that others have something in. */
void
gmp_pool_retire (GmpPool *self)
{
  GmpRemoteWorker *worker;

  if (self->workers.length == 0)
    return;
  /* The connections' last words come here, until the pool is freed. */
  g_main_context_push_thread_default (gmp_pool_get_context (self));
  for (GList *link = self->workers.head; link != NULL; link = link->next)
    gmp_remote_worker_disconnect (link->data);
  g_main_context_pop_thread_default (self->context);
  while ((worker = g_queue_pop_head (&self->workers)) != NULL)
    {
      gmp_remote_worker_end_sync (worker);
      g_object_unref (worker);
    }
}
