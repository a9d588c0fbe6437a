/* gmp-kept-workers.c: workers that wait for another run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-kept-workers-private.h"

#include "base/gmp-thread-private.h"
#include "launch/gmp-surroundings-private.h"

struct _GmpKeptWorkers
{
  GQueue workers;        /* of GmpWorkerProxy: the one that has waited longest comes first */
  GArray *threads;       /* of pthread_t: they wait for released processes */
  GMainContext *context; /* (nullable): for blocking calls */
  GmpSurroundings look;  /* at this process, when the last run began */
  char *surroundings;    /* (nullable): what was there; NULL before the first run */
};

GmpKeptWorkers *
gmp_kept_workers_new (void)
{
  GmpKeptWorkers *self = g_new0 (GmpKeptWorkers, 1);

  g_queue_init (&self->workers);
  self->threads = g_array_new (FALSE, FALSE, sizeof (pthread_t));
  return self;
}

/* A private context for blocking calls; %NULL with an error. All of them share it, because one may
 * end what another has begun in it. */
GMainContext *
gmp_kept_workers_get_context (GmpKeptWorkers *self,
                              GError        **error)
{
  if (self->context == NULL)
    self->context = gmp_thread_context_new (error);
  return self->context;
}

/* Keeps @worker, if its process waits for another run. */
void
gmp_kept_workers_keep (GmpKeptWorkers *self,
                       GmpWorkerProxy *worker)
{
  if (gmp_worker_proxy_is_kept (worker))
    g_queue_push_tail (&self->workers, g_object_ref (worker));
}

/* Returns a reference, or %NULL if none waits. */
GmpWorkerProxy *
gmp_kept_workers_take (GmpKeptWorkers *self)
{
  GmpWorkerProxy *worker;

  while ((worker = g_queue_pop_head (&self->workers)) != NULL)
    {
      if (gmp_worker_proxy_is_kept (worker))
        return worker;
      g_object_unref (worker);
    }
  return NULL;
}

/* TRUE if any waits, or did at the last check. */
gboolean
gmp_kept_workers_has_kept (GmpKeptWorkers *self)
{
  return self->workers.length > 0;
}

/* Releases all processes, which then exit. */
static void
disconnect (GmpKeptWorkers *self)
{
  for (GList *link = self->workers.head; link != NULL; link = link->next)
    gmp_worker_proxy_disconnect (link->data);
}

/* Waits for the end of @workers, which takes a limited time: idle processes exit at once, or are
 * killed. */
static gpointer
end_all (gpointer workers)
{
  GmpWorkerProxy *worker;

  while ((worker = g_queue_pop_head (workers)) != NULL)
    {
      gmp_worker_proxy_end_sync (worker);
      g_object_unref (worker);
    }
  g_queue_free (workers);
  return NULL;
}

/* A thread that has ended keeps its stack until it is joined. */
static void
join_ended (GmpKeptWorkers *self)
{
  for (guint i = 0; i < self->threads->len; i++)
    if (pthread_tryjoin_np (g_array_index (self->threads, pthread_t, i), NULL) == 0)
      g_array_remove_index_fast (self->threads, i--);
}

/* Ends the processes while the caller, perhaps a main loop, continues. */
void
gmp_kept_workers_retire_later (GmpKeptWorkers *self)
{
  pthread_t thread;
  GQueue *workers;

  if (self->workers.length == 0)
    return;
  join_ended (self);
  disconnect (self);
  workers = g_queue_copy (&self->workers);
  g_queue_clear (&self->workers);
  if (gmp_thread_start (&thread, "gmproc-retire", end_all, workers, NULL))
    g_array_append_val (self->threads, thread);
  else
    end_all (workers);
}

/* A run begins. Processes are kept while new ones would have the same folder, environment and
 * output. A look takes a tenth of the time of a description, but it takes a variable that was set
 * again to the same value for a change. */
void
gmp_kept_workers_begin_run (GmpKeptWorkers *self)
{
  char *surroundings;

  if (self->surroundings == NULL)
    gmp_surroundings_init (&self->look);
  else if (!gmp_surroundings_look (&self->look))
    return;
  surroundings = gmp_surroundings_describe ();
  if (g_strcmp0 (self->surroundings, surroundings) != 0)
    gmp_kept_workers_retire_later (self);
  g_free (self->surroundings);
  self->surroundings = surroundings;
}

/* All processes have ended when this returns. A garbage collector may call this, so it calls no
 * user code, and runs no context that others use. */
void
gmp_kept_workers_free (GmpKeptWorkers *self)
{
  disconnect (self);
  end_all (g_queue_copy (&self->workers));
  g_queue_clear (&self->workers);
  for (guint i = 0; i < self->threads->len; i++)
    pthread_join (g_array_index (self->threads, pthread_t, i), NULL);
  g_array_unref (self->threads);
  g_clear_pointer (&self->context, g_main_context_unref);
  if (self->surroundings != NULL)
    gmp_surroundings_clear (&self->look);
  g_free (self->surroundings);
  g_free (self);
}
