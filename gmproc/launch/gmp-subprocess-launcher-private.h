/* gmp-subprocess-launcher-private.h: workers on this machine, executed anew
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-launcher-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_SUBPROCESS_LAUNCHER (gmp_subprocess_launcher_get_type ())
G_DECLARE_FINAL_TYPE (GmpSubprocessLauncher, gmp_subprocess_launcher, GMP, SUBPROCESS_LAUNCHER,
                      GmpLauncher)

GmpLauncher *gmp_subprocess_launcher_new (void);

G_END_DECLS
