/* gmp-agent-gpus.c: the GPUs of a node, divided among its workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/gmp-agent-gpus-private.h"

#define VARIABLE "CUDA_VISIBLE_DEVICES"

struct _GmpAgentGpus
{
  char **names;        /* as in the variable; one GPU is shared by all workers */
  guint n;
  guint *n_workers;    /* the workers that have each */
  GHashTable *workers; /* numbers, of the indices of their GPUs */
};

/* @list (nullable) is the agent's value of the variable. */
GmpAgentGpus *
gmp_agent_gpus_new (const char *list)
{
  GmpAgentGpus *self = g_new0 (GmpAgentGpus, 1);

  self->names = g_strsplit (list != NULL ? list : "", ",", -1);
  self->n = g_strv_length (self->names);
  self->n_workers = g_new0 (guint, self->n + 1);
  self->workers = g_hash_table_new (NULL, NULL);
  return self;
}

void
gmp_agent_gpus_free (GmpAgentGpus *self)
{
  g_strfreev (self->names);
  g_free (self->n_workers);
  g_hash_table_unref (self->workers);
  g_free (self);
}

/* Gives a worker the GPU that the fewest others have. Takes ownership of @environment, and returns
 * it. */
char **
gmp_agent_gpus_give (GmpAgentGpus *self,
                     guint         worker,
                     char        **environment)
{
  guint best = 0;

  if (self->n < 2)
    return environment;
  for (guint i = 1; i < self->n; i++)
    if (self->n_workers[i] < self->n_workers[best])
      best = i;
  self->n_workers[best]++;
  g_hash_table_insert (self->workers, GUINT_TO_POINTER (worker), GUINT_TO_POINTER (best));
  return g_environ_setenv (environment, VARIABLE, self->names[best], TRUE);
}

/* It has ended. */
void
gmp_agent_gpus_take_back (GmpAgentGpus *self,
                          guint         worker)
{
  gpointer index;

  if (g_hash_table_steal_extended (self->workers, GUINT_TO_POINTER (worker), NULL, &index))
    self->n_workers[GPOINTER_TO_UINT (index)]--;
}
