/* gmp-group-private.h: the process group of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

void gmp_group_lead (void);
void gmp_group_exit (void) G_GNUC_NORETURN;

G_END_DECLS
