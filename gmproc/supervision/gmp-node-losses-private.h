/* gmp-node-losses-private.h: which lost nodes are one misfortune of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Initially all zeros. */
typedef struct {
  gint64 end;  /* until when other losses belong to the last one that counted */
  guint  left; /* how many may */
  guint  n_lost; /* nodes, when gmp_node_losses_count_node() was called last */
  guint  n_early; /* in a row, by gmp_node_losses_count_early() */
} GmpNodeLosses;

gboolean gmp_node_losses_count      (GmpNodeLosses *self,
                                     const char    *launcher,
                                     const GError  *error);
gboolean gmp_node_losses_count_node (GmpNodeLosses *self,
                                     const char    *launcher,
                                     const GError  *error);
gboolean gmp_node_losses_count_early (GmpNodeLosses *self,
                                      const char    *launcher,
                                      gboolean       is_early);

G_END_DECLS
