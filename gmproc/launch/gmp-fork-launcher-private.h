/* gmp-fork-launcher-private.h: workers that are forks of a process that has loaded their code
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-launcher-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_FORK_LAUNCHER (gmp_fork_launcher_get_type ())
G_DECLARE_FINAL_TYPE (GmpForkLauncher, gmp_fork_launcher, GMP, FORK_LAUNCHER, GmpLauncher)

GmpForkLauncher *gmp_fork_launcher_new        (GmpLauncher     *plain,
                                               const GmpLaunch *launch,
                                               GVariant        *what,
                                               GError         **error);
void             gmp_fork_launcher_retire     (GmpForkLauncher *self);
int              gmp_fork_launcher_get_fd     (GmpForkLauncher *self);
gboolean         gmp_fork_launcher_get_ready  (GmpForkLauncher *self,
                                               char           **slow,
                                               GError         **error);
gboolean         gmp_fork_launcher_is_lost    (GmpForkLauncher *self,
                                               char           **reason);
gboolean         gmp_fork_launcher_has_forked (GmpForkLauncher *self);

G_END_DECLS
