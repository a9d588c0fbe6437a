/* gmp-pool.c: workers that wait for another run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-private.h"

#include "application/gmp-order-private.h"

struct _GmpPool
{
  GQueue workers;        /* of GmpRemoteWorker: the one that has waited longest comes first */
  GPtrArray *threads;    /* of GThread: they wait for processes that were let go */
  GMainContext *context; /* (nullable): for what blocks */
  char *surroundings;    /* (nullable): of this process, when the last run began */
};

GmpPool *
gmp_pool_new (void)
{
  GmpPool *self = g_new0 (GmpPool, 1);

  g_queue_init (&self->workers);
  self->threads = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) g_thread_join);
  return self;
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

/* Whether any waits, or did when this was last looked at. */
gboolean
gmp_pool_has_kept (GmpPool *self)
{
  return self->workers.length > 0;
}

/* Lets go of all processes, which then exit. */
static void
disconnect (GmpPool *self)
{
  for (GList *link = self->workers.head; link != NULL; link = link->next)
    gmp_remote_worker_disconnect (link->data);
}

/* Waits for @workers to be gone, which takes a limited time: what has nothing to do exits at once,
 * or is killed. */
static gpointer
end_all (gpointer workers)
{
  GmpRemoteWorker *worker;

  while ((worker = g_queue_pop_head (workers)) != NULL)
    {
      gmp_remote_worker_end_sync (worker);
      g_object_unref (worker);
    }
  g_queue_free (workers);
  return NULL;
}

/* Has the processes end while the caller, whose main loop this may be, goes on. */
void
gmp_pool_retire_later (GmpPool *self)
{
  GThread *thread;
  GQueue *workers;

  if (self->workers.length == 0)
    return;
  disconnect (self);
  workers = g_queue_copy (&self->workers);
  g_queue_clear (&self->workers);
  thread = g_thread_try_new ("gmproc-retire", end_all, workers, NULL);
  if (thread != NULL)
    g_ptr_array_add (self->threads, thread);
  else
    end_all (workers);
}

/* A run begins. Processes are kept for as long as new ones would find the same folder, environment
 * and output. */
void
gmp_pool_begin_run (GmpPool *self)
{
  char *surroundings = gmp_order_describe_surroundings ();

  if (g_strcmp0 (self->surroundings, surroundings) != 0)
    gmp_pool_retire_later (self);
  g_free (self->surroundings);
  self->surroundings = surroundings;
}

/* When this returns all processes are gone. A garbage collector may be what calls this, so nothing
 * of the user's is called, and no context is run that others have something in. */
void
gmp_pool_free (GmpPool *self)
{
  disconnect (self);
  end_all (g_queue_copy (&self->workers));
  g_queue_clear (&self->workers);
  g_ptr_array_unref (self->threads);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->surroundings);
  g_free (self);
}
