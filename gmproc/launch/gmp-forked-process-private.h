/* gmp-forked-process-private.h: a process that a fork server forks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-process-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_FORKED_PROCESS (gmp_forked_process_get_type ())
G_DECLARE_FINAL_TYPE (GmpForkedProcess, gmp_forked_process, GMP, FORKED_PROCESS, GmpProcess)

GmpForkedProcess *gmp_forked_process_new   (void);
void              gmp_forked_process_begin (GmpForkedProcess *self,
                                            int               pid,
                                            int               pidfd);

G_END_DECLS
