/* gmp-slurm-private.h: the allocation of Slurm that this process is in
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint  gmp_slurm_count_nodes      (void);
char **gmp_slurm_list_nodes       (void);
guint  gmp_slurm_count_processors (void);
void   gmp_slurm_check_no_kill    (void);

G_END_DECLS
