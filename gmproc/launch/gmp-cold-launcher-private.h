/* gmp-cold-launcher-private.h: workers on this machine that are started cold
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-launcher-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_COLD_LAUNCHER (gmp_cold_launcher_get_type ())
G_DECLARE_FINAL_TYPE (GmpColdLauncher, gmp_cold_launcher, GMP, COLD_LAUNCHER,
                      GmpLauncher)

GmpLauncher *gmp_cold_launcher_new (void);

G_END_DECLS
