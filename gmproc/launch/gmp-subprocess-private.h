/* gmp-subprocess-private.h: a GSubprocess as a process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-launcher-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_SUBPROCESS (gmp_subprocess_get_type ())
G_DECLARE_FINAL_TYPE (GmpSubprocess, gmp_subprocess, GMP, SUBPROCESS, GmpProcess)

gboolean    gmp_subprocess_claim_thread (void);
gboolean    gmp_subprocess_can_launch (const GmpLaunch *launch);
GmpProcess *gmp_subprocess_launch     (const GmpLaunch *launch,
                                       GError         **error);

G_END_DECLS
