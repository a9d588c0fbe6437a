/* gmp-process-cache-core-private.h: declarations that the sources of GmpProcessCache share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-process-cache-private.h"

G_BEGIN_DECLS

struct _GmpProcessCache
{
  guint n_references; /* under the lock of gmp-process-cache-default.c */
  guint generation;   /* of this process, by gmp_fork_get_generation() */

  GMutex lock;
  GmpLauncher *plain;
  GQueue kinds; /* of GmpProcessKind: the most recently used comes first */
};

GmpProcessCache *gmp_process_cache_new            (void);
void             gmp_process_cache_free           (GmpProcessCache *self);
gboolean         gmp_process_cache_is_foreign     (GmpProcessCache *self);
GmpProcessCache *gmp_process_cache_ref_if_any     (void);
void             gmp_process_cache_run_short      (void);
gboolean         gmp_process_cache_is_short       (void);

G_END_DECLS
