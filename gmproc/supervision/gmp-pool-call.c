/* gmp-pool-call.c: one call of a function in a worker of a pool
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-pool-call-private.h"

/* @target is interned. */
GmpPoolCall *
gmp_pool_call_new (const char *target,
                   GVariant   *params)
{
  GmpPoolCall *self = g_new0 (GmpPoolCall, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->link.data = self;
  self->target = target;
  self->params = params != NULL ? g_variant_ref_sink (params) : NULL;
  return self;
}

GmpPoolCall *
gmp_pool_call_ref (GmpPoolCall *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
gmp_pool_call_unref (GmpPoolCall *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_cond_clear (&self->done);
  g_free (self->name);
  g_clear_pointer (&self->params, g_variant_unref);
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_pointer (&self->report, g_variant_unref);
  g_clear_object (&self->failure);
  g_clear_error (&self->error);
  g_free (self);
}

/* Puts the call into @queue by its priority: behind others of the same priority, or before them if
 * it has been in the queue already. Most calls have the same priority, so the search is short. */
void
gmp_pool_call_enqueue (GmpPoolCall *self,
                       GQueue      *queue,
                       gboolean     is_first)
{
  GList *sibling;

  if (is_first)
    {
      sibling = queue->head;
      while (sibling != NULL && ((GmpPoolCall *) sibling->data)->priority < self->priority)
        sibling = sibling->next;
      g_queue_insert_before_link (queue, sibling, &self->link);
    }
  else
    {
      sibling = queue->tail;
      while (sibling != NULL && ((GmpPoolCall *) sibling->data)->priority > self->priority)
        sibling = sibling->prev;
      g_queue_insert_after_link (queue, sibling, &self->link);
    }
  self->state = GMP_POOL_CALL_WAITING;
  self->worker = NULL;
}

/* @reason, which describes the worker, with the name of the call in front. */
GError *
gmp_pool_call_blame (GmpPoolCall  *self,
                     const GError *reason)
{
  if (self->name == NULL)
    return g_error_new (reason->domain, reason->code, "Call %" G_GUINT64_FORMAT ": %s",
                        self->number, reason->message);
  return g_error_new (reason->domain, reason->code, "Call %" G_GUINT64_FORMAT " (%s): %s",
                      self->number, self->name, reason->message);
}
