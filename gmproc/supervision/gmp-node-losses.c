/* gmp-node-losses.c: which lost nodes are one misfortune of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-node-losses-private.h"

#include "base/gmp-error.h"
#include "cluster/gmp-cluster-private.h"

/* %FALSE if @error, the failure of a worker or call that is started again, does not count: nodes
 * that are lost together are noticed one after the other, and what is started again meanwhile may
 * get to each of them. They are noticed in limited time, and there are only so many. Without these
 * limits, a worker that is the reason why its nodes are lost would be started again forever. */
gboolean
gmp_node_losses_count (GmpNodeLosses *self,
                       const char    *launcher,
                       const GError  *error)
{
  GmpCluster *cluster = gmp_cluster_get (launcher);
  gint64 now = g_get_monotonic_time ();
  double seconds;

  if (cluster == NULL || !g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST))
    return TRUE;
  if (self->left > 0 && now < self->end)
    {
      self->left--;
      return FALSE;
    }
  gmp_cluster_get_loss (cluster, &self->left, &seconds);
  self->left = MAX (self->left, 1) - 1;
  self->end = now + (gint64) (seconds * G_USEC_PER_SEC);
  return TRUE;
}

/* The same for the owner of many workers: those that were on one node are one misfortune. */
gboolean
gmp_node_losses_count_node (GmpNodeLosses *self,
                            const char    *launcher,
                            const GError  *error)
{
  GmpCluster *cluster = gmp_cluster_get (launcher);
  guint n_lost = cluster != NULL ? gmp_cluster_count_lost (cluster) : 0;
  gboolean is_known = n_lost == self->n_lost;

  if (cluster == NULL || !g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST))
    return TRUE;
  self->n_lost = n_lost;
  return !is_known && gmp_node_losses_count (self, launcher, error);
}

/* A worker has ended: if @is_early, because its node was lost before it was called. %FALSE if this
 * does not count: it is not the worker's fault, and each node may be lost once. Without this limit,
 * a node whose agent ends at every start would be tried forever. */
gboolean
gmp_node_losses_count_early (GmpNodeLosses *self,
                             const char    *launcher,
                             gboolean       is_early)
{
  GmpCluster *cluster = gmp_cluster_get (launcher);
  guint n_nodes = 0;
  double seconds;

  if (cluster != NULL)
    gmp_cluster_get_loss (cluster, &n_nodes, &seconds);
  self->n_early = is_early ? self->n_early + 1 : 0;
  return !is_early || self->n_early > n_nodes;
}
