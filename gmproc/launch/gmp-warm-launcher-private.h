/* gmp-warm-launcher-private.h: workers that are forks of a process that has loaded their code
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-launcher-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_WARM_LAUNCHER (gmp_warm_launcher_get_type ())
G_DECLARE_FINAL_TYPE (GmpWarmLauncher, gmp_warm_launcher, GMP, WARM_LAUNCHER, GmpLauncher)

GmpWarmLauncher *gmp_warm_launcher_new       (GmpLauncher      *plain,
                                              const GmpLaunch  *launch,
                                              GVariant         *what,
                                              GError          **error);
int              gmp_warm_launcher_get_fd    (GmpWarmLauncher  *self);
gboolean         gmp_warm_launcher_get_ready (GmpWarmLauncher  *self,
                                              GError          **error);
gboolean         gmp_warm_launcher_is_lost   (GmpWarmLauncher  *self);
gboolean         gmp_warm_launcher_has_forked (GmpWarmLauncher *self);

G_END_DECLS
