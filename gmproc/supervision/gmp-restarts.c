/* gmp-restarts.c: decides which workers are restarted
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-restarts-private.h"

typedef struct {
  gint64 time;
  GmpFailure *failure; /* (nullable): it had finished */
} Restart;

static void
restart_free (gpointer data)
{
  Restart *restart = data;

  g_clear_object (&restart->failure);
  g_free (restart);
}

void
gmp_restarts_clear (GmpRestarts *self)
{
  g_queue_clear_full (&self->recent, restart_free);
  self->n = 0;
}

static void
forget_old (GmpRestarts      *self,
            const GmpOptions *options)
{
  gint64 period = (gint64) MIN (options->restart_period * G_USEC_PER_SEC,
                                (double) (G_MAXINT64 / 2));
  gint64 begin = g_get_monotonic_time () - period;
  Restart *oldest;

  if (options->restart_period == 0)
    return;
  while ((oldest = g_queue_peek_head (&self->recent)) != NULL && oldest->time < begin)
    restart_free (g_queue_pop_head (&self->recent));
}

static gboolean
counts (GmpRestarts      *self,
        const GmpOptions *options,
        GmpFailure       *failure)
{
  return failure == NULL || gmp_node_losses_count (&self->losses, options->launcher,
                                                   gmp_failure_get_error (failure));
}

/* A worker has ended: with @failure, or because it has finished (%NULL). If the rule allows a
 * restart, it is counted. If @is_early, its node was lost before it was called: then it begins on
 * another one, whatever the rule is. */
gboolean
gmp_restarts_allow (GmpRestarts      *self,
                    const GmpOptions *options,
                    GmpFailure       *failure,
                    gboolean          is_early)
{
  Restart *restart;

  self->is_restart = gmp_node_losses_count_early (&self->losses, options->launcher, is_early);
  if (!self->is_restart)
    return TRUE;
  if (options->restart == GMP_RESTART_NEVER ||
      (options->restart == GMP_RESTART_ON_FAILURE && failure == NULL))
    return FALSE;
  if (!counts (self, options, failure))
    {
      self->n++;
      return TRUE;
    }
  forget_old (self, options);
  if (self->recent.length >= options->max_restarts)
    return FALSE;
  restart = g_new0 (Restart, 1);
  restart->time = g_get_monotonic_time ();
  g_set_object (&restart->failure, failure);
  g_queue_push_tail (&self->recent, restart);
  self->n++;
  return TRUE;
}

/* The failure of a worker that is not restarted any more: the first one within the period, because
 * the others may only have followed from it. Returns a reference, or %NULL if the worker has
 * finally finished. */
GmpFailure *
gmp_restarts_conclude (GmpRestarts *self,
                       GmpFailure  *failure)
{
  for (GList *link = failure != NULL ? self->recent.head : NULL; link != NULL; link = link->next)
    {
      Restart *restart = link->data;

      if (restart->failure == NULL)
        continue;
      gmp_failure_give_up (restart->failure, self->n, failure);
      return g_object_ref (restart->failure);
    }
  if (failure == NULL)
    return NULL;
  if (self->n > 0)
    gmp_failure_give_up (failure, self->n, NULL);
  return g_object_ref (failure);
}
